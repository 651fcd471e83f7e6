/*
 * container_head.c - the header's payload, packed and parsed: the source
 * format's own header, the tensor table, the remarks.
 *
 * Works on the unpacked bytes alone; how they are stored is the business of
 * container_frame.c. Packing checks what parsing will refuse, so that a file
 * we write is a file we read. formats/hvqz.md, section 4.
 */
#include "formats/container_internal.h"

#include "base/bytes.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
	MIN_TENSOR_LEN = 4 + 1 + 1 + 1 + 1,
	MIN_NOTE_LEN = 2 + 1 + 4,
	MAX_KEY = 65535,
	MAX_NOTES = 65536,	/* a few bytes each, and a hundred of memory */
};

/*
 * Well-formed UTF-8 without NUL: The Unicode Standard, table 3-7. The second
 * byte's range depends on the first; that excludes overlong forms, surrogates
 * and what lies above U+10FFFF.
 */
static bool is_text(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		uint8_t c = p[i++], lo = 0x80, hi = 0xbf;
		unsigned more;

		if (!c)
			return false;
		if (c < 0x80)
			continue;
		if (c < 0xc2 || c > 0xf4)
			return false;
		more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		if (c == 0xe0)
			lo = 0xa0;
		else if (c == 0xed)
			hi = 0x9f;
		else if (c == 0xf0)
			lo = 0x90;
		else if (c == 0xf4)
			hi = 0x8f;
		for (; more; more--, lo = 0x80, hi = 0xbf)
			if (i == n || p[i] < lo || p[i++] > hi)
				return false;
	}
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct tensor *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Sorted rather than hashed: no choice of names makes it slow. */
static enum hvqz_ret check_unique(const struct model *m, enum hvqz_ret how,
				  struct hvqz_err *err)
{
	size_t n_bytes = m->n_tensors * sizeof(const struct tensor *);
	const struct tensor **sorted;
	enum hvqz_ret ret = HVQZ_OK;

	if (m->n_tensors < 2)
		return HVQZ_OK;
	sorted = malloc(n_bytes);
	if (!sorted)
		return hvqz_nomem(err, n_bytes, "sorting the tensors' names");
	for (size_t i = 0; i < m->n_tensors; i++)
		sorted[i] = &m->tensors[i];
	qsort(sorted, m->n_tensors, sizeof(*sorted), by_name);
	for (size_t i = 1; i < m->n_tensors && ret == HVQZ_OK; i++)
		if (!by_name(&sorted[i - 1], &sorted[i]))
			ret = hvqz_fail_tensor(err, how, sorted[i]->name,
					       "a second tensor of this name");
	free(sorted);
	return ret;
}

void container_info_free(struct container_info *info)
{
	model_free(&info->model);
	free(info->tensor_flags);
	free(info->copy_of);
	for (size_t i = 0; i < info->n_notes; i++) {
		free(info->notes[i].key);
		free(info->notes[i].value);
	}
	free(info->notes);
	*info = (struct container_info){0};
}

/* p[n] with a NUL behind it, or NULL. */
static char *copy_text(const void *p, size_t n)
{
	char *s = malloc(n + 1);

	if (!s)
		return NULL;
	memcpy(s, p, n);
	s[n] = 0;
	return s;
}

static enum hvqz_ret add_note(struct container_info *info, const void *key,
			      size_t key_len, const void *value,
			      size_t value_len, struct hvqz_err *err)
{
	struct container_note note;

	/* The list grows by doubling: at every power of two. */
	if (!(info->n_notes & (info->n_notes - 1))) {
		size_t n = info->n_notes ? 2 * info->n_notes : 1;
		struct container_note *more =
			realloc(info->notes, n * sizeof(*more));

		if (!more)
			return hvqz_nomem(err, n * sizeof(*more), "remarks");
		info->notes = more;
	}
	note.key = copy_text(key, key_len);
	note.value = copy_text(value, value_len);
	if (!note.key || !note.value) {
		free(note.key);
		free(note.value);
		return hvqz_nomem(err, key_len + value_len, "a remark");
	}
	info->notes[info->n_notes++] = note;
	return HVQZ_OK;
}

