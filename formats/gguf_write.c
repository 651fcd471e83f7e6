/*
 * gguf_write.c - the writer of GGUF.
 *
 * A model that came from GGUF gets its own head back, byte for byte, once that
 * head is known to describe the table, and behind the last tensor what was
 * there. Where weights were restored in another floating-point type the table
 * in the head is made anew, and its keys are kept.
 *
 * A head that is made is parsed before it is used: what the format cannot say
 * is refused by the rules for input.
 */
#include "formats/gguf_write.h"

#include "formats/format.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = GGUF_ALIGNMENT, VERSION = 3 };

struct writer {
	const struct model *m;
	struct gguf g;		/* the head that is written */
	bool made;		/* it is not the source's */
	size_t tensor;		/* where put() is, */
	uint64_t done;		/* and how far into it */
};

/* ---- keys ---- */

void gguf_put_text(struct buf *b, const void *p, size_t len)
{
	buf_u64(b, len);
	buf_put(b, p, len);
}

static void put_key(struct gguf_keys *k, const char *key, enum gguf_value type)
{
	gguf_put_text(&k->b, key, strlen(key));
	buf_u32(&k->b, type);
	k->n++;
}

void gguf_put_u32(struct gguf_keys *k, const char *key, uint32_t v)
{
	put_key(k, key, GGUF_U32);
	buf_u32(&k->b, v);
}

void gguf_put_f32(struct gguf_keys *k, const char *key, float v)
{
	put_key(k, key, GGUF_F32);
	buf_f32(&k->b, v);
}

void gguf_put_bool(struct gguf_keys *k, const char *key, bool v)
{
	put_key(k, key, GGUF_BOOL);
	buf_u8(&k->b, v);
}

void gguf_put_string(struct gguf_keys *k, const char *key, const char *v)
{
	put_key(k, key, GGUF_STRING);
	gguf_put_text(&k->b, v, strlen(v));
}

void gguf_put_array(struct gguf_keys *k, const char *key, enum gguf_value of,
		    uint64_t n)
{
	put_key(k, key, GGUF_ARRAY);
	buf_u32(&k->b, of);
	buf_u64(&k->b, n);
}

/* ---- heads ---- */

void gguf_put_counts(struct buf *b, uint32_t version, uint64_t n_tensors,
		     uint64_t n_pairs)
{
	buf_put(b, "GGUF", 4);
	buf_u32(b, version);
	buf_u64(b, n_tensors);
	buf_u64(b, n_pairs);
}

void gguf_put_info(struct buf *b, const void *name, const struct gguf_info *t,
		   uint64_t alignment, uint64_t *end)
{
	const struct gguf_type *type = gguf_type(t->type);
	uint64_t size = t->ne[0] / type->block * type->bytes;

	*end = (*end + alignment - 1) & ~(alignment - 1);
	gguf_put_text(b, name, t->name_len);
	buf_u32(b, t->rank);
	for (uint32_t i = 0; i < t->rank; i++) {
		buf_u64(b, t->ne[i]);
		size *= i ? t->ne[i] : 1;
	}
	buf_u32(b, t->type);
	buf_u64(b, *end);
	*end += size;
}

void gguf_put_padding(struct buf *b, uint64_t alignment)
{
	while (b->len & (alignment - 1) && !b->failed)
		buf_u8(b, 0);
}

/* What GGUF says of t; sizes were checked when it came to the table. */
static enum hvqz_ret info_of(const struct tensor *t, struct gguf_info *info,
			     struct hvqz_err *err)
{
	*info = (struct gguf_info){.name_len = strlen(t->name),
				   .rank = t->rank};
	if (info->name_len > GGUF_MAX_NAME)
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"a name of %zu bytes; GGUF's have at "
					"most %d", info->name_len,
					(int)GGUF_MAX_NAME);
	if (!t->rank || t->rank > GGUF_MAX_DIMS || !t->n_elems)
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"GGUF has tensors of 1 to %d "
					"dimensions, none of them 0",
					(int)GGUF_MAX_DIMS);
	if (!gguf_type_of(t->dtype, &info->type))
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"GGUF has no %s", dtype_name(t->dtype));
	for (unsigned i = 0; i < t->rank; i++)
		info->ne[i] = t->dim[t->rank - 1 - i];
	return HVQZ_OK;
}

