/*
 * encode_pass.c - once through a model: in, and a .hvqz out.
 *
 * The whole input header is read and the plan made before the first byte goes
 * out. Then chunks flow: next() reads a slab's rows, work() encodes them and
 * decodes what it encoded, put() writes chunk after chunk.
 */
#include "codec/weights.h"
#include "formats/sidecar.h"
#include "job/encode_job.h"
#include "job/encode_plan.h"
#include "job/encode_remark.h"
#include "job/rate.h"
#include "kernels/blas.h"
#include "stream/pipeline.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- the pipeline's three functions ---- */

/* j->hash has all of tensor t: is it what it was when copies were found? */
static enum hvqz_ret still_same(struct encode_job *j, size_t t,
				struct hvqz_err *err)
{
	if (XXH128_isEqual(XXH3_128bits_digest(j->hash), j->copies.hash[t]))
		return HVQZ_OK;
	return hvqz_fail_tensor(err, HVQZ_IO, j->info.model.tensors[t].name,
				"has changed while it was read: it was equal "
				"to another tensor");
}

/* Read on over tensor t, a copy: it still has to be one. buf [max_raw]. */
static enum hvqz_ret pass_copy(struct encode_job *j, size_t t, uint8_t *buf,
			       struct hvqz_err *err)
{
	uint64_t left = j->info.model.tensors[t].size;

	XXH3_128bits_reset(j->hash);
	while (left) {
		size_t n = left < j->plan.max_raw ? (size_t)left
						  : j->plan.max_raw;

		TRY(job_poll(j->env, err));
		TRY(j->reader->next(j->state, buf, n, err));
		XXH3_128bits_update(j->hash, buf, n);
		left -= n;
	}
	return still_same(j, t, err);
}

/* The slot's rows are read: an original has to stay one, too. */
static enum hvqz_ret watch(struct encode_job *j, const struct slot *s,
			   struct hvqz_err *err)
{
	if (!j->copies.n || !j->copies.shared[s->tensor])
		return HVQZ_OK;
	if (!s->slab.first_row)
		XXH3_128bits_reset(j->hash);
	XXH3_128bits_update(j->hash, s->bytes.p, s->slab.raw_len);
	return j->row == j->plan.t[s->tensor].rows.n_rows
		       ? still_same(j, s->tensor, err)
		       : HVQZ_OK;
}

static bool is_copy(const struct encode_job *j, size_t t)
{
	return j->copies.of && j->copies.of[t];
}

/* Can tensor t become a difference from the base model? */
static bool may_use_base(const struct encode_job *j, size_t t)
{
	unsigned bits = dtype_bits(j->info.model.tensors[t].dtype);

	return j->base.off && j->base.off[t] != BASE_NONE &&
	       j->plan.t[t].set.codec == CODEC_PLANES &&
	       (bits == 8 || bits == 16 || bits == 32);
}

/* The base model's rows of the slot's slab, where they are of use. */
static enum hvqz_ret take_base(struct encode_job *j, struct slot *s,
			       struct hvqz_err *err)
{
	s->has_base = s->base && may_use_base(j, s->tensor);
	return s->has_base ? base_rows(&j->base, &j->info.model, s->tensor,
				       &s->slab, s->base, err)
			   : HVQZ_OK;
}

static enum hvqz_ret next(void *ctx, void *slot, bool *end,
			  struct hvqz_err *err)
{
	struct encode_job *j = ctx;
	struct slot *s = slot;

	TRY(job_poll(j->env, err));
	while (j->tensor < j->plan.n_tensors &&
	       (j->row == j->plan.t[j->tensor].rows.n_rows ||
		is_copy(j, j->tensor))) {
		if (is_copy(j, j->tensor))
			TRY(pass_copy(j, j->tensor, s->bytes.p, err));
		j->tensor++;
		j->row = 0;
	}
	*end = j->tensor == j->plan.n_tensors;
	if (*end)
		return j->reader->tail(j->state, err);
	s->tensor = j->tensor;
	s->slab = plan_slab(&j->plan, &j->info.model, j->tensor, j->row);
	j->row += s->slab.n_rows;
	TRY(j->reader->next(j->state, s->bytes.p, s->slab.raw_len, err));
	TRY(watch(j, s, err));
	TRY(take_base(j, s, err));
	return encode_steer(j, s, err);
}

