/*
 * normal.c - Unicode's normal form C (UAX 15), on utf8proc's tables.
 *
 * The form: every character is replaced by its decomposition; combining marks
 * in a row are sorted by class, those of one class staying in order; then
 * pairs are composed again. utf8proc_map() does it all, but it sorts by
 * swapping neighbours, which is quadratic in a row of marks, and a file may
 * be nothing else. So the marks are sorted here by counting, which is not.
 */
#include "lm/tokenizer/normal.h"

#include "lm/tokenizer/field.h"
#include "lm/tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

enum {
	N_CLASSES = 256,
	MAX_DECOMPOSED = 16,	/* the longest canonical one is 4 */
};

static enum hvqz_ret load_nested(const json_t *j, unsigned depth, bool *nfc,
				 struct hvqz_err *err)
{
	const char *type;
	char q[QUOTE_LEN];
	json_t *list, *one;
	size_t i;

	TRY(field_type(j, "normalizer", &type, err));
	if (!strcmp(type, "NFC")) {
		*nfc = true;
		return HVQZ_OK;
	}
	if (strcmp(type, "Sequence") || depth > 4)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "the normalizer \"%s\" is not one of those we "
				 "know: NFC, Sequence", quote(type, q));
	TRY(field_array(j, "normalizer", "normalizers", &list, err));
	json_array_foreach(list, i, one)
		TRY(load_nested(one, depth + 1, nfc, err));
	return HVQZ_OK;
}

enum hvqz_ret normal_load(const json_t *j, bool *nfc, struct hvqz_err *err)
{
	*nfc = false;
	return j ? load_nested(j, 0, nfc, err) : HVQZ_OK;
}

static unsigned class_of(int32_t c)
{
	return (unsigned)utf8proc_get_property(c)->combining_class &
	       (N_CLASSES - 1);
}

/* Sort n marks in a row by class, stably, through tmp (room for n). */
static void sort_marks(int32_t *c, size_t n, int32_t *tmp)
{
	size_t start[N_CLASSES + 1] = {0};

	for (size_t i = 0; i < n; i++)
		start[class_of(c[i]) + 1]++;
	for (unsigned k = 1; k <= N_CLASSES; k++)
		start[k] += start[k - 1];
	for (size_t i = 0; i < n; i++)
		tmp[start[class_of(c[i])]++] = c[i];
	memcpy(c, tmp, n * sizeof(*c));
}

static void order_marks(int32_t *c, size_t n, int32_t *tmp)
{
	size_t i = 0;

	while (i < n) {
		bool is_sorted = true;
		size_t from = i;

		while (i < n && class_of(c[i])) {
			if (i > from && class_of(c[i]) < class_of(c[i - 1]))
				is_sorted = false;
			i++;
		}
		if (!is_sorted)
			sort_marks(c + from, i - from, tmp);
		i++;
	}
}

/* len bytes that are all characters. */
static enum hvqz_ret nfc_valid(const uint8_t *p, size_t len, struct buf *out,
			       struct hvqz_err *err)
{
	enum hvqz_ret ret = HVQZ_OK;
	utf8proc_ssize_t n_composed;
	struct buf chars = {0};
	int32_t *c, *tmp = NULL;
	size_t n;

	for (size_t at = 0; at < len;) {
		int32_t to[MAX_DECOMPOSED];
		utf8proc_ssize_t k;
		int32_t one;
		int last = 0;

		at += utf8_char(p + at, len - at, &one);
		k = utf8proc_decompose_char(one, to, MAX_DECOMPOSED,
					    UTF8PROC_STABLE |
					    UTF8PROC_DECOMPOSE, &last);
		if (k < 1 || k > MAX_DECOMPOSED) {
			to[0] = one;
			k = 1;
		}
		buf_put(&chars, to, (size_t)k * sizeof(*to));
	}
	TRY_OUT(buf_ok(&chars, err));
	c = (int32_t *)(void *)chars.p;
	n = chars.len / sizeof(*c);
	tmp = malloc(chars.len);
	if (!tmp) {
		ret = hvqz_nomem(err, chars.len, "normalising text");
		goto out;
	}
	order_marks(c, n, tmp);
	n_composed = utf8proc_normalize_utf32(c, (utf8proc_ssize_t)n,
					      UTF8PROC_STABLE |
					      UTF8PROC_COMPOSE);
	for (utf8proc_ssize_t i = 0; i < n_composed; i++) {
		uint8_t bytes[4];
		utf8proc_ssize_t k = utf8proc_encode_char(c[i], bytes);

		buf_put(out, bytes, (size_t)k);
	}
	ret = buf_ok(out, err);
out:
	free(tmp);
	buf_free(&chars);
	return ret;
}

enum hvqz_ret normal_nfc(const uint8_t *text, size_t len, struct buf *out,
			 struct hvqz_err *err)
{
	for (size_t at = 0; at < len;) {
		size_t n = utf8_valid(text + at, len - at);

		if (n)
			TRY(nfc_valid(text + at, n, out, err));
		at += n;
		n = utf8_stray(text + at, len - at);
		buf_put(out, text + at, n);
		at += n;
	}
	return buf_ok(out, err);
}
