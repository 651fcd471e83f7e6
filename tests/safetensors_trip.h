/*
 * safetensors_trip.h - for tests: a source that is a pipe and may fail, and a
 * safetensors file (or one of another format, TRIP_FORMAT) taken through the
 * reader or the writer in one call.
 */
#ifndef TESTS_SAFETENSORS_TRIP_H
#define TESTS_SAFETENSORS_TRIP_H

#include "base/rng.h"
#include "formats/format.h"

#include <check.h>
#include <string.h>

#ifndef TRIP_FORMAT
#define TRIP_FORMAT safetensors
#endif
#define TRIP_JOIN2(a, b) a##b
#define TRIP_JOIN(a, b) TRIP_JOIN2(a, b)

/* ---- sources that behave like pipes ---- */

struct pipe_source {
	const uint8_t *p;
	size_t len, pos;
	size_t max;		/* bytes a read gives at most; 0: 1 to 7 */
	size_t fail_at;		/* this read (from 1) fails; 0: none does */
	size_t n_reads;
	struct rng rng;
};

static inline enum hvqz_ret pipe_read(void *ctx, void *buf, size_t n,
				      size_t *got, struct hvqz_err *err)
{
	struct pipe_source *s = ctx;
	size_t max = s->max ? s->max : 1 + (size_t)rng_below(&s->rng, 7);

	if (++s->n_reads == s->fail_at)
		return hvqz_fail(err, HVQZ_IO, "made to fail");
	*got = s->len - s->pos < n ? s->len - s->pos : n;
	*got = *got < max ? *got : max;
	if (*got)
		memcpy(buf, s->p + s->pos, *got);
	s->pos += *got;
	return HVQZ_OK;
}

static const struct source_ops pipe_ops = {pipe_read, NULL};

/* ---- reading and writing whole files ---- */

enum { PIECE = 1000 };

/* Read everything from src; the table stays in *m, the data goes to *data. */
static inline enum hvqz_ret read_all(struct source *src, struct model *m,
				     struct buf *data, struct hvqz_err *err)
{
	const struct reader_ops *r = &TRIP_JOIN(TRIP_FORMAT, _reader);
	uint8_t piece[PIECE];
	void *state = NULL;
	enum hvqz_ret ret = r->head(src, m, &state, err);

	if (ret != HVQZ_OK)
		ck_assert_ptr_null(state);
	for (uint64_t left = m->data_size; ret == HVQZ_OK && left;) {
		size_t n = left < PIECE ? (size_t)left : PIECE;

		ret = r->next(state, piece, n, err);
		if (ret == HVQZ_OK)
			buf_put(data, piece, n);
		left -= n;
	}
	if (ret == HVQZ_OK)
		ret = r->tail(state, err);
	r->free(state);
	return ret;
}

static inline enum hvqz_ret write_all(const struct model *m,
				      const struct buf *data,
				      struct buf *file, struct hvqz_err *err)
{
	const struct writer_ops *w = &TRIP_JOIN(TRIP_FORMAT, _writer);
	struct sink out;
	void *state = NULL;
	size_t half = data->len / 2;
	enum hvqz_ret ret;

	sink_init_memory(&out, file);
	TRY(w->plan(m, &state, err));
	TRY_OUT(w->head(state, &out, err));
	TRY_OUT(w->put(state, &out, data->p, half, err));
	TRY_OUT(w->put(state, &out, half ? data->p + half : data->p,
		       data->len - half, err));
	TRY_OUT(w->tail(state, &out, err));
out:
	w->free(state);
	return ret;
}

/*
 * Read the file and, when that goes well, write it back: it must be the same.
 * max is how a pipe gives its bytes, SIZE_MAX a seekable source.
 */
static inline enum hvqz_ret there_and_back(const uint8_t *file, size_t len,
					   size_t max, struct hvqz_err *err)
{
	struct pipe_source pipe = {.p = file, .len = len, .max = max};
	struct source_memory memory;
	struct model m = {0};
	struct buf data = {0}, back = {0};
	struct source src;
	enum hvqz_ret ret;

	if (max == SIZE_MAX)
		source_init_memory(&src, &memory, file, len);
	else
		source_init(&src, &pipe_ops, &pipe, SOURCE_SIZE_UNKNOWN);
	*err = (struct hvqz_err){0};
	ret = read_all(&src, &m, &data, err);
	ck_assert_int_eq(ret, err->ret);
	if (ret == HVQZ_OK) {
		ck_assert_str_eq(m.format, TRIP_JOIN(TRIP_FORMAT, _reader).name);
		ck_assert_int_eq(write_all(&m, &data, &back, err), HVQZ_OK);
		ck_assert_uint_eq(back.len, len);
		ck_assert_mem_eq(back.p, file, len);
	}
	buf_free(&back);
	buf_free(&data);
	model_free(&m);
	source_free(&src);
	return ret;
}

#endif