/*
 * Decode what was just encoded, d->out into d->back, and compare: with the
 * input when the codec is lossless, with the encoder's own idea of the result
 * otherwise.
 */
static enum hvqz_ret verify(struct encode_job *j,
			    const struct codec_env *env, struct slot *s,
			    const struct codec *codec,
			    const struct codec_stats *stats, const struct desk *d,
			    struct hvqz_err *err)
{
	const char *name = j->info.model.tensors[s->tensor].name;
	double noise, signal;

	TRY(codec->decode(env, &s->slab, d->out.p, d->out.len, d->back,
			  err));
	if (codec->lossless) {
		if (!memcmp(d->back, s->bytes.p, s->slab.raw_len))
			return HVQZ_OK;
	} else {
		weights_error(env->kern, s->slab.dtype, s->bytes.p, d->back,
			      s->slab.n_rows * s->slab.n_cols, &noise,
			      &signal);
		if (noise == stats->noise && signal == stats->signal)
			return HVQZ_OK;
	}
	return hvqz_fail_tensor(err, HVQZ_IO, name,
				"rows %" PRIu64 " to %" PRIu64 ": what the %s "
				"decoder gives is not what was encoded; this "
				"is a fault of hvqz or of this computer's "
				"memory", s->slab.first_row,
				s->slab.first_row + s->slab.n_rows - 1,
				codec->name);
}

static enum hvqz_ret work(void *ctx, void *slot, unsigned worker,
			  struct hvqz_err *err)
{
	struct encode_job *j = ctx;
	struct slot *s = slot;
	struct desk *d = &j->desks[worker];
	const struct tensor_plan *tp = &j->plan.t[s->tensor];
	struct codec_settings set = encode_slot_settings(j, s);
	const struct codec *codec;
	struct codec_env env;
	struct codec_stats stats;
	uint32_t raw_len = s->slab.raw_len;
	const uint8_t *made = s->bytes.p;
	enum hvqz_ret ret;

	TRY(encode_take_factor(j, s, &env, err));
	ret = codec_encode(&env, &s->slab, &set, tp->sens, s->bytes.p,
			   &d->out, &codec, &stats, err);
	s->diagonal = env.factor && env.factor->fell_back &&
		      !s->slab.first_row;
	encode_leave_factor(j, &env);
	TRY(ret);
	s->nonfinite = stats.nonfinite;
	while (d->out.len < container_min_stored(raw_len)) {
		/* Too small to be allowed (hvqz.md): the next codec's turn. */
		set.codec = (enum codec_id)codec_fallback(codec->id);
		set.condition = CONDITION_NONE;
		TRY(codec_encode(&j->codec_env, &s->slab, &set, NULL,
				 s->bytes.p, &d->out, &codec, &stats, err));
	}
	if (!j->pass->measure && (!codec->lossless || !j->opt->no_verify)) {
		env.factor = NULL;
		TRY(verify(j, &env, s, codec, &stats, d, err));
		made = d->back;
	}
	s->head = (struct chunk_head){
		.tensor = (uint32_t)s->tensor,
		.codec = (uint8_t)codec->id,
		.first_row = s->slab.first_row,
		.n_rows = s->slab.n_rows,
		.raw_len = raw_len,
		.stored_len = (uint32_t)d->out.len,
		.noise = container_stat(stats.noise),
		.signal = container_stat(stats.signal),
		.loss = container_stat(stats.loss),
		.stored_hash = XXH3_64bits(d->out.p, d->out.len),
		.raw_hash = XXH3_64bits(made, raw_len),
	};
	buf_trade(&s->bytes, &d->out);
	return HVQZ_OK;
}

static enum hvqz_ret put(void *ctx, void *slot, struct hvqz_err *err)
{
	struct encode_job *j = ctx;
	struct slot *s = slot;
	const char *name = j->info.model.tensors[s->tensor].name;

	TRY(container_write_chunk(j->writer, &s->head, s->bytes.p, err));
	report_chunk(j->rep, &s->head);
	j->rep->in_bytes += s->head.raw_len;
	if (s->diagonal)
		hvqz_warn(&j->env->notes,
			  "tensor '%s': its Hessian is not positive definite; "
			  "only the diagonal is used", name);
	if (s->nonfinite) {
		j->rep->n_nonfinite++;
		hvqz_warn(&j->env->notes,
			  "tensor '%s': rows %" PRIu64 " to %" PRIu64
			  " hold NaN or infinity and are kept exactly", name,
			  s->head.first_row,
			  s->head.first_row + s->head.n_rows - 1);
	}
	if (j->env->progress)
		j->env->progress(j->env->progress_ctx, j->rep->in_bytes,
				 j->out->off, name);
	return HVQZ_OK;
}

