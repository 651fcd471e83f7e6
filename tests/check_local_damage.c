/*
 * check_local_damage.c - damage stays where it is: every changed bit of a file
 * is noticed, the tensor it is in is named, and all others come back exactly.
 *
 * A few seconds' worth by default; with HVQZ_LONG set, every bit of a file of
 * 64 KiB, and 100,000 random damages to one of 10 MB (`make check-long`).
 */
#include "tests/job_case.h"

#include <stdio.h>

struct shape {
	const char *name;
	enum dtype dtype;
	uint64_t rows, cols;
	const char *copy;	/* of the tensor of this name, before it */
};

/* A .hvqz, what it restores to, and which bytes of both belong together. */
struct specimen {
	struct buf model, file, good, out;
	struct container_info info;
	struct container_index ix;
	size_t head_len;	/* of the restored file */
	bool *hit;		/* [n_chunks] */
	bool *named;		/* [n_tensors] */
	bool nameless;		/* a sentence about no tensor */
	uint8_t *work;		/* the file, to be damaged */
};

static void fill(struct buf *b, const struct shape *s, struct rng *rng)
{
	for (uint64_t i = 0; i < s->rows * s->cols; i++) {
		float v = normal(rng) * 0.05f;

		if (s->dtype == DTYPE_F16)
			buf_u16(b, f16_from_f32(v));
		else if (s->dtype == DTYPE_BF16)
			buf_u16(b, bf16_from_f32(v));
		else
			buf_f32(b, v);
	}
}

static void make_specimen(struct specimen *sp, const struct shape *s, size_t n,
			  const char *const *rules, uint64_t chunk)
{
	struct encode_options opt = trellis;
	struct container_reader *r;
	struct source_memory mem;
	struct tensor_rule rule[8] = {{0}};
	struct job_report rep;
	struct model m = {0};
	struct rng rng = {77};
	struct source src;
	uint8_t *head;
	size_t len, at[16];

	*sp = (struct specimen){0};
	settings_preset_mid(&opt.set);
	settings_rtn(&opt.set);
	settings_trellis(&opt.set);
	opt.set.effort = 5;
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(model_add(&m, s[i].name, s[i].dtype, 2,
					   (uint64_t[TENSOR_MAX_RANK]){
						   s[i].rows, s[i].cols},
					   NULL), HVQZ_OK);
	ck_assert_int_eq(safetensors_make_head(&m, NULL, 0, &head, &len, NULL),
			 HVQZ_OK);
	buf_put(&sp->model, head, len);
	for (size_t i = 0; i < n; i++) {
		size_t of = i;

		at[i] = sp->model.len;
		for (size_t k = 0; s[i].copy && k < i; k++)
			if (!strcmp(s[k].name, s[i].copy))
				of = k;
		if (of == i) {
			fill(&sp->model, &s[i], &rng);
		} else {
			/* It must not move while it is copied. */
			uint8_t *to = buf_grow(&sp->model, m.tensors[i].size);

			memcpy(to, sp->model.p + at[of], m.tensors[i].size);
		}
	}
	for (; rules[opt.n_rules]; opt.n_rules++)
		ck_assert_int_eq(rule_parse(rules[opt.n_rules],
					    &rule[opt.n_rules], NULL),
				 HVQZ_OK);
	opt.rules = rule;
	opt.chunk_elems = chunk;
	ck_assert_int_eq(run_encode(&opt, 1, &sp->model, &sp->file, &rep,
				    NULL), HVQZ_OK);
	ck_assert_int_eq(run_decode(1, sp->file.p, sp->file.len, 0, &sp->good,
				    NULL), HVQZ_OK);
	source_init_memory(&src, &mem, sp->file.p, sp->file.len);
	ck_assert_int_eq(container_read_head(&r, &src, &sp->info, NULL),
			 HVQZ_OK);
	ck_assert_int_eq(container_read_index(r, &sp->ix, NULL), HVQZ_OK);
	container_reader_free(r);
	source_free(&src);
	sp->head_len = sp->good.len - sp->info.model.data_size;
	sp->hit = calloc(sp->ix.n_chunks, sizeof(*sp->hit));
	sp->named = calloc(n, sizeof(*sp->named));
	sp->work = malloc(sp->file.len);
	ck_assert(sp->hit && sp->named && sp->work);
	memcpy(sp->work, sp->file.p, sp->file.len);
	for (size_t i = 0; i < opt.n_rules; i++)
		rule_free(&rule[i]);
	model_free(&m);
	free(head);
}

