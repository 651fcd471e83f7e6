/*
 * job_internal.h - what the jobs share: codec environment, decoding a chunk.
 */
#ifndef JOB_JOB_INTERNAL_H
#define JOB_JOB_INTERNAL_H

#include "base/buf.h"
#include "job/base.h"
#include "job/job.h"

struct codec_env job_codec_env(const struct job_env *env);
unsigned job_threads(const struct job_env *env);

/* HVQZ_USAGE when the job is planned to need more than its caller allows. */
enum hvqz_ret job_check_memory(const struct job_env *env, uint64_t need,
			       const char *how_to_need_less,
			       struct hvqz_err *err);

/* HVQZ_STOPPED when the caller wants the job to end. */
enum hvqz_ret job_poll(const struct job_env *env, struct hvqz_err *err);

/* The slab a chunk's payload codes. */
struct slab chunk_slab(const struct container_info *info,
		       const struct chunk_head *h);

/* A codec's error, with the tensor and the rows it is about. Returns its ret. */
enum hvqz_ret chunk_fail(const struct container_info *info,
			 const struct chunk_head *h,
			 const struct hvqz_err *why, struct hvqz_err *err);

/*
 * Decoding, whatever for. A unit is one chunk on its way; its buffers grow to
 * what a chunk needs and are kept for the next one. Zero-initialise.
 */
struct decode_unit {
	struct chunk_head head;
	struct buf payload;
	size_t as;		/* the tensor it is for: head's, or a copy */
	uint64_t off;		/* in that tensor's bytes */
	uint8_t *raw;		/* the reconstructed rows, source dtype */
	size_t raw_cap;
	uint8_t *conv;		/* the same in another dtype */
	size_t conv_cap;
	float *wide;		/* scratch of the conversion */
	size_t wide_cap;
	uint8_t *base;		/* rows of the base model */
	size_t base_cap;
	const uint8_t *bytes;	/* raw or conv */
	size_t len;
	bool bad;		/* damaged, see err (testing only) */
	struct hvqz_err err;
};

/*
 * Planned peak of decoding with lossy tensors restored in dtype `wanted`, held
 * against the caller's limit. keeps: chunks of which copies follow are kept.
 */
enum hvqz_ret decode_plan_memory(const struct job_env *env,
				 const struct container_info *info,
				 enum dtype wanted, bool keeps, uint64_t *need,
				 struct hvqz_err *err);

/* One for each slot of a pipeline with env's threads; NULL: out of memory. */
struct decode_unit *decode_units(const struct job_env *env,
				 struct hvqz_err *err);
void decode_units_free(const struct job_env *env, struct decode_unit *u);

/* The dtype in which tensor t is restored when `wanted` is asked (0: own). */
enum dtype restored_dtype(const struct container_info *info, size_t t,
			  enum dtype wanted);

/*
 * Check, decode, check again, convert: payload to bytes/len. The error names
 * tensor and rows. base: where the base model's rows are, if the file has one.
 */
enum hvqz_ret decode_unit_run(struct decode_unit *u,
			      const struct codec_env *env,
			      const struct container_info *info,
			      const struct base_map *base, enum dtype wanted,
			      struct hvqz_err *err);

/*
 * A copy of the model with the first dimension of tensor i set to rows[i]
 * (UINT64_MAX: leave the tensor out; rows NULL: all as they are) and lossy
 * tensors in dtype `wanted`. It has no head.
 */
enum hvqz_ret restored_model(const struct container_info *info,
			     enum dtype wanted, const uint64_t *rows,
			     struct model *m, struct hvqz_err *err);

/* Add a chunk to the totals. */
void report_chunk(struct job_report *rep, const struct chunk_head *h);

#endif
