/*
 * write_corpus.c - the corpus as files, for the program itself to be tried on.
 *
 *	write_corpus DIR	all rows that a file can have into a folder that
 *				exists; on each a line: its name, enum hvqz_ret,
 *				the word ("-": any), what it is; tabs between
 *
 * A payload gets a container around it that has nothing wrong with it: one
 * tensor, one chunk, all hashes right. Codec 6 has no base here, and some
 * payloads break the container's own rules by their length: they stay out, and
 * so do the files that only stand beside a model.
 */
#include "tests/corpus.h"

#include "formats/container.h"
#include "formats/safetensors.h"
#include "kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Its hash if the payload can be decoded, else any. */
static uint64_t raw_hash(const struct codec *c, const struct corpus_bytes *x)
{
	struct codec_env env = {.kern = &kernels_generic};
	uint8_t *raw = malloc(x->slab.raw_len);
	uint64_t hash = 0;

	if (raw && !c->decode(&env, &x->slab, x->b.p, x->b.len, raw, NULL))
		hash = XXH3_64bits(raw, x->slab.raw_len);
	free(raw);
	return hash;
}

static enum hvqz_ret write_info(const struct corpus_part *part,
				const struct corpus_bytes *x,
				struct container_info *info)
{
	const uint64_t dim[] = {x->slab.n_rows, x->slab.n_cols};
	struct model *m = &info->model;

	*info = (struct container_info){.n_chunks = 1,
					.max_raw = x->slab.raw_len};
	TRY(model_add(m, "w", x->slab.dtype, 2, dim, NULL));
	TRY(safetensors_make_head(m, NULL, 0, &m->head, &m->head_len, NULL));
	strcpy(m->format, "safetensors");
	info->tensor_flags = calloc(1, 1);
	if (!info->tensor_flags)
		return HVQZ_NOMEM;
	info->tensor_flags[0] = part->codec->lossless ? 0 : TENSOR_LOSSY;
	return HVQZ_OK;
}

/* False: no file can have such a payload. */
static bool wrap(const struct corpus_part *part, const struct corpus_bytes *x,
		 struct buf *file)
{
	struct chunk_head h = {
		.codec = (uint8_t)part->codec->id,
		.n_rows = x->slab.n_rows,
		.raw_len = x->slab.raw_len,
		.stored_len = (uint32_t)x->b.len,
	};
	struct container_writer *w = NULL;
	struct container_info info;
	struct sink out;
	enum hvqz_ret ret;

	if (part->codec->id == CODEC_DELTA || !x->b.len ||
	    x->b.len > x->slab.raw_len ||
	    (!part->codec->lossless && !dtype_is_weight(x->slab.dtype)))
		return false;
	h.stored_hash = XXH3_64bits(x->b.p, x->b.len);
	h.raw_hash = raw_hash(part->codec, x);
	sink_init_memory(&out, file);
	ret = write_info(part, x, &info);
	if (ret == HVQZ_OK)
		ret = container_write_head(&w, &info, &out, NULL);
	if (ret == HVQZ_OK)
		ret = container_write_chunk(w, &h, x->b.p, NULL);
	if (ret == HVQZ_OK)
		ret = container_write_tail(w, NULL);
	container_writer_free(w);
	container_info_free(&info);
	return ret == HVQZ_OK;
}

static bool save(const char *dir, const char *name, const struct buf *b)
{
	char path[4096];
	FILE *f;
	bool good;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f)
		return false;
	good = !b->len || fwrite(b->p, 1, b->len, f) == b->len;
	return !fclose(f) && good;
}

static void write_all(const char *dir)
{
	static const char *const suffix[] = {".safetensors", ".gguf",
					     ".archive", ".sidecar",
					     ".hvqz", ".hvqz"};

	for (size_t i = 0; i < corpus_count(); i++) {
		struct corpus_bytes x = {0};
		struct corpus_row r;
		struct buf file = {0};
		size_t in_part;
		const struct corpus_part *part = corpus_find(i, &r, &in_part);
		bool payload = part->reader == READ_PAYLOAD, good = true;
		char name[40];

		if (part->reader == READ_HF)
			continue;
		snprintf(name, sizeof(name), "%04zu%s", i,
			 suffix[part->reader]);
		part->make(in_part, &x);
		if (!payload || wrap(part, &x, &file)) {
			good = save(dir, name, payload ? &file : &x.b);
			printf("%s\t%d\t%s\t%s: %s: %s\n", name, r.ret,
			       r.word && *r.word ? r.word : "-",
				r.rule, part->base, r.name);
		}
		buf_free(&file);
		buf_free(&x.b);
		if (!good) {
			perror(name);
			exit(EXIT_FAILURE);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return EXIT_FAILURE;
	write_all(argv[1]);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
