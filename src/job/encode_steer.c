/*
 * encode_steer.c - the encode job's steps: how each chunk's follow from the
 * plan, and from the bytes that are left where a size is wanted.
 */
#include "job/encode_job.h"

#include <math.h>

enum hvqz_ret encode_take_factor(struct encode_job *j, const struct slot *s,
				 struct codec_env *env, struct hvqz_err *err)
{
	const struct tensor_plan *tp = &j->plan.t[s->tensor];
	uint64_t n_uses = plan_chunks(tp) * (j->pass->steer > 0 ? 2 : 1);

	*env = j->codec_env;
	env->base = s->has_base ? s->base : NULL;
	if (!plan_wants_factor(tp))
		return HVQZ_OK;
	return factor_cache_get(&j->factors, tp->sens, n_uses, &env->factor,
				err);
}

void encode_leave_factor(struct encode_job *j, const struct codec_env *env)
{
	if (env->factor)
		factor_cache_put(&j->factors, env->factor);
}

struct codec_settings encode_slot_settings(const struct encode_job *j,
					   const struct slot *s)
{
	struct codec_settings set = j->plan.t[s->tensor].set;

	set.step *= s->gain;
	set.step_sens *= s->gain;
	return set;
}

/* ---- steering ---- */

/* Bytes a chunk takes besides its payload: head, index entry. */
enum { CHUNK_FRAME = CONTAINER_CHUNK_HEAD_LEN +
       CONTAINER_INDEX_ENTRY_LEN };

struct prediction {
	struct encode_job *j;
	struct slot *s;
	struct codec_env env;
};

static enum hvqz_ret predict(void *ctx, double at, double *bits,
			     struct hvqz_err *err)
{
	struct prediction *p = ctx;
	struct encode_job *j = p->j;
	struct codec_settings set;
	struct codec_stats stats;
	const struct codec *codec;

	p->s->gain = exp2(at);
	set = encode_slot_settings(j, p->s);
	set.quick = true;
	TRY(codec_encode(&p->env, &p->s->slab, &set,
			 j->plan.t[p->s->tensor].sens, p->s->bytes.p,
			 &j->steered, &codec, &stats, err));
	*bits = 8.0 * (double)(j->steered.len + CHUNK_FRAME);
	return HVQZ_OK;
}

enum hvqz_ret encode_steer(struct encode_job *j, struct slot *s,
			   struct hvqz_err *err)
{
	struct prediction p = {.j = j, .s = s};
	enum hvqz_ret ret;
	double bits;

	s->gain = j->pass->gain;
	if (!(j->pass->steer > 0))
		return HVQZ_OK;
	TRY(encode_take_factor(j, s, &p.env, err));
	if (j->plan.t[s->tensor].set.codec == CODEC_TRELLIS) {
		ret = steer_chunk(&j->steer,
				  s->slab.n_rows * s->slab.n_cols, predict,
				  &p, &s->gain, err);
	} else {
		ret = predict(&p, 0, &bits, err);
		/* What it was expected to take comes back first. */
		j->steer.budget += 8.0 * (s->slab.raw_len + CHUNK_FRAME) -
				   bits;
	}
	encode_leave_factor(j, &p.env);
	return ret;
}

void encode_steer_begin(struct encode_job *j)
{
	const struct model *m = &j->info.model;

	j->steer.budget = j->pass->steer * (double)m->n_params -
			  8.0 * (double)j->out->off;
	j->steer.rest = (double)j->rep->n_steered;
	for (size_t i = 0; i < j->plan.n_tensors; i++)
		if (j->plan.t[i].set.codec != CODEC_TRELLIS)
			j->steer.budget -= 8.0 *
				((double)m->tensors[i].size +
				 (double)(CHUNK_FRAME *
					  plan_chunks(&j->plan.t[i])));
}
