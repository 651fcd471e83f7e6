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
#include "tests/fuzz/gguf_family.h"

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
				 void *wish, struct buf *out)
{
	struct hvqz_err err = {0};
	struct sink sink;
	void *state = wish;
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

/* What was made is read in full, and has so many tensors or fewer. */
static void read_back(const struct reader_ops *r, const struct buf *file,
		      size_t n_most)
{
	struct hvqz_err err = {0};
	struct source_memory mem;
	struct model m = {0};
	struct source src;
	void *state = NULL;
	uint8_t *data;

	source_init_memory(&src, &mem, file->p, file->len);
	FUZZ_HOLDS(r->head(&src, &m, &state, &err) == HVQZ_OK);
	FUZZ_HOLDS(m.data_size <= file->len && m.n_tensors <= n_most);
	data = malloc((size_t)m.data_size + 1);
	FUZZ_HOLDS(data);
	FUZZ_HOLDS(r->next(state, data, (size_t)m.data_size, &err) == HVQZ_OK);
	FUZZ_HOLDS(r->tail(state, &err) == HVQZ_OK);
	r->free(state);
	model_free(&m);
	source_free(&src);
	free(data);
}

/* Has it matrices of other types than that? */
static bool has_others(const struct model *m, enum dtype dtype)
{
	for (size_t i = 0; i < m->n_tensors; i++) {
		const struct tensor *t = &m->tensors[i];

		if (t->rank > 1 && dtype_is_weight(t->dtype) &&
		    t->dtype != dtype)
			return true;
	}
	return false;
}

/* To one format with what is wished; what comes of it is read again. */
static void convert(const char *to, const struct reader_ops *r,
		    enum dtype dtype, const struct model *m,
		    const uint8_t *data, const struct buf *file)
{
	struct format_wish wish = {.dtype = dtype};
	struct buf out = {0};
	enum hvqz_ret ret;

	ret = write_again(format_converter("gguf", to, dtype), m, data,
			  dtype ? &wish : NULL, &out);
	FUZZ_HOLDS(ret == HVQZ_OK || ret == HVQZ_DAMAGED ||
		   ret == HVQZ_UNSUPPORTED);
	if (ret == HVQZ_OK && r)
		read_back(r, &out, m->n_tensors);
	/* With nothing to change it is what it was. */
	if (ret == HVQZ_OK && r == &gguf_reader && !has_others(m, dtype))
		FUZZ_HOLDS(out.len == file->len &&
			   !memcmp(out.p, file->p, file->len));
	buf_free(&out);
}

static void use(const struct model *m, const uint8_t *data,
		const uint8_t *file, size_t len)
{
	static const enum dtype wishes[] = {0, DTYPE_F32, DTYPE_F16,
					    DTYPE_BF16};
	struct buf out = {0};

	FUZZ_HOLDS(!write_again(&gguf_writer, m, data, NULL, &out));
	FUZZ_HOLDS(out.len == len && !memcmp(out.p, file, len));
	for (int i = 0; i < 4; i++) {
		convert("safetensors", &safetensors_reader, wishes[i], m,
			data, &out);
		/* NumPy's have tensors that we take for bytes. */
		convert("npz", NULL, wishes[i], m, data, &out);
		if (wishes[i])
			convert("gguf", &gguf_reader, wishes[i], m, data,
				&out);
	}
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

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	struct buf b = {0};

	for (size_t i = 0; i < N_CORPUS_GGUF; i++) {
		corpus_gguf_make(&corpus_gguf[i], &b);
		add(b.p, b.len);
	}
	for (size_t i = 0; i < N_FAMILIES; i++) {
		family(&b, &families[i]);
		add(b.p, b.len);
	}
	buf_free(&b);
}
