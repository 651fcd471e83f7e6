/*
 * check_memory.c - the figures of codec_memory.h are what codecs take.
 *
 * Each case runs in a process of its own: its peak resident memory (VmHWM) is
 * set back, a slab is encoded or decoded, and what that has added is compared.
 * When a codec has changed what it takes, the message has the new figure.
 */
#include "codec/codec_memory.h"
#include "kernels/blas.h"
#include "kernels/kernels.h"
#include "sense/factor.h"
#include "tests/slab_case.h"

#include <check.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 1024, COLS = 2048 };

static const struct memory_case {
	const char *name;
	struct codec_settings set;
	bool full;		/* with a full Hessian */
} cases[] = {
	{"planes -1", {.codec = CODEC_PLANES, .effort = 1}, false},
	{"planes -5", {.codec = CODEC_PLANES, .effort = 5}, false},
	{"planes -9", {.codec = CODEC_PLANES, .effort = 9}, false},
	{"trellis -1", {.codec = CODEC_TRELLIS, .effort = 1, .step = 0.002,
			.outliers = 1e-4}, false},
	{"trellis -5", {.codec = CODEC_TRELLIS, .effort = 5, .step = 0.002,
			.outliers = 1e-4}, false},
	{"trellis -1, full", {.codec = CODEC_TRELLIS, .effort = 1,
			      .step = 0.002, .outliers = 1e-4}, true},
	{"rtn", {.codec = CODEC_RTN, .effort = 5, .bits = 4}, false},
	{"rtn, groups", {.codec = CODEC_RTN, .effort = 5, .bits = 4,
			 .group = 32}, false},
	{"rtn, full", {.codec = CODEC_RTN, .effort = 5, .bits = 4}, true},
	{"kmeans", {.codec = CODEC_HASVQ, .effort = 1, .centroids = 64,
		    .block = 4, .outliers = 0.015}, false},
	{"hero rtn", {.codec = CODEC_RTN, .effort = 1, .bits = 4,
		      .condition = CONDITION_HERO, .alpha = 0.5}, false},
	{"smooth rtn", {.codec = CODEC_RTN, .effort = 1, .bits = 4,
			.condition = CONDITION_SMOOTH, .alpha = 0.5}, false},
};

enum { N_CASES = sizeof(cases) / sizeof(cases[0]) };

static const enum dtype dtypes[] = {DTYPE_BF16, DTYPE_F16, DTYPE_F32};

/* Kilobytes of a line of /proc/self/status; 0: there is no such thing. */
static size_t status_kib(const char *line)
{
	FILE *f = fopen("/proc/self/status", "r");
	char text[128];
	size_t n = 0;

	while (f && fgets(text, sizeof(text), f))
		if (!strncmp(text, line, strlen(line)))
			sscanf(text + strlen(line), ": %zu", &n);
	if (f)
		fclose(f);
	return n;
}

/* The peak is what there is. */
static bool reset_peak(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "w");
	bool good = f && fputs("5", f) >= 0;

	if (f)
		good &= fclose(f) == 0;
	return good && status_kib("VmHWM") && status_kib("VmRSS");
}

/* What the test has in hand when it is measured. */
struct trial {
	struct sample s;
	struct buf out;
	struct codec_env env;
	struct sens sens;
	struct factor factor;
};

/* A full Hessian of no meaning: channels alike to those beside them. */
static void make_sens(struct trial *t, size_t n, bool full)
{
	t->sens = (struct sens){.axis = 1, .n_in = n};
	t->sens.diag = malloc(n * sizeof(float));
	for (size_t j = 0; j < n; j++)
		t->sens.diag[j] = 1;
	if (!full)
		return;
	t->factor = (struct factor){
		.n = n, .real = 1, .l = malloc(n * sizeof(float)),
		.m = calloc(n * n, sizeof(float)),
	};
	for (size_t j = 0; j < n; j++)
		for (size_t k = j > 8 ? j - 8 : 0; k <= j; k++)
			t->factor.m[j * n + k] =
				1 / (1 + (float)(j - k) * (float)(j - k)) +
				(j == k);
	ck_assert(factor_of(&t->factor));
	t->env.factor = &t->factor;
}

static const struct codec *encode(struct trial *t, const struct slab *slab,
				  const struct codec_settings *set)
{
	const struct codec *used;
	struct codec_stats stats;
	struct hvqz_err err = {0};

	ck_assert_msg(!codec_encode(&t->env, slab, set,
				    t->factor.m ? &t->sens : NULL, t->s.raw,
				    &t->out, &used, &stats, &err), "%s",
		      err.msg);
	return used;
}