static void free_specimen(struct specimen *sp)
{
	buf_free(&sp->model);
	buf_free(&sp->file);
	buf_free(&sp->good);
	buf_free(&sp->out);
	container_index_free(&sp->ix);
	container_info_free(&sp->info);
	free(sp->hit);
	free(sp->named);
	free(sp->work);
}

/* Which chunk is byte p of the file in? n_chunks: behind; −1: the header. */
static size_t chunk_of(const struct specimen *sp, size_t p)
{
	size_t lo = 0, hi = sp->ix.n_chunks;
	const struct container_index_entry *last = &sp->ix.chunks[hi - 1];

	if (p < sp->ix.chunks[0].off)
		return SIZE_MAX;
	if (p >= last->off + CONTAINER_CHUNK_HEAD_LEN + last->stored_len)
		return hi;
	while (hi - lo > 1) {
		size_t mid = (lo + hi) / 2;

		if (sp->ix.chunks[mid].off <= p)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static void note(void *ctx, const struct hvqz_err *err)
{
	struct specimen *sp = ctx;
	const struct model *m = &sp->info.model;

	ck_assert_uint_gt(strlen(err->msg), 10);
	if (!err->tensor[0])
		sp->nameless = true;
	for (size_t t = 0; t < m->n_tensors; t++)
		if (!strcmp(m->tensors[t].name, err->tensor)) {
			sp->named[t] = true;
			return;
		}
	ck_assert(!err->tensor[0]);
}

/* Rows of a chunk in tensor t: as they should be, or zeros if it is hit? */
static bool rows_good(const struct specimen *sp, size_t t, size_t i)
{
	const struct tensor *tensor = &sp->info.model.tensors[t];
	const struct container_index_entry *e = &sp->ix.chunks[i];
	size_t row = tensor_rows(tensor).row_len;
	size_t at = sp->head_len + tensor->off + e->first_row * row;
	size_t n = e->n_rows * row;
	const uint8_t *p = sp->out.p + at;

	if (sp->hit[i])
		return !p[0] && !memcmp(p, p + 1, n - 1);
	return !memcmp(p, sp->good.p + at, n);
}

/*
 * Everything about the restored file, its damage known. One assertion for all:
 * libcheck writes each to a file.
 */
static void check_restored(const struct specimen *sp)
{
	const struct model *m = &sp->info.model;
	bool good = sp->out.len == sp->good.len &&
		    !memcmp(sp->out.p, sp->good.p, sp->head_len);

	for (size_t t = 0; good && t < m->n_tensors; t++) {
		size_t of = container_is_copy(&sp->info, t) ?
				    sp->info.copy_of[t] - 1 : t;
		bool any = false;

		for (size_t i = sp->ix.first[of]; i < sp->ix.first[of + 1];
		     i++) {
			good &= rows_good(sp, t, i);
			any |= sp->hit[i];
		}
		good &= any == sp->named[t];
	}
	ck_assert(good);
}

struct outcome {
	uint64_t in_header, in_tail, in_chunks;
};

/* Decode sp->work going on after damage; hit says what was damaged. */
static void run_one(struct specimen *sp, bool header, bool tail, size_t step,
		    struct outcome *o)
{
	struct pipe_source pipe = {
		.p = sp->work, .len = sp->file.len, .step = step};
	struct decode_options opt = {.bad = note, .bad_ctx = sp};
	struct hvqz_err err = {0};
	struct source_memory mem;
	struct job_report rep;
	struct source src;
	struct sink sink;
	enum hvqz_ret ret;
	bool any = false;

	memset(sp->named, 0, sp->info.model.n_tensors);
	sp->nameless = false;
	buf_clear(&sp->out);
	if (step)
		source_init(&src, &pipe_ops, &pipe, SOURCE_SIZE_UNKNOWN);
	else
		source_init_memory(&src, &mem, sp->work, sp->file.len);
	sink_init_memory(&sink, &sp->out);
	ret = job_decode(&env, &opt, &src, &sink, &rep, &err);
	source_free(&src);
	ck_assert(ret == HVQZ_DAMAGED || ret == HVQZ_UNSUPPORTED);
	ck_assert_uint_gt(strlen(err.msg), 10);
	if (header) {
		o->in_header++;
		ck_assert(!rep.complete);
		ck_assert_uint_eq(sp->out.len, 0);
		return;
	}
	ck_assert(rep.complete);
	check_restored(sp);
	for (size_t i = 0; i < sp->ix.n_chunks; i++)
		any |= sp->hit[i];
	o->in_chunks += any;
	o->in_tail += tail && !any;
	ck_assert_int_eq(any, rep.n_damaged != 0);
}

/* Change byte p by what is not 0, and remember where that was. */
static void damage(struct specimen *sp, size_t p, uint8_t by, bool *header,
		   bool *tail)
{
	size_t i = chunk_of(sp, p);

	sp->work[p] ^= by;
	if (i == SIZE_MAX)
		*header = true;
	else if (i == sp->ix.n_chunks)
		*tail = true;
	else
		sp->hit[i] = true;
}

static void heal(struct specimen *sp)
{
	memset(sp->hit, 0, sp->ix.n_chunks);
	memcpy(sp->work, sp->file.p, sp->file.len);
}

/* ---- every bit ---- */

START_TEST(every_bit_flip_is_found_and_located)
{
	static const struct shape shapes[] = {
		{"a.raw", DTYPE_F16, 40, 64, NULL},
		{"b.exact", DTYPE_BF16, 96, 128, NULL},
		{"c.km", DTYPE_F16, 96, 64, NULL},
		{"d.copy", DTYPE_BF16, 96, 128, "b.exact"},
		{"e.rtn", DTYPE_F32, 80, 64, NULL},
		{"f.trellis", DTYPE_F16, 208, 128, NULL},
		{"g.exact", DTYPE_F32, 16, 30, NULL},
		{"h.raw", DTYPE_BF16, 140, 62, NULL},
	};
	static const char *const rules[] = {
		"*.raw=raw", "*.exact=lossless", "*.copy=lossless",
		"*.km=kmeans,k=16", "*.rtn=rtn", NULL};
	bool all = getenv("HVQZ_LONG");
	struct outcome o = {0};
	struct specimen sp;
	uint64_t n = 0;

	make_specimen(&sp, shapes, sizeof(shapes) / sizeof(*shapes), rules,
		      2048);
	ck_assert_uint_ge(sp.file.len, 64 << 10);
	ck_assert_uint_lt(sp.file.len, 66 << 10);
	env.n_threads = 1;
	for (uint64_t bit = 0; bit < sp.file.len * 8; bit++) {
		size_t i = chunk_of(&sp, bit / 8);
		bool header = false, tail = false;
		bool head = i < sp.ix.n_chunks &&
			    bit / 8 - sp.ix.chunks[i].off <
				    CONTAINER_CHUNK_HEAD_LEN;

		/* Payloads are alike all over; records are not. */
		if (!all && bit % 512 && !(head && bit % 16 == 5) &&
		    !(i >= sp.ix.n_chunks && bit % 8 == 3))
			continue;
		damage(&sp, bit / 8, (uint8_t)(1u << bit % 8), &header, &tail);
		run_one(&sp, header, tail, bit % 7 ? 0 : 5000, &o);
		sp.work[bit / 8] = sp.file.p[bit / 8];
		if (i < sp.ix.n_chunks)
			sp.hit[i] = false;
		n++;
	}
	ck_assert_uint_eq(n, o.in_header + o.in_chunks + o.in_tail);
	if (all)
		printf("%llu bit flips of %zu bytes: %llu in the header, %llu "
		       "in chunks, %llu behind them; all found and located\n",
		       (unsigned long long)n, sp.file.len,
		       (unsigned long long)o.in_header,
		       (unsigned long long)o.in_chunks,
		       (unsigned long long)o.in_tail);
	free_specimen(&sp);
}
END_TEST

/* ---- random damage ---- */

/* One to four bursts of 2 to 64 bytes, none of which stays as it was. */
static void strike(struct specimen *sp, struct rng *rng, bool *header,
		   bool *tail)
{
	for (uint64_t n = 1 + rng_below(rng, 4); n; n--) {
		size_t len = 2 + rng_below(rng, 63);
		size_t at = rng_below(rng, sp->file.len - len);

		for (size_t i = 0; i < len; i++) {
			uint8_t was = sp->file.p[at + i];
			uint8_t by = (uint8_t)(1 + rng_below(rng, 255));

			sp->work[at + i] = was;
			damage(sp, at + i, by, header, tail);
		}
	}
}

START_TEST(random_damage_stays_local)
{
	static const struct shape shapes[] = {
		{"a.exact", DTYPE_BF16, 512, 512, NULL},
		{"b.raw", DTYPE_F16, 2048, 768, NULL},
		{"c.km", DTYPE_F16, 256, 512, NULL},
		{"d.copy", DTYPE_BF16, 512, 512, "a.exact"},
		{"e.rtn", DTYPE_F32, 256, 512, NULL},
		{"f.trellis", DTYPE_F16, 512, 512, NULL},
		{"g.raw", DTYPE_F32, 1640, 960, NULL},
		{"h.exact", DTYPE_F32, 16, 300, NULL},
	};
	static const char *const rules[] = {
		"*.raw=raw", "*.exact=lossless", "*.copy=lossless",
		"*.km=kmeans,k=64", "*.rtn=rtn", NULL};
	bool all = getenv("HVQZ_LONG");
	unsigned times = all ? 100000 : 150;
	struct outcome o = {0};
	struct specimen sp;
	struct rng rng = {4242};

	make_specimen(&sp, shapes, sizeof(shapes) / sizeof(*shapes), rules,
		      16 << 10);
	ck_assert_uint_ge(sp.file.len, 10000000);
	for (unsigned i = 0; i < times; i++) {
		bool header = false, tail = false;

		heal(&sp);
		strike(&sp, &rng, &header, &tail);
		env.n_threads = i % 16 ? 1 : 3;
		run_one(&sp, header, tail, i % 4 ? 0 : 70000, &o);
	}
	ck_assert_uint_eq(times, o.in_header + o.in_chunks + o.in_tail);
	if (all)
		printf("%u damages to a file of %zu bytes, %zu chunks: %llu to "
		       "its header, %llu to chunks, %llu behind them; all "
		       "found and located, all else restored\n", times,
		       sp.file.len, sp.ix.n_chunks,
		       (unsigned long long)o.in_header,
		       (unsigned long long)o.in_chunks,
		       (unsigned long long)o.in_tail);
	free_specimen(&sp);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("local damage");
	TCase *cases = tcase_create("local damage");
	SRunner *sr = srunner_create(s);
	int failed;

	set_kinds();
	tcase_add_test(cases, every_bit_flip_is_found_and_located);
	tcase_add_test(cases, random_damage_stays_local);
	tcase_set_timeout(cases, getenv("HVQZ_LONG") ? 0 : 600);
	suite_add_tcase(s, cases);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
