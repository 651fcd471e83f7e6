/*
 * pieces.c - the list of pieces in a .hvqz that somebody has sent.
 *
 * Input: a byte for the format, one for the tensors, then the list. What is
 * believed must be written, in full, by every writer that takes it.
 */
#include "tests/corpus_archives.h"
#include "tests/corpus_pieces.h"
#include "tests/fuzz/convert_all.h"
#include "tests/fuzz/fuzz.h"

static const char *const names[] = {"folder", "tar", "zip", "npz", "npy",
				    "torch"};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct hvqz_err err = {0};
	struct buf data = {0}, out = {0};
	struct model m = {0};
	struct pieces list;
	char name[8] = "t0";
	enum hvqz_ret ret;

	if (len < 3)
		return 0;
	strcpy(m.format, names[p[0] % 6]);
	for (unsigned i = 0; i < p[1] % 4; i++) {
		uint64_t dim = p[1] >> 2 & 31;

		name[1] = (char)('0' + i);
		model_add(&m, name, DTYPE_U8, 1, &dim, &err);
	}
	for (uint64_t i = 0; i < m.data_size; i++)
		buf_u8(&data, (uint8_t)i);
	m.head = fuzz_copy(p + 2, len - 2);
	m.head_len = len - 2;
	err = (struct hvqz_err){0};
	ret = pieces_from_head(&list, &m, &err);
	FUZZ_HOLDS(ret == err.ret);
	if (ret == HVQZ_OK && p[0] % 6) {
		err = (struct hvqz_err){0};
		FUZZ_HOLDS(give_all(m.format, &m, &data, &out, &err) ==
			   HVQZ_OK);
		FUZZ_HOLDS(out.len == list.size);
	}
	m.inexact = true;
	for (unsigned i = 0; i < 6; i++) {
		buf_clear(&out);
		err = (struct hvqz_err){0};
		FUZZ_HOLDS(give_all(names[i], &m, &data, &out, &err) ==
			   err.ret);
	}
	if (ret == HVQZ_OK)
		convert_all(&m, &data);
	pieces_free(&list);
	model_free(&m);
	buf_free(&data);
	buf_free(&out);
	return 0;
}

/* The parts of a GGUF with the target's tensors: three, of 18 bytes. */
static void add_gguf(void (*add)(const void *p, size_t len))
{
	struct buf b = {0}, data = {0}, seed = {0};
	struct hvqz_err err = {0};
	struct model m = {0};

	tar_gguf(&b, "m-00001-of-00002.gguf",
		 &(struct gguf_case){"01", 0, 2, 3});
	tar_gguf(&b, "m-00002-of-00002.gguf",
		 &(struct gguf_case){"2", 1, 2, 3});
	end_tar(&b);
	if (take_all(b.p, b.len, &m, &data, &err) == HVQZ_OK) {
		buf_u8(&seed, 1);
		buf_u8(&seed, 3 | 18 << 2);
		buf_put(&seed, m.head, m.head_len);
		add(seed.p, seed.len);
	}
	model_free(&m);
	buf_free(&b);
	buf_free(&data);
	buf_free(&seed);
}

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	for (size_t i = 0; i < N_ARCHIVES; i++) {
		struct buf b = {0}, data = {0}, seed = {0};
		struct hvqz_err err = {0};
		struct model m = {0};
		uint64_t size;
		unsigned f = 0;

		corpus_archives[i].build(&b);
		size = take_all(b.p, b.len, &m, &data, &err) != HVQZ_OK ? 32
		       : m.n_tensors ? m.tensors[0].size : 0;
		if (m.n_tensors < 4 && size < 32) {
			while (strcmp(names[f], m.format))
				f++;
			buf_u8(&seed, (uint8_t)f);
			buf_u8(&seed, (uint8_t)(m.n_tensors |
						size << 2));
			buf_put(&seed, m.head, m.head_len);
			add(seed.p, seed.len);
		}
		model_free(&m);
		buf_free(&b);
		buf_free(&data);
		buf_free(&seed);
	}
	/* A tar of nothing. */
	add("\1\0\1\0\0\0\0\0\0\0", 10);
	for (size_t i = 0; i < N_PIECE_LISTS; i++) {
		const struct piece_list *l = &piece_lists[i];
		struct buf seed = {0};

		buf_u8(&seed, strcmp(l->format, "folder") != 0);
		/* One tensor of two bytes. */
		buf_u8(&seed, 1 | 2 << 2);
		buf_u32(&seed, 1);
		buf_u32(&seed, l->n);
		buf_put(&seed, l->records, l->len);
		add(seed.p, seed.len);
		buf_free(&seed);
	}
	add_gguf(add);
}
