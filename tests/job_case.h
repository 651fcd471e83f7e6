/*
 * job_case.h - a model of all kinds of tensors, and whole conversions of it in
 * memory or from a pipe.
 */
#ifndef TESTS_JOB_CASE_H
#define TESTS_JOB_CASE_H

#include "base/half.h"
#include "formats/safetensors.h"
#include "job/job.h"
#include "tests/random.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct job_env env;
static struct encode_options quantize, lossless, trellis;
static const struct encode_options *const kinds[] = {
	&lossless, &quantize, &trellis,
};

/* Before the first test: what the kinds are. */
static inline void set_kinds(void)
{
	settings_preset_mid(&quantize.set);
	quantize.set.effort = 5;
	quantize.set.centroids = 64;
	settings_trellis(&trellis.set);
	trellis.set.effort = 5;
	trellis.rate_mode = RATE_QUALITY;
	trellis.rate = 3;
	lossless.set = (struct codec_settings){
		.codec = CODEC_PLANES, .effort = 3, .centroids = 2, .block = 4};
}

/* ---- a model ---- */

/* Matrices, a norm, a scalar, an empty tensor, integers. */
static inline struct buf make_model(void)
{
	static const struct {
		const char *name;
		enum dtype dtype;
		unsigned rank;
		uint64_t dim[3];
	} t[] = {
		{"embed", DTYPE_F16, 2, {96, 64}},
		{"layer.0.q", DTYPE_BF16, 2, {80, 64}},
		{"layer.0.norm", DTYPE_F32, 1, {64}},
		{"layer.0.conv", DTYPE_F32, 3, {70, 16, 5}},
		{"none", DTYPE_F16, 2, {0, 64}},
		{"scale", DTYPE_F32, 0, {0}},
		{"ids", DTYPE_I64, 1, {33}},
		{"mask", DTYPE_BOOL, 2, {5, 7}},
		{"fp8", DTYPE_F8_E4M3, 2, {64, 64}},
		{"fp4", DTYPE_F4, 2, {3, 6}},
	};
	struct model m = {0};
	struct buf b = {0};
	struct rng rng = {1};
	uint8_t *head;
	size_t len;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		ck_assert_int_eq(model_add(&m, t[i].name, t[i].dtype,
					   t[i].rank, t[i].dim, NULL),
				 HVQZ_OK);
	ck_assert_int_eq(safetensors_make_head(&m, NULL, 0, &head, &len, NULL),
			 HVQZ_OK);
	buf_put(&b, head, len);
	for (size_t i = 0; i < m.n_tensors; i++) {
		uint64_t n = m.tensors[i].n_elems;

		for (uint64_t e = 0; e < n; e++) {
			float v = normal(&rng) * 0.05f;

			if (m.tensors[i].dtype == DTYPE_F16)
				buf_u16(&b, f16_from_f32(v));
			else if (m.tensors[i].dtype == DTYPE_BF16)
				buf_u16(&b, bf16_from_f32(v));
			else if (m.tensors[i].dtype == DTYPE_F32)
				buf_f32(&b, v);
		}
		if (!dtype_is_weight(m.tensors[i].dtype))
			for (uint64_t e = 0; e < m.tensors[i].size; e++)
				buf_u8(&b, (uint8_t)rng_u64(&rng));
	}
	free(head);
	model_free(&m);
	ck_assert(!b.failed);
	return b;
}

/* ---- pipes ---- */

struct pipe_source {
	const uint8_t *p;
	size_t len, pos, step;
	uint64_t reads, fail_at;
};

static enum hvqz_ret pipe_read(void *ctx, void *to, size_t n, size_t *got,
			       struct hvqz_err *err)
{
	struct pipe_source *s = ctx;

	if (++s->reads == s->fail_at)
		return hvqz_fail(err, HVQZ_IO, "planned read error");
	*got = s->len - s->pos < n ? s->len - s->pos : n;
	if (*got > s->step)
		*got = s->step;
	memcpy(to, s->p + s->pos, *got);
	s->pos += *got;
	return HVQZ_OK;
}

static const struct source_ops pipe_ops = {pipe_read, NULL};

/* ---- shorthands ---- */

static inline enum hvqz_ret run_encode(const struct encode_options *opt,
				       unsigned threads, const struct buf *in,
				       struct buf *out, struct job_report *rep,
				       struct hvqz_err *err)
{
	struct source_memory mem;
	struct source src;
	struct sink sink;
	enum hvqz_ret ret;

	env.n_threads = threads;
	source_init_memory(&src, &mem, in->p, in->len);
	sink_init_memory(&sink, out);
	ret = job_encode(&env, opt, &src, &sink, rep, err);
	source_free(&src);
	return ret;
}

/* step 0: a seekable source; else a pipe giving step bytes a read. */
static inline enum hvqz_ret run_decode(unsigned threads, const uint8_t *p,
				       size_t len, size_t step,
				       struct buf *out, struct hvqz_err *err)
{
	struct pipe_source pipe = {.p = p, .len = len, .step = step};
	struct decode_options opt = {0};
	struct source_memory mem;
	struct job_report rep;
	struct source src;
	struct sink sink;
	enum hvqz_ret ret;

	env.n_threads = threads;
	if (step)
		source_init(&src, &pipe_ops, &pipe, SOURCE_SIZE_UNKNOWN);
	else
		source_init_memory(&src, &mem, p, len);
	if (out)
		sink_init_memory(&sink, out);
	ret = job_decode(&env, &opt, &src, out ? &sink : NULL, &rep, err);
	source_free(&src);
	return ret;
}

#endif
