/* corpus_part_hf.c - the rows of corpus_hf.h. */
#include "tests/corpus.h"
#include "tests/corpus_hf.h"

static size_t count(void)
{
	return N_HF_CASES;
}

static void row(size_t i, struct corpus_row *row)
{
	const struct hf_case *c = &hf_cases[i];

	*row = (struct corpus_row){"hf", c->name, c->ret, c->word};
}

static void make(size_t i, struct corpus_bytes *to)
{
	hf_case_make(i, &to->b);
}

/* Become a GGUF, of the same number of tensors or those made more. */
enum hvqz_ret corpus_hf_read(const struct buf *b, struct hvqz_err *err)
{
	struct buf data = {0}, out = {0};
	struct hf_input in;
	struct model m = {0};
	enum hvqz_ret ret;

	ck_assert(hf_take(b->p, b->len, &in));
	hf_model(&in, &m);
	hf_data(&m, &data);
	ret = hf_make(&in, &m, &data, &out, err);
	ck_assert(ret == HVQZ_OK || !out.len);
	model_free(&m);
	buf_free(&data);
	buf_free(&out);
	return ret;
}

const struct corpus_part corpus_part_hf = {
	"config.json and tokenizer.json", READ_HF, NULL, count, row, make,
};
