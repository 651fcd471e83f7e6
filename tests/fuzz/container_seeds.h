/*
 * container_seeds.h - small .hvqz files to begin with: those of the corpus,
 * and what the encoder makes of a model with every kind of tensor.
 */
#ifndef TESTS_FUZZ_CONTAINER_SEEDS_H
#define TESTS_FUZZ_CONTAINER_SEEDS_H

#include "base/half.h"
#include "formats/safetensors.h"
#include "model/plan.h"
#include "tests/container_corpus.h"
#include "tests/fuzz/fuzz.h"
#include "tests/random.h"

#include "job/job.h"

/* A safetensors model of few tensors; one is the copy of another. */
static void seed_model(struct buf *b)
{
	static const struct {
		const char *name;
		enum dtype dtype;
		uint64_t dim[2];
	} t[] = {
		{"a", DTYPE_BF16, {80, 64}},
		{"b", DTYPE_F32, {1, 30}},
		{"c", DTYPE_BF16, {80, 64}},
		{"ids", DTYPE_I64, {1, 9}},
	};
	struct model m = {0};
	uint8_t *head;
	size_t len;

	for (size_t i = 0; i < 4; i++)
		FUZZ_HOLDS(!model_add(&m, t[i].name, t[i].dtype, 2, t[i].dim,
				      NULL));
	FUZZ_HOLDS(!safetensors_make_head(&m, NULL, 0, &head, &len, NULL));
	buf_put(b, head, len);
	for (size_t i = 0; i < 4; i++) {
		struct rng rng = {i % 2 + 1};

		for (uint64_t e = 0; e < m.tensors[i].n_elems; e++) {
			float v = 0.02f * normal(&rng);

			if (t[i].dtype == DTYPE_BF16)
				buf_u16(b, bf16_from_f32(v));
			else if (t[i].dtype == DTYPE_F32)
				buf_f32(b, v);
			else
				buf_u64(b, e);
		}
	}
	free(head);
	model_free(&m);
}

static void seed_encode(const struct buf *model, const char *setting,
			void (*add)(const void *p, size_t len))
{
	struct encode_options opt = {.rate = QUALITY_DEFAULT,
				     .chunk_elems = 2560};
	struct job_env env = {.n_threads = 1};
	struct job_report rep;
	struct buf out = {0};
	struct source_memory mem;
	struct source src;
	struct sink sink;

	settings_preset_mid(&opt.set);
	opt.set.effort = 1;
	opt.set.alpha = NAN;
	settings_trellis(&opt.set);
	FUZZ_HOLDS(!settings_apply(&opt.set, setting, NULL));
	source_init_memory(&src, &mem, model->p, model->len);
	sink_init_memory(&sink, &out);
	FUZZ_HOLDS(!job_encode(&env, &opt, &src, &sink, &rep, NULL));
	add(out.p, out.len);
	source_free(&src);
	buf_free(&out);
}

static inline void container_seeds(void (*add)(const void *p, size_t len))
{
	static const char *const settings[] = {
		"lossless", "raw", "q=1", "q=6,rho=0.01", "mid,k=16",
		"mid,faithful,k=16", "bits=3,group=16",
		"bits=2,condition=hero", "q=2,condition=smooth,alpha=1",
	};
	struct buf b = {0};

	for (size_t i = 0; i < container_corpus_n(); i++) {
		container_corpus_make(container_corpus(i), &b);
		if (b.len < 4096)
			add(b.p, b.len);
	}
	buf_clear(&b);
	seed_model(&b);
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		seed_encode(&b, settings[i], add);
	buf_free(&b);
}

#endif
