/*
 * hf.c - config.json and tokenizer.json of strangers, on the way to a GGUF.
 *
 * Input: what corpus_hf.h says. A GGUF that was made is read again, says
 * nothing that is no number, and goes back to the very bytes it came from. Our
 * own tokenizer reads the text as well.
 */
#include "lm/tokenizer/alphabet.h"
#include "lm/tokenizer/tokenizer.h"
#include "tests/corpus_hf.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

/* One of the two files, and the length in front is right. */
size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t len, size_t max,
			       unsigned seed)
{
	size_t n, rest;
	uint8_t *tail;

	if (len < 4 || seed % 16 == 0)
		return LLVMFuzzerMutate(p, len, max);
	n = get_le16(p + 1);
	n = n < len - 3 ? n : len - 3;
	rest = len - 3 - n;
	if (seed % 16 == 1) {
		p[0] = (uint8_t)(seed >> 8);
		return len;
	}
	if (seed & 1 || !n)
		return 3 + n + LLVMFuzzerMutate(p + 3 + n, rest, max - 3 - n);
	tail = fuzz_copy(p + 3 + n, rest);
	n = LLVMFuzzerMutate(p + 3, n, max - 3 - rest);
	if (n > UINT16_MAX)
		n = UINT16_MAX;
	memcpy(p + 3 + n, tail, rest);
	free(tail);
	put_le16(p + 1, (uint16_t)n);
	return 3 + n + rest;
}

/* As a source, whose data must be all there. */
static void read_again(const struct buf *file, struct model *m,
		       struct buf *data)
{
	struct hvqz_err err = {0};
	struct source_memory mem;
	struct source src;
	void *state = NULL;

	source_init_memory(&src, &mem, file->p, file->len);
	FUZZ_HOLDS(gguf_reader.head(&src, m, &state, &err) == HVQZ_OK);
	FUZZ_HOLDS(buf_grow(data, (size_t)m->data_size));
	FUZZ_HOLDS(gguf_reader.next(state, data->p, (size_t)m->data_size,
				    &err) == HVQZ_OK);
	FUZZ_HOLDS(gguf_reader.tail(state, &err) == HVQZ_OK);
	gguf_reader.free(state);
	source_free(&src);
}

static void check_numbers(const struct model *m, const struct buf *data)
{
	const struct tensor *first = &m->tensors[0];
	struct gguf g = {0};

	FUZZ_HOLDS(!gguf_parse_head(m->head, m->head_len, &g, NULL));
	for (size_t i = 0; i < g.n_pairs; i++)
		if (g.pairs[i].type == GGUF_F32) {
			float v = get_lef32(g.head.p + g.pairs[i].at);

			FUZZ_HOLDS(isfinite(v) && v > 0);
		}
	gguf_free(&g);
	if (strcmp(first->name, "rope_freqs.weight"))
		return;
	for (size_t i = 0; i < first->n_elems; i++)
		FUZZ_HOLDS(isfinite(get_lef32(data->p + 4 * i)));
}

static void go_back(const struct hf_input *in, const struct model *gguf,
		    const struct buf *data, const struct model *was,
		    const struct buf *was_data)
{
	const struct writer_ops *c = format_converter("gguf", "safetensors", 0);
	struct hvqz_err err = {0};
	struct buf out = {0};

	FUZZ_HOLDS(hf_write(c, gguf, data, NULL, &out, &err) == HVQZ_OK);
	if (!in->wish && in->variant == HF_PLAIN) {
		FUZZ_HOLDS(out.len > was_data->len);
		FUZZ_HOLDS(!memcmp(out.p + out.len - was_data->len,
				   was_data->p, was_data->len));
		FUZZ_HOLDS(gguf->n_tensors >= was->n_tensors);
	}
	buf_free(&out);
}

