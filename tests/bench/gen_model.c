/*
 * gen_model.c - a synthetic model of any size, written to stdout as it is
 * made: the benches put gigabytes into a pipe with nothing on disk.
 *
 *	gen_model --size 3G [--dtype f16|bf16|f32] [--shape ROWSxCOLS]
 *		  [--seed S]
 *
 * The file is a valid safetensors: as many [ROWS, COLS] matrices as make about
 * --size bytes, each followed by a norm vector [COLS]. A weight is a Gaussian
 * times its row's scale; the scales are log-normal, as trained models have
 * them. It is not a model of anything else: rows and columns are independent.
 *
 * Speed comes from a table. For each of N_SCALES scale levels (a row picks
 * one) N_MAGS magnitudes are drawn once and rounded to the dtype; a weight is
 * then 15 random bits, an index and a sign, four weights to each step of the
 * generator, so no part of the stream repeats another. F32 weights also get
 * random low mantissa bits, or they would be no more than 14 bits wide.
 *
 * The same options give the same bytes on one machine; the table uses libm.
 */
#include "base/half.h"
#include "base/rng.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	N_SCALES = 32,
	N_MAGS = 1 << 14,
	F32_LOW_BITS = 16,	/* mantissa bits that are drawn per weight */
};

enum kind { KIND_F16, KIND_BF16, KIND_F32 };

static const struct {
	const char *option;
	const char *name;
	unsigned bytes;
} kinds[] = {
	[KIND_F16] = {"f16", "F16", 2},
	[KIND_BF16] = {"bf16", "BF16", 2},
	[KIND_F32] = {"f32", "F32", 4},
};

struct gen {
	uint64_t size;
	uint64_t n_rows;
	uint64_t n_cols;
	uint64_t n_layers;
	enum kind kind;
	struct rng rng;
	union {
		uint16_t half[N_SCALES][N_MAGS];
		uint32_t single[N_SCALES][N_MAGS];
	} mags;
};

static void die(const char *what, const char *value)
{
	fprintf(stderr, "gen_model: %s: %s\n", what, value);
	exit(1);
}

static void write_all(const void *from, size_t n)
{
	const char *p = from;

	while (n) {
		ssize_t did = write(STDOUT_FILENO, p, n);

		if (did < 0 && errno != EINTR)
			die("write", strerror(errno));
		if (did > 0) {
			p += did;
			n -= (size_t)did;
		}
	}
}

static double uniform(struct rng *r)
{
	return (double)((rng_u64(r) >> 11) + 1) * 0x1p-53;
}

/* Box-Muller, one of the pair. */
static double gaussian(struct rng *r)
{
	double radius = sqrt(-2 * log(uniform(r)));

	return radius * cos(2 * acos(-1.0) * uniform(r));
}

static uint16_t to_half(enum kind kind, double v)
{
	return kind == KIND_F16 ? f16_from_f32((float)v) :
				  bf16_from_f32((float)v);
}

static void make_table(struct gen *g)
{
	static double mags[N_MAGS];

	for (unsigned i = 0; i < N_MAGS; i++)
		mags[i] = fabs(gaussian(&g->rng));
	for (unsigned s = 0; s < N_SCALES; s++) {
		double scale = 0.02 * exp(0.3 * gaussian(&g->rng));

		for (unsigned i = 0; i < N_MAGS; i++) {
			double v = scale * mags[i];

			if (g->kind == KIND_F32)
				g->mags.single[s][i] = f32_to_bits((float)v);
			else
				g->mags.half[s][i] = to_half(g->kind, v);
		}
	}
}

static void half_row(struct gen *g, uint16_t *row)
{
	const uint16_t *mags = g->mags.half[rng_below(&g->rng, N_SCALES)];
	uint64_t bits = 0;

	for (uint64_t i = 0; i < g->n_cols; i++) {
		bits = i % 4 ? bits >> 16 : rng_u64(&g->rng);
		row[i] = (uint16_t)(mags[bits % N_MAGS] | (bits & 0x8000));
	}
}

static void single_row(struct gen *g, uint32_t *row)
{
	const uint32_t *mags = g->mags.single[rng_below(&g->rng, N_SCALES)];
	uint64_t bits = 0;

	for (uint64_t i = 0; i < g->n_cols; i++) {
		uint32_t low;

		bits = i % 2 ? bits >> 32 : rng_u64(&g->rng);
		low = bits >> 16 & ((1 << F32_LOW_BITS) - 1);
		row[i] = (mags[bits % N_MAGS] ^ low) |
			 (uint32_t)(bits & 0x8000) << 16;
	}
}

