/*
 * sense_case.h - sidecars with one full Hessian, dense or in blocks, made in
 * memory, and a reader for them that counts.
 */
#ifndef TESTS_SENSE_CASE_H
#define TESTS_SENSE_CASE_H

#include "base/buf.h"
#include "base/half.h"
#include "base/rng.h"
#include "formats/sidecar.h"
#include "formats/sidecar_write.h"

#include <check.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sense_case {
	struct buf file;
	struct sens_table t;
	const struct sens *s;	/* the one entry, "w" */
	size_t data;		/* where the Hessian starts in the file */
	atomic_int n_reads;	/* of the file's bytes, again */
	int broken_after;	/* reads that go well; 0: all do */
};

static inline void *must(void *p)
{
	ck_assert_ptr_nonnull(p);
	return p;
}

static enum hvqz_ret case_read_at(void *ctx, uint64_t off, void *buf,
				  size_t n, struct hvqz_err *err)
{
	struct sense_case *c = ctx;
	int n_reads = atomic_fetch_add(&c->n_reads, 1);

	if (c->broken_after && n_reads >= c->broken_after)
		return hvqz_fail(err, HVQZ_IO, "the file is gone");
	ck_assert_uint_le(off + n, c->file.len);
	memcpy(buf, c->file.p + off, n);
	return HVQZ_OK;
}

/* Read c->file, which has one entry with a full Hessian. */
static inline void case_read(struct sense_case *c)
{
	struct read_again reader = {case_read_at, c};
	struct hvqz_err err = {0};
	struct source_memory m;
	struct source src;

	source_init_memory(&src, &m, c->file.p, c->file.len);
	ck_assert_msg(sidecar_read(&src, &c->t, NULL, &err) == HVQZ_OK, "%s",
		      err.msg);
	source_free(&src);
	ck_assert_uint_eq(c->t.n, 1);
	c->s = &c->t.v[0];
	ck_assert(c->s->has_full && !sens_can_load(c->s));
	sens_table_set_reader(&c->t, &reader);
	ck_assert(sens_can_load(c->s));
}

/* h [n][n] as F32; with scale [n], h are correlations and are stored as F16. */
static inline void case_open(struct sense_case *c, const float *h,
			     const float *scale, size_t n)
{
	size_t bytes = n * n * (scale ? 2 : 4), all = bytes;
	char head[500], more[200] = "";

	*c = (struct sense_case){0};
	if (scale) {
		all = bytes + 4 * n;
		snprintf(more, sizeof(more), ",\"w.hessian_scale\":{\"dtype\":"
			 "\"F32\",\"shape\":[%zu],\"data_offsets\":[%zu,%zu]}",
			 n, bytes, all);
	}
	snprintf(head, sizeof(head), "{\"__metadata__\":{\"hvqz.sidecar\":"
		 "\"1\"},\"w.hessian\":{\"dtype\":\"%s\",\"shape\":[%zu,%zu],"
		 "\"data_offsets\":[0,%zu]}%s}", scale ? "F16" : "F32", n, n,
		 bytes, more);
	buf_u64(&c->file, strlen(head));
	buf_put(&c->file, head, strlen(head));
	c->data = c->file.len;
	for (size_t i = 0; i < n * n; i++) {
		if (scale)
			buf_u16(&c->file, f16_from_f32(h[i]));
		else
			buf_f32(&c->file, h[i]);
	}
	for (size_t i = 0; scale && i < n; i++)
		buf_f32(&c->file, scale[i]);
	case_read(c);
}

/* The lower triangles of h [n][n]'s blocks, NAN above them; caller frees. */
static inline float *case_pack(const float *h, size_t n, size_t block)
{
	float *full = must(malloc(n * n * sizeof(float))), *p = full;

	for (size_t a = 0; a < n; a += block) {
		size_t w = n - a < block ? n - a : block;

		for (size_t i = 0; i < w; i++)
			for (size_t j = 0; j < w; j++)
				*p++ = j <= i ? h[(a + i) * n + a + j] : NAN;
	}
	return full;
}

/* The blocks of h [n][n], as we write them ourselves: correlations in F16. */
static inline void case_open_blocks(struct sense_case *c, const float *h,
				    size_t n, size_t block)
{
	static const struct sidecar_meta meta;
	float *full = case_pack(h, n, block);
	struct sidecar_entry e = {
		.name = "w", .n_in = n, .full = full, .block = block,
	};
	struct hvqz_err err = {0};
	struct sink out;

	*c = (struct sense_case){0};
	sink_init_memory(&out, &c->file);
	ck_assert_msg(sidecar_write(&meta, &e, 1, &out, &err) == HVQZ_OK, "%s",
		      err.msg);
	free(full);
	/* The blocks are the last of the file. */
	c->data = c->file.len - 2 * ((n - 1) / block + 1) * block * block;
	case_read(c);
}

static inline void case_close(struct sense_case *c)
{
	sens_table_free(&c->t);
	buf_free(&c->file);
}

/* Uniform in -1 … 1. */
static inline float case_random(struct rng *r)
{
	return (float)((double)rng_below(r, 1 << 24) / (1 << 23) - 1);
}

/* A fresh [n][n] covariance of n + extra random vectors; caller frees. */
static inline float *case_covariance(size_t n, size_t extra, uint64_t seed)
{
	size_t n_vec = n + extra;
	float *x = malloc(n * n_vec * sizeof(float));
	float *h = malloc(n * n * sizeof(float));
	struct rng r = {seed};

	ck_assert(x && h);
	for (size_t i = 0; i < n * n_vec; i++)
		x[i] = case_random(&r);
	for (size_t j = 0; j < n; j++)
		for (size_t k = 0; k <= j; k++) {
			double sum = 0;

			for (size_t i = 0; i < n_vec; i++)
				sum += (double)x[j * n_vec + i] *
				       (double)x[k * n_vec + i];
			h[j * n + k] = h[k * n + j] =
				(float)(sum / (double)n_vec);
		}
	free(x);
	return h;
}

#endif
