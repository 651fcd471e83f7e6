/*
 * split_gguf.c - for tests: a GGUF into the N files of a split model, as
 * llama.cpp's splitter makes them: PREFIX-00001-of-0000N.gguf and so on, the
 * first with all keys.
 *
 *	split_gguf FILE PREFIX N
 */
#include "base/bytes.h"
#include "formats/gguf_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *why)
{
	fprintf(stderr, "split_gguf: %s\n", why);
	exit(EXIT_FAILURE);
}

static void load(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "rb");
	uint8_t piece[65536];
	size_t n;

	if (!f)
		die(path);
	while ((n = fread(piece, 1, sizeof(piece), f)))
		buf_put(b, piece, n);
	fclose(f);
}

static void put_number(struct gguf_keys *k, const char *key,
		       enum gguf_value type, unsigned v)
{
	gguf_put_text(&k->b, key, strlen(key));
	buf_u32(&k->b, type);
	if (type == GGUF_U16)
		buf_u16(&k->b, (uint16_t)v);
	else
		buf_u32(&k->b, v);
	k->n++;
}

static void write_part(const struct gguf *g, const struct buf *file,
		       const char *prefix, unsigned no, unsigned count)
{
	size_t first = no * g->n_infos / count;
	size_t end = (no + 1) * g->n_infos / count;
	struct gguf_keys keys = {0};
	uint64_t at = 0;
	struct buf b = {0};
	char name[4096];
	FILE *f;

	/* Magic, version and counts have 24 bytes. */
	if (!no) {
		buf_put(&keys.b, g->head.p + 24, g->table - 24);
		keys.n = g->n_pairs;
	}
	put_number(&keys, "split.no", GGUF_U16, no);
	put_number(&keys, "split.count", GGUF_U16, count);
	put_number(&keys, "split.tensors.count", GGUF_I32,
		   (unsigned)g->n_infos);
	gguf_put_counts(&b, g->version, end - first, keys.n);
	buf_put(&b, keys.b.p, keys.b.len);
	for (size_t i = first; i < end; i++)
		gguf_put_info(&b, g->head.p + g->infos[i].name, &g->infos[i],
			      g->alignment, &at);
	gguf_put_padding(&b, g->alignment);
	for (size_t i = first; i < end; i++) {
		buf_put(&b, file->p + g->head.len + g->infos[i].off,
			g->infos[i].size);
		gguf_put_padding(&b, g->alignment);
	}
	snprintf(name, sizeof(name), "%s-%05u-of-%05u.gguf", prefix, no + 1,
		 count);
	f = fopen(name, "wb");
	if (b.failed || !f || fwrite(b.p, 1, b.len, f) != b.len || fclose(f))
		die(name);
	buf_free(&b);
	buf_free(&keys.b);
}

int main(int argc, char **argv)
{
	struct source_memory memory;
	struct hvqz_err err = {0};
	struct buf file = {0};
	struct gguf g = {0};
	struct source src;
	unsigned count;

	if (argc != 4)
		die("split_gguf FILE PREFIX N");
	count = (unsigned)atoi(argv[3]);
	load(argv[1], &file);
	source_init_memory(&src, &memory, file.p, file.len);
	if (gguf_read_head(&src, &g, &err) != HVQZ_OK)
		die(err.msg);
	for (unsigned no = 0; no < count; no++)
		write_part(&g, &file, argv[2], no, count);
	source_free(&src);
	gguf_free(&g);
	buf_free(&file);
	return EXIT_SUCCESS;
}
