/*
 * conditioned_encode.c - codec 5's encoder: which coordinates to try.
 *
 * Theory proposes (sense/condition_learn.h), trials decide (conditioned_bench).
 * The coordinates as they were are tried first, so conditioning never loses:
 * where they win, this declines. With an α that is asked for there is nothing
 * to choose.
 */
#include "codec/conditioned_encoder.h"

#include <math.h>

/* Seeds only have to be the same every time. */
#define SEED 0x4865526fu

/* How often the learner goes through the distances of a block. */
static unsigned sweeps_for(const struct bench *b)
{
	/* What an entropy coder pays for is not the largest of a row. */
	if (b->body->id == CODEC_TRELLIS)
		return 0;
	return b->set->effort < 4 ? 1 : b->set->effort < 7 ? 2 : 4;
}

static enum hvqz_ret learn(const struct bench *b,
			   const struct condition_task *task,
			   struct conditioner *c, struct hvqz_err *err)
{
	TRY(condition_learn(task, c, sweeps_for(b), b->env->stopped,
			    b->env->stopped_ctx, err));
	condition_ready(c);
	return HVQZ_OK;
}

/* α as asked for, or by grid. */
static enum hvqz_ret set_alpha(const struct bench *b,
			       const struct condition_task *task,
			       struct conditioner *c, struct hvqz_err *err)
{
	double proxy;

	if (isnan(b->set->alpha))
		return condition_choose_alpha(task, c, &proxy, err);
	condition_scales(c, task->h,
			 (unsigned)(b->set->alpha * CONDITION_ALPHA_STEPS +
				    0.5));
	condition_ready(c);
	return HVQZ_OK;
}

/* S alone; then R, from nothing and from the seeded Hadamard matrix. */
static enum hvqz_ret try_all(struct bench *b, struct conditioner *s,
			     struct conditioner *r, struct conditioner *q,
			     struct hvqz_err *err)
{
	struct condition_task task = {
		.n = b->n,
		.n_units = b->units,
		.w = b->w,
		.h = b->h,
		.g = b->metric.g,
		.bits = b->body->id == CODEC_RTN ? b->set->bits : 0,
		.group = b->set->group,
	};
	bool hero = b->set->condition == CONDITION_HERO;
	bool forced = !isnan(b->set->alpha);
	unsigned log_block = hero ? condition_log_block(b->n) : 0;

	TRY(condition_init(s, b->n, err));
	TRY(set_alpha(b, &task, s, err));
	if (!forced)
		TRY(bench_try(b, NULL, err));
	if (forced ? !log_block : s->alpha > 0)
		TRY(bench_try(b, s, err));
	if (!log_block)
		return HVQZ_OK;
	if (!forced) {
		TRY(condition_copy(r, s, err));
		condition_rotate(r, log_block, false, 0);
		TRY(learn(b, &task, r, err));
		if (r->levels)
			TRY(bench_try(b, r, err));
	}
	TRY(condition_init(q, b->n, err));
	condition_rotate(q, log_block, true, SEED);
	TRY(set_alpha(b, &task, q, err));
	TRY(learn(b, &task, q, err));
	return bench_try(b, q, err);
}

enum hvqz_ret conditioned_encode(const struct codec_env *env,
				 const struct slab *slab,
				 const struct codec_settings *set,
				 const struct sens *sens, const uint8_t *raw,
				 struct buf *out, struct codec_stats *stats,
				 bool *declined, struct hvqz_err *err)
{
	struct bench b = {
		.env = env, .slab = slab, .set = set, .sens = sens, .raw = raw,
	};
	struct conditioner s = {0}, r = {0}, q = {0};
	bool good = false;
	enum hvqz_ret ret;

	*declined = true;
	/* No choice will change the length of a trellis much. */
	if (set->quick && set->codec == CODEC_TRELLIS && isnan(set->alpha))
		return HVQZ_OK;
	TRY_OUT(bench_open(&b, &good, err));
	stats->nonfinite = b.stats.nonfinite;
	if (!good)
		goto out;
	TRY_OUT(try_all(&b, &s, &r, &q, err));
	if (!b.best_cond)
		goto out;
	*stats = b.stats;
	TRY_OUT(bench_put_best(&b, out, err));
	*declined = false;
out:
	condition_free(&s);
	condition_free(&r);
	condition_free(&q);
	bench_close(&b);
	return ret;
}

uint64_t conditioned_encode_memory(const struct slab *slab,
				   const struct codec_settings *set)
{
	struct slab inner = conditioned_inner(slab);
	uint64_t n = (uint64_t)slab->n_rows * slab->n_cols;
	uint64_t longest = slab->n_rows > slab->n_cols ? slab->n_rows
						       : slab->n_cols;
	uint64_t body = codec_find(set->codec)->encode_memory(&inner, set);
	uint64_t decode = codec_conditioned.decode_memory(slab);
	uint64_t most = body + n * 4;

	/*
	 * W, errors, a slab decoded, four payloads at the most; and one of: the
	 * body with its slab, a trial's decoding, learning.
	 */
	most = decode + n * 4 > most ? decode + n * 4 : most;
	return most + n * 8 + slab->raw_len * (uint64_t)5 +
	       3 * condition_memory(longest, n) + longest * 64;
}