static void tokenize(const uint8_t *p, size_t len)
{
	static const char text[] = "a ab  </s>x y'll 12\n\xc3\xa9\xff";
	struct tokenizer *t = NULL;
	struct hvqz_err err = {0};
	uint8_t *copy = fuzz_copy(p, len), *back = NULL;
	uint32_t *ids = NULL;
	size_t n, n_back;

	FUZZ_HOLDS(tokenizer_new(copy, len, &t, &err) == err.ret);
	FUZZ_HOLDS(!t == (err.ret != HVQZ_OK));
	FUZZ_HOLDS(err.ret == HVQZ_OK || err.ret == HVQZ_DAMAGED ||
		   err.ret == HVQZ_UNSUPPORTED);
	if (t && tokenizer_encode(t, (const uint8_t *)text, sizeof(text) - 1,
				  NULL, &ids, &n, &err) == HVQZ_OK) {
		FUZZ_HOLDS(tokenizer_decode(t, ids, n, &back, &n_back,
					    &err) == HVQZ_OK);
		free(back);
		free(ids);
	}
	tokenizer_free(t);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct buf data = {0}, out = {0}, made_data = {0};
	struct model m = {0}, made = {0};
	struct hvqz_err err = {0};
	struct hf_input in;
	enum hvqz_ret ret;

	if (!hf_take(p, len, &in))
		return 0;
	hf_model(&in, &m);
	hf_data(&m, &data);
	ret = hf_make(&in, &m, &data, &out, &err);
	FUZZ_HOLDS(ret == err.ret && (!ret || (*err.msg && !out.len)));
	FUZZ_HOLDS(ret == HVQZ_OK || ret == HVQZ_DAMAGED ||
		   ret == HVQZ_UNSUPPORTED);
	if (ret == HVQZ_OK) {
		read_again(&out, &made, &made_data);
		check_numbers(&made, &made_data);
		go_back(&in, &made, &made_data, &m, &data);
	}
	tokenize(in.file[TOKENIZER], in.len[TOKENIZER]);
	model_free(&m);
	model_free(&made);
	buf_free(&data);
	buf_free(&made_data);
	buf_free(&out);
	return 0;
}

/* A tokenizer our own program takes: all bytes have a token. */
static void add_whole(void (*give)(const void *p, size_t len),
		      const char *pre)
{
	struct buf b = {0};
	char text[1024];

	buf_put(&b, "\0\0", 3);
	snprintf(text, sizeof(text), "{\"pre_tokenizer\":%s,"
		 "\"normalizer\":{\"type\":\"NFC\"},\"added_tokens\":[{"
		 "\"id\":257,\"content\":\"</s>\",\"special\":true}],"
		 "\"model\":{\"type\":\"BPE\",\"merges\":[\"a b\"],"
		 "\"vocab\":{\"ab\":256", pre);
	buf_put(&b, text, strlen(text));
	for (unsigned i = 0; i < 256; i++) {
		char spelled[3];

		alphabet_spell((uint8_t)i, spelled);
		snprintf(text, sizeof(text), ",\"%s%s\":%u",
			 strchr("\"\\", *spelled) ? "\\" : "", spelled, i);
		buf_put(&b, text, strlen(text));
	}
	buf_put(&b, "}}}", 3);
	give(b.p, b.len);
	buf_free(&b);
}

static void add_spm(void (*give)(const void *p, size_t len),
		    const char *cut, const char *list)
{
	struct spm s = {0};
	struct buf b = {0};

	spm_make(&s, cut, list);
	hf_put_files(&b, N_TOYS, &s.files);
	give(b.p, b.len);
	buf_free(&s.text);
	buf_free(&b);
}

void fuzz_seeds(void (*give)(const void *p, size_t len))
{
	for (size_t i = 0; i < N_HF_CASES; i++) {
		struct buf b = {0};

		hf_case_make(i, &b);
		give(b.p, b.len);
		buf_free(&b);
	}
	for (size_t i = 0; i < N_TOYS; i++)
		add_whole(give, toys[i].pre);
	for (size_t i = 0; i < N_SPM_CUTS; i++)
		add_spm(give, spm_cuts[i].cut, spm_merges);
	for (size_t i = 0; i < N_SPM_BAD; i++)
		add_spm(give, spm_bad[i].cut, spm_bad[i].list);
}
