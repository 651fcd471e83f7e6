/*
 * entropy_seeds.h - lists, tables and streams as the encoders make them.
 */
#ifndef TESTS_FUZZ_ENTROPY_SEEDS_H
#define TESTS_FUZZ_ENTROPY_SEEDS_H

#include "entropy/bits.h"
#include "entropy/intcode.h"
#include "entropy/lanes.h"
#include "entropy/point_model.h"
#include "entropy/shortlist.h"
#include "tests/fuzz/fuzz.h"

/* What an input is: its first byte. */
enum { INTS, SHORTS, GUESSED, MODEL, RANS, LANES, PUT, N_KINDS };

enum { N_SEED = 3000, N_STREAM = 69999 };

static void put_count(struct buf *b, size_t n)
{
	buf_u16(b, (uint16_t)n);
	buf_u8(b, (uint8_t)(n >> 16));
}

static void add_lists(struct buf *b, void (*add)(const void *p, size_t len))
{
	static uint32_t v[N_SEED];
	static int32_t s[N_SEED];
	static const size_t lens[] = {1, 30, 500, N_SEED};
	struct rng rng = {7};

	for (unsigned k = 0; k < 12; k++) {
		size_t n = lens[k % 4];

		for (size_t i = 0; i < n; i++) {
			v[i] = (uint32_t)(rng_u64(&rng) >> (40 + 8 * (k / 4)));
			v[i] >>= rng_below(&rng, 24);
			s[i] = (int32_t)(v[i] % 50) - 25;
		}
		for (uint8_t kind = INTS; kind <= GUESSED; kind++) {
			buf_clear(b);
			buf_u8(b, kind);
			put_count(b, n);
			if (kind == INTS)
				FUZZ_HOLDS(!intcode_put(v, n, b, NULL));
			else
				FUZZ_HOLDS(!shortlist_put(s, NULL, n, b,
							  NULL));
			add(b->p, b->len);
		}
		buf_clear(b);
		buf_u8(b, PUT);
		put_count(b, 0);
		for (size_t i = 0; i < n && i < 64; i++)
			buf_u32(b, v[i]);
		add(b->p, b->len);
	}
}

static void add_model(struct buf *b, unsigned scale,
		      void (*add)(const void *p, size_t len))
{
	static struct point_counts counts;
	struct point_model m = {0};

	for (unsigned q = 10; q < 40; q += 3)
		for (unsigned i = 0; i <= model_fold(q) + 1; i++)
			counts.n[q][i] = scale * (100 / (1 + i) + q % 5);
	buf_clear(b);
	buf_u8(b, MODEL);
	put_count(b, 0);
	FUZZ_HOLDS(!point_model_put(&m, &counts, b, NULL));
	add(b->p, b->len);
	point_model_free(&m);
}

static void add_streams(struct buf *b, void (*add)(const void *p, size_t len))
{
	static const uint16_t freq[8] = {4000, 60, 30, 6};
	/* 1, 4 and 32 lanes. */
	static const size_t n_syms[] = {1, 40, 1000, 2100, 30000, N_STREAM};
	static uint16_t sym[N_STREAM];
	struct rans_table t;
	bool valid;

	FUZZ_HOLDS(!rans_table_from_freqs(&t, freq, 8, 12, &valid, NULL));
	for (size_t i = 0; i < N_STREAM; i++)
		sym[i] = i % 67 ? 0 : i % 4;
	for (size_t i = 0; i < 2 * sizeof(n_syms) / sizeof(*n_syms); i++) {
		uint8_t kind = i % 2 ? RANS : LANES;
		size_t n = n_syms[i / 2];

		buf_clear(b);
		buf_u8(b, kind);
		put_count(b, n);
		for (size_t f = 0; f < 8 && kind == RANS; f++)
			buf_u16(b, freq[f]);
		FUZZ_HOLDS(!rans_encode(&t, sym, n, b, NULL));
		add(b->p, b->len);
	}
	rans_table_free(&t);
}

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	struct buf b = {0};

	add_lists(&b, add);
	for (unsigned scale = 1; scale <= 10000; scale *= 100)
		add_model(&b, scale, add);
	add_streams(&b, add);
	buf_free(&b);
}

#endif
