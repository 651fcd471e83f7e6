/* decode_unit.c - one chunk from payload to bytes, for all who decode. */
#include "codec/weights.h"
#include "job/walk.h"
#include "kernels/kernels.h"
#include "stream/pipeline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct codec_env job_codec_env(const struct job_env *env)
{
	return (struct codec_env){
		.kern = env->kern ? env->kern : kernels_select(),
		.stopped = env->stopped,
		.stopped_ctx = env->stopped_ctx,
	};
}

unsigned job_threads(const struct job_env *env)
{
	return env->n_threads ? env->n_threads : 1;
}

/* Mebibytes with as many decimals as a small figure needs to be one. */
static int decimals(double mib)
{
	return mib < 1 ? 3 : mib < 100 ? 1 : 0;
}

enum hvqz_ret job_check_memory(const struct job_env *env, uint64_t need,
			       const char *how_to_need_less,
			       struct hvqz_err *err)
{
	double n = (double)need / (1 << 20);
	double m = (double)env->memory_limit / (1 << 20);

	if (!env->memory_limit || need <= env->memory_limit)
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_USAGE,
			 "needs %.*f MiB, the limit is %.*f MiB; use %s%s",
			 decimals(n), n, decimals(m), m,
			 job_threads(env) > 1 ? "fewer threads (-T) or " : "",
			 how_to_need_less);
}

enum hvqz_ret job_check_chunks(const struct job_env *env, uint64_t need,
			       uint64_t fixed, const char *how_to_need_less,
			       struct hvqz_err *err)
{
	double n = (double)fixed / (1 << 20);
	double m = (double)env->memory_limit;
	bool small = env->memory_limit < 1 << 20;

	if (!env->memory_limit || env->memory_limit > fixed ||
	    need <= env->memory_limit)
		return job_check_memory(env, need, how_to_need_less, err);
	return hvqz_fail(err, HVQZ_USAGE,
			 "needs more than %.*f MiB with chunks of any size, "
			 "the limit is %.*f %s", decimals(n), n, small ? 0 : 1,
			 small ? m : m / (1 << 20),
			 !small ? "MiB" : m == 1 ? "byte" : "bytes");
}

enum hvqz_ret job_poll(const struct job_env *env, struct hvqz_err *err)
{
	if (env->stopped && env->stopped(env->stopped_ctx))
		return hvqz_fail(err, HVQZ_STOPPED, "stopped by a signal");
	return HVQZ_OK;
}

/* n bytes in place of what b had, not one more; NULL when out of memory. */
static void *refill(struct buf *b, size_t n)
{
	buf_clear(b);
	if (!buf_reserve(b, n))
		return NULL;
	b->len = n;
	return b->p;
}

enum dtype restored_dtype(const struct container_info *info, size_t t,
			  enum dtype wanted)
{
	enum dtype own = info->model.tensors[t].dtype;
	bool lossy = info->tensor_flags &&
		     (info->tensor_flags[t] & TENSOR_LOSSY);

	return wanted && lossy && dtype_is_weight(own) ? wanted : own;
}

/* n elements of d->raw in another floating-point dtype to d->conv. */
static enum hvqz_ret convert(struct decode_unit *u, struct decode_desk *d,
			     size_t n, enum dtype from, enum dtype to,
			     struct hvqz_err *err)
{
	size_t out = dtype_bits(to) / 8, len = n * out, a = 0, b = n;
	float *wide = refill(&d->wide, n * sizeof(float));
	uint8_t *conv = refill(&d->conv, len);

	if (!wide || !conv)
		return hvqz_nomem(err, n * sizeof(float) + len,
				  "converted rows");
	/* Rows kept exactly because of a NaN or an infinity keep those. */
	weights_widen(from, d->raw.p, n, wide);
	if (u->count_b) {
		b = (size_t)u->count_b / (dtype_bits(from) / 8);
		a = (size_t)u->count_a / (dtype_bits(from) / 8);
	}
	weights_narrow_any(to, wide, a, conv);
	u->n_clamped = weights_narrow_any(to, wide + a, b - a, conv + a * out);
	weights_narrow_any(to, wide + b, n - b, conv + b * out);
	return HVQZ_OK;
}

/* The rows are in b: the payload's memory goes there in exchange. */
static void hand_over(struct decode_unit *u, struct buf *b)
{
	buf_trade(&u->payload, b);
	u->bytes = u->payload.p;
	u->len = u->payload.len;
}

struct slab chunk_slab(const struct container_info *info,
		       const struct chunk_head *h)
{
	const struct tensor *t = &info->model.tensors[h->tensor];

	return (struct slab){
		.dtype = t->dtype,
		.first_row = h->first_row,
		.n_rows = h->n_rows,
		.n_cols = tensor_rows(t).row_elems,
		.raw_len = h->raw_len,
	};
}

enum hvqz_ret chunk_fail(const struct container_info *info,
			 const struct chunk_head *h,
			 const struct hvqz_err *why, struct hvqz_err *err)
{
	return hvqz_fail_tensor(err, why->ret,
				info->model.tensors[h->tensor].name,
				"rows %" PRIu64 " to %" PRIu64 ": %s",
				h->first_row,
				h->first_row + h->n_rows - 1, why->msg);
}

