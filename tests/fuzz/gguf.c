/*
 * gguf.c - the head's parser, the reader, and what is made of a head.
 *
 * Input: a file. What is accepted must come back byte for byte through the
 * writer; going to safetensors it is refused, or written whole.
 */
#include "formats/format.h"
#include "formats/gguf.h"
#include "tests/corpus_gguf.h"
#include "tests/fuzz/fuzz.h"

/* All data, a few bytes at a time where they change tensors. */
static enum hvqz_ret read_data(void *state, const struct model *m,
			       uint8_t *data, struct hvqz_err *err)
{
	size_t done = 0, half = (size_t)m->data_size / 2;

	for (; done < half && done < 100; done += 1)
		TRY(gguf_reader.next(state, data + done, 1, err));
	return gguf_reader.next(state, data + done,
				(size_t)m->data_size - done, err);
}

/* Through a writer, as decoding does; a converter may refuse. */
static enum hvqz_ret write_again(const struct writer_ops *w,
				 const struct model *m, const uint8_t *data,
				 struct buf *out)
{
	struct hvqz_err err = {0};
	struct sink sink;
	void *state = NULL;
	size_t third = (size_t)m->data_size / 3;
	enum hvqz_ret ret;

	sink_init_memory(&sink, out);
	ret = w->plan(m, &state, &err);
	FUZZ_HOLDS(ret == err.ret);
	if (ret != HVQZ_OK) {
		FUZZ_HOLDS(!out->len);
		return ret;
	}
	TRY_OUT(w->head(state, &sink, &err));
	TRY_OUT(w->put(state, &sink, data, third, &err));
	TRY_OUT(w->put(state, &sink, data + third,
		       (size_t)m->data_size - third, &err));
	ret = w->tail(state, &sink, &err);
out:
	w->free(state);
	return ret;
}

static void use(const struct model *m, const uint8_t *data,
		const uint8_t *file, size_t len)
{
	const struct writer_ops *c = format_converter("gguf", "safetensors", 0);
	struct buf out = {0};
	enum hvqz_ret ret;

	FUZZ_HOLDS(!write_again(&gguf_writer, m, data, &out));
	FUZZ_HOLDS(out.len == len && !memcmp(out.p, file, len));
	buf_clear(&out);
	ret = write_again(c, m, data, &out);
	FUZZ_HOLDS(ret == HVQZ_OK || ret == HVQZ_DAMAGED ||
		   ret == HVQZ_UNSUPPORTED);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct source_memory mem;
	struct source src;
	struct model m = {0};
	struct hvqz_err err = {0};
	uint8_t *data = NULL;
	void *state = NULL;
	enum hvqz_ret ret;

	source_init_memory(&src, &mem, p, len);
	ret = gguf_reader.head(&src, &m, &state, &err);
	if (ret == HVQZ_OK) {
		FUZZ_HOLDS(m.data_size <= len && m.head_len <= len);
		data = realloc(fuzz_copy("", 0), (size_t)m.data_size + 1);
		FUZZ_HOLDS(data);
		ret = read_data(state, &m, data, &err);
	}
	if (ret == HVQZ_OK)
		ret = gguf_reader.tail(state, &err);
	FUZZ_HOLDS(ret == err.ret);
	FUZZ_HOLDS(ret == HVQZ_OK || ret == HVQZ_DAMAGED ||
		   ret == HVQZ_UNSUPPORTED);
	if (ret == HVQZ_OK)
		use(&m, data, p, len);
	gguf_reader.free(state);
	source_free(&src);
	model_free(&m);
	free(data);
	return 0;
}

/* Of the Llama family, so that names and rows change on the way back. */
static void family(struct buf *b, const char *arch, const char *vectors)
{
	size_t data;

	buf_clear(b);
	buf_put(b, "GGUF\3\0\0\0", 8);
	buf_u64(b, 3);
	buf_u64(b, 4);
	corpus_key(b, "general.architecture", 8);
	corpus_text(b, arch);
	corpus_key(b, "llama.attention.head_count", 4);
	buf_u32(b, 2);
	corpus_key(b, "llama.attention.head_count_kv", 4);
	buf_u32(b, 1);
	corpus_key(b, "hvqz.vector_type", 8);
	corpus_text(b, vectors);
	corpus_info(b, "blk.0.attn_q.weight", 1, 0, 2, 2, 8, 1, 1);
	corpus_info(b, "blk.0.attn_k.weight", 30, 32, 2, 2, 4, 1, 1);
	corpus_info(b, "output_norm.weight", 0, 64, 1, 4, 1, 1, 1);
	corpus_zeros(b, (b->len + 31) / 32 * 32);
	data = b->len;
	for (int i = 0; i < 48; i++)
		buf_u8(b, (uint8_t)i);
	corpus_zeros(b, data + 80);
}

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	struct buf b = {0};

	for (size_t i = 0; i < N_CORPUS_GGUF; i++) {
		corpus_gguf_make(&corpus_gguf[i], &b);
		add(b.p, b.len);
	}
	family(&b, "llama", "F16");
	add(b.p, b.len);
	family(&b, "llama", "BF16");
	add(b.p, b.len);
	family(&b, "qwen2", "F64");
	add(b.p, b.len);
	buf_free(&b);
}
