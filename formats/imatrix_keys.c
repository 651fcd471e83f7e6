/*
 * imatrix_keys.c - the head of a GGUF imatrix: counts and key/value pairs.
 *
 * GGUF's values are scalars, strings and arrays of either, each with a type in
 * front. All are checked, few are wanted. Not here: the tensors
 * (imatrix_gguf.c), GGUF models.
 */
#include "formats/imatrix_gguf.h"

#include "base/ckd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEFAULT_ALIGNMENT = 32,
	MAX_ALIGNMENT = 1 << 20,
	MAX_STRING = 64 << 20,
	SMALLEST_PAIR = 8 + 1 + 4 + 1,	/* key length, key, type, a bool */
	SMALLEST_INFO = 8 + 1 + 4 + 8 + 4 + 8,	/* name, dims, type, offset */
};

enum value_type {
	VALUE_U8, VALUE_I8, VALUE_U16, VALUE_I16, VALUE_U32, VALUE_I32,
	VALUE_F32, VALUE_BOOL, VALUE_STRING, VALUE_ARRAY, VALUE_U64,
	VALUE_I64, VALUE_F64, N_VALUE_TYPES,
};

/* Bytes of a value; 0 where the value itself says. */
static const uint8_t value_size[N_VALUE_TYPES] = {
	1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8,
};

enum hvqz_ret imatrix_cut_short(const struct gguf *g, const char *what,
				struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "truncated: %s at offset %td needs more than the %zu "
			 "bytes left", what, g->c.p - g->start,
			 cur_left(&g->c));
}

enum hvqz_ret imatrix_take_string(struct gguf *g, const char *what,
				  struct span *s, struct hvqz_err *err)
{
	uint64_t len;

	if (!cur_u64(&g->c, &len))
		return imatrix_cut_short(g, what, err);
	if (len > MAX_STRING || len > cur_left(&g->c))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s at offset %td has a length of %" PRIu64
				 " bytes; %zu are left and the most is %d",
				 what, g->c.p - g->start, len,
				 cur_left(&g->c), (int)MAX_STRING);
	s->len = (size_t)len;
	s->p = cur_take(&g->c, len);
	return HVQZ_OK;
}

static bool key_is(const struct span *key, const char *name)
{
	return key->len == strlen(name) && !memcmp(key->p, name, key->len);
}

/* The value of `key` must have that type. */
static enum hvqz_ret want_type(const struct span *key, enum value_type want,
			       uint32_t type, struct hvqz_err *err)
{
	if (type == want)
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "GGUF key %.*s has a value of type %" PRIu32
			 "; it must be %d", (int)key->len, key->p, type,
			 (int)want);
}

static enum hvqz_ret check_bools(const uint8_t *p, uint64_t n,
				 struct hvqz_err *err)
{
	for (uint64_t i = 0; i < n; i++)
		if (p[i] > 1)
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "a GGUF bool of %d; it must be 0 or "
					 "1", p[i]);
	return HVQZ_OK;
}

/* Keep the calibration texts' names, one after another. */
static enum hvqz_ret keep_text(struct gguf *g, const struct span *s,
			       struct hvqz_err *err)
{
	if (memchr(s->p, 0, s->len))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "imatrix.datasets: a name with a NUL byte in "
				 "it");
	if (g->texts.len)
		buf_put(&g->texts, ", ", 2);
	buf_put(&g->texts, s->p, s->len);
	return buf_ok(&g->texts, err);
}

static enum hvqz_ret take_array(struct gguf *g, const struct span *key,
				struct hvqz_err *err)
{
	bool texts = key_is(key, "imatrix.datasets");
	const uint8_t *p;
	uint64_t n, size;
	uint32_t type;

	if (!cur_u32(&g->c, &type) || !cur_u64(&g->c, &n))
		return imatrix_cut_short(g, "an array's head", err);
	if (type >= N_VALUE_TYPES)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a GGUF array of unknown type %" PRIu32,
				 type);
	if (type == VALUE_ARRAY)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a GGUF array of arrays (key %.*s)",
				 key->len < 80 ? (int)key->len : 80, key->p);
	if (texts)
		TRY(want_type(key, VALUE_STRING, type, err));
	/* A string is at least its length. */
	if (!ckd_mul64(&size, n, value_size[type] ? value_size[type] : 8) ||
	    size > cur_left(&g->c))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a GGUF array of %" PRIu64 " values at offset "
				 "%td; %zu bytes are left",
				 n, g->c.p - g->start, cur_left(&g->c));
	if (type != VALUE_STRING) {
		p = cur_take(&g->c, size);
		return type == VALUE_BOOL ? check_bools(p, n, err) : HVQZ_OK;
	}
	for (uint64_t i = 0; i < n; i++) {
		struct span s;

		TRY(imatrix_take_string(g, "a string in an array", &s, err));
		if (texts)
			TRY(keep_text(g, &s, err));
	}
	return HVQZ_OK;
}

static enum hvqz_ret take_scalar(struct gguf *g, const struct span *key,
				 enum value_type type, struct hvqz_err *err)
{
	const uint8_t *p = cur_take(&g->c, value_size[type]);

