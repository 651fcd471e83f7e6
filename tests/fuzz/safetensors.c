/*
 * safetensors.c - the header's parser, and everything that is made of a header.
 *
 * Input: a file. What is accepted must come back byte for byte through the
 * writer, and a header made anew must hold the same table.
 */
#include "formats/safetensors.h"
#include "formats/format.h"
#include "tests/corpus_safetensors.h"
#include "tests/fuzz/json_head.h"

size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t len, size_t max,
			       unsigned seed)
{
	return json_mutate(p, len, max, seed);
}

static void same_tables(const struct model *a, const struct model *b)
{
	FUZZ_HOLDS(a->n_tensors == b->n_tensors);
	FUZZ_HOLDS(a->data_size == b->data_size);
	for (size_t i = 0; i < a->n_tensors; i++) {
		const struct tensor *t = &a->tensors[i], *u = &b->tensors[i];

		FUZZ_HOLDS(!strcmp(t->name, u->name));
		FUZZ_HOLDS(t->dtype == u->dtype && t->rank == u->rank);
		FUZZ_HOLDS(t->off == u->off && t->size == u->size);
		FUZZ_HOLDS(!memcmp(t->dim, u->dim,
				   t->rank * sizeof(*t->dim)));
	}
}

/* A header of our own, with the metadata of theirs. */
static void make_again(const struct model *m)
{
	struct hvqz_err err = {0};
	struct model back = {0};
	uint8_t *head = NULL;
	char *value = NULL;
	size_t len = 0;
	enum hvqz_ret ret;

	ret = safetensors_make_head(m, m->head, m->head_len, &head, &len,
				    &err);
	FUZZ_HOLDS(ret == HVQZ_OK || ret == HVQZ_UNSUPPORTED);
	if (ret == HVQZ_OK) {
		FUZZ_HOLDS(safetensors_parse(head, len, &back, NULL, NULL) ==
			   HVQZ_OK);
		same_tables(m, &back);
		model_free(&back);
	}
	free(head);
	safetensors_find_metadata(m->head, m->head_len, "format", &value,
				  &err);
	free(value);
}

/* Through the writer, as decoding does. */
static void write_again(const struct model *m, const uint8_t *data,
			const uint8_t *file, size_t len)
{
	struct buf out = {0};
	struct sink sink;
	void *state;

	sink_init_memory(&sink, &out);
	FUZZ_HOLDS(!safetensors_writer.plan(m, &state, NULL));
	FUZZ_HOLDS(!safetensors_writer.head(state, &sink, NULL));
	FUZZ_HOLDS(!safetensors_writer.put(state, &sink, data,
					   (size_t)m->data_size, NULL));
	FUZZ_HOLDS(!safetensors_writer.tail(state, &sink, NULL));
	FUZZ_HOLDS(out.len == len && !memcmp(out.p, file, len));
	safetensors_writer.free(state);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	const struct reader_ops *r;
	struct source_memory mem;
	struct source src;
	struct model m = {0};
	struct hvqz_err err = {0};
	uint8_t *data = NULL;
	void *state = NULL;
	enum hvqz_ret ret;

	source_init_memory(&src, &mem, p, len);
	format_detect(&src, &r, &err);
	err = (struct hvqz_err){0};
	ret = safetensors_reader.head(&src, &m, &state, &err);
	if (ret == HVQZ_OK) {
		FUZZ_HOLDS(m.data_size <= len);
		data = fuzz_copy("", 0);
		data = realloc(data, (size_t)m.data_size + 1);
		FUZZ_HOLDS(data);
		ret = safetensors_reader.next(state, data,
					      (size_t)m.data_size, &err);
	}
	if (ret == HVQZ_OK)
		ret = safetensors_reader.tail(state, &err);
	FUZZ_HOLDS(ret == err.ret);
	FUZZ_HOLDS(ret == HVQZ_OK || ret == HVQZ_DAMAGED ||
		   ret == HVQZ_UNSUPPORTED);
	if (ret == HVQZ_OK) {
		write_again(&m, data, p, len);
		make_again(&m);
	}
	safetensors_reader.free(state);
	source_free(&src);
	model_free(&m);
	free(data);
	return 0;
}

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	for (size_t i = 0; i < N_CORPUS_SAFETENSORS; i++) {
		size_t len = 0;
		uint8_t *file = corpus_build(&corpus_safetensors[i], &len);

		/* What is large only to be large is in check_safetensors. */
		if (len < 16384)
			add(file, len);
		free(file);
	}
}
