/*
 * codec.c - the decoders of payloads, a family of codecs in each program.
 *
 * Input: codec (which of FUZZ_CODECS), dtype, rows (16 bits), columns (16
 * bits), then the payload; all modulo what is possible. Every instruction set
 * must say the same of a payload and restore the same bytes.
 */
#include "tests/fuzz/fuzz.h"

#include "kernels/kernels.h"
#include "tests/fuzz/codec_seeds.h"

enum {
	MAX_SIDE = 1024,
	MAX_ELEMS = 70000,	/* 65536 are the least for 32 lanes of rANS */
	N_DTYPES = DTYPE_C64,
};

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
