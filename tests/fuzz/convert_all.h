/*
 * convert_all.h - a model with pieces, as everything a converter makes of it.
 */
#ifndef TESTS_FUZZ_CONVERT_ALL_H
#define TESTS_FUZZ_CONVERT_ALL_H

#include "formats/left_out.h"
#include "tests/archive_case.h"
#include "tests/fuzz/fuzz.h"

static inline enum hvqz_ret convert_to(const struct writer_ops *w,
				       const struct model *m,
				       const struct buf *data,
				       enum dtype dtype, struct buf *to,
				       struct hvqz_err *err)
{
	struct format_wish wish = {.dtype = dtype};
	void *state = NULL;
	struct sink out;
	enum hvqz_ret ret;

	sink_init_memory(&out, to);
	TRY(format_plan_converter(w, &wish, m, m, &state, err));
	TRY_OUT(w->head(state, &out, err));
	for (size_t at = 0; at < data->len; at += 7)
		TRY_OUT(w->put(state, &out, data->p + at,
			       data->len - at < 7 ? data->len - at : 7,
			       err));
	ret = w->tail(state, &out, err);
out:
	w->free(state);
	return ret;
}

/* What a list that somebody has sent leaves out is told, or an error. */
static inline void find_left_out(const struct model *m, const char *to)
{
	struct hvqz_err err = {0};
	struct left_out l;

	FUZZ_HOLDS(left_out_find(m, to, &l, &err) == err.ret);
	FUZZ_HOLDS(l.n <= l.n_all && (!l.n || *l.msg));
}

/*
 * What was made is a model; arrays may be none that we take for one, and what
 * is in a NumPy file besides stays as wrong as it was.
 */
static inline void convert_all(const struct model *m, const struct buf *data)
{
	static const char *const to[] = {"gguf", "safetensors", "npz", "npy"};
	static const enum dtype dtypes[] = {0, DTYPE_F32, DTYPE_F16,
					    DTYPE_BF16};

	for (size_t i = 0; i < 4; i++)
		find_left_out(m, to[i]);
	for (size_t i = 0; i < 16; i++) {
		const struct writer_ops *w = format_converter_of(
			m, to[i / 4], dtypes[i % 4]);
		struct buf out = {0}, back = {0};
		struct hvqz_err err = {0};
		struct model made = {0};
		enum hvqz_ret ret;

		if (!w)
			continue;
		ret = convert_to(w, m, data, dtypes[i % 4], &out, &err);
		FUZZ_HOLDS(ret == err.ret && (!ret || *err.msg));
		if (ret == HVQZ_OK) {
			ret = take_all(out.p, out.len, &made, &back, &err);
			FUZZ_HOLDS(ret == HVQZ_OK || (i >= 8 &&
				   (ret == HVQZ_UNSUPPORTED ||
				    !strcmp(m->format, to[i / 4]))));
		}
		model_free(&made);
		buf_free(&out);
		buf_free(&back);
	}
}

#endif
