/*
 * main_seeds.h - the command lines, and files to begin with.
 */
#ifndef TESTS_FUZZ_MAIN_SEEDS_H
#define TESTS_FUZZ_MAIN_SEEDS_H

#include "tests/fuzz/container_seeds.h"
#include "tests/fuzz/fuzz.h"

/* The first byte of an input chooses one. */
static const struct {
	const char *words;	/* IN and OUT are files */
	bool makes;		/* OUT */
} lines[] = {
	{"-d -o OUT IN", true},
	{"-t IN", false},
	{"-lvv IN", false},
	{"-l --json IN", false},
	{"-x * -o OUT IN", true},
	{"-x a -x *b* --rows 0:3 -c IN", false},
	{"-d --dtype F32 -o OUT IN", true},
	{"-1 --lossless -o OUT IN", true},
	{"-1 --bpp 4 -o OUT IN", true},
	{"-1 --faithful --centroids 16 -o OUT IN", true},
	{"-1 --body rtn --condition hero -n IN", false},
	{"-1 --quality 3 --chunk 2K -c IN", false},
	{"-1 --sidecar IN -c MODEL", false},
	{"-1 --lossless --base MODEL -o OUT IN", true},
	{"-d --base MODEL -o OUT IN", true},
	{"-t --base MODEL IN", false},
};

enum { N_LINES = sizeof(lines) / sizeof(*lines) };

static void (*give)(const void *p, size_t len);

/* In every mode that reads a .hvqz; with and without a failure. */
static void add_file(const void *p, size_t len)
{
	static unsigned turn;
	struct buf b = {0};

	for (uint8_t line = 0; line < N_LINES; line++) {
		turn += 17;
		if (line > 6 && line < 14)
			continue;
		buf_clear(&b);
		buf_u8(&b, line);
		buf_u16(&b, (uint16_t)(turn % 3 ? turn % 97 : 0));
		buf_put(&b, p, len);
		give(b.p, b.len);
	}
	buf_free(&b);
}

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	struct buf model = {0}, b = {0};

	give = add;
	seed_model(&model);
	seed_encode(&model, "q=1", add_file);
	seed_encode(&model, "mid,k=16", add_file);
	seed_encode(&model, "bits=3,group=16,condition=hero", add_file);
	seed_encode(&model, "lossless", add_file);
	for (uint16_t n = 0; n < 120; n++) {
		buf_clear(&b);
		buf_u8(&b, (uint8_t)(7 + n % 7));
		buf_u16(&b, n / 7);
		buf_put(&b, model.p, model.len);
		add(b.p, b.len);
	}
	buf_free(&model);
	buf_free(&b);
}

#endif