	if (!p)
		return imatrix_cut_short(g, "a value", err);
	if (type == VALUE_BOOL)
		return check_bools(p, 1, err);
	if (key_is(key, "imatrix.chunk_count")) {
		TRY(want_type(key, VALUE_U32, type, err));
		g->n_chunks = get_le32(p);
	} else if (key_is(key, "imatrix.chunk_size")) {
		TRY(want_type(key, VALUE_U32, type, err));
		g->chunk_size = get_le32(p);
	} else if (key_is(key, "general.alignment")) {
		TRY(want_type(key, VALUE_U32, type, err));
		g->alignment = get_le32(p);
		if (!g->alignment || g->alignment > MAX_ALIGNMENT ||
		    g->alignment & (g->alignment - 1))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "a GGUF alignment of %" PRIu64 "; it "
					 "must be a power of two up to %d",
					 g->alignment, (int)MAX_ALIGNMENT);
	}
	return HVQZ_OK;
}

static enum hvqz_ret take_pair(struct gguf *g, struct span *key,
			       struct hvqz_err *err)
{
	struct span s;
	uint32_t type;

	TRY(imatrix_take_string(g, "a key", key, err));
	if (!key->len || key->len > UINT16_MAX)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a GGUF key of %zu bytes; keys have 1 to %d",
				 key->len, UINT16_MAX);
	if (!cur_u32(&g->c, &type))
		return imatrix_cut_short(g, "a value's type", err);
	if (type >= N_VALUE_TYPES)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a GGUF value of unknown type %" PRIu32,
				 type);
	if (key_is(key, "general.type"))
		TRY(want_type(key, VALUE_STRING, type, err));
	if (key_is(key, "imatrix.datasets") || type == VALUE_ARRAY)
		TRY(want_type(key, VALUE_ARRAY, type, err));
	if (type == VALUE_ARRAY)
		return take_array(g, key, err);
	if (type != VALUE_STRING)
		return take_scalar(g, key, (enum value_type)type, err);
	TRY(imatrix_take_string(g, "a string", &s, err));
	/* The keys that are numbers must not be strings either. */
	if (key_is(key, "imatrix.chunk_count") ||
	    key_is(key, "imatrix.chunk_size") ||
	    key_is(key, "general.alignment"))
		TRY(want_type(key, VALUE_U32, type, err));
	if (key_is(key, "general.type"))
		g->is_imatrix = key_is(&s, "imatrix");
	return HVQZ_OK;
}

int imatrix_span_cmp(const struct span *a, const struct span *b)
{
	int c = memcmp(a->p, b->p, a->len < b->len ? a->len : b->len);

	return c ? c : (a->len > b->len) - (a->len < b->len);
}

static int by_key(const void *a, const void *b)
{
	return imatrix_span_cmp(a, b);
}

static enum hvqz_ret take_pairs(struct gguf *g, struct hvqz_err *err)
{
	g->keys = malloc((size_t)g->n_keys * sizeof(*g->keys) + 1);
	if (!g->keys)
		return hvqz_nomem(err, g->n_keys * sizeof(*g->keys),
				  "the GGUF keys");
	for (uint64_t i = 0; i < g->n_keys; i++)
		TRY(take_pair(g, &g->keys[i], err));
	qsort(g->keys, (size_t)g->n_keys, sizeof(*g->keys), by_key);
	for (uint64_t i = 1; i < g->n_keys; i++)
		if (!imatrix_span_cmp(&g->keys[i - 1], &g->keys[i]))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "duplicate GGUF key %.*s",
					 g->keys[i].len < 80 ?
					 (int)g->keys[i].len : 80,
					 g->keys[i].p);
	if (!g->is_imatrix)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a GGUF file, but not an imatrix: its "
				 "general.type says otherwise");
	return HVQZ_OK;
}

static enum hvqz_ret take_counts(struct gguf *g, struct hvqz_err *err)
{
	uint64_t least, more;
	uint32_t version;

	if (cur_left(&g->c) < 4 || memcmp(g->c.p, "GGUF", 4))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "no GGUF magic at the start");
	cur_take(&g->c, 4);
	if (!cur_u32(&g->c, &version))
		return imatrix_cut_short(g, "the version", err);
	if (!version)
		return hvqz_fail(err, HVQZ_DAMAGED, "GGUF version 0");
	if (!(version & 0xffff))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a byte-swapped (big-endian) GGUF file");
	if (version != 2 && version != 3)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "GGUF version %" PRIu32 "; we read 2 and 3",
				 version);
	if (!cur_u64(&g->c, &g->n_infos) || !cur_u64(&g->c, &g->n_keys))
		return imatrix_cut_short(g, "the head", err);
	if (!g->n_infos)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "an imatrix without tensors");
	if (!ckd_mul64(&least, g->n_infos, SMALLEST_INFO) ||
	    !ckd_mul64(&more, g->n_keys, SMALLEST_PAIR) ||
	    !ckd_add64(&least, least, more) || least > cur_left(&g->c))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the head announces %" PRIu64 " tensors and "
				 "%" PRIu64 " keys, more than the %zu bytes "
				 "left can hold", g->n_infos, g->n_keys,
				 cur_left(&g->c));
	return HVQZ_OK;
}

enum hvqz_ret imatrix_gguf_head(struct gguf *g, struct hvqz_err *err)
{
	g->alignment = DEFAULT_ALIGNMENT;
	TRY(take_counts(g, err));
	return take_pairs(g, err);
}
