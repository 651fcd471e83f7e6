/*
 * corpus_part_content.c - good models of odd content: NaN and infinite weights
 * (C6), zero-size tensors, scalars, nothing at all (C7). What must hold is that
 * they come back: weights as large as C6's to the last bit.
 */
#include "tests/corpus.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

enum { SIDE = 80 };		/* 6400 weights: enough for a lossy codec */

#define MATRIX                                                          \
	"{\"w\":{\"dtype\":\"F32\",\"shape\":[80,80],"                  \
	"\"data_offsets\":[0,25600]}}"

static const struct {
	struct corpus_row row;
	const char *json;
	uint32_t odd;		/* bits of one weight of the matrix */
} rows[] = {
	{{"C6", "NaN", HVQZ_OK, NULL}, MATRIX, 0x7fc00001},
	{{"C6", "negative NaN", HVQZ_OK, NULL}, MATRIX, 0xffc12345},
	{{"C6", "infinite", HVQZ_OK, NULL}, MATRIX, 0x7f800000},
	{{"C6", "negative infinite", HVQZ_OK, NULL}, MATRIX, 0xff800000},
	{{"C7", "nothing", HVQZ_OK, NULL}, "{}", 0},
	{{"C7", "scalar", HVQZ_OK, NULL},
	 "{\"s\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}}", 0},
	{{"C7", "no rows", HVQZ_OK, NULL},
	 "{\"e\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[0,0]}}",
	 0},
	{{"C7", "no columns", HVQZ_OK, NULL},
	 "{\"e\":{\"dtype\":\"BF16\",\"shape\":[4096,0],"
	 "\"data_offsets\":[0,0]}}", 0},
	{{"C7", "empty ones around a scalar", HVQZ_OK, NULL},
	 "{\"a\":{\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[0,0]},"
	 "\"b\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
	 "\"c\":{\"dtype\":\"F4\",\"shape\":[3,0],\"data_offsets\":[8,8]}}",
	 0},
};

static size_t count(void)
{
	return sizeof(rows) / sizeof(*rows);
}

static void row(size_t i, struct corpus_row *row)
{
	*row = rows[i].row;
}

static void make(size_t i, struct corpus_bytes *to)
{
	buf_u64(&to->b, strlen(rows[i].json));
	buf_put(&to->b, rows[i].json, strlen(rows[i].json));
	for (uint32_t j = 0; j < SIDE * SIDE && rows[i].odd; j++)
		if (j == 4321)
			buf_u32(&to->b, rows[i].odd);
		else
			buf_f32(&to->b, 0.01f * (float)(j * j % 197) - 1);
	if (strstr(rows[i].json, "[0,8]"))
		buf_u64(&to->b, 0x3ff0000000000000);
}

const struct corpus_part corpus_part_content = {
	"model", READ_SAFETENSORS, NULL, count, row, make,
};
