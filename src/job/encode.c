/*
 * encode.c - job: a model file in, a .hvqz out.
 *
 * The whole input header is read and the plan made before the first byte goes
 * out. Then chunks flow: next() reads a slab's rows, work() encodes them and
 * decodes what it encoded, put() writes chunk after chunk.
 */
#include "codec/weights.h"
#include "formats/sidecar.h"
#include "job/job_internal.h"
#include "job/rate.h"
#include "sense/factor_cache.h"
#include "stream/pipeline.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#else
#define PACKAGE_VERSION "0"
#endif

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { DEFAULT_CHUNK = 4 << 20 };	/* elements */

struct slot {
	size_t tensor;
	struct slab slab;
	uint8_t *raw;		/* [plan.max_raw] */
	struct buf out;
	struct chunk_head head;
	bool nonfinite;
};

struct encode_job {
	const struct job_env *env;
	const struct encode_options *opt;
	struct codec_settings set;	/* opt's, with the steps */
	struct codec_env codec_env;
	struct factor_cache factors;
	const struct reader_ops *reader;
	void *state;			/* the reader's */
	struct container_info info;
	struct plan plan;
	struct container_writer *writer;
	struct sink *out;
	struct job_report *rep;
	struct slot *slots;
	unsigned n_slots;
	uint8_t **back;			/* [n_threads]: decoded again */
	/* where next() is */
	size_t tensor;
	uint64_t row;
};

static enum hvqz_ret next(void *ctx, void *slot, bool *end,
			  struct hvqz_err *err)
{
	struct encode_job *j = ctx;
	struct slot *s = slot;

	TRY(job_poll(j->env, err));
	while (j->tensor < j->plan.n_tensors &&
	       j->row == j->plan.t[j->tensor].rows.n_rows) {
		j->tensor++;
		j->row = 0;
	}
	*end = j->tensor == j->plan.n_tensors;
	if (*end)
		return j->reader->tail(j->state, err);
	s->tensor = j->tensor;
	s->slab = plan_slab(&j->plan, &j->info.model, j->tensor, j->row);
	j->row += s->slab.n_rows;
	return j->reader->next(j->state, s->raw, s->slab.raw_len, err);
}

/*
 * Decode what was just encoded, into back, and compare: with the input when
 * the codec is lossless, with the encoder's own idea of the result otherwise.
 */
static enum hvqz_ret verify(struct encode_job *j, struct slot *s,
			    const struct codec *codec,
			    const struct codec_stats *stats, uint8_t *back,
			    struct hvqz_err *err)
{
	const char *name = j->info.model.tensors[s->tensor].name;
	double noise, signal;

