/*
 * encode_job.h - the encode job: what its pipeline's functions share.
 */
#ifndef JOB_ENCODE_JOB_H
#define JOB_ENCODE_JOB_H

#include "job/copies.h"
#include "job/encode_pass.h"
#include "job/job_internal.h"
#include "job/steer.h"
#include "sense/factor_cache.h"

#include <xxhash.h>

struct slot {
	size_t tensor;
	struct slab slab;
	/*
	 * The slab's rows, room for plan.max_raw; once encoded, its payload:
	 * work() leaves the rows' memory to its worker in exchange.
	 */
	struct buf bytes;
	uint8_t *base;		/* the same, of the base model, or NULL */
	bool has_base;		/* base holds this slab's rows */
	struct chunk_head head;
	bool nonfinite;
	bool diagonal;		/* its Hessian was of no other use */
	double gain;		/* on the step constants */
};

struct encode_job {
	struct job_env own;	/* the caller's, with threads that fit */
	const struct job_env *env;	/* own */
	const struct encode_options *opt;
	const struct encode_pass *pass;
	struct codec_settings set;	/* opt's, with the steps */
	struct codec_env codec_env;
	struct factor_cache factors;
	struct steer steer;
	struct buf steered;		/* predicted payloads */
	const struct reader_ops *reader;
	void *state;			/* the reader's */
	struct container_info info;
	struct plan plan;
	struct copies copies;
	XXH3_state_t *hash;		/* of the tensor that next() is in */
	struct base_map base;
	struct container_writer *writer;
	struct sink *out;
	struct job_report *rep;
	struct slot *slots;
	unsigned n_slots;
	struct desk {
		struct buf out;		/* for a payload, as slot.bytes */
		uint8_t *back;		/* [plan.max_raw]: decoded again */
	} *desks;			/* [n_threads] */
	/* where next() is */
	size_t tensor;
	uint64_t row;
};

/* ---- encode_steer.c ---- */

/* The factor of the slot's tensor to env, where one is of use. */
enum hvqz_ret encode_take_factor(struct encode_job *j, const struct slot *s,
				 struct codec_env *env, struct hvqz_err *err);
void encode_leave_factor(struct encode_job *j, const struct codec_env *env);

/* Its tensor's settings, with the slot's gain. */
struct codec_settings encode_slot_settings(const struct encode_job *j,
					   const struct slot *s);

/* Choose the slot's gain; called in the order of the chunks. */
enum hvqz_ret encode_steer(struct encode_job *j, struct slot *s,
			   struct hvqz_err *err);
/* The budget, once the file's head is written. */
void encode_steer_begin(struct encode_job *j);

#endif