enum hvqz_ret container_note(struct container_info *info, const char *key,
			     const char *value, struct hvqz_err *err)
{
	size_t key_len = strlen(key), value_len = strlen(value);

	if (info->n_notes == MAX_NOTES)
		return hvqz_fail(err, HVQZ_USAGE,
				 "more than %d remarks", MAX_NOTES);
	if (!key_len || key_len > MAX_KEY || value_len > UINT32_MAX ||
	    !is_text((const uint8_t *)key, key_len) ||
	    !is_text((const uint8_t *)value, value_len))
		return hvqz_fail(err, HVQZ_USAGE,
				 "a remark needs a key of 1 to %d bytes and "
				 "both in UTF-8",
				 MAX_KEY);
	return add_note(info, key, key_len, value, value_len, err);
}

const char *container_find_note(const struct container_info *info,
				const char *key)
{
	for (size_t i = 0; i < info->n_notes; i++)
		if (!strcmp(info->notes[i].key, key))
			return info->notes[i].value;
	return NULL;
}

/* Can tensor i be a copy of what it is said to be one of? */
static enum hvqz_ret check_copy(const struct container_info *info, size_t i,
				enum hvqz_ret how, struct hvqz_err *err)
{
	const struct tensor *t = &info->model.tensors[i], *of;
	uint32_t n = info->copy_of[i] - 1;

	if (n >= i || container_is_copy(info, n))
		return hvqz_fail_tensor(err, how, t->name,
					"a copy of tensor %" PRIu32 ", which "
					"is not an original before it", n);
	of = &info->model.tensors[n];
	if (of->dtype != t->dtype || of->size != t->size || !t->size ||
	    (info->tensor_flags &&
	     info->tensor_flags[n] != info->tensor_flags[i]))
		return hvqz_fail_tensor(err, how, t->name,
					"a copy of tensor %" PRIu32 ", which "
					"has another dtype, size or flags", n);
	return HVQZ_OK;
}

/* No tensor has too many: a short file would restore to a long one. */
static enum hvqz_ret check_copies(const struct container_info *info,
				  enum hvqz_ret how, struct hvqz_err *err)
{
	const struct model *m = &info->model;
	uint8_t *n = calloc(m->n_tensors + 1, 1);
	enum hvqz_ret ret = HVQZ_OK;

	if (!n)
		return hvqz_nomem(err, m->n_tensors, "counting copies");
	for (size_t i = 0; i < m->n_tensors && ret == HVQZ_OK; i++)
		if (container_is_copy(info, i) &&
		    ++n[info->copy_of[i] - 1] > CONTAINER_MAX_COPIES)
			ret = hvqz_fail_tensor(err, how, m->tensors[i].name,
					       "one copy of tensor %" PRIu32
					       " more than %d",
					       info->copy_of[i] - 1,
					       CONTAINER_MAX_COPIES);
	free(n);
	return ret;
}

/* ---- packing ---- */

static enum hvqz_ret pack_tensor(const struct container_info *info, size_t i,
				 struct buf *raw, struct hvqz_err *err)
{
	const struct tensor *t = &info->model.tensors[i];
	bool is_copy = container_is_copy(info, i);
	uint8_t flags = info->tensor_flags ? info->tensor_flags[i] : 0;
	size_t len = strlen(t->name);

	if (!is_text((const uint8_t *)t->name, len))
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"a name that is not UTF-8");
	buf_u32(raw, (uint32_t)len);
	buf_put(raw, t->name, len);
	buf_u8(raw, (uint8_t)t->dtype);
	buf_u8(raw, flags | (is_copy ? TENSOR_COPY : 0));
	buf_u8(raw, (uint8_t)t->rank);
	for (unsigned d = 0; d < t->rank; d++)
		buf_u64(raw, t->dim[d]);
	if (!is_copy)
		return HVQZ_OK;
	buf_u32(raw, info->copy_of[i] - 1);
	return check_copy(info, i, HVQZ_USAGE, err);
}

enum hvqz_ret container_pack_header(const struct container_info *info,
				    struct buf *raw, struct hvqz_err *err)
{
	const struct model *m = &info->model;
	size_t format_len = strlen(m->format);