	TRY(codec->decode(&j->codec_env, &s->slab, s->out.p, s->out.len, back,
			  err));
	if (codec->lossless) {
		if (!memcmp(back, s->raw, s->slab.raw_len))
			return HVQZ_OK;
	} else {
		weights_error(s->slab.dtype, s->raw, back,
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

/* Encode the slot's rows, with their tensor's factor where one is of use. */
static enum hvqz_ret encode_slab(struct encode_job *j, struct slot *s,
				 const struct codec **codec,
				 struct codec_stats *stats,
				 struct hvqz_err *err)
{
	const struct tensor_plan *tp = &j->plan.t[s->tensor];
	struct codec_env env = j->codec_env;
	enum hvqz_ret ret;

	if (tp->set.codec == CODEC_TRELLIS && tp->sens)
		TRY(factor_cache_get(&j->factors, tp->sens, plan_chunks(tp),
				     &env.factor, err));
	ret = codec_encode(&env, &s->slab, &tp->set, tp->sens, s->raw,
			   &s->out, codec, stats, err);
	if (env.factor)
		factor_cache_put(&j->factors, env.factor);
	return ret;
}

static enum hvqz_ret work(void *ctx, void *slot, unsigned worker,
			  struct hvqz_err *err)
{
	struct encode_job *j = ctx;
	struct slot *s = slot;
	const struct tensor_plan *tp = &j->plan.t[s->tensor];
	struct codec_settings set = tp->set;
	const struct codec *codec;
	struct codec_stats stats;
	uint32_t raw_len = s->slab.raw_len;
	const uint8_t *made = s->raw;

	TRY(encode_slab(j, s, &codec, &stats, err));
	s->nonfinite = stats.nonfinite;
	while (s->out.len < container_min_stored(raw_len)) {
		/* Too small to be allowed (hvqz.md): the next codec's turn. */
		set.codec = (enum codec_id)codec_fallback(codec->id);
		TRY(codec_encode(&j->codec_env, &s->slab, &set, NULL, s->raw,
				 &s->out, &codec, &stats, err));
	}
	if (!codec->lossless || !j->opt->no_verify) {
		TRY(verify(j, s, codec, &stats, j->back[worker], err));
		made = j->back[worker];
	}
	s->head = (struct chunk_head){
		.tensor = (uint32_t)s->tensor,
		.codec = (uint8_t)codec->id,
		.first_row = s->slab.first_row,
		.n_rows = s->slab.n_rows,
		.raw_len = raw_len,
		.stored_len = (uint32_t)s->out.len,
		.noise = container_stat(stats.noise),
		.signal = container_stat(stats.signal),
		.loss = container_stat(stats.loss),
		.stored_hash = XXH3_64bits(s->out.p, s->out.len),
		.raw_hash = XXH3_64bits(made, raw_len),
	};
	return HVQZ_OK;
}

static enum hvqz_ret put(void *ctx, void *slot, struct hvqz_err *err)
{
	struct encode_job *j = ctx;
	struct slot *s = slot;
	const char *name = j->info.model.tensors[s->tensor].name;

	TRY(container_write_chunk(j->writer, &s->head, s->out.p, err));
	report_chunk(j->rep, &s->head);
	j->rep->in_bytes += s->head.raw_len;
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

/* The settings in words, for the header's remarks. */
static void describe(const struct codec_settings *set, char *buf, size_t len)
{
	if (set->codec == CODEC_TRELLIS)
		snprintf(buf, len, "trellis c=%.6g/%.6g rho=%.9g -%d",
			 set->step, set->step_sens, set->outliers,
			 set->effort);
	else if (set->codec != CODEC_HASVQ)
		snprintf(buf, len, "%s -%d", codec_find(set->codec)->name,
			 set->effort);
	else
		snprintf(buf, len, "hasvq%s kmeans K=%" PRIu32 " b=%" PRIu32
			 " rho=%.9g -%d", set->faithful ? " faithful" : "",
			 set->centroids, set->block, set->outliers,
			 set->effort);
}

static enum hvqz_ret remark(struct encode_job *j, struct hvqz_err *err)
{
	const struct sens_table *sens = j->opt->sens;
	struct container_info *info = &j->info;
	char text[128];

	TRY(container_note(info, "encoder", "hvqz " PACKAGE_VERSION, err));
	describe(&j->set, text, sizeof(text));
	TRY(container_note(info, "settings", text, err));
	for (size_t i = 0; i < j->opt->n_rules; i++)
		TRY(container_note(info, "tensor", j->opt->rules[i].text,
				   err));
	if (!sens || !j->rep->n_lossy)
		return HVQZ_OK;
	snprintf(text, sizeof(text), "%s xxh3:%016" PRIx64, sens->kind,
		 sens->hash);
	TRY(container_note(info, "sidecar", text, err));
	if (sens->calibration)
		TRY(container_note(info, "calibration", sens->calibration,
				   err));
	if (sens->n_tokens) {
		snprintf(text, sizeof(text), "%" PRIu64, sens->n_tokens);
		TRY(container_note(info, "tokens", text, err));
	}
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
		rate_from_quality(opt->rate, n, &j->set);
	for (size_t i = 0; i < j->plan.n_tensors; i++) {
		struct codec_settings *set = &j->plan.t[i].set;

		set->step = j->set.step;
		set->step_sens = j->set.step_sens;
		if (set->codec == CODEC_TRELLIS && !isnan(set->quality))
			rate_from_quality(set->quality, n, set);
	}
	return HVQZ_OK;
}

/* Everything that is known before the first chunk. */
static enum hvqz_ret prepare(struct encode_job *j, struct source *src,
			     struct hvqz_err *err)
{
	struct container_info *info = &j->info;
	struct model *m = &info->model;
	uint64_t elems = j->opt->chunk_elems;

	TRY(format_detect(src, &j->reader, err));
	TRY(j->reader->head(src, m, &j->state, err));
	if (j->opt->sens)
		TRY(sidecar_match(j->opt->sens, m, &j->env->notes, err));
	j->set = j->opt->set;
	TRY(plan_make(&j->plan, m, &j->set, j->opt->rules,
		      j->opt->n_rules, j->opt->sens,
		      elems ? elems : DEFAULT_CHUNK, err));
	TRY(set_rate(j, err));
	info->max_raw = j->plan.max_raw;
	info->n_chunks = j->plan.n_chunks;
	info->tensor_flags = calloc(m->n_tensors + 1, 1);
	if (!info->tensor_flags)
		return hvqz_nomem(err, m->n_tensors, "tensor flags");
	for (size_t i = 0; i < m->n_tensors; i++) {
		info->tensor_flags[i] = j->plan.t[i].lossy ? TENSOR_LOSSY : 0;
		j->rep->n_lossy += j->plan.t[i].lossy;
	}
	j->rep->n_params = m->n_params;
	j->rep->n_tensors = m->n_tensors;
	j->rep->in_bytes = m->head_len;
	/* A slot: rows and payload. A worker: codec scratch, decoded rows and
	 * the decoder's scratch, which is smaller than the encoder's. */
	j->rep->memory = job_threads(j->env) * plan_factor_memory(&j->plan) +
			 4 * (uint64_t)m->head_len +
			 j->n_slots * 2 * (uint64_t)j->plan.max_raw +
			 job_threads(j->env) *
				 (j->plan.encode_memory + j->plan.max_raw);
	return job_check_memory(j->env, j->rep->memory,
				"smaller chunks (--chunk)", err);
}

static enum hvqz_ret allocate(struct encode_job *j, struct hvqz_err *err)
{
	unsigned n_threads = job_threads(j->env);
	size_t max = j->plan.max_raw ? j->plan.max_raw : 1;

	j->slots = calloc(j->n_slots, sizeof(*j->slots));
	j->back = calloc(n_threads, sizeof(*j->back));
	if (!j->slots || !j->back)
		return hvqz_nomem(err, j->n_slots * sizeof(*j->slots),
				  "the slots");
	for (unsigned i = 0; i < j->n_slots; i++) {
		j->slots[i].raw = malloc(max);
		if (!j->slots[i].raw)
			return hvqz_nomem(err, max, "a chunk's rows");
	}
	for (unsigned i = 0; i < n_threads; i++) {
		j->back[i] = malloc(max);
		if (!j->back[i])
			return hvqz_nomem(err, max, "a chunk decoded again");
	}
	return HVQZ_OK;
}

static void release(struct encode_job *j)
{
	for (unsigned i = 0; j->slots && i < j->n_slots; i++) {
		free(j->slots[i].raw);
		buf_free(&j->slots[i].out);
	}
	for (unsigned i = 0; j->back && i < job_threads(j->env); i++)
		free(j->back[i]);
	free(j->slots);
	free(j->back);
	container_writer_free(j->writer);
	if (j->reader)
		j->reader->free(j->state);
	factor_cache_free(&j->factors);
	plan_free(&j->plan);
	container_info_free(&j->info);
}

enum hvqz_ret job_encode(const struct job_env *env,
			 const struct encode_options *opt, struct source *src,
			 struct sink *out, struct job_report *rep,
			 struct hvqz_err *err)
{
	static const struct pipeline_ops ops = {next, work, put};
	struct encode_job j = {
		.env = env,
		.opt = opt,
		.codec_env = job_codec_env(env),
		.out = out,
		.rep = rep,
		.n_slots = pipeline_slots(job_threads(env)),
	};
	enum hvqz_ret ret;

	*rep = (struct job_report){0};
	factor_init();
	factor_cache_init(&j.factors);
	TRY_OUT(prepare(&j, src, err));
	if (opt->dry_run) {
		rep->n_chunks = j.plan.n_chunks;
		rep->in_bytes += j.info.model.data_size;
		goto out;
	}
	TRY_OUT(allocate(&j, err));
	TRY_OUT(remark(&j, err));
	TRY_OUT(container_write_head(&j.writer, &j.info, out, err));
	TRY_OUT(pipeline_run(&ops, &j, job_threads(env), j.slots,
			     sizeof(*j.slots), err));
	TRY_OUT(container_write_tail(j.writer, err));
	rep->out_bytes = out->off;
out:
	release(&j);
	return ret;
}
