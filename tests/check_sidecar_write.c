/*
 * check_sidecar_write.c - sidecars that are written say, when they are read,
 * what was to be written; and what no reader would take is not written.
 */
#include "sense_case.h"

#include "base/bytes.h"
#include "formats/safetensors.h"
#include "formats/sidecar_write.h"

#include <math.h>

static enum hvqz_ret write_to(struct buf *b, const struct sidecar_meta *meta,
			      const struct sidecar_entry *v, size_t n,
			      struct hvqz_err *err)
{
	static const struct sidecar_meta none;
	struct sink out;

	buf_clear(b);
	sink_init_memory(&out, b);
	*err = (struct hvqz_err){0};
	return sidecar_write(meta ? meta : &none, v, n, &out, err);
}

static void count_warning(void *ctx, const char *msg)
{
	(void)msg;
	++*(int *)ctx;
}

/* Write it, twice the same, and read it: no word of warning. */
static void open_written(struct sense_case *c, const struct sidecar_meta *meta,
			 const struct sidecar_entry *v, size_t n)
{
	struct read_again reader = {case_read_at, c};
	int n_warnings = 0;
	struct hvqz_notes notes = {count_warning, &n_warnings};
	struct source_memory m;
	struct hvqz_err err;
	struct buf again = {0};
	struct source src;

	*c = (struct sense_case){0};
	ck_assert_msg(write_to(&c->file, meta, v, n, &err) == HVQZ_OK,
		      "[%s] %s", err.tensor, err.msg);
	ck_assert_int_eq(write_to(&again, meta, v, n, &err), HVQZ_OK);
	ck_assert_uint_eq(again.len, c->file.len);
	ck_assert_mem_eq(again.p, c->file.p, again.len);
	buf_free(&again);
	source_init_memory(&src, &m, c->file.p, c->file.len);
	ck_assert_msg(sidecar_read(&src, &c->t, &notes, &err) == HVQZ_OK,
		      "[%s] %s", err.tensor, err.msg);
	source_free(&src);
	ck_assert_int_eq(n_warnings, 0);
	ck_assert_uint_eq(c->t.n, n);
	c->s = c->t.v;
	sens_table_set_reader(&c->t, &reader);
}

/* What was read of h [n][n], of which only the blocks were written. */
static void check_full(const struct sens *s, const float *h, size_t n,
		       size_t block)
{
	float *got = must(malloc(n * n * sizeof(float)));
	struct hvqz_err err = {0};

	ck_assert_uint_eq(s->n_in, n);
	ck_assert_uint_eq(s->full.block, block < n ? block : 0);
	ck_assert(sens_can_load(s));
	ck_assert_msg(sens_load_full(s, got, &err) == HVQZ_OK, "%s", err.msg);
	for (size_t i = 0; i < n; i++) {
		double h_ii = (double)h[i * n + i];

		ck_assert_double_le(fabs((double)s->diag[i] - h_ii),
				    block < n ? 0 : 2e-7 * h_ii);
		ck_assert(got[i * n + i] == s->diag[i]);
		for (size_t j = 0; j < i; j++) {
			double want = i / block == j / block ?
				(double)h[i * n + j] : 0;
			double root = sqrt(h_ii * (double)h[j * n + j]);
			double off = fabs((double)got[i * n + j] - want);

			/* F16 rounds by 2⁻¹¹, and by 2⁻²⁵ near zero. */
			ck_assert_double_le(off, 0x1.01p-11 * fabs(want) +
					    0x1.01p-25 * root);
			ck_assert(want != 0 || got[i * n + j] == 0);
			ck_assert(got[j * n + i] == got[i * n + j]);
		}
	}
	free(got);
}

/* About the bands of the writer and the steps of the reader. */
static const struct {
	size_t n, block;
} sizes[] = {
	{1, 1}, {2, 2}, {2, 5}, {15, 15}, {16, 16}, {17, 17}, {33, 33},
	{130, 1000}, {300, 300}, {700, 300}, {300, 128}, {33, 16}, {33, 11},
	{40, 39}, {5, 1},
};

