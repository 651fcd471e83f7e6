/*
 * gap.c - how far from the bound of rate-distortion theory a file is.
 *
 *	gap make gaussian|laplacian ROWSxCOLS f16|f32
 *	gap measure gaussian|laplacian ORIGINAL RESTORED BYTES
 *
 * `make` writes a safetensors of one matrix to stdout, independent weights of
 * standard deviation SIGMA, the same on every run. `measure` compares it with
 * what was restored and prints a line: bits per weight of a file of BYTES
 * bytes, its distance to the bound in bits, and the noise of a weight against
 * its variance.
 *
 * The bound: no code of noise D has fewer bits a weight than h(X) -
 * ½·log2(2πe·D) (Shannon, 1959). For the Gaussian that is ½·log2(σ²/D), which
 * can be reached; for the Laplacian, h(X) = log2(e·√2·σ), it cannot quite be.
 * σ² is that of the weights drawn.
 */
#include "base/bytes.h"
#include "base/half.h"
#include "tests/random.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGMA 0.02

enum { PART = 1 << 14 };	/* weights looked at together */

_Noreturn static void die(const char *what, const char *value)
{
	fprintf(stderr, "gap: %s: %s\n", what, value);
	exit(1);
}

static bool is_laplacian(const char *source)
{
	if (strcmp(source, "gaussian") && strcmp(source, "laplacian"))
		die("unknown source", source);
	return *source == 'l';
}

static void write_all(const void *from, size_t n)
{
	if (fwrite(from, 1, n, stdout) != n)
		die("write", strerror(errno));
}

static void make(bool laplace, const char *shape, const char *dtype)
{
	bool half = !strcmp(dtype, "f16");
	struct rng rng = {.state = 7};
	uint64_t n_rows, n_cols, n, head;
	static uint8_t part[PART * 4];
	uint8_t le[8];
	char text[256], more;

	if (sscanf(shape, "%" SCNu64 "x%" SCNu64 "%c", &n_rows, &n_cols,
		   &more) != 2 ||
	    !n_rows || !n_cols || n_rows > 1 << 20 || n_cols > 1 << 20)
		die("bad shape", shape);
	if (!half && strcmp(dtype, "f32"))
		die("unknown dtype", dtype);
	n = n_rows * n_cols;
	head = (uint64_t)snprintf(text, sizeof(text),
		"{\"model.layers.0.mlp.up_proj.weight\":{\"dtype\":\"%s\","
		"\"shape\":[%" PRIu64 ",%" PRIu64 "],\"data_offsets\":"
		"[0,%" PRIu64 "]}}",
		half ? "F16" : "F32", n_rows, n_cols, n * (half ? 2 : 4));
	while (head % 8)
		text[head++] = ' ';
	put_le64(le, head);
	write_all(le, sizeof(le));
	write_all(text, head);
	while (n) {
		size_t n_part = n < PART ? (size_t)n : PART;

		for (size_t i = 0; i < n_part; i++) {
			float v = (float)(SIGMA * (laplace ? laplacian(&rng) :
							     gaussian(&rng)));

			if (half)
				put_le16(part + 2 * i, f16_from_f32(v));
			else
				put_lef32(part + 4 * i, v);
		}
		write_all(part, n_part * (half ? 2 : 4));
		n -= n_part;
	}
	if (fflush(stdout))
		die("write", strerror(errno));
}

/* To where the data begins: a safetensors of one tensor. */
static FILE *open_data(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t le[8];

	if (!f || fread(le, 1, 8, f) != 8 ||
	    fseek(f, (long)get_le64(le), SEEK_CUR))
		die(path, "not to be read");
	return f;
}

static void measure(bool laplace, const char *original, const char *restored,
		    double n_bytes)
{
	static uint8_t a[PART * 4], b[PART * 4];
	FILE *from = open_data(original), *back = open_data(restored);
	double signal = 0, noise = 0, rate, entropy, bound;
	uint64_t n = 0;
	size_t n_part;

	while ((n_part = fread(a, 4, PART, from)) > 0) {
		if (fread(b, 4, n_part, back) != n_part)
			die(restored, "too short");
		for (size_t i = 0; i < n_part; i++) {
			double x = get_lef32(a + 4 * i);
			double e = x - get_lef32(b + 4 * i);

			signal += x * x;
			noise += e * e;
		}
		n += n_part;
	}
	fclose(from);
	fclose(back);
	if (!(noise > 0))
		die(restored, "nothing was lost");
	/* of variance 1 */
	entropy = laplace ? log2(exp(1) * sqrt(2)) :
			    0.5 * log2(2 * acos(-1) * exp(1));
	bound = entropy - 0.5 * log2(2 * acos(-1) * exp(1) * noise / signal);
	rate = 8 * n_bytes / (double)n;
	printf("%.4f %.4f %.6f\n", rate, rate - bound, noise / signal);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "make"))
		make(is_laplacian(argv[2]), argv[3], argv[4]);
	else if (argc == 6 && !strcmp(argv[1], "measure"))
		measure(is_laplacian(argv[2]), argv[3], argv[4],
			strtod(argv[5], NULL));
	else
		die("usage", "gap make SOURCE SHAPE DTYPE | "
			     "measure SOURCE ORIGINAL RESTORED BYTES");
	return 0;
}
