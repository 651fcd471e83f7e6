/*
 * pickle.c - a stack machine that only ever puts things together.
 *
 * Every instruction takes at least one byte of the pickle and makes at most
 * one value, so time and memory are bounded by its length. Values are numbers
 * in one table; they can refer to each other in circles, which is the affair
 * of whoever walks them.
 */
#include "formats/pickle_internal.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum global {
	G_DICT, G_TENSOR, G_PARAMETER, G_SIZE, G_INERT, G_STORAGE,
};

/* All the names there are. */
static const struct {
	const char *module, *name;
	enum global what;
	enum dtype dtype;
} globals[] = {
	{"collections", "OrderedDict", G_DICT, 0},
	{"torch._utils", "_rebuild_tensor_v2", G_TENSOR, 0},
	{"torch._utils", "_rebuild_parameter", G_PARAMETER, 0},
	{"torch", "Size", G_SIZE, 0},
	{"torch", "device", G_INERT, 0},
	{"torch", "float16", G_INERT, 0},
	{"torch", "bfloat16", G_INERT, 0},
	{"torch", "float32", G_INERT, 0},
	{"torch", "float64", G_INERT, 0},
	{"torch", "FloatStorage", G_STORAGE, DTYPE_F32},
	{"torch", "HalfStorage", G_STORAGE, DTYPE_F16},
	{"torch", "BFloat16Storage", G_STORAGE, DTYPE_BF16},
	{"torch", "DoubleStorage", G_STORAGE, DTYPE_F64},
	{"torch", "LongStorage", G_STORAGE, DTYPE_I64},
	{"torch", "IntStorage", G_STORAGE, DTYPE_I32},
	{"torch", "ShortStorage", G_STORAGE, DTYPE_I16},
	{"torch", "CharStorage", G_STORAGE, DTYPE_I8},
	{"torch", "ByteStorage", G_STORAGE, DTYPE_U8},
	{"torch", "BoolStorage", G_STORAGE, DTYPE_BOOL},
	{"torch", "ComplexFloatStorage", G_STORAGE, DTYPE_C64},
};

enum { N_GLOBALS = sizeof(globals) / sizeof(*globals) };

/* ---- names ---- */

static enum hvqz_ret push_global(struct pickle_machine *m, const char *module,
				 size_t n, const char *name, size_t len,
				 struct hvqz_err *err)
{
	for (size_t i = 0; i < N_GLOBALS; i++)
		if (strlen(globals[i].module) == n &&
		    !memcmp(globals[i].module, module, n) &&
		    strlen(globals[i].name) == len &&
		    !memcmp(globals[i].name, name, len))
			return pickle_push_new(m, (struct pickle_value){
				.kind = PICKLE_GLOBAL, .number = (int64_t)i},
				err);
	return hvqz_fail(err, HVQZ_UNSUPPORTED, "its pickle wants '%.*s.%.*s', "
			 "which no tensor needs; nothing in a pickle is ever "
			 "executed", n < 100 ? (int)n : 100, module,
			 len < 100 ? (int)len : 100, name);
}

/* Up to the next line feed, which is passed. */
static enum hvqz_ret take_line(struct pickle_machine *m, const char **s,
			       size_t *n, struct hvqz_err *err)
{
	const uint8_t *end = memchr(m->c.p, '\n', cur_left(&m->c));

	if (!end)
		return pickle_damaged(m, "a name that is cut", err);
	*s = (const char *)m->c.p;
	*n = (size_t)(end - m->c.p);
	m->c.p = end + 1;
	return HVQZ_OK;
}

static enum hvqz_ret op_global(struct pickle_machine *m, struct hvqz_err *err)
{
	const char *module = NULL, *name = NULL;
	size_t n = 0, len = 0;

	TRY(take_line(m, &module, &n, err));
	TRY(take_line(m, &name, &len, err));
	return push_global(m, module, n, name, len, err);
}

static enum hvqz_ret op_stack_global(struct pickle_machine *m,
				     struct hvqz_err *err)
{
	const struct pickle_value *name, *module;
	uint32_t a = 0, b = 0;

	TRY(pickle_pop(m, &b, err));
	TRY(pickle_pop(m, &a, err));
	module = &m->k->v[a];
	name = &m->k->v[b];
	if (module->kind != PICKLE_TEXT || name->kind != PICKLE_TEXT)
		return pickle_damaged(m, "a name that is no text", err);
	return push_global(m, module->text, module->n, name->text, name->n,
			   err);
}

bool pickle_storage_dtype(const struct pickle *k, uint32_t type,
			  enum dtype *d)
{
	const struct pickle_value *x = &k->v[type];

	if (x->kind != PICKLE_GLOBAL || globals[x->number].what != G_STORAGE)
		return false;
	*d = globals[x->number].dtype;
	return true;
}

/* ---- what stands for a call ---- */

static enum hvqz_ret copy_items(struct pickle_machine *m, enum pickle_kind kind,
				const uint32_t *item, size_t n,
				struct hvqz_err *err)
{
	size_t at = m->depth;

