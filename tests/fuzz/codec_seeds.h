/*
 * codec_seeds.h - payloads to begin with: what the encoders make of slabs of
 * several kinds, and the hostile corpus.
 *
 * FUZZ_CODECS are the codecs of the program, FUZZ_PARTS the corpora of each or
 * NULL.
 */
#ifndef TESTS_FUZZ_CODEC_SEEDS_H
#define TESTS_FUZZ_CODEC_SEEDS_H

#include "kernels/kernels.h"
#include "tests/corpus.h"
#include "tests/fuzz/fuzz.h"
#include "tests/slab_case.h"

static const enum codec_id codecs[] = {FUZZ_CODECS};
static const struct corpus_part *const parts[] = {FUZZ_PARTS};

enum {
	N_CODECS = sizeof(codecs) / sizeof(*codecs),
	MAX_SEED = 1 << 14,	/* bytes; a fuzzer has little use for more */
};

/* The base model's rows of codec 6: any bytes, but the same every time. */
static uint8_t *make_base(size_t len)
{
	uint8_t *p = malloc(len);
	struct rng rng = {len};

	FUZZ_HOLDS(p);
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(rng_u64(&rng) >> 8 * (i % 7));
	return p;
}

/* What stands before the payload: see codec.c. */
static void put_head(size_t which, const struct slab *s, struct buf *b)
{
	buf_u8(b, (uint8_t)which);
	buf_u8(b, (uint8_t)(s->dtype - 1));
	buf_u16(b, (uint16_t)(s->n_rows - 1));
	buf_u16(b, (uint16_t)(s->n_cols - 1));
}

static void seed(size_t which, const struct sample *s,
		 const struct codec_settings *set, const struct sens *sens,
		 void (*add)(const void *p, size_t len))
{
	uint8_t *base = make_base(s->slab.raw_len);
	struct codec_env env = {.kern = &kernels_generic, .base = base};
	struct buf out = {0};
	struct codec_stats stats = {0};
	bool declined = false;

	if (codecs[which] != CODEC_DELTA)
		env.base = NULL;
	else
		for (uint32_t i = 0; i < s->slab.raw_len; i++)
			s->raw[i] = (uint8_t)(base[i] + (i % 5 == 0));
	put_head(which, &s->slab, &out);
	if (codec_find(codecs[which])->encode(&env, &s->slab, set, sens,
					      s->raw, &out, &stats, &declined,
					      NULL) == HVQZ_OK && !declined &&
	    out.len < MAX_SEED)
		add(out.p, out.len);
	buf_free(&out);
	free(base);
}

/* Settings of every kind there is for a codec; false: no more. */
static bool settings(enum codec_id codec, unsigned i,
		     struct codec_settings *set)
{
	*set = (struct codec_settings){.codec = codec, .effort = 1 + 4 *
				       (int)(i % 2), .centroids = 16,
				       .block = 2, .step = 0.005,
				       .step_sens = 0.3, .quality = NAN,
				       .bits = 4, .group = 16,
				       .outliers = i % 2 ? 0.02 : 0,
				       .alpha = NAN};
	if (codec == CODEC_HASVQ) {
		set->faithful = i & 2;
		set->block = 1u << i % 4;
	} else if (codec == CODEC_RTN) {
		set->bits = 2 + i % 7;
		set->group = i & 1 ? 0 : 32;
	} else if (codec == CODEC_TRELLIS) {
		set->step = i & 2 ? 0.002 : 0.02;
	} else if (codec == CODEC_CONDITIONED) {
		static const enum codec_id body[] = {
			CODEC_HASVQ, CODEC_TRELLIS, CODEC_RTN};

		set->codec = body[i % 3];
		set->condition = i & 1 ? CONDITION_HERO : CONDITION_SMOOTH;
		set->alpha = 0.5;
	}
	return i < 6;
}

/* Small integers, and so small exponents; in a large slab mostly zeros. */
static struct sample plain_sample(enum dtype dtype, uint32_t rows,
				  uint32_t cols)
{
	struct sample s = blank_sample(dtype, rows, cols);
	struct rng rng = {rows};

	for (uint32_t i = 0; i < s.slab.raw_len; i++)
		s.raw[i] = s.slab.raw_len > 4096
				   ? (uint8_t)(rng_below(&rng, 150) == 0)
				   : (uint8_t)(i % 8 > 5 ? 0x3f : i * i % 5);
	return s;
}

/* The payloads of the hostile corpus. */
static void add_corpus(void (*add)(const void *p, size_t len))
{
	for (size_t k = 0; k < N_CODECS; k++)
		for (size_t i = 0; parts[k] && i < parts[k]->count(); i++) {
			struct corpus_bytes x = {0};
			struct buf b = {0};

			parts[k]->make(i, &x);
			put_head(k, &x.slab, &b);
			buf_put(&b, x.b.p, x.b.len);
			add(b.p, b.len);
			buf_free(&x.b);
			buf_free(&b);
		}
}

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	static const struct {
		enum dtype dtype;
		uint32_t rows, cols;
	} shape[] = {
		{DTYPE_F16, 8, 16}, {DTYPE_BF16, 40, 32}, {DTYPE_F32, 16, 24},
		{DTYPE_F32, 1, 200}, {DTYPE_BF16, 128, 64},
		/* Units enough for 32 lanes, of a trellis and of rANS. */
		{DTYPE_BF16, 600, 3}, {DTYPE_F16, 2, 700},
		{DTYPE_U8, 1000, 66}, {DTYPE_I16, 1000, 66},
		{DTYPE_I8, 10, 10}, {DTYPE_F64, 4, 8}, {DTYPE_C64, 4, 8},
		{DTYPE_I32, 30, 3}, {DTYPE_F8_E4M3, 64, 20},
	};
	float h[1024], g[1024];
	struct sens sens = {.axis = 1, .diag = h};
	struct codec_settings set;

	for (size_t j = 0; j < 1024; j++) {
		h[j] = 1 + (float)(j * j % 17);
		g[j] = 0.5f + (float)(j % 3);
	}
	add_corpus(add);
	for (size_t which = 0; which < N_CODECS; which++)
		for (size_t t = 0; t < sizeof(shape) / sizeof(*shape); t++) {
			bool weight = dtype_is_weight(shape[t].dtype);
			struct sample s = weight
				? make_sample(shape[t].dtype, shape[t].rows,
					      shape[t].cols, t)
				: plain_sample(shape[t].dtype, shape[t].rows,
					       shape[t].cols);

			if (!codec_find(codecs[which])->lossless && !weight) {
				free_sample(&s);
				continue;
			}
			for (unsigned i = 0; settings(codecs[which], i, &set);
			     i++) {
				sens.n_in = shape[t].cols;
				sens.n_out = i & 1 ? shape[t].rows : 0;
				sens.row_sens = i & 1 ? g : NULL;
				seed(which, &s, &set,
				     i > 1 || set.condition ? &sens : NULL,
				     add);
			}
			free_sample(&s);
		}
}

#endif