/* The steps of every tensor that is to get a trellis. */
static enum hvqz_ret set_rate(struct encode_job *j, struct hvqz_err *err)
{
	const struct encode_options *opt = j->opt;
	uint64_t n = 0;

	for (size_t i = 0; i < j->plan.n_tensors; i++) {
		const struct tensor_plan *tp = &j->plan.t[i];
		const struct tensor *t = &j->info.model.tensors[i];

		if (tp->set.codec != CODEC_TRELLIS)
			continue;
		n += t->n_elems;
		if (opt->rate_mode == RATE_KL &&
		    !(tp->sens && tp->sens->curvature > 0))
			return hvqz_fail_tensor(err, HVQZ_USAGE, t->name,
						"no row sensitivities are "
						"known, so its part of a KL "
						"divergence is not either: "
						"--kl needs a sidecar with "
						"row_sens or curvature");
	}
	if (opt->rate_mode == RATE_KL)
		rate_from_kl(opt->rate, n, &j->set);
	else
		rate_from_quality(opt->rate_mode == RATE_QUALITY
					  ? opt->rate : QUALITY_DEFAULT,
				  n, &j->set);
	j->rep->n_steered = n;
	for (size_t i = 0; i < j->plan.n_tensors; i++) {
		struct codec_settings *set = &j->plan.t[i].set;

		set->step = j->set.step;
		set->step_sens = j->set.step_sens;
		set->quick = j->pass->quick;
		if (set->codec == CODEC_TRELLIS && !isnan(set->quality))
			rate_from_quality(set->quality, n, set);
	}
	return HVQZ_OK;
}

/* Whose rows are in the base model, and which one that is. */
static enum hvqz_ret use_base(struct encode_job *j, struct hvqz_err *err)
{
	const struct base_model *b = j->opt->base;

	TRY(base_map_make(&j->base, b, &j->info.model, err));
	if (!j->base.n_found)
		return hvqz_fail(err, HVQZ_USAGE,
				 "none of the base model's %zu tensors has the "
				 "name, dtype and shape of one of these %zu",
				 b->model.n_tensors, j->info.model.n_tensors);
	for (size_t i = 0; i < j->plan.n_tensors; i++)
		j->info.has_base |= may_use_base(j, i);
	memcpy(j->info.base_digest, b->digest, sizeof(b->digest));
	return HVQZ_OK;
}

static enum hvqz_ret find_copies(struct encode_job *j, struct source *src,
				 struct hvqz_err *err)
{
	const struct model *m = &j->info.model;
	uint64_t *at = NULL;
	enum hvqz_ret ret;

	if (j->reader->offset) {
		at = malloc((m->n_tensors + 1) * sizeof(*at));
		if (!at)
			return hvqz_nomem(err, m->n_tensors * sizeof(*at),
					  "the tensors' places");
		for (size_t i = 0; i < m->n_tensors; i++)
			at[i] = j->reader->offset(j->state, i);
	}
	ret = copies_find(&j->copies, src, at, m, &j->plan, j->env->stopped,
			  j->env->stopped_ctx, err);
	free(at);
	return ret;
}

/* Everything that is known before the first chunk. */
static enum hvqz_ret prepare(struct encode_job *j, struct source *src,
			     struct hvqz_err *err)
{
	struct container_info *info = &j->info;
	struct model *m = &info->model;