	for (size_t i = 0; i < n; i++)
		TRY(pickle_push(m, item[i], err));
	return pickle_gather(m, at, false, kind, err);
}

/* (storage, first, shape, strides, gradient?, hooks[, metadata]) */
static enum hvqz_ret op_tensor(struct pickle_machine *m,
			       const struct pickle_value *args,
			       struct hvqz_err *err)
{
	uint32_t item[5];

	if (args->n < 4 || m->k->v[args->item[0]].kind != PICKLE_STORAGE)
		return pickle_damaged(m, "a tensor without a storage", err);
	memcpy(item, args->item, 4 * sizeof(*item));
	if (args->n > 6)
		item[4] = args->item[6];
	return copy_items(m, PICKLE_TENSOR, item, args->n > 6 ? 5 : 4, err);
}

static enum hvqz_ret op_reduce(struct pickle_machine *m, struct hvqz_err *err)
{
	const struct pickle_value *f, *args;
	uint32_t a = 0, b = 0;

	TRY(pickle_pop(m, &b, err));
	TRY(pickle_pop(m, &a, err));
	f = &m->k->v[a];
	args = &m->k->v[b];
	if (f->kind != PICKLE_GLOBAL || args->kind != PICKLE_TUPLE)
		return pickle_damaged(m, "a call of what is no name", err);
	switch (globals[f->number].what) {
	case G_DICT:
		if (args->n)
			return pickle_damaged(m, "an OrderedDict that is not "
					      "empty when it is made", err);
		return copy_items(m, PICKLE_DICT, NULL, 0, err);
	case G_TENSOR:
		return op_tensor(m, args, err);
	case G_PARAMETER:
	case G_SIZE:
		if (!args->n)
			return pickle_damaged(m, "a parameter of nothing", err);
		return pickle_push(m, args->item[0], err);
	default:
		return pickle_push_new(m, (struct pickle_value){0}, err);
	}
}

/* ('storage', type, key, location, elements) */
static enum hvqz_ret op_persistent(struct pickle_machine *m,
				   struct hvqz_err *err)
{
	const struct pickle_value *x, *tag;
	uint32_t id = 0;

	TRY(pickle_pop(m, &id, err));
	x = &m->k->v[id];
	if (x->kind != PICKLE_TUPLE || x->n < 5)
		return pickle_damaged(m, "a reference that is no storage", err);
	tag = &m->k->v[x->item[0]];
	if (tag->kind != PICKLE_TEXT || tag->n != 7 ||
	    memcmp(tag->text, "storage", 7))
		return pickle_damaged(m, "a reference that is no storage", err);
	return copy_items(m, PICKLE_STORAGE, x->item + 1, 4, err);
}

static enum hvqz_ret op_build(struct pickle_machine *m, struct hvqz_err *err)
{
	uint32_t id = 0;

	TRY(pickle_pop(m, &id, err));
	/* Attributes of a dictionary or a tensor: nothing to us. */
	if (!m->depth || m->stack[m->depth - 1] == PICKLE_MARK ||
	    (m->k->v[m->stack[m->depth - 1]].kind != PICKLE_DICT &&
	     m->k->v[m->stack[m->depth - 1]].kind != PICKLE_TENSOR))
		return pickle_damaged(m, "attributes of what has none", err);
	return HVQZ_OK;
}

/* ---- the instructions ---- */

/* n little-endian bytes. */
static enum hvqz_ret take_uint(struct pickle_machine *m, unsigned n,
			       uint64_t *v, struct hvqz_err *err)
{
	const uint8_t *p = cur_take(&m->c, n);

	if (!p)
		return pickle_damaged(m, "it is cut", err);
	*v = 0;
	for (unsigned i = n; i-- > 0;)
		*v = *v << 8 | p[i];
	return HVQZ_OK;
}

/* A number of any length; those over 63 bits are not looked at. */
static enum hvqz_ret op_long(struct pickle_machine *m, struct hvqz_err *err)
{
	uint64_t n, v;
	uint8_t len;

	if (!cur_u8(&m->c, &len))
		return pickle_damaged(m, "it is cut", err);
	if (len > 8)
		return pickle_push_text(m, len, PICKLE_OTHER, err);
	TRY(take_uint(m, len, &v, err));
	n = 8u * len;
	if (n && n < 64 && v >> (n - 1) & 1)
		v |= UINT64_MAX << n;
	return pickle_push_number(m, (int64_t)v, err);
}

static enum hvqz_ret marked(struct pickle_machine *m, enum pickle_kind kind,
			    bool into, struct hvqz_err *err)
{
	size_t at = 0;

	TRY(pickle_find_mark(m, &at, err));
	if (kind == PICKLE_DICT && (m->depth - at) % 2)
		return pickle_damaged(m, "a key without a value", err);
	return into ? pickle_extend(m, at, true, kind, err)
		    : pickle_gather(m, at, true, kind, err);
}

static enum hvqz_ret step(struct pickle_machine *m, uint8_t op,
			  struct hvqz_err *err)
{
	uint64_t v = 0;
	uint32_t id = 0;
	size_t at = 0;

