/*
 * sidecar.c - both kinds of imatrix and our own sidecar, read and matched.
 *
 * Input: a file; what kind it is follows from its content.
 */
#include "formats/sidecar.h"
#include "tests/corpus_sidecar.h"
#include "tests/fuzz/gguf_family.h"
#include "tests/fuzz/json_head.h"

size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t len, size_t max,
			       unsigned seed)
{
	if (len > 16 && p[8] == '{')
		return json_mutate(p, len, max, seed);
	return LLVMFuzzerMutate(p, len, max);
}

/* Weights of the corpus' names, of the shape it gives them. */
static void make_model(struct model *m)
{
	static const char *const name[] = {
		"w", "model.layers.0.self_attn.q_proj.weight",
		"model.layers.0.self_attn.k_proj.weight",
		"model.embed_tokens.weight",
	};
	static const uint64_t dim[][2] = {{3, 4}, {3, 4}, {4, 4}, {8, 4}};

	for (size_t i = 0; i < 4; i++)
		FUZZ_HOLDS(!model_add(m, name[i], DTYPE_F32, 2, dim[i],
				      NULL));
}

static void check_table(const struct sens_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct sens *s = &t->v[i];

		FUZZ_HOLDS(s->name && *s->name && s->n_in && s->axis < 2);
		FUZZ_HOLDS(!i || strcmp(t->v[i - 1].name, s->name) < 0);
		for (size_t j = 0; j < s->n_in; j++)
			FUZZ_HOLDS(isfinite(s->diag[j]) && s->diag[j] >= 0);
		for (size_t j = 0; j < s->n_out; j++)
			FUZZ_HOLDS(isfinite(s->row_sens[j]) &&
				   s->row_sens[j] >= 0);
	}
}

static void note(void *ctx, const char *msg)
{
	FUZZ_HOLDS(*msg);
	++*(size_t *)ctx;
}

/* What has heads of pairs of rows, in another order than the sidecar's. */
static void match_gguf(const struct family *f, const uint8_t *p, size_t len,
		       const struct hvqz_notes *notes)
{
	static const uint64_t dim[] = {4, 4};
	static const char *const name[] = {
		"blk.0.attn_q.weight", "blk.0.attn_k.weight",
		"token_embd.weight", "w",
	};
	struct sens_table t = {0};
	struct hvqz_err err = {0};
	struct source_memory mem;
	struct source src;
	struct model m = {0}, like = {0};
	enum hvqz_ret ret;

	for (size_t i = 0; i < 4; i++)
		FUZZ_HOLDS(!model_add(&m, name[i], DTYPE_F32, 2, dim, NULL));
	/* The head's tensors do not matter, only its keys. */
	family_head(f, &like);
	m.head = like.head;
	m.head_len = like.head_len;
	like.head = NULL;
	model_free(&like);
	strcpy(m.format, "gguf");
	source_init_memory(&src, &mem, p, len);
	FUZZ_HOLDS(sidecar_read(&src, &t, notes, &err) == HVQZ_OK);
	ret = sidecar_match(&t, &m, notes, &err);
	FUZZ_HOLDS(ret == HVQZ_OK || ret == HVQZ_DAMAGED);
	if (ret == HVQZ_OK) {
		check_table(&t);
		/* As for a second pass over the model. */
		FUZZ_HOLDS(!sidecar_match(&t, &m, notes, &err));
		check_table(&t);
	}
	sens_table_free(&t);
	source_free(&src);
	model_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	size_t n_notes = 0;
	struct hvqz_notes notes = {note, &n_notes};
	struct sens_table t = {0};
	struct hvqz_err err = {0};
	struct source_memory mem;
	struct source src;
	struct model m = {0};
	enum hvqz_ret ret;

	source_init_memory(&src, &mem, p, len);
	ret = sidecar_read(&src, &t, &notes, &err);
	FUZZ_HOLDS(ret == err.ret);
	FUZZ_HOLDS(ret == HVQZ_OK || ret == HVQZ_DAMAGED ||
		   ret == HVQZ_UNSUPPORTED);
	if (ret == HVQZ_OK) {
		check_table(&t);
		make_model(&m);
		ret = sidecar_match(&t, &m, &notes, &err);
		FUZZ_HOLDS(ret == HVQZ_OK || ret == HVQZ_DAMAGED);
		for (size_t i = 0; i < N_FAMILIES; i++)
			match_gguf(&families[i], p, len, &notes);
	}
	sens_table_free(&t);
	source_free(&src);
	model_free(&m);
	return 0;
}

/* Sidecars that are about rows of q and k, in F32 numbers. */
#define HEAD "{\"__metadata__\":{\"hvqz.sidecar\":\"1\"},"
#undef T
#define T(name, n, end)                                                 \
	"\"" name "\":{\"dtype\":\"F32\",\"shape\":[" n             \
	"],\"data_offsets\":[" end "]}"
#define HF_Q "model.layers.0.self_attn.q_proj.weight"
#define HF_K "model.layers.0.self_attn.k_proj.weight"
#define GGUF_Q "blk.0.attn_q.weight"

static const struct {
	const char *json;
	size_t n_numbers;
} rows[] = {
	{HEAD T(HF_Q ".hessian_diag", "4", "0,16") ","
	 T(HF_Q ".row_sens", "4", "16,32") ","
	 T(HF_K ".hessian_diag", "4", "32,48") ","
	 T(HF_K ".row_sens", "4", "48,64") "}", 16},
	{HEAD T(HF_Q ".hessian_diag", "4", "0,16") ","
	 T(HF_Q ".row_sens", "3", "16,28") "}", 7},
	{HEAD T(HF_K ".hessian_diag", "4", "0,16") ","
	 T(HF_K ".row_sens", "3", "16,28") "}", 7},
	{HEAD T(HF_Q ".hessian_diag", "4", "0,16") ","
	 T(GGUF_Q ".hessian_diag", "4", "16,32") "}", 8},
	{HEAD T("lm_head.weight.hessian_diag", "4", "0,16") ","
	 T("model.embed_tokens.weight.hessian_diag", "4", "16,32") "}", 8},
	{HEAD T("w.hessian_diag", "4", "0,16") ","
	 T("nowhere.hessian_diag", "4", "16,32") "}", 8},
};

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	struct buf b = {0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		buf_clear(&b);
		buf_u64(&b, strlen(rows[i].json));
		buf_put(&b, rows[i].json, strlen(rows[i].json));
		for (size_t j = 0; j < rows[i].n_numbers; j++)
			buf_f32(&b, (float)(j + 1));
		add(b.p, b.len);
	}
	for (size_t i = 0; i < N_SIDECAR_CASES; i++) {
		buf_clear(&b);
		corpus_sidecar_build(&sidecar_cases[i], &b);
		add(b.p, b.len);
	}
	buf_free(&b);
}