static void norm_row(struct gen *g, void *row)
{
	uint16_t *half = row;
	float *single = row;

	for (uint64_t i = 0; i < g->n_cols; i++) {
		double v = 1 + 0.1 * gaussian(&g->rng);

		if (g->kind == KIND_F32)
			single[i] = (float)v;
		else
			half[i] = to_half(g->kind, v);
	}
}

/* The header: its length in 8 bytes, then JSON padded to a multiple of 8. */
static void write_header(const struct gen *g)
{
	uint64_t row = g->n_cols * kinds[g->kind].bytes, off = 0;
	const char *type = kinds[g->kind].name;
	char *text = NULL;
	uint8_t le[8];
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		die("header", strerror(errno));
	fprintf(f, "{\"__metadata__\":{\"format\":\"pt\"}");
	for (uint64_t i = 0; i < g->n_layers; i++) {
		uint64_t norm = off + g->n_rows * row;

		fprintf(f,
			",\"model.layers.%" PRIu64 ".mlp.up_proj.weight\":"
			"{\"dtype\":\"%s\",\"shape\":[%" PRIu64 ",%" PRIu64
			"],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
			i, type, g->n_rows, g->n_cols, off, norm);
		fprintf(f,
			",\"model.layers.%" PRIu64 ".input_layernorm.weight\":"
			"{\"dtype\":\"%s\",\"shape\":[%" PRIu64
			"],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
			i, type, g->n_cols, norm, norm + row);
		off = norm + row;
	}
	fputc('}', f);
	while (ftell(f) % 8)
		fputc(' ', f);
	if (fclose(f))
		die("header", strerror(errno));
	for (unsigned i = 0; i < 8; i++)
		le[i] = (uint8_t)((uint64_t)len >> 8 * i);
	write_all(le, sizeof(le));
	write_all(text, len);
	free(text);
}

static void write_layers(struct gen *g)
{
	size_t row_len = g->n_cols * kinds[g->kind].bytes;
	uint64_t n_fit = row_len < 1 << 20 ? (1 << 20) / row_len : 1;
	uint8_t *rows = malloc(n_fit * row_len);

	if (!rows)
		die("rows", strerror(errno));
	for (uint64_t i = 0; i < g->n_layers; i++) {
		for (uint64_t r = 0; r < g->n_rows; r += n_fit) {
			uint64_t n = g->n_rows - r;

			n = n < n_fit ? n : n_fit;
			for (uint64_t j = 0; j < n; j++) {
				void *row = rows + j * row_len;

				if (g->kind == KIND_F32)
					single_row(g, row);
				else
					half_row(g, row);
			}
			write_all(rows, n * row_len);
		}
		norm_row(g, rows);
		write_all(rows, row_len);
	}
	free(rows);
}

/* "3G" -> 3 << 30. */
static uint64_t parse_size(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);
	const char *unit = strchr("KMG", *end);

	if (end == text || !unit || (*end && end[1]))
		die("bad size", text);
	return *end ? n << 10 * (unit - "KMG" + 1) : n;
}

static void parse_shape(struct gen *g, const char *text)
{
	char more;

	if (sscanf(text, "%" SCNu64 "x%" SCNu64 "%c", &g->n_rows, &g->n_cols,
		   &more) != 2 ||
	    !g->n_rows || !g->n_cols || g->n_rows > 1 << 24 ||
	    g->n_cols > 1 << 24)
		die("bad shape", text);
}

static enum kind parse_kind(const char *text)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].option, text))
			return (enum kind)i;
	die("unknown dtype", text);
	return KIND_F16;
}

static struct gen gen = {
	.size = (uint64_t)1 << 30,
	.n_rows = 4096,
	.n_cols = 4096,
};

int main(int argc, char **argv)
{
	struct gen *g = &gen;
	uint64_t layer;

	for (int i = 1; i < argc; i += 2) {
		const char *value = argv[i + 1];

		if (!value)
			die("no value for", argv[i]);
		if (!strcmp(argv[i], "--size"))
			g->size = parse_size(value);
		else if (!strcmp(argv[i], "--dtype"))
			g->kind = parse_kind(value);
		else if (!strcmp(argv[i], "--shape"))
			parse_shape(g, value);
		else if (!strcmp(argv[i], "--seed"))
			g->rng.state = strtoull(value, NULL, 0);
		else
			die("unknown option", argv[i]);
	}
	layer = (g->n_rows + 1) * g->n_cols * kinds[g->kind].bytes;
	g->n_layers = g->size > layer ? g->size / layer : 1;
	make_table(g);
	write_header(g);
	write_layers(g);
	return 0;
}
