/*
 * codec.c - the decoders of payloads, a family of codecs in each program.
 *
 * Input: codec (which of FUZZ_CODECS), dtype, rows (16 bits), columns (16
 * bits), then the payload; all modulo what is possible. Every instruction set
 * must say the same of a payload and restore the same bytes.
 */
#include "tests/fuzz/fuzz.h"

#include "kernels/kernels.h"
#include "model/plan.h"
#include "tests/slab_case.h"

enum {
	HEAD = 6,
	MAX_SIDE = 1024,
	MAX_ELEMS = 1 << 15,
	N_DTYPES = DTYPE_C64,
};

static const enum codec_id codecs[] = {FUZZ_CODECS};

enum { N_CODECS = sizeof(codecs) / sizeof(*codecs) };

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

static void decode(const struct codec *c, const struct slab *s,
		   const uint8_t *payload, size_t len, const uint8_t *base)
{
	static const char *const sets[] = {"generic", "avx2", "avx512"};
	uint8_t *raw = malloc(s->raw_len), *first = NULL;
	struct hvqz_err err[2] = {{0}};

	for (size_t i = 0; i < 3; i++) {
		struct codec_env env = {.kern = kernels_named(sets[i]),
					.base = base};
		enum hvqz_ret ret;

		if (!env.kern)
			continue;
		FUZZ_HOLDS(raw);
		memset(raw, 0x55, s->raw_len);
		err[i > 0] = (struct hvqz_err){0};
		ret = c->decode(&env, s, payload, len, raw, &err[i > 0]);
		FUZZ_HOLDS(ret == HVQZ_OK || ret == HVQZ_DAMAGED ||
			   ret == HVQZ_UNSUPPORTED);
		FUZZ_HOLDS(ret == err[i > 0].ret);
		FUZZ_HOLDS(ret == HVQZ_OK || *err[i > 0].msg);
		if (!i) {
			first = raw;
			raw = malloc(s->raw_len);
			continue;
		}
		FUZZ_HOLDS(ret == err[0].ret);
		FUZZ_HOLDS(ret != HVQZ_OK ||
			   memcmp(raw, first, s->raw_len) == 0);
	}
	free(first);
	free(raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct fuzz_in in = {p, len};
	const struct codec *c = codec_find(codecs[fuzz_take(&in, 1) %
						  N_CODECS]);
	enum dtype dtype = (enum dtype)(1 + fuzz_take(&in, 1) % N_DTYPES);
	uint32_t rows = 1 + fuzz_take(&in, 2) % MAX_SIDE;
	uint32_t cols = 1 + fuzz_take(&in, 2) % MAX_SIDE;
	uint32_t row_bits = cols * dtype_bits(dtype);
	struct slab s = {.dtype = dtype, .n_rows = rows, .n_cols = cols,
			 .raw_len = row_bits / 8 * rows};
	uint8_t *payload, *base = NULL;

	/* As the container has it; only floats go to lossy codecs. */
	if (rows * cols > MAX_ELEMS || row_bits % 8 ||
	    (!c->lossless && !dtype_is_weight(dtype)))
		return 0;
	if (c->id == CODEC_DELTA)
		base = make_base(s.raw_len);
	payload = fuzz_copy(in.p, in.len);
	decode(c, &s, payload, in.len, base);
	free(payload);
	free(base);
	return 0;
}

/* ---- seeds: what the encoders make ---- */

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
	buf_u8(&out, (uint8_t)which);
	buf_u8(&out, (uint8_t)(s->slab.dtype - 1));
	buf_u16(&out, (uint16_t)(s->slab.n_rows - 1));
	buf_u16(&out, (uint16_t)(s->slab.n_cols - 1));
	if (codec_find(codecs[which])->encode(&env, &s->slab, set, sens,
					      s->raw, &out, &stats, &declined,
					      NULL) == HVQZ_OK && !declined)
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

/* Small integers, and so small exponents: they compress. */
static struct sample plain_sample(enum dtype dtype, uint32_t rows,
				  uint32_t cols)
{
	struct sample s = blank_sample(dtype, rows, cols);

	for (uint32_t i = 0; i < s.slab.raw_len; i++)
		s.raw[i] = (uint8_t)(i % 8 > 5 ? 0x3f : i * i % 5);
	return s;
}

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	static const struct {
		enum dtype dtype;
		uint32_t rows, cols;
	} shape[] = {
		{DTYPE_F16, 8, 16}, {DTYPE_BF16, 40, 32}, {DTYPE_F32, 16, 24},
		{DTYPE_F32, 1, 200}, {DTYPE_BF16, 128, 64},
		{DTYPE_I8, 10, 10}, {DTYPE_F64, 4, 8}, {DTYPE_C64, 4, 8},
		{DTYPE_I32, 30, 3}, {DTYPE_F8_E4M3, 64, 20},
	};
	float h[200], g[200];
	struct sens sens = {.axis = 1, .diag = h};
	struct codec_settings set;

	for (size_t j = 0; j < 200; j++) {
		h[j] = 1 + (float)(j * j % 17);
		g[j] = 0.5f + (float)(j % 3);
	}
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