	assert(format_len && is_text((const uint8_t *)m->format, format_len));
	if (m->n_tensors > CONTAINER_MAX_TENSORS)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "%zu tensors; a .hvqz has at most %d",
				 m->n_tensors, CONTAINER_MAX_TENSORS);
	TRY(check_unique(m, HVQZ_UNSUPPORTED, err));
	TRY(check_copies(info, HVQZ_USAGE, err));
	buf_u16(raw, (uint16_t)format_len);
	buf_put(raw, m->format, format_len);
	buf_u64(raw, m->head_len);
	buf_put(raw, m->head, m->head_len);
	buf_u8(raw, info->has_base);
	if (info->has_base)
		buf_put(raw, info->base_digest, CONTAINER_DIGEST_LEN);
	buf_u32(raw, (uint32_t)m->n_tensors);
	for (size_t i = 0; i < m->n_tensors; i++)
		TRY(pack_tensor(info, i, raw, err));
	buf_u32(raw, (uint32_t)info->n_notes);
	for (size_t i = 0; i < info->n_notes; i++) {
		size_t key_len = strlen(info->notes[i].key);
		size_t value_len = strlen(info->notes[i].value);

		buf_u16(raw, (uint16_t)key_len);
		buf_put(raw, info->notes[i].key, key_len);
		buf_u32(raw, (uint32_t)value_len);
		buf_put(raw, info->notes[i].value, value_len);
	}
	TRY(buf_ok(raw, err));
	if (raw->len > CONTAINER_MAX_HEADER)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a header of %zu bytes; the most is %d "
				 "(256 MiB)",
				 raw->len, CONTAINER_MAX_HEADER);
	return HVQZ_OK;
}

/* ---- parsing ---- */

static enum hvqz_ret cut_short(const char *what, struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED, "the header ends inside %s", what);
}

static enum hvqz_ret parse_source(struct cursor *c, struct model *m,
				  struct hvqz_err *err)
{
	const uint8_t *name, *head;
	uint16_t name_len;
	uint64_t head_len;

	if (!cur_u16(c, &name_len) || !(name = cur_take(c, name_len)))
		return cut_short("the source format's name", err);
	if (!name_len || name_len >= sizeof(m->format) ||
	    !is_text(name, name_len))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the source format's name has %u bytes; it "
				 "should be text of 1 to %zu",
				 name_len, sizeof(m->format) - 1);
	memcpy(m->format, name, name_len);
	if (!cur_u64(c, &head_len) || !(head = cur_take(c, head_len)))
		return cut_short("the source's header", err);
	if (!head_len)
		return HVQZ_OK;
	m->head_len = (size_t)head_len;
	m->head = malloc(m->head_len);
	if (!m->head)
		return hvqz_nomem(err, head_len, "the source's header");
	memcpy(m->head, head, m->head_len);
	return HVQZ_OK;
}

static enum hvqz_ret parse_base(struct cursor *c, struct container_info *info,
				struct hvqz_err *err)
{
	const uint8_t *digest;
	uint8_t has;

	if (!cur_u8(c, &has))
		return cut_short("the base model's digest", err);
	if (has > 1)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a base model of kind %u is unknown to this "
				 "version", has);
	info->has_base = has;
	if (!has)
		return HVQZ_OK;
	digest = cur_take(c, CONTAINER_DIGEST_LEN);
	if (!digest)
		return cut_short("the base model's digest", err);
	memcpy(info->base_digest, digest, CONTAINER_DIGEST_LEN);
	return HVQZ_OK;
}

/* Behind a copy's dimensions: what it is a copy of. */
static enum hvqz_ret parse_copy(struct cursor *c, struct container_info *info,
				size_t i, struct hvqz_err *err)
{
	uint32_t original;

	if (!cur_u32(c, &original))
		return cut_short("the tensor table", err);
	if (original >= i)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED,
					info->model.tensors[i].name,
					"a copy of tensor %" PRIu32 ", which "
					"is not an original before it",
					original);
	info->copy_of[i] = original + 1;
	return check_copy(info, i, HVQZ_DAMAGED, err);
}

