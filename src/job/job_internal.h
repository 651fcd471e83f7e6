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

/*
 * Bytes that a model's header takes: itself, parsed and packed, and the tables
 * that jobs and formats make of it (some 500 bytes a tensor, measured).
 */
static inline uint64_t job_head_memory(const struct model *m)
{
	return 4 * (uint64_t)m->head_len + 512 * (uint64_t)m->n_tensors;
}

/*
 * job_check_memory() for who works by chunks and needs that much, `fixed`, with
 * chunks of any size.
 */
enum hvqz_ret job_check_chunks(const struct job_env *env, uint64_t need,
			       uint64_t fixed, const char *how_to_need_less,
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
 * Decoding, whatever for. A unit is one chunk on its way; a desk is what a
 * worker has beside it. Their buffers grow to what a chunk needs and are kept
 * for the next one; the unit's leaves its payload's for the rows made of it.
 * Zero-initialise.
 */
struct decode_unit {
	struct chunk_head head;
	struct buf payload;
	size_t as;		/* the tensor it is for: head's, or a copy */
	uint64_t off;		/* in that tensor's bytes */
	const uint8_t *bytes;	/* the rows as they go out: in payload */
	size_t len;
	uint64_t n_clamped;	/* weights too large for the other dtype, */
	uint64_t count_a, count_b;	/* among these bytes; b 0: all */
	bool lost;		/* there is no payload for these rows, see err */
	uint64_t n_lost;	/* rows, then: head's, or more if untouched */
	bool bad;		/* damaged or lost, see err (going on) */
	struct hvqz_err err;
};

/* Is it the input's fault, and the rest of the input may be good? */
static inline bool is_damage(enum hvqz_ret ret)
{
	return ret == HVQZ_DAMAGED || ret == HVQZ_UNSUPPORTED;
}

struct decode_desk {
	struct buf raw;		/* the reconstructed rows, source dtype */
	struct buf conv;	/* the same in another dtype */
	struct buf wide;	/* floats, scratch of the conversion */
	struct buf base;	/* rows of the base model */
};

/* All who decode a file, and what they are planned to take. */
struct decode_team {
	struct job_env env;	/* with as many threads as memory allows */
	struct decode_unit *units;	/* a slot each; owned */
	struct decode_desk *desks;	/* a worker each; owned */
	uint64_t fixed;		/* bytes, whatever the chunks are */
	uint64_t buffers;	/* with those, codecs' scratch and slots aside */
	uint64_t slots;		/* bytes */
	bool converts;		/* slots hold rows of another dtype */
	uint64_t scratch, most;	/* of one worker: usually, at the most */
	uint64_t n_chunks;
	/* The largest chunk that each slot has had so far, and how many came. */
	uint32_t *ring;		/* [slots]; owned */
	uint64_t n_seen;
	struct job_report *rep;
};

/*
 * Plan, with lossy tensors restored in dtype `wanted`, and allocate; fewer
 * threads than env's where its memory limit calls for them, and HVQZ_USAGE
 * where one is too many. keeps: chunks of which copies follow are kept.
 * rep->memory and rep->n_threads are set. decode_team_close() in any case.
 */
enum hvqz_ret decode_team_open(struct decode_team *team,
			       const struct job_env *env,
			       const struct container_info *info,
			       enum dtype wanted, bool keeps,
			       struct job_report *rep, struct hvqz_err *err);
void decode_team_close(struct decode_team *team);

/*
 * Unit u is next: what its codec takes goes into the plan. HVQZ_USAGE when
 * that is then over the limit. From one thread.
 */
enum hvqz_ret decode_team_expect(struct decode_team *team,
				 const struct container_info *info,
				 const struct decode_unit *u,
				 struct hvqz_err *err);

/* The dtype in which tensor t is restored when `wanted` is asked (0: own). */
enum dtype restored_dtype(const struct container_info *info, size_t t,
			  enum dtype wanted);

/*
 * Check, decode, check again, convert: payload to bytes/len. The error names
 * tensor and rows. base: where the base model's rows are, if the file has one.
 */
enum hvqz_ret decode_unit_run(struct decode_unit *u, struct decode_desk *d,
			      const struct codec_env *env,
			      const struct container_info *info,
			      const struct base_map *base, enum dtype wanted,
			      struct hvqz_err *err);

/*
 * The same for one who goes on after damage: rows that are lost or cannot be
 * decoded become zero bytes, for an output; u->bad and u->err say so.
 */
enum hvqz_ret decode_unit_go_on(struct decode_unit *u, struct decode_desk *d,
				const struct codec_env *env,
				const struct container_info *info,
				const struct base_map *base, enum dtype wanted,
				bool output, struct hvqz_err *err);

/*
 * A copy of the model with the first dimension of tensor i set to rows[i]
 * (UINT64_MAX: leave the tensor out; rows NULL: all as they are) and lossy
 * tensors in dtype `wanted`. It has no head.
 */
enum hvqz_ret restored_model(const struct container_info *info,
			     enum dtype wanted, const uint64_t *rows,
			     struct model *m, struct hvqz_err *err);

/*
 * Warn of what in m, which was read or is in a .hvqz, will not be in a file of
 * that format.
 */
enum hvqz_ret job_tell_left_out(const struct job_env *env,
				const struct model *m, const char *to,
				struct hvqz_err *err);

/* Add a chunk to the totals. */
void report_chunk(struct job_report *rep, const struct chunk_head *h);

#endif
