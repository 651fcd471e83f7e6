/*
 * zip_read.c - the reader of zip archives: NPZ and PyTorch files, and zips of
 * anything else that has models in it.
 */
#include "formats/zip.h"

#include <string.h>

enum { BID = 32 };

static unsigned bid(const uint8_t *p, size_t len)
{
	return len >= 4 && (!memcmp(p, "PK\3\4", 4) ||
			    !memcmp(p, "PK\5\6", 4)) ? BID : 0;
}

/* An NPZ file is a zip whose files are all arrays. */
static bool is_npz(const struct members *list)
{
	for (size_t i = 0; i < list->n; i++) {
		size_t n = strlen(list->v[i].name);

		if (n < 4 || strcmp(list->v[i].name + n - 4, ".npy"))
			return false;
	}
	return true;
}

static enum hvqz_ret read_head(struct source *src, struct model *m,
			       void **state, struct hvqz_err *err)
{
	uint64_t start = src->off, size = source_left(src);
	struct members list = {0};
	enum hvqz_ret ret;
	bool is_torch;

	*state = NULL;
	if (!source_can_seek(src) || size == SOURCE_SIZE_UNKNOWN)
		return hvqz_fail(err, HVQZ_USAGE, "a zip archive is read from "
				 "a file: its directory is at its end");
	TRY_OUT(zip_members(src, &list, err));
	TRY_OUT(torch_members(src, start, &list, &is_torch, err));
	ret = members_read(&list, src, start, size,
			   is_torch ? "torch" : is_npz(&list) ? "npz" : "zip",
			   m, state, err);
out:
	members_free(&list);
	return ret;
}

const struct reader_ops zip_reader = {
	.name = "zip",
	.suffix = ".zip",
	.bid = bid,
	.needs_seek = true,
	.head = read_head,
	.next = pieces_next,
	.tail = pieces_tail,
	.offset = pieces_offset,
	.free = pieces_reader_free,
};