/* name: TENSOR_MAX_NAME + 1 bytes of scratch. */
static enum hvqz_ret parse_tensor(struct cursor *c, struct container_info *info,
				  char *name, struct hvqz_err *err)
{
	struct model *m = &info->model;
	size_t i = m->n_tensors;
	uint64_t dim[TENSOR_MAX_RANK];
	const uint8_t *p;
	uint32_t name_len;
	uint8_t dtype, flags, rank;

	if (!cur_u32(c, &name_len) || !(p = cur_take(c, name_len)))
		return cut_short("a tensor's name", err);
	if (!name_len || name_len > TENSOR_MAX_NAME)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "tensor %zu: a name of %" PRIu32
				 " bytes; names have 1 to %d",
				 i, name_len, TENSOR_MAX_NAME);
	if (!is_text(p, name_len))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "tensor %zu: its name is not UTF-8", i);
	memcpy(name, p, name_len);
	name[name_len] = 0;
	if (!cur_u8(c, &dtype) || !cur_u8(c, &flags) || !cur_u8(c, &rank))
		return cut_short("the tensor table", err);
	if (flags & ~(TENSOR_LOSSY | TENSOR_COPY))
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, name,
					"tensor flags 0x%02x are unknown to "
					"this version",
					flags);
	if (rank > TENSOR_MAX_RANK)
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, name,
					"rank %u; the most is %d", rank,
					TENSOR_MAX_RANK);
	for (unsigned j = 0; j < rank; j++)
		if (!cur_u64(c, &dim[j]))
			return cut_short("the tensor table", err);
	TRY(model_add(m, name, (enum dtype)dtype, rank, dim, err));
	if (flags & TENSOR_LOSSY && !dtype_is_weight((enum dtype)dtype))
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"marked as lossy, which %s cannot be",
					dtype_name((enum dtype)dtype));
	info->tensor_flags[i] = flags & TENSOR_LOSSY;
	return flags & TENSOR_COPY ? parse_copy(c, info, i, err) : HVQZ_OK;
}

static enum hvqz_ret parse_tensors(struct cursor *c,
				   struct container_info *info,
				   struct hvqz_err *err)
{
	enum hvqz_ret ret = HVQZ_OK;
	uint32_t n;
	char *name;

	if (!cur_u32(c, &n))
		return cut_short("the tensor table", err);
	if (n > cur_left(c) / MIN_TENSOR_LEN || n > CONTAINER_MAX_TENSORS)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%" PRIu32
				 " tensors are announced in %zu bytes; the "
				 "most is %d",
				 n, cur_left(c), CONTAINER_MAX_TENSORS);
	info->tensor_flags = calloc(n ? n : 1, 1);
	info->copy_of = calloc(n ? n : 1, sizeof(*info->copy_of));
	name = malloc(TENSOR_MAX_NAME + 1);
	if (!info->tensor_flags || !info->copy_of || !name)
		ret = hvqz_nomem(err, n, "the tensor table");
	while (ret == HVQZ_OK && info->model.n_tensors < n)
		ret = parse_tensor(c, info, name, err);
	free(name);
	if (ret != HVQZ_OK)
		return ret;
	TRY(check_copies(info, HVQZ_DAMAGED, err));
	return check_unique(&info->model, HVQZ_DAMAGED, err);
}

static enum hvqz_ret parse_notes(struct cursor *c, struct container_info *info,
				 struct hvqz_err *err)
{
	uint32_t n;

	if (!cur_u32(c, &n))
		return cut_short("the remarks", err);
	if (n > cur_left(c) / MIN_NOTE_LEN)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%" PRIu32
				 " remarks are announced in %zu bytes",
				 n, cur_left(c));
	if (n > MAX_NOTES)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%" PRIu32 " remarks; the most is %d", n,
				 MAX_NOTES);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *key, *value;
		uint16_t key_len;
		uint32_t value_len;

		if (!cur_u16(c, &key_len) || !(key = cur_take(c, key_len)) ||
		    !cur_u32(c, &value_len) ||
		    !(value = cur_take(c, value_len)))
			return cut_short("the remarks", err);
		if (!key_len || !is_text(key, key_len) ||
		    !is_text(value, value_len))
			return hvqz_fail(err, HVQZ_DAMAGED,
					 "remark %" PRIu32
					 " has no key or is not UTF-8",
					 i);
		TRY(add_note(info, key, key_len, value, value_len, err));
	}
	return HVQZ_OK;
}

enum hvqz_ret container_parse_header(const uint8_t *raw, size_t len,
				     struct container_info *info,
				     struct hvqz_err *err)
{
	struct cursor c = {raw, raw + len};

	TRY(parse_source(&c, &info->model, err));
	TRY(parse_base(&c, info, err));
	TRY(parse_tensors(&c, info, err));
	TRY(parse_notes(&c, info, err));
	if (cur_left(&c))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%zu bytes too many in the header",
				 cur_left(&c));
	return HVQZ_OK;
}