enum hvqz_ret gguf_make_head(const struct gguf_keys *keys, struct model *m,
			     struct hvqz_err *err)
{
	struct buf b = {0};
	uint64_t end = 0;
	enum hvqz_ret ret;

	TRY_OUT(buf_ok(&keys->b, err));
	gguf_put_counts(&b, VERSION, m->n_tensors, keys->n);
	buf_put(&b, keys->b.p, keys->b.len);
	for (size_t i = 0; i < m->n_tensors; i++) {
		struct gguf_info t;

		TRY_OUT(info_of(&m->tensors[i], &t, err));
		gguf_put_info(&b, m->tensors[i].name, &t, ALIGN, &end);
	}
	gguf_put_padding(&b, ALIGN);
	TRY_OUT(buf_ok(&b, err));
	m->rest_len = (size_t)(-end & (ALIGN - 1));
	m->rest = calloc(ALIGN, 1);
	if (!m->rest) {
		ret = hvqz_nomem(err, ALIGN, "the last padding");
		goto out;
	}
	memcpy(m->format, "gguf", sizeof("gguf"));
	m->head = b.p;
	m->head_len = b.len;
	return HVQZ_OK;
out:
	buf_free(&b);
	return ret;
}

/* general.file_type */
enum { ALL_F32 = 0, MOSTLY_F16 = 1, MOSTLY_BF16 = 32 };

uint32_t gguf_file_type(const struct model *m)
{
	uint64_t n[3] = {0};

	for (size_t i = 0; i < m->n_tensors; i++) {
		const struct tensor *t = &m->tensors[i];

		if (t->rank > 1)
			n[t->dtype == DTYPE_F16 ? 1 :
			  t->dtype == DTYPE_BF16 ? 2 : 0] += t->n_elems;
	}
	if (n[1] >= n[2])
		return n[1] > n[0] ? MOSTLY_F16 : ALL_F32;
	return n[2] > n[0] ? MOSTLY_BF16 : ALL_F32;
}

/* Types have changed: so does what the keys say of them, if it was plain. */
static void fix_file_type(struct buf *b, const struct gguf *old,
			  const struct model *m)
{
	const struct gguf_pair *p = gguf_find(old, "general.file_type");
	uint32_t v;

	if (!p || p->type != GGUF_U32 || b->failed)
		return;
	v = get_le32(b->p + p->at);
	if (v == ALL_F32 || v == MOSTLY_F16 || v == MOSTLY_BF16)
		put_le32(b->p + p->at, gguf_file_type(m));
}

/* The same keys, with the floating-point types that the table has. */
static enum hvqz_ret remake(struct writer *w, struct hvqz_err *err)
{
	struct gguf old = w->g;
	struct buf b = {0};
	uint64_t end = 0;
	enum hvqz_ret ret;

	w->g = (struct gguf){0};
	gguf_put_counts(&b, old.version, old.n_infos, old.n_pairs);
	buf_put(&b, old.head.p + b.len, old.table - b.len);
	fix_file_type(&b, &old, w->m);
	for (size_t i = 0; i < old.n_infos; i++) {
		struct gguf_info t = old.infos[i];

		if (gguf_type(t.type)->dtype)
			gguf_type_of(w->m->tensors[i].dtype, &t.type);
		gguf_put_info(&b, old.head.p + t.name, &t, old.alignment, &end);
	}
	gguf_put_padding(&b, old.alignment);
	TRY_OUT(buf_ok(&b, err));
	ret = gguf_parse_head(b.p, b.len, &w->g, err);
	w->made = true;
out:
	buf_free(&b);
	gguf_free(&old);
	return ret;
}

/* ---- does a head describe the table? ---- */

/* *other: a weight, of another floating-point type than the head has. */
static enum hvqz_ret compare(const struct gguf *g, const struct gguf_info *info,
			     const struct tensor *t, bool *other,
			     struct hvqz_err *err)
{
	const struct gguf_type *type = gguf_type(info->type);
	enum dtype dtype = type->dtype ? type->dtype : DTYPE_U8;
	struct span name = gguf_name(g, info);
	bool same = t->rank == info->rank;

