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

enum { N_SEED = 3000 };

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
			buf_u16(b, (uint16_t)n);
			if (kind == INTS)
				FUZZ_HOLDS(!intcode_put(v, n, b, NULL));
			else
				FUZZ_HOLDS(!shortlist_put(s, NULL, n, b,
							  NULL));
			add(b->p, b->len);
		}
		buf_clear(b);
		buf_u8(b, PUT);
		buf_u16(b, 0);
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
	buf_u16(b, 0);
	FUZZ_HOLDS(!point_model_put(&m, &counts, b, NULL));
	add(b->p, b->len);
	point_model_free(&m);
}

static void add_streams(struct buf *b, void (*add)(const void *p, size_t len))
{
	static const uint16_t freq[8] = {2000, 1000, 1000, 96};
	static uint16_t sym[N_SEED];
	struct rans_table t;
	bool valid;

	FUZZ_HOLDS(!rans_table_from_freqs(&t, freq, 8, 12, &valid, NULL));
	for (size_t i = 0; i < N_SEED; i++)
		sym[i] = i % 5 % 4;
	for (size_t n = 1; n <= N_SEED; n = 3 * n + 7)
		for (uint8_t kind = RANS; kind <= LANES; kind++) {
			buf_clear(b);
			buf_u8(b, kind);
			buf_u16(b, (uint16_t)n);
			for (size_t i = 0; i < 8 && kind == RANS; i++)
				buf_u16(b, freq[i]);
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