/* Every third channel is small, some were never active. */
START_TEST(trip_full)
{
	size_t n = sizes[_i].n;
	float *h = case_covariance(n, 3, 70 + (uint64_t)_i), *packed;
	float rows[3] = {1, 0, 5};
	struct sidecar_entry e = {.name = "w", .n_in = n};
	struct sense_case c;

	for (size_t j = 0; j < n; j++)
		for (size_t k = 0; k < n; k++) {
			h[j * n + k] *= j % 3 == 1 ? 1e-3f : 1;
			h[j * n + k] *= k % 3 == 1 ? 1e-3f : 1;
			if (j % 7 == 5 || k % 7 == 5)
				h[j * n + k] = 0;
		}
	packed = case_pack(h, n, sizes[_i].block);
	e.full = packed;
	e.block = sizes[_i].block;
	open_written(&c, NULL, &e, 1);
	ck_assert(!c.s->row_sens && c.s->n_out == 0);
	check_full(c.s, h, n, e.block);
	case_close(&c);
	e.row_sens = rows;
	e.n_out = 3;
	open_written(&c, NULL, &e, 1);
	ck_assert_uint_eq(c.s->n_out, 3);
	ck_assert_mem_eq(c.s->row_sens, rows, sizeof(rows));
	check_full(c.s, h, n, e.block);
	case_close(&c);
	free(packed);
	free(h);
}
END_TEST

/* No float is too large or too small to be a diagonal. */
START_TEST(full_range)
{
	static const float d[] = {1e-45f, 1e-30f, 1, 1e30f, 3.4028235e38f};
	enum { N = sizeof(d) / sizeof(*d) };
	float h[N * N], got[N * N];
	struct sidecar_entry e = {
		.name = "w", .n_in = N, .full = h, .block = N,
	};
	struct hvqz_err err = {0};
	struct sense_case c;

	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			h[i * N + j] = i == j ? d[i] :
				(float)(-0.5 * sqrt((double)d[i]) *
					sqrt((double)d[j]));
	open_written(&c, NULL, &e, 1);
	ck_assert_int_eq(sens_load_full(c.s, got, &err), HVQZ_OK);
	for (int i = 0; i < N * N; i++) {
		double want = (double)h[i];

		ck_assert_double_le(fabs((double)got[i] - want),
				    2e-7 * fabs(want) + 0x1p-149);
	}
	case_close(&c);
}
END_TEST

/* No covariance: cut to what one can be. A zero on the diagonal: no word. */
START_TEST(full_impossible)
{
	static const float h[] = {
		4, NAN, NAN, NAN, 9, 9, NAN, NAN, -9, -3e38f, 4, NAN, 5, 5, 5,
		0,
	};
	static const float want[] = {
		4, 6, -4, 0, 6, 9, -6, 0, -4, -6, 4, 0, 0, 0, 0, 0,
	};
	struct sidecar_entry e = {
		.name = "w", .n_in = 4, .full = h, .block = 4,
	};
	struct hvqz_err err = {0};
	struct sense_case c;
	float got[16];

	open_written(&c, NULL, &e, 1);
	ck_assert_int_eq(sens_load_full(c.s, got, &err), HVQZ_OK);
	for (int i = 0; i < 16; i++)
		ck_assert(got[i] == want[i]);
	case_close(&c);
}
END_TEST