	switch (op) {
	case 0x80:		/* PROTO */
		TRY(take_uint(m, 1, &v, err));
		return v >= 2 && v <= 5 ? HVQZ_OK
					: pickle_damaged(m, "its protocol",
							 err);
	case 0x95:		/* FRAME */
		return take_uint(m, 8, &v, err);
	case '(':
		return pickle_push(m, PICKLE_MARK, err);
	case '0':		/* POP */
		if (m->depth && m->stack[m->depth - 1] == PICKLE_MARK) {
			m->depth--;
			return HVQZ_OK;
		}
		return pickle_pop(m, &id, err);
	case '1':		/* POP_MARK */
		TRY(pickle_find_mark(m, &at, err));
		m->depth = at - 1;
		return HVQZ_OK;
	case 'N':
		return pickle_push_new(m, (struct pickle_value){0}, err);
	case 0x88:		/* NEWTRUE */
	case 0x89:		/* NEWFALSE */
		return pickle_push_number(m, op == 0x88, err);
	case 'J':
		TRY(take_uint(m, 4, &v, err));
		return pickle_push_number(m, (int32_t)v, err);
	case 'K':
	case 'M':
		TRY(take_uint(m, op == 'K' ? 1 : 2, &v, err));
		return pickle_push_number(m, (int64_t)v, err);
	case 0x8a:		/* LONG1 */
		return op_long(m, err);
	case 'G':
		return pickle_push_text(m, 8, PICKLE_OTHER, err);
	case 'X':		/* BINUNICODE, BINSTRING, BINBYTES */
	case 'T':
	case 'B':
		TRY(take_uint(m, 4, &v, err));
		return pickle_push_text(m, v, op == 'B' ? PICKLE_OTHER
							: PICKLE_TEXT, err);
	case 0x8c:		/* the same, short */
	case 'U':
	case 'C':
		TRY(take_uint(m, 1, &v, err));
		return pickle_push_text(m, v, op == 'C' ? PICKLE_OTHER
							: PICKLE_TEXT, err);
	case ')':
		return pickle_gather(m, m->depth, false, PICKLE_TUPLE, err);
	case ']':
		return pickle_gather(m, m->depth, false, PICKLE_LIST, err);
	case '}':
		return pickle_gather(m, m->depth, false, PICKLE_DICT, err);
	case 0x85:		/* TUPLE1, 2, 3 */
	case 0x86:
	case 0x87:
		return pickle_gather_top(m, op - 0x84, err);
	case 't':
		return marked(m, PICKLE_TUPLE, false, err);
	case 'l':
		return marked(m, PICKLE_LIST, false, err);
	case 'd':
		return marked(m, PICKLE_DICT, false, err);
	case 'a':
		return pickle_extend_top(m, 1, PICKLE_LIST, err);
	case 's':
		return pickle_extend_top(m, 2, PICKLE_DICT, err);
	case 'e':
		return marked(m, PICKLE_LIST, true, err);
	case 'u':
		return marked(m, PICKLE_DICT, true, err);
	case 'q':
	case 'r':
		TRY(take_uint(m, op == 'q' ? 1 : 4, &v, err));
		return pickle_memo_put(m, v, err);
	case 0x94:		/* MEMOIZE */
		return pickle_memo_put(m, m->memoized++, err);
	case 'h':
	case 'j':
		TRY(take_uint(m, op == 'h' ? 1 : 4, &v, err));
		return pickle_memo_get(m, v, err);
	case 'c':
	case 'i':		/* INST: its name is looked at all the same */
		TRY(op_global(m, err));
		return op == 'c' ? HVQZ_OK
				 : pickle_damaged(m, "an instance made in an "
						  "old way", err);
	case 0x93:		/* STACK_GLOBAL */
		return op_stack_global(m, err);
	case 'R':
	case 0x81:		/* NEWOBJ */
		return op_reduce(m, err);
	case 'b':
		return op_build(m, err);
	case 'Q':
		return op_persistent(m, err);
	default:
		return hvqz_fail(err, HVQZ_UNSUPPORTED, "its pickle has the "
				 "instruction 0x%02x at byte %zu, which no "
				 "tensor needs; nothing in a pickle is ever "
				 "executed", op,
				 (size_t)(m->c.p - m->from) - 1);
	}
}

static enum hvqz_ret run(struct pickle_machine *m, struct hvqz_err *err)
{
	uint8_t op;

	for (;;) {
		if (!cur_u8(&m->c, &op))
			return pickle_damaged(m, "it has no end", err);
		if (op == '.')
			return pickle_pop(m, &m->k->root, err);
		TRY(step(m, op, err));
	}
}

enum hvqz_ret pickle_parse(const uint8_t *p, size_t len, struct pickle *k,
			   struct hvqz_err *err)
{
	struct pickle_machine m = {.k = k, .c = {p, p + len}, .from = p};
	enum hvqz_ret ret;

	*k = (struct pickle){0};
	ret = run(&m, err);
	free(m.stack);
	free(m.memo);
	return ret;
}