	TRY(format_detect(src, &j->reader, err));
	TRY(j->reader->head(src, m, &j->state, err));
	info->has_rest = j->reader->has_rest;
	if (j->opt->sens)
		TRY(sidecar_match(j->opt->sens, m, &j->env->notes, err));
	j->set = j->opt->set;
	TRY(encode_plan(&j->plan, &j->own, j->opt, j->pass, &j->set, m, j->rep,
			err));
	j->n_slots = pipeline_slots(job_threads(j->env));
	TRY(set_rate(j, err));
	if (j->opt->base)
		TRY(use_base(j, err));
	if (source_can_seek(src))
		TRY(find_copies(j, src, err));
	info->copy_of = j->copies.of;
	j->rep->n_copies = j->copies.n;
	info->max_raw = j->plan.max_raw;
	info->n_chunks = j->plan.n_chunks;
	info->tensor_flags = calloc(m->n_tensors + 1, 1);
	if (!info->tensor_flags)
		return hvqz_nomem(err, m->n_tensors, "tensor flags");
	for (size_t i = 0; i < m->n_tensors; i++) {
		info->tensor_flags[i] = j->plan.t[i].lossy ? TENSOR_LOSSY : 0;
		j->rep->n_lossy += j->plan.t[i].lossy;
	}
	encode_warn_files(info, &j->env->notes);
	TRY(encode_warn_index(info, &j->env->notes, err));
	j->rep->n_params = m->n_params;
	j->rep->n_tensors = m->n_tensors;
	/* Copies have been read before all else. */
	j->rep->in_bytes = format_source_size(m) - m->data_size +
			   j->copies.size;
	return HVQZ_OK;
}

static enum hvqz_ret allocate(struct encode_job *j, struct hvqz_err *err)
{
	size_t max = j->plan.max_raw ? j->plan.max_raw : 1;
	unsigned n = job_threads(j->env);

	j->slots = calloc(j->n_slots, sizeof(*j->slots));
	j->desks = calloc(n, sizeof(*j->desks));
	if (!j->slots || !j->desks)
		return hvqz_nomem(err, j->n_slots * sizeof(*j->slots),
				  "the slots");
	if (j->copies.n) {
		j->hash = XXH3_createState();
		if (!j->hash)
			return hvqz_nomem(err, 576, "a hash state");
	}
	for (unsigned i = 0; i < j->n_slots; i++) {
		if (!buf_reserve(&j->slots[i].bytes, max))
			return hvqz_nomem(err, max, "a chunk's rows");
		if (!j->info.has_base)
			continue;
		j->slots[i].base = malloc(max);
		if (!j->slots[i].base)
			return hvqz_nomem(err, max, "the base model's rows");
	}
	for (unsigned i = 0; i < n; i++) {
		j->desks[i].back = malloc(max);
		if (!j->desks[i].back || !buf_reserve(&j->desks[i].out, max))
			return hvqz_nomem(err, max, "a chunk decoded again");
	}
	return HVQZ_OK;
}

static void release(struct encode_job *j)
{
	for (unsigned i = 0; j->slots && i < j->n_slots; i++) {
		buf_free(&j->slots[i].bytes);
		free(j->slots[i].base);
	}
	for (unsigned i = 0; j->desks && i < job_threads(j->env); i++) {
		buf_free(&j->desks[i].out);
		free(j->desks[i].back);
	}
	free(j->slots);
	free(j->desks);
	XXH3_freeState(j->hash);
	container_writer_free(j->writer);
	if (j->reader)
		j->reader->free(j->state);
	buf_free(&j->steered);
	factor_cache_free(&j->factors);
	plan_free(&j->plan);
	base_map_free(&j->base);
	/* The table of copies is one, and theirs. */
	j->info.copy_of = NULL;
	copies_free(&j->copies);
	container_info_free(&j->info);
}

enum hvqz_ret encode_pass_run(const struct job_env *env,
			      const struct encode_options *opt,
			      const struct encode_pass *pass,
			      struct source *src, struct sink *out,
			      struct job_report *rep, struct hvqz_err *err)
{
	static const struct pipeline_ops ops = {next, work, put};
	struct encode_job j = {
		.own = *env,
		.opt = opt,
		.pass = pass,
		.codec_env = job_codec_env(env),
		.out = out,
		.rep = rep,
	};
	enum hvqz_ret ret;

	*rep = (struct job_report){0};
	j.env = &j.own;
	blas_init();
	factor_cache_init(&j.factors);
	TRY_OUT(prepare(&j, src, err));
	TRY_OUT(allocate(&j, err));
	TRY_OUT(encode_remark(&j.info, opt, pass, &j.set, rep->n_lossy, err));
	TRY_OUT(container_write_head(&j.writer, &j.info, out, err));
	encode_steer_begin(&j);
	TRY_OUT(pipeline_run(&ops, &j, job_threads(j.env), j.slots,
			     sizeof(*j.slots), err));
	TRY_OUT(container_write_tail(j.writer, err));
	rep->out_bytes = out->off;
out:
	release(&j);
	return ret;
}
