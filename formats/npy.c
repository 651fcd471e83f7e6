/*
 * npy.c - the header of a NumPy array file: a Python dictionary of three
 * entries, in text, behind a magic and a length.
 *
 * The dictionary is read as what numpy.lib.format writes: string keys, each
 * once, a string (or something we do not look into), True or False, and a
 * tuple of whole numbers.
 */
#include "formats/npy.h"

#include "base/bytes.h"
#include "base/ckd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ALIGN = 64 };

static const char magic[] = "\x93NUMPY";

bool npy_bid(const uint8_t *p, size_t len)
{
	return len >= NPY_MAGIC_LEN && !memcmp(p, magic, 6);
}

enum hvqz_ret npy_head_len(const uint8_t *p, size_t len, size_t *head_len,
			   struct hvqz_err *err)
{
	uint64_t n;

	if (len < 10)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "truncated in the array's header");
	if (p[6] < 1 || p[6] > 3 || p[7])
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "an array file of version %u.%u", p[6], p[7]);
	if (p[6] > 1 && len < 12)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "truncated in the array's header");
	n = p[6] == 1 ? 10u + get_le16(p + 8) : 12u + (uint64_t)get_le32(p + 8);
	if (n > NPY_MAX_HEAD)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "an array's header of %" PRIu64
				 " bytes; the most is %d", n, NPY_MAX_HEAD);
	*head_len = (size_t)n;
	return HVQZ_OK;
}

/* ---- the dictionary ---- */

static void pass_space(struct cursor *c)
{
	while (cur_left(c) && strchr(" \t\n\r", *c->p) && *c->p)
		c->p++;
}

static bool take_char(struct cursor *c, char want)
{
	pass_space(c);
	if (!cur_left(c) || *c->p != (uint8_t)want)
		return false;
	c->p++;
	return true;
}

static bool take_string(struct cursor *c, const char **s, size_t *len)
{
	char quote;

	pass_space(c);
	if (!cur_left(c) || (*c->p != '\'' && *c->p != '"'))
		return false;
	quote = (char)*c->p++;
	*s = (const char *)c->p;
	while (cur_left(c) && *c->p != (uint8_t)quote && *c->p != '\\')
		c->p++;
	*len = (size_t)((const char *)c->p - *s);
	return take_char(c, quote);
}

static bool take_number(struct cursor *c, uint64_t *v)
{
	const uint8_t *from;

	pass_space(c);
	from = c->p;
	for (*v = 0; cur_left(c) && *c->p >= '0' && *c->p <= '9'; c->p++)
		if (!ckd_mul64(v, *v, 10) ||
		    !ckd_add64(v, *v, (uint64_t)(*c->p - '0')))
			return false;
	/* Python 2 wrote 3L. */
	if (c->p > from && cur_left(c) && *c->p == 'L')
		c->p++;
	return c->p > from;
}

/* "(2, 3)", "(5,)" or "()". */
static bool take_shape(struct cursor *c, struct npy *npy, bool *fits)
{
	uint64_t n;

	if (!take_char(c, '('))
		return false;
	while (!take_char(c, ')')) {
		if (!take_number(c, &n))
			return false;
		if (npy->rank < TENSOR_MAX_RANK)
			npy->dim[npy->rank++] = n;
		else
			*fits = false;
		if (!take_char(c, ',')) {
			if (!take_char(c, ')'))
				return false;
			break;
		}
	}
	return true;
}

static bool take_bool(struct cursor *c, bool *v)
{
	pass_space(c);
	*v = cur_left(c) >= 4 && !memcmp(c->p, "True", 4);
	if (!*v && (cur_left(c) < 5 || memcmp(c->p, "False", 5)))
		return false;
	c->p += *v ? 4 : 5;
	return true;
}

static const struct {
	const char *descr;
	enum dtype dtype;
} types[] = {
	{"<f2", DTYPE_F16}, {"<f4", DTYPE_F32}, {"<f8", DTYPE_F64},
	{"|b1", DTYPE_BOOL}, {"|u1", DTYPE_U8}, {"|i1", DTYPE_I8},
	{"<u2", DTYPE_U16}, {"<i2", DTYPE_I16}, {"<u4", DTYPE_U32},
	{"<i4", DTYPE_I32}, {"<u8", DTYPE_U64}, {"<i8", DTYPE_I64},
	{"<c8", DTYPE_C64},
};