/* The base model's rows for a chunk of tensor t to d and env. */
static enum hvqz_ret take_base(struct decode_desk *d, size_t t,
			       struct codec_env *env,
			       const struct container_info *info,
			       const struct base_map *base,
			       const struct slab *slab, struct hvqz_err *err)
{

	if (!base || !base->off || base->off[t] == BASE_NONE)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED,
					info->model.tensors[t].name,
					"a difference from a tensor that the "
					"base model does not have");
	if (!refill(&d->base, slab->raw_len))
		return hvqz_nomem(err, slab->raw_len, "the base model's rows");
	TRY(base_rows(base, &info->model, t, slab, d->base.p, err));
	env->base = d->base.p;
	return HVQZ_OK;
}

enum hvqz_ret decode_unit_run(struct decode_unit *u, struct decode_desk *d,
			      const struct codec_env *env,
			      const struct container_info *info,
			      const struct base_map *base, enum dtype wanted,
			      struct hvqz_err *err)
{
	const struct tensor *t = &info->model.tensors[u->head.tensor];
	enum dtype to = restored_dtype(info, u->head.tensor, wanted);
	const struct codec *codec = codec_find(u->head.codec);
	struct slab slab = chunk_slab(info, &u->head);
	struct codec_env with_base = *env;
	struct hvqz_err why = {0};

	u->n_clamped = 0;
	TRY(container_check_payload(info, &u->head, u->payload.p, err));
	if (!refill(&d->raw, u->head.raw_len))
		return hvqz_nomem(err, u->head.raw_len, "a chunk's rows");
	if (!codec)
		hvqz_fail(&why, HVQZ_UNSUPPORTED,
			  "codec %u is unknown to this version",
			  u->head.codec);
	if (!codec)
		return chunk_fail(info, &u->head, &why, err);
	if (codec->id == CODEC_DELTA)
		TRY(take_base(d, u->head.tensor, &with_base, info, base, &slab,
			      err));
	if (codec->decode(&with_base, &slab, u->payload.p, u->payload.len,
			  d->raw.p, &why) != HVQZ_OK)
		return chunk_fail(info, &u->head, &why, err);
	TRY(container_check_raw(info, &u->head, d->raw.p, err));
	if (to != t->dtype)
		TRY(convert(u, d, u->head.raw_len / (dtype_bits(t->dtype) / 8),
			    t->dtype, to, err));
	hand_over(u, to == t->dtype ? &d->raw : &d->conv);
	return HVQZ_OK;
}

/* What stands for rows that nobody knows. */
static enum hvqz_ret zeros(struct decode_unit *u,
			   const struct container_info *info,
			   enum dtype wanted, struct hvqz_err *err)
{
	enum dtype from = info->model.tensors[u->head.tensor].dtype;
	enum dtype to = restored_dtype(info, u->head.tensor, wanted);

	u->len = u->head.raw_len;
	/* Only whole-byte dtypes are ever converted. */
	if (to != from)
		u->len = u->len / (dtype_bits(from) / 8) * (dtype_bits(to) / 8);
	if (!refill(&u->payload, u->len))
		return hvqz_nomem(err, u->len, "a chunk's rows");
	memset(u->payload.p, 0, u->len);
	u->bytes = u->payload.p;
	return HVQZ_OK;
}

enum hvqz_ret decode_unit_go_on(struct decode_unit *u, struct decode_desk *d,
				const struct codec_env *env,
				const struct container_info *info,
				const struct base_map *base, enum dtype wanted,
				bool output, struct hvqz_err *err)
{
	enum hvqz_ret ret = HVQZ_DAMAGED;

	u->bad = false;
	u->n_clamped = 0;
	if (!u->lost)
		ret = decode_unit_run(u, d, env, info, base, wanted,
				      &u->err);
	if (ret == HVQZ_OK)
		return HVQZ_OK;
	if (!is_damage(ret)) {
		if (err)
			*err = u->err;
		return ret;
	}
	u->bad = true;
	/* Not for a test: rows may be large that were never there. */
	return output ? zeros(u, info, wanted, err) : HVQZ_OK;
}

enum hvqz_ret restored_model(const struct container_info *info,
			     enum dtype wanted, const uint64_t *rows,
			     struct model *m, struct hvqz_err *err)
{
	*m = (struct model){0};
	for (size_t i = 0; i < info->model.n_tensors; i++) {
		const struct tensor *t = &info->model.tensors[i];
		uint64_t dim[TENSOR_MAX_RANK] = {0};

		if (rows && rows[i] == UINT64_MAX)
			continue;
		memcpy(dim, t->dim, sizeof(dim));
		if (rows && t->rank)
			dim[0] = rows[i];
		TRY(model_add(m, t->name, restored_dtype(info, i, wanted),
			      t->rank, dim, err));
	}
	return HVQZ_OK;
}

void report_chunk(struct job_report *rep, const struct chunk_head *h)
{
	rep->n_chunks++;
	rep->noise += h->noise;
	rep->signal += h->signal;
	rep->loss += h->loss;
}
