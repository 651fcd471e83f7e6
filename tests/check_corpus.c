/*
 * check_corpus.c - every row of the hostile corpus through the real reader: the
 * result, the sentence, the time (a second) and the memory (64 MiB and 16 times
 * the header), and that no rule has been forgotten.
 *
 * With -l it lists the corpus.
 */
#include "base/bytes.h"
#include "formats/format.h"
#include "formats/sidecar.h"
#include "job/job.h"
#include "kernels/blas.h"
#include "kernels/kernels.h"
#include "tests/corpus.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* ---- what a reader may take ---- */

/* Of memory, in this process: what more is "out of memory", a wrong answer. */
static void limit_memory(uint64_t head_len)
{
	struct rlimit lim;
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f)
		return;
	ck_assert_int_eq(fscanf(f, "%ld", &pages), 1);
	fclose(f);
	getrlimit(RLIMIT_AS, &lim);
	lim.rlim_cur = (rlim_t)pages * 4096 + ((rlim_t)64 << 20) +
		       16 * (rlim_t)head_len;
#ifndef SANITIZED
	/* valgrind has its own idea of it. */
	if (!getenv("HVQZ_SLOW"))
		ck_assert_int_eq(setrlimit(RLIMIT_AS, &lim), 0);
#endif
}

/* Of the file, not what it claims. */
static uint64_t head_len(const struct corpus_part *part, const struct buf *b)
{
	size_t at = part->reader == READ_HVQZ ? 24 : 0;
	uint64_t len = b->len < at + 8 ? 0 : get_le64(b->p + at);

	return len < b->len ? len : b->len;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the readers ---- */

static enum hvqz_ret encode(const struct buf *b, struct sink *out,
			    struct hvqz_err *err)
{
	struct job_env env = {.n_threads = 1};
	struct encode_options opt = {.rate = QUALITY_DEFAULT,
				     .chunk_elems = 8192};
	struct job_report rep;
	struct source_memory mem;
	struct source src;
	enum hvqz_ret ret;

	settings_preset_mid(&opt.set);
	settings_trellis(&opt.set);
	opt.set.effort = 1;
	source_init_memory(&src, &mem, b->p, b->len);
	ret = job_encode(&env, &opt, &src, out, &rep, err);
	source_free(&src);
	return ret;
}

static enum hvqz_ret decode(const struct buf *b, struct sink *out,
			    struct hvqz_err *err)
{
	struct job_env env = {.n_threads = 1};
	struct decode_options opt = {0};
	struct job_report rep;
	struct source_memory mem;
	struct source src;
	enum hvqz_ret ret;

	source_init_memory(&src, &mem, b->p, b->len);
	ret = job_decode(&env, &opt, &src, out, &rep, err);
	source_free(&src);
	return ret;
}

/* All of it by the format's reader, whatever the first bytes look like. */
static enum hvqz_ret read_model(const struct reader_ops *r,
				const struct buf *b, struct hvqz_err *err)
{
	struct source_memory mem;
	struct source src;
	struct model m = {0};
	void *state = NULL;
	uint8_t *data = NULL;
	enum hvqz_ret ret;

	source_init_memory(&src, &mem, b->p, b->len);
	ret = r->head(&src, &m, &state, err);
	if (ret == HVQZ_OK) {
		/* No more than was found to be there. */
		ck_assert_uint_le(m.data_size, b->len);
		data = malloc((size_t)m.data_size + 1);
		ck_assert_ptr_nonnull(data);
		ret = r->next(state, data, (size_t)m.data_size, err);
	}
	if (ret == HVQZ_OK)
		ret = r->tail(state, err);
	r->free(state);
	free(data);
	model_free(&m);
	source_free(&src);
	return ret;
}

/* A model that is good comes back, here to the bit; another is not encoded. */
static enum hvqz_ret read_and_encode(const struct reader_ops *r,
				     const struct buf *b,
				     struct hvqz_err *err)
{
	struct buf small = {0}, back = {0};
	struct hvqz_err other = {0};
	struct sink out;
	enum hvqz_ret ret = read_model(r, b, err);

	sink_init_memory(&out, &small);
	ck_assert_msg((encode(b, &out, &other) == HVQZ_OK) ==
			      (ret == HVQZ_OK), "%s", other.msg);
	if (ret == HVQZ_OK) {
		sink_init_memory(&out, &back);
		ck_assert_msg(decode(&small, &out, &other) == HVQZ_OK, "%s",
			      other.msg);
		ck_assert_uint_eq(back.len, b->len);
		ck_assert_mem_eq(back.p, b->p, b->len);
	}
	buf_free(&small);
	buf_free(&back);
	return ret;
}

static enum hvqz_ret read_archive(const struct buf *b, struct hvqz_err *err)
{
	const struct reader_ops *r;
	struct source_memory mem;
	struct source src;
	enum hvqz_ret ret;

	source_init_memory(&src, &mem, b->p, b->len);
	ret = format_detect(&src, &r, err);
	source_free(&src);
	return ret == HVQZ_OK ? read_and_encode(r, b, err) : ret;
}

static enum hvqz_ret read_sidecar(const struct buf *b, struct hvqz_err *err)
{
	static const uint64_t dim[] = {3, 4};
	struct sens_table t = {0};
	struct source_memory mem;
	struct source src;
	struct model m = {0};
	enum hvqz_ret ret;

	ck_assert(!model_add(&m, "matched", DTYPE_F16, 2, dim, NULL));
	source_init_memory(&src, &mem, b->p, b->len);
	ret = sidecar_read(&src, &t, NULL, err);
	if (ret == HVQZ_OK)
		ret = sidecar_match(&t, &m, NULL, err);
	sens_table_free(&t);
	source_free(&src);
	model_free(&m);
	return ret;
}

/*
 * Tested, restored and listed; the test's answer is returned. It may find good
 * what cannot be restored: a source header that is not of that table.
 */
static enum hvqz_ret read_hvqz(const struct buf *b, struct hvqz_err *err)
{
	struct job_env env = {.n_threads = 1};
	enum hvqz_ret ret = decode(b, NULL, err);
	struct hvqz_err other = {0};
	struct source_memory mem;
	struct listing l;
	struct source src;
	struct sink out;

	sink_init_null(&out);
	ck_assert(decode(b, &out, &other) != HVQZ_OK || ret == HVQZ_OK);
	/* A listing has not seen the payloads, but it ends. */
	source_init_memory(&src, &mem, b->p, b->len);
	job_list(&env, &src, false, &l, &other);
	listing_free(&l);
	source_free(&src);
	return ret;
}

static enum hvqz_ret read_payload(const struct codec *c,
				  const struct corpus_bytes *x,
				  struct hvqz_err *err)
{
	struct codec_env env = {.kern = kernels_select(), .base = x->base};
	uint8_t *raw = malloc(x->slab.raw_len);
	/* A copy of exact length: a sanitizer sees a byte read too far. */
	uint8_t *copy = malloc(x->b.len + !x->b.len);
	enum hvqz_ret ret;

	ck_assert(raw && copy);
	memcpy(copy, x->b.len ? x->b.p : copy, x->b.len);
	ret = c->decode(&env, &x->slab, copy, x->b.len, raw, err);
	free(copy);
	free(raw);
	return ret;
}

static enum hvqz_ret read_row(const struct corpus_part *part,
			      const struct corpus_bytes *x,
			      struct hvqz_err *err)
{
	switch (part->reader) {
	case READ_SAFETENSORS:
		return read_and_encode(&safetensors_reader, &x->b, err);
	case READ_GGUF:
		return read_and_encode(&gguf_reader, &x->b, err);
	case READ_ARCHIVE:
		return read_archive(&x->b, err);
	case READ_SIDECAR:
		return read_sidecar(&x->b, err);
	case READ_HVQZ:
		return read_hvqz(&x->b, err);
	case READ_HF:
		return corpus_hf_read(&x->b, err);
	default:
		return read_payload(part->codec, x, err);
	}
}

START_TEST(a_row)
{
	struct corpus_bytes x = {0};
	struct hvqz_err err = {0};
	const struct corpus_part *part;
	struct corpus_row r;
	enum hvqz_ret ret;
	double took;
	size_t i;

	part = corpus_find((size_t)_i, &r, &i);
	part->make(i, &x);
	ck_assert(!x.b.failed);
	limit_memory(head_len(part, &x.b));
	took = seconds();
	ret = read_row(part, &x, &err);
	took = seconds() - took;
	ck_assert_msg(ret == r.ret, "%s, %s: %s: %d where %d is due: %s",
		      r.rule, part->base, r.name, ret, r.ret, err.msg);
	ck_assert_msg(ret == HVQZ_OK || !r.word || strstr(err.msg, r.word) ||
			      !strcmp(err.tensor, r.word),
		      "%s, %s: %s: no \"%s\" in: %s", r.rule, part->base,
		      r.name, r.word, err.msg);
	ck_assert_msg(ret == HVQZ_OK || *err.msg, "%s: no sentence", r.name);
	if (!getenv("HVQZ_SLOW"))
		ck_assert_msg(took < 1, "%s, %s: %s: %.2f s", r.rule,
			      part->base, r.name, took);
	buf_free(&x.b);
}
END_TEST

/*
 * The rules of shared/HOSTILE.md about what is read today. C1 to C5 are about
 * processes and their descriptors: tests/cli has them.
 */
static const char *const rules[] = {
	"S1",  "S2",  "S3",  "S4",  "S5",  "S6",  "S7",	 "S8",	"S9",
	"S10", "S11", "S12", "S13", "S14", "S15", "S16", "S17", "S18",
	"S19", "M1",  "M2",  "M3",  "M4",  "M5",  "H1",	 "H2",	"H3",
	"H4",  "H5",  "H6",  "H7",  "H8",  "H9",  "H10", "H11", "H12",
	"C6",  "C7",  "A1",
};

START_TEST(no_rule_is_forgotten)
{
	for (size_t k = 0; k < sizeof(rules) / sizeof(*rules); k++) {
		size_t n = 0, in_part;

		for (size_t i = 0; i < corpus_count(); i++) {
			struct corpus_row r;

			corpus_find(i, &r, &in_part);
			n += !strcmp(r.rule, rules[k]) &&
			     (r.ret != HVQZ_OK || *r.rule == 'C');
		}
		ck_assert_msg(n > 0, "no bad file for %s", rules[k]);
	}
}
END_TEST

static void list(void)
{
	static const char *const said[] = {"good", "damaged", "unsupported",
					   "I/O", "memory", "usage"};

	for (size_t i = 0; i < corpus_count(); i++) {
		struct corpus_row r;
		size_t in_part;
		const struct corpus_part *part = corpus_find(i, &r, &in_part);

		printf("%s\t%s\t%s\t%s\t%s\n", r.rule, part->base, r.name,
		       said[r.ret], r.word ? r.word : "");
	}
}

/* How many rows each rule has, good and bad. */
static void summary(void)
{
	for (size_t k = 0; k < sizeof(rules) / sizeof(*rules); k++) {
		size_t n[2] = {0}, in_part;

		for (size_t i = 0; i < corpus_count(); i++) {
			struct corpus_row r;

			corpus_find(i, &r, &in_part);
			if (!strcmp(r.rule, rules[k]))
				n[r.ret == HVQZ_OK]++;
		}
		printf("%-4s %3zu refused, %2zu good\n", rules[k], n[0], n[1]);
	}
	printf("%zu rows in all\n", corpus_count());
	fflush(stdout);
}

int main(int argc, char **argv)
{
	Suite *s = suite_create("corpus");
	TCase *t = tcase_create("corpus");
	SRunner *run = srunner_create(s);
	int failed;

	if (argc > 1 && !strcmp(argv[1], "-l")) {
		list();
		srunner_free(run);
		return EXIT_SUCCESS;
	}
	summary();
	blas_init();
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, a_row, 0, (int)corpus_count());
	tcase_add_test(t, no_rule_is_forgotten);
	suite_add_tcase(s, t);
	srunner_run_all(run, CK_NORMAL);
	failed = srunner_ntests_failed(run);
	srunner_free(run);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