/* A file of everything: order, names, metadata. */
START_TEST(whole_file)
{
	static const char *const keys[] = {"model", "quo\"ted"};
	static const char *const values[] = {"docs", "line\n\\ ünicode"};
	static const float square[] = {4, NAN, 2, 9};
	static const struct sidecar_meta meta = {
		"a \"text\"", UINT64_MAX, keys, values, 2,
	};
	enum { WIDE = 10000 };	/* over several steps */
	float *wide = must(malloc(WIDE * sizeof(float)));
	struct sidecar_entry v[] = {
		{.name = "b.weight", .n_in = WIDE, .diag = wide},
		{.name = "a.weight", .n_in = 2, .full = square, .block = 2},
		{.name = "ünï.weight", .n_in = 1, .diag = square,
		 .row_sens = wide, .n_out = WIDE},
	};
	const struct sens *s;
	struct sense_case c;
	char *value;
	struct hvqz_err err;

	for (int i = 0; i < WIDE; i++)
		wide[i] = (float)i;
	open_written(&c, &meta, v, 3);
	ck_assert_uint_eq(c.t.n_tokens, UINT64_MAX);
	ck_assert_str_eq(c.t.calibration, "a \"text\"");
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(safetensors_find_metadata(
			c.file.p, 8 + (size_t)get_le64(c.file.p), keys[i],
			&value, &err), HVQZ_OK);
		ck_assert_str_eq(value, values[i]);
		free(value);
	}
	s = must((void *)sens_find(&c.t, "b.weight"));
	ck_assert(s->n_in == WIDE && !s->has_full && !s->row_sens);
	ck_assert_mem_eq(s->diag, wide, WIDE * sizeof(float));
	s = must((void *)sens_find(&c.t, "a.weight"));
	ck_assert(s->n_in == 2 && s->has_full && s->axis == 1);
	ck_assert(s->diag[0] == 4 && s->diag[1] == 9);
	s = must((void *)sens_find(&c.t, "ünï.weight"));
	ck_assert(s->n_in == 1 && s->n_out == WIDE && s->diag[0] == 4);
	ck_assert_mem_eq(s->row_sens, wide, WIDE * sizeof(float));
	case_close(&c);
	/* Nothing at all is a sidecar too. */
	open_written(&c, NULL, NULL, 0);
	ck_assert(!c.t.calibration && !c.t.n_tokens);
	case_close(&c);
	free(wide);
}
END_TEST

/* ---- what is refused ---- */

enum where { DIAG, FULL, ROWS };

static const struct {
	enum where where;
	size_t i;
	float v;
	const char *words;
} bad[] = {
	{DIAG, 2, NAN, "value 2 of hessian_diag to be written is nan"},
	{DIAG, 0, INFINITY, "value 0 of hessian_diag to be written is inf"},
	{DIAG, 3, -1e-9f, "is -1e-09; it must be finite and not negative"},
	{FULL, 4, NAN, "nan in row 1, column 0"},
	{FULL, 14, -INFINITY, "-inf in row 3, column 2"},
	{FULL, 5, NAN, "value 1 of the hessian's diagonal to be written is "},
	{FULL, 15, INFINITY, "value 3 of the hessian's diagonal"},
	{FULL, 0, -1, "is -1; it must be finite and not negative"},
	{ROWS, 1, NAN, "value 1 of row_sens to be written is nan"},
	{ROWS, 0, INFINITY, "value 0 of row_sens to be written is inf"},
	{ROWS, 2, -3, "value 2 of row_sens to be written is -3"},
};

START_TEST(bad_values)
{
	float full[16], diag[4] = {1, 1, 1, 1}, rows[3] = {1, 1, 1};
	float *const at[] = {[DIAG] = diag, [FULL] = full, [ROWS] = rows};
	struct sidecar_entry v[] = {
		{.name = "good", .n_in = 4, .diag = diag},
		{.name = "bad", .n_in = 4, .row_sens = rows, .n_out = 3},
	};
	struct hvqz_err err;
	struct buf b = {0};

	for (int i = 0; i < 16; i++)
		full[i] = i % 5 ? 0 : 1;
	if (bad[_i].where == FULL) {
		v[1].full = full;
		v[1].block = 4;
	} else {
		v[1].diag = diag;
	}
	ck_assert_int_eq(write_to(&b, NULL, v, 2, &err), HVQZ_OK);
	at[bad[_i].where][bad[_i].i] = bad[_i].v;
	/* The first entry shares the diagonal; it is then the one named. */
	ck_assert_int_eq(write_to(&b, NULL, v, 2, &err), HVQZ_USAGE);
	ck_assert_str_eq(err.tensor, bad[_i].where == DIAG ? "good" : "bad");
	ck_assert_msg(strstr(err.msg, bad[_i].words) != NULL, "%s", err.msg);
	ck_assert_uint_eq(b.len, 0);
	buf_free(&b);
}
END_TEST