	if (!span_is(&name, t->name))
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, t->name,
					"the kept head has '%.*s' in its place",
					name.len < 100 ? (int)name.len : 100,
					(const char *)name.p);
	for (unsigned i = 0; same && i < t->rank; i++) {
		uint64_t ne = info->ne[t->rank - 1 - i];

		if (i == t->rank - 1 && !type->dtype)
			ne = ne / type->block * type->bytes;
		same = t->dim[i] == ne;
	}
	*other |= t->dtype != dtype;
	if (t->dtype != dtype &&
	    !(dtype_is_weight(t->dtype) && dtype_is_weight(dtype)))
		same = false;
	return same ? HVQZ_OK
		    : hvqz_fail_tensor(err, HVQZ_DAMAGED, t->name,
				       "table and kept head give it different "
				       "types or shapes");
}

static enum hvqz_ret check_head(struct writer *w, struct hvqz_err *err)
{
	const struct model *m = w->m;
	struct gguf *g = &w->g;
	bool other = false;

	if (g->n_infos != m->n_tensors)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the kept head has %zu tensors, the table %zu",
				 g->n_infos, m->n_tensors);
	for (size_t i = 0; i < m->n_tensors; i++)
		TRY(compare(g, &g->infos[i], &m->tensors[i], &other, err));
	return other ? remake(w, err) : HVQZ_OK;
}

static void free_writer(void *state)
{
	struct writer *w = state;

	if (w)
		gguf_free(&w->g);
	free(w);
}

static enum hvqz_ret plan(const struct model *m, void **state,
			  struct hvqz_err *err)
{
	struct writer *w;
	enum hvqz_ret ret;

	if (!m->head || strcmp(m->format, "gguf"))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a model that came from '%s' has no GGUF head",
				 m->format);
	w = calloc(1, sizeof(*w));
	if (!w)
		return hvqz_nomem(err, sizeof(*w), "the writer");
	w->m = m;
	ret = gguf_parse_head(m->head, m->head_len, &w->g, err);
	if (ret == HVQZ_OK)
		ret = check_head(w, err);
	if (ret != HVQZ_OK)
		free_writer(w);
	else
		*state = w;
	return ret;
}

/* ---- writing ---- */

static enum hvqz_ret write_head(void *state, struct sink *out,
				struct hvqz_err *err)
{
	struct writer *w = state;

	return sink_write(out, w->g.head.p, w->g.head.len, err);
}

static enum hvqz_ret write_zeros(struct sink *out, uint64_t n,
				 struct hvqz_err *err)
{
	static const uint8_t zeros[4096];

	while (n) {
		size_t step = n < sizeof(zeros) ? (size_t)n : sizeof(zeros);

		TRY(sink_write(out, zeros, step, err));
		n -= step;
	}
	return HVQZ_OK;
}

static enum hvqz_ret put(void *state, struct sink *out, const uint8_t *p,
			 size_t len, struct hvqz_err *err)
{
	struct writer *w = state;
	const struct gguf_info *t = w->g.infos;

	while (len) {
		size_t i = w->tensor, n;

		if (i < w->g.n_infos && w->done == t[i].size &&
		    i + 1 < w->g.n_infos) {
			TRY(write_zeros(out, t[i + 1].off - t[i].off -
					t[i].size, err));
			i = ++w->tensor;
			w->done = 0;
		}
		if (i == w->g.n_infos || w->done == t[i].size)
			return hvqz_fail(err, HVQZ_USAGE,
					 "%zu bytes to write behind the last "
					 "tensor", len);
		n = t[i].size - w->done < len ? (size_t)(t[i].size - w->done)
					      : len;
		TRY(sink_write(out, p, n, err));
		w->done += n;
		p += n;
		len -= n;
	}
	return HVQZ_OK;
}

static enum hvqz_ret write_tail(void *state, struct sink *out,
				struct hvqz_err *err)
{
	struct writer *w = state;
	size_t n = w->g.n_infos;

	if (n && (w->tensor < n - 1 || w->done < w->g.infos[n - 1].size))
		return hvqz_fail(err, HVQZ_USAGE,
				 "tensor %zu of %zu is not complete",
				 w->tensor, n);
	if (w->made)
		return write_zeros(out, w->g.pad, err);
	return sink_write(out, w->m->rest, w->m->rest_len, err);
}

const struct writer_ops gguf_writer = {
	.name = "gguf",
	.suffix = ".gguf",
	.plan = plan,
	.head = write_head,
	.put = put,
	.tail = write_tail,
	.free = free_writer,
};