enum { N_TYPES = sizeof(types) / sizeof(*types) };

static bool find_type(const char *s, size_t len, enum dtype *d)
{
	for (size_t i = 0; i < N_TYPES; i++)
		if (len == 3 && !memcmp(types[i].descr, s, 3)) {
			*d = types[i].dtype;
			return true;
		}
	return false;
}

static enum hvqz_ret wrong(struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED,
			 "an array's header that is not the dictionary it "
			 "should be");
}

enum hvqz_ret npy_parse(const uint8_t *p, size_t head_len, struct npy *npy,
			struct hvqz_err *err)
{
	struct cursor c = {p + (p[6] == 1 ? 10 : 12), p + head_len};
	bool seen[3] = {false}, fits = true, fortran = false;
	const char *s;
	size_t len;

	*npy = (struct npy){.head_len = head_len};
	if (!take_char(&c, '{'))
		return wrong(err);
	while (!take_char(&c, '}')) {
		static const char *const keys[] = {"descr", "fortran_order",
						   "shape"};
		unsigned key = 0;

		if (!take_string(&c, &s, &len))
			return wrong(err);
		while (key < 3 && (strlen(keys[key]) != len ||
				   memcmp(keys[key], s, len)))
			key++;
		if (key == 3 || seen[key] || !take_char(&c, ':'))
			return wrong(err);
		seen[key] = true;
		if (key == 0 && take_char(&c, '['))
			return HVQZ_OK;		/* a structure: bytes */
		if (key == 0 && !take_string(&c, &s, &len))
			return wrong(err);
		if (key == 0) {
			fits &= find_type(s, len, &npy->dtype);
			npy->descr = s;
			npy->descr_len = len;
		} else if (key == 1 && !take_bool(&c, &fortran))
			return wrong(err);
		else if (key == 2 && !take_shape(&c, npy, &fits))
			return wrong(err);
		if (!take_char(&c, ',')) {
			if (!take_char(&c, '}'))
				return wrong(err);
			break;
		}
	}
	pass_space(&c);
	if (cur_left(&c) || !seen[0] || !seen[1] || !seen[2])
		return wrong(err);
	npy->is_tensor = fits;
	npy->is_turned = fortran && npy->rank > 1;
	for (unsigned i = 0; npy->is_turned && i < npy->rank / 2; i++) {
		uint64_t d = npy->dim[i];

		npy->dim[i] = npy->dim[npy->rank - 1 - i];
		npy->dim[npy->rank - 1 - i] = d;
	}
	return HVQZ_OK;
}

/* ---- writing ---- */

static const char *descr_of(enum dtype d)
{
	for (size_t i = 0; i < N_TYPES; i++)
		if (types[i].dtype == d)
			return types[i].descr;
	return NULL;
}

enum hvqz_ret npy_make_head(const struct tensor *t, bool is_turned,
			    struct buf *b, struct hvqz_err *err)
{
	const char *descr = descr_of(t->dtype);
	char text[512];
	size_t n, len;

	if (!descr)
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"NumPy has no dtype like %s; "
					"safetensors keeps it",
					dtype_name(t->dtype));
	n = (size_t)snprintf(text, sizeof(text),
			     "{'descr': '%s', 'fortran_order': %s, "
			     "'shape': (", descr, is_turned ? "True" : "False");
	for (unsigned i = 0; i < t->rank; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%s%" PRIu64 "%s", i ? ", " : "",
				      t->dim[is_turned ? t->rank - 1 - i : i],
				      t->rank == 1 ? "," : "");
	n += (size_t)snprintf(text + n, sizeof(text) - n, "), }");
	/* Spaces and a line feed, so that the data is aligned. */
	len = (10 + n + 1 + ALIGN - 1) / ALIGN * ALIGN;
	buf_put(b, magic, 6);
	buf_u16(b, 1);
	buf_u16(b, (uint16_t)(len - 10));
	buf_put(b, text, n);
	for (n += 10; n + 1 < len; n++)
		buf_u8(b, ' ');
	buf_u8(b, '\n');
	return buf_ok(b, err);
}