START_TEST(bad_entries)
{
	static const float one[2] = {1, 1};
	static const struct {
		struct sidecar_entry v[2];
		enum hvqz_ret ret;
	} t[] = {
		{{{.name = "a", .n_in = 0, .diag = one}}, HVQZ_USAGE},
		{{{.name = "", .n_in = 1, .diag = one}}, HVQZ_USAGE},
		{{{.name = "a", .n_in = 1, .diag = one, .row_sens = one}},
		 HVQZ_USAGE},
		{{{.name = "\xff", .n_in = 1, .diag = one}},
		 HVQZ_UNSUPPORTED},
		{{{.name = "a", .n_in = 1, .diag = one},
		  {.name = "a", .n_in = 2, .diag = one}}, HVQZ_DAMAGED},
	};
	struct hvqz_err err;
	struct buf b = {0};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		size_t n = t[i].v[1].name ? 2 : 1;

		ck_assert_int_eq(write_to(&b, NULL, t[i].v, n, &err),
				 (int)t[i].ret);
		ck_assert(err.msg[0] && !b.len);
	}
	buf_free(&b);
}
END_TEST

START_TEST(bad_metadata)
{
	static const struct {
		const char *calibration, *key, *value, *words;
	} t[] = {
		{"a", "calibration", "b", "'calibration' twice"},
		{NULL, "hvqz.sidecar", "2", "'hvqz.sidecar' twice"},
		{"\xc3(", "key", "value", "'calibration' is not UTF-8"},
		{NULL, "key", "\xff", "'key' is not UTF-8"},
		{NULL, "\xff", "value", "not UTF-8"},
	};
	struct hvqz_err err;
	struct buf b = {0};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct sidecar_meta meta = {
			t[i].calibration, 0, &t[i].key, &t[i].value, 1,
		};

		ck_assert_int_eq(write_to(&b, &meta, NULL, 0, &err),
				 HVQZ_USAGE);
		ck_assert_msg(strstr(err.msg, t[i].words) != NULL, "%s",
			      err.msg);
		ck_assert_uint_eq(b.len, 0);
	}
	buf_free(&b);
}
END_TEST

static enum hvqz_ret write_some(void *ctx, const void *p, size_t n,
				struct hvqz_err *err)
{
	int *left = ctx;

	(void)p;
	(void)n;
	return (*left)-- ? HVQZ_OK : hvqz_fail(err, HVQZ_IO, "disk full");
}

/* A disk that fills up at any write: its words, and nothing leaks. */
START_TEST(every_write_failure)
{
	static const struct sink_ops ops = {write_some};
	static const struct sidecar_meta meta = {.calibration = "text"};
	float *h = case_covariance(40, 3, 90), one = 1;
	float *blocks = case_pack(h, 40, 15);
	struct sidecar_entry v[] = {
		{.name = "a", .n_in = 1, .diag = &one, .row_sens = &one,
		 .n_out = 1},
		{.name = "b", .n_in = 40, .full = h, .block = 40},
		{.name = "c", .n_in = 40, .full = blocks, .block = 15},
	};
	enum hvqz_ret ret = HVQZ_IO;

	for (int n = 0; ret != HVQZ_OK; n++) {
		struct hvqz_err err = {0};
		struct sink out;
		int left = n;

		sink_init(&out, &ops, &left);
		ret = sidecar_write(&meta, v, 3, &out, &err);
		ck_assert(ret == HVQZ_OK || !strcmp(err.msg, "disk full"));
		ck_assert_int_lt(n, 100);
	}
	free(blocks);
	free(h);
}
END_TEST

#define N_OF(v) ((int)(sizeof(v) / sizeof((v)[0])))

static Suite *write_suite(void)
{
	Suite *s = suite_create("sidecar_write");
	TCase *trip = tcase_create("trip");
	TCase *refused = tcase_create("refused");

	tcase_add_loop_test(trip, trip_full, 0, N_OF(sizes));
	tcase_add_test(trip, full_range);
	tcase_add_test(trip, full_impossible);
	tcase_add_test(trip, whole_file);
	tcase_set_timeout(trip, 60);
	suite_add_tcase(s, trip);

	tcase_add_loop_test(refused, bad_values, 0, N_OF(bad));
	tcase_add_test(refused, bad_entries);
	tcase_add_test(refused, bad_metadata);
	tcase_add_test(refused, every_write_failure);
	suite_add_tcase(s, refused);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(write_suite());
	int n_failed;

	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
