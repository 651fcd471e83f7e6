/* codec_memory.c - the figures of codec_memory.h. */
#include "codec/codec_memory.h"

#include "codec/conditioned.h"

/*
 * What goes by the slab: bytes for every element, for every byte of its rows,
 * and for every row and column; in hundredths. And what does not.
 */
struct figures {
	unsigned elem, raw, line;
	uint32_t rest;
};

static uint64_t total(const struct figures *f, const struct slab *slab)
{
	uint64_t n = (uint64_t)slab->n_rows * slab->n_cols;

	return (n * f->elem + (uint64_t)slab->raw_len * f->raw +
		(slab->n_rows + slab->n_cols) * f->line) / 100 + f->rest;
}

/* [codec]; the conditioner's is what it adds to its body. */
static const struct figures encoding[] = {
	[CODEC_RAW] = {0, 0, 0, 0},
	[CODEC_PLANES] = {0, 85, 0, 128 << 10},
	[CODEC_HASVQ] = {1030, 0, 0, 256 << 10},
	[CODEC_TRELLIS] = {1234, 0, 0, 128 << 10},
	[CODEC_RTN] = {510, 100, 1600, 256 << 10},
	[CODEC_CONDITIONED] = {1650, 0, 6400, 256 << 10},
	[CODEC_DELTA] = {500, 100, 0, 256 << 10},
};

static const struct figures decoding[] = {
	[CODEC_RAW] = {0, 0, 0, 0},
	[CODEC_PLANES] = {2, 0, 0, 128 << 10},
	[CODEC_HASVQ] = {65, 0, 1000, 128 << 10},
	[CODEC_TRELLIS] = {2, 0, 2800, 384 << 10},
	[CODEC_RTN] = {0, 0, 800, 64 << 10},
	[CODEC_CONDITIONED] = {410, 0, 3200, 256 << 10},
	[CODEC_DELTA] = {400, 0, 0, 256 << 10},
};

uint64_t codec_usual_encode(const struct slab *slab,
			    const struct codec_settings *set)
{
	uint64_t need = total(&encoding[set->codec], slab);

	if (codec_first(set) == CODEC_CONDITIONED)
		need += total(&encoding[CODEC_CONDITIONED], slab);
	/* BF16 has fewest bits that are kept as they are. */
	if (set->codec == CODEC_PLANES && slab->dtype == DTYPE_BF16)
		need -= (uint64_t)slab->raw_len / 6;
	/* Among more ways to code the numbers the shortest is looked for. */
	if (set->codec == CODEC_PLANES && set->effort > 7)
		need += need + need / 4;
	return need;
}

uint64_t codec_usual_decode(unsigned id, const struct slab *slab)
{
	return id < sizeof(decoding) / sizeof(decoding[0])
		       ? total(&decoding[id], slab) : 0;
}