static void decode(struct trial *t, const struct slab *slab,
		   const struct codec *codec)
{
	struct hvqz_err err = {0};

	ck_assert_msg(!codec->decode(&t->env, slab, t->out.p, t->out.len,
				     t->s.back, &err), "%s", err.msg);
}

/* To the megabyte's tenth, so that a message can be read. */
static double mib(uint64_t n)
{
	return (double)n / (1 << 20);
}

/*
 * The plan of a job has rows three times, and the codec's scratch: what is
 * taken must be within a twelfth of that, and within a tenth of a job's.
 */
static void compare(const struct memory_case *c, const struct slab *slab,
		    const char *what, uint64_t taken, uint64_t usual,
		    uint64_t most)
{
	uint64_t room = (3 * (uint64_t)slab->raw_len + usual) / 12 +
			(512 << 10);
	double elems = (double)slab->n_rows * (double)slab->n_cols;

	if (getenv("CHECK_MEMORY_SAYS"))
		printf("%s, dtype %d, %s: took %.2f MiB (%.2f a weight), "
		       "usual %.2f, most %.2f\n", c->name, (int)slab->dtype,
		       what, mib(taken), (double)taken / elems, mib(usual),
		       mib(most));
	ck_assert_msg(taken <= usual + room && taken + room >= usual,
		      "%s, dtype %d, %s: takes %.2f MiB, %.2f bytes a weight; "
		      "codec_memory.c says %.2f MiB", c->name,
		      (int)slab->dtype, what, mib(taken),
		      (double)taken / elems, mib(usual));
	ck_assert_msg(taken <= most + (512 << 10),
		      "%s, dtype %d, %s: takes %.2f MiB, and at the most is to "
		      "be %.2f", c->name, (int)slab->dtype, what, mib(taken),
		      mib(most));
}

START_TEST(codecs_take_what_is_announced)
{
	const struct memory_case *c = &cases[_i % N_CASES];
	enum dtype dtype = dtypes[_i / N_CASES];
	struct codec_settings set = c->set;
	struct trial t = {.env = {.kern = kernels_select()}};
	const struct codec *first = codec_find(codec_first(&set)), *used;
	struct slab slab, few;
	size_t before;

#ifdef __SANITIZE_ADDRESS__
	return;
#endif
	/* F16 makes a difference where its bits are looked at. */
	if (dtype == DTYPE_F16 && c->set.codec != CODEC_PLANES)
		return;
	/* As the program has it (cli/hardware.c). */
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	blas_init();
	set.quality = NAN;
	t.s = make_sample(dtype, ROWS, COLS, 1);
	slab = t.s.slab;
	memset(t.s.back, 1, slab.raw_len);
	ck_assert(buf_reserve(&t.out, slab.raw_len));
	memset(t.out.p, 1, slab.raw_len);
	make_sens(&t, COLS, c->full);
	/* Code and tables that every run shares, and BLAS's own buffers. */
	few = slab;
	few.n_rows = 24;
	few.raw_len = slab.raw_len / ROWS * 24;
	used = encode(&t, &few, &set);
	decode(&t, &few, used);
	malloc_trim(0);

	if (!reset_peak())
		return;		/* not on this system */
	before = status_kib("VmRSS");
	used = encode(&t, &slab, &set);
	ck_assert_uint_eq(used->id, first->id);
	compare(c, &slab, "encoding",
		(uint64_t)(status_kib("VmHWM") - before) << 10,
		codec_usual_encode(&slab, &set),
		first->encode_memory(&slab, &set));
	malloc_trim(0);
	ck_assert(reset_peak());
	before = status_kib("VmRSS");
	decode(&t, &slab, used);
	compare(c, &slab, "decoding",
		(uint64_t)(status_kib("VmHWM") - before) << 10,
		codec_usual_decode(used->id, &slab),
		used->decode_memory(&slab));
	free(t.s.raw);
	free(t.s.back);
	buf_free(&t.out);
	free(t.sens.diag);
	factor_free(&t.factor);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("memory of codecs");
	TCase *t = tcase_create("usual");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, codecs_take_what_is_announced, 0,
			    N_CASES * (int)(sizeof(dtypes) /
					    sizeof(dtypes[0])));
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
