/*
 * corpus_part_match.c - sidecars that are whole and do not fit the model (M2),
 * which has "matched" [3, 4], and Hessians that are none (M5).
 */
#include "tests/corpus.h"

#include "base/bytes.h"

#include <string.h>

#define HEAD "{\"__metadata__\":{\"hvqz.sidecar\":\"1\"},"
#define T(name, shape, end)                                             \
	"\"matched." name "\":{\"dtype\":\"F32\",\"shape\":[" shape     \
	"],\"data_offsets\":[" end "]}"
#define DIAG(n, bytes) T("hessian_diag", n, "0," bytes)

static const struct {
	struct corpus_row row;
	const char *json;
	size_t n_ones;		/* F32 numbers behind it */
} rows[] = {
	{{"M2", "good: 4 inputs", HVQZ_OK, NULL}, HEAD DIAG("4", "16") "}", 4},
	{{"M2", "5 inputs", HVQZ_DAMAGED, "4"}, HEAD DIAG("5", "20") "}", 5},
	{{"M2", "3 inputs", HVQZ_DAMAGED, "4"}, HEAD DIAG("3", "12") "}", 3},
	{{"M2", "1 input", HVQZ_DAMAGED, "4"}, HEAD DIAG("1", "4") "}", 1},
	{{"M2", "good: 3 outputs", HVQZ_OK, NULL},
	 HEAD DIAG("4", "16") "," T("row_sens", "3", "16,28") "}", 7},
	{{"M2", "4 outputs", HVQZ_DAMAGED, "3"},
	 HEAD DIAG("4", "16") "," T("row_sens", "4", "16,32") "}", 8},
	{{"M5", "Hessian of 3 by 4", HVQZ_DAMAGED, "square"},
	 HEAD T("hessian", "3,4", "0,48") "}", 12},
	{{"M5", "Hessian of 3 by 3", HVQZ_DAMAGED, "4"},
	 HEAD T("hessian", "3,3", "0,36") "}", 9},
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
	for (size_t j = 0; j < rows[i].n_ones; j++)
		buf_f32(&to->b, 1);
}

const struct corpus_part corpus_part_match = {
	"sidecar for [3, 4]", READ_SIDECAR, NULL, count, row, make,
};
