/*
 * archives.c - tar, zip, NPZ, NumPy and PyTorch files, and the folder's stream.
 *
 * Input: a file. What is accepted must come back byte for byte, and the list
 * of pieces that was kept must be believed again.
 */
#include "formats/container.h"
#include "tests/corpus_archives.h"
#include "tests/fuzz/convert_all.h"
#include "tests/fuzz/fuzz.h"
#include "tests/gguf_toy.h"

/* Headers of a tar keep a right sum, or nothing behind it would be reached. */
size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t len, size_t max,
			       unsigned seed)
{
	len = LLVMFuzzerMutate(p, len, max);
	for (size_t at = 0; seed % 8 && at + TAR_BLOCK <= len;
	     at += TAR_BLOCK) {
		struct buf b = {.p = p, .len = len};

		if (!memcmp(p + at + 257, "ustar", 5))
			sum_header(&b, at);
	}
	return len;
}

static void write_again(const struct model *m, const struct buf *data,
			const uint8_t *p, size_t len)
{
	struct hvqz_err err = {0};
	struct buf out = {0};
	size_t n = 0;

	FUZZ_HOLDS(give_all(m->format, m, data, &out, &err) == HVQZ_OK);
	/* A folder's table is made anew, and is the same. */
	n = len < out.len ? len : out.len;
	FUZZ_HOLDS(n == len && out.len == len && !memcmp(out.p, p, len));
	buf_free(&out);
}

/* What was written is a model again; arrays may be none we take for one. */
static void read_again(const struct buf *file, const char *format)
{
	struct hvqz_err err = {0};
	struct buf data = {0};
	struct model m = {0};
	enum hvqz_ret ret;

	/* A tar that begins with a damaged .hvqz's letters is taken for one. */
	if (container_bid(file->p, file->len))
		return;
	ret = take_all(file->p, file->len, &m, &data, &err);
	FUZZ_HOLDS(ret == HVQZ_OK ||
		   (ret == HVQZ_UNSUPPORTED && !strncmp(format, "np", 2)));
	model_free(&m);
	buf_free(&data);
}

static void write_otherwise(struct model *m, const struct buf *data)
{
	static const char *const to[] = {"tar", "npz", "zip", "folder",
					 "safetensors", "torch", "npy"};

	m->inexact = true;
	for (size_t i = 0; i < sizeof(to) / sizeof(*to); i++) {
		struct hvqz_err err = {0};
		struct buf out = {0};

		FUZZ_HOLDS(give_all(to[i], m, data, &out, &err) == err.ret);
		if (err.ret == HVQZ_OK)
			read_again(&out, to[i]);
		buf_free(&out);
	}
}

/* Own GGUF files of a source that was read can be one. */
static void write_as_one(const struct model *m, const struct buf *data)
{
	struct hvqz_err err = {0};
	struct buf out = {0};

	if (format_converter_of(m, "gguf", 0) == &gguf_merge)
		FUZZ_HOLDS(convert_to(&gguf_merge, m, data, 0, &out, &err) ==
			   HVQZ_OK);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct hvqz_err err = {0};
	struct buf data = {0};
	struct model m = {0};
	uint8_t *copy = fuzz_copy(p, len);
	enum hvqz_ret ret = take_all(copy, len, &m, &data, &err);

	FUZZ_HOLDS(ret == err.ret);
	FUZZ_HOLDS(ret == HVQZ_OK || ret == HVQZ_DAMAGED ||
		   ret == HVQZ_UNSUPPORTED);
	if (ret == HVQZ_OK && format_has_pieces(m.format)) {
		FUZZ_HOLDS(strcmp(m.format, "folder") == 0 ||
			   format_source_size(&m) == len);
		write_again(&m, &data, p, len);
		write_as_one(&m, &data);
		write_otherwise(&m, &data);
		convert_all(&m, &data);
	}
	model_free(&m);
	buf_free(&data);
	free(copy);
	return 0;
}

static void give_folder(void (*give)(const void *p, size_t len))
{
	struct members files = {0};
	struct hvqz_err err = {0};
	struct buf b = {0}, model = {0};

	put_safetensors(&model, "a", 1);
	members_add(&files, "config.json", 0, 2, NULL, &err);
	members_add(&files, "model.safetensors", 2, model.len, NULL, &err);
	folder_put_table(&b, &files, &err);
	buf_put(&b, "{}", 2);
	buf_put(&b, model.p, model.len);
	give(b.p, b.len);
	give(b.p, b.len - 1);
	give(b.p, 40);
	buf_u8(&b, 0);
	give(b.p, b.len);
	buf_free(&b);
	buf_free(&model);
	members_free(&files);
}

/* All a GGUF is made of, in one file; the config twice, or compressed. */
static void give_toy(void (*give)(const void *p, size_t len), bool zip)
{
	struct buf b = {0}, model = {0};
	struct zip_case z = {.b = &b};
	struct model m = {0};
	struct files f = {0};

	make_files(&toys[0], &f);
	make_model(&toys[0], &m);
	make_file(&m, &model);
	if (zip) {
		z.method = 8;
		put_zip(&z, "config.json", f.config, strlen(f.config));
		put_zip(&z, "tokenizer.json", f.tokenizer,
			strlen(f.tokenizer));
		put_zip(&z, "model.safetensors", model.p, model.len);
		end_zip(&z);
	} else {
		tar_text(&b, "m/old/config.json", "{}");
		tar_text(&b, "m/config.json", f.config);
		tar_text(&b, "m/tokenizer.json", f.tokenizer);
		put_tar(&b, "m/model.safetensors", '0', model.p, model.len);
		end_tar(&b);
	}
	give(b.p, b.len);
	model_free(&m);
	buf_free(&b);
	buf_free(&model);
}

/* The folder's stream of a split model. */
static void give_gguf_folder(void (*give)(const void *p, size_t len))
{
	static const struct gguf_case parts[] = {{"0a", 0, 2, 3},
						 {"1", 1, 2, 3}};
	static const char *const names[] = {"m-00001-of-00002.gguf",
					    "m-00002-of-00002.gguf"};
	struct members files = {0};
	struct hvqz_err err = {0};
	struct buf b = {0}, data = {0};

	for (int i = 0; i < 2; i++) {
		size_t at = data.len;

		put_gguf(&data, &parts[i]);
		members_add(&files, names[i], at, data.len - at, NULL, &err);
	}
	folder_put_table(&b, &files, &err);
	buf_put(&b, data.p, data.len);
	give(b.p, b.len);
	buf_free(&b);
	buf_free(&data);
	members_free(&files);
}

void fuzz_seeds(void (*give)(const void *p, size_t len))
{
	for (size_t i = 0; i < N_ARCHIVES; i++) {
		struct buf b = {0};

		corpus_archives[i].build(&b);
		give(b.p, b.len);
		buf_free(&b);
	}
	give_folder(give);
	give_gguf_folder(give);
	give_toy(give, false);
	give_toy(give, true);
}
