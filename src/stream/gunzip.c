/* gunzip.c - zlib between two sources. */
#define ZLIB_CONST
#include "stream/gunzip.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum { GZIP_HEADER = 16 };	/* for inflateInit2(): RFC 1952, not 1950 */

struct gunzip {
	z_stream z;
	struct source *from;
	uint64_t begin;		/* where it began in from */
	bool end;
};

struct gunzip *gunzip_open(struct source *from, struct hvqz_err *err)
{
	struct gunzip *g = calloc(1, sizeof(*g));

	if (g && inflateInit2(&g->z, MAX_WBITS + GZIP_HEADER) != Z_OK) {
		free(g);
		g = NULL;
	}
	if (!g) {
		hvqz_nomem(err, 1 << 15, "gzip");
		return NULL;
	}
	g->from = from;
	g->begin = from->off;
	return g;
}

/* Zeros are what a tape leaves; all else somebody wanted to keep. */
static enum hvqz_ret check_rest(struct gunzip *g, struct hvqz_err *err)
{
	uint64_t end = g->from->off - g->begin, last = 0, at = end;
	const uint8_t *p;
	size_t n;

	do {
		TRY(source_ahead(g->from, 1, &p, &n, err));
		for (size_t i = 0; i < n; i++)
			last = p[i] ? at + i + 1 : last;
		at += n;
		source_consume(g->from, n);
	} while (n);
	if (!last)
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_DAMAGED, "the gzip data ends at byte %"
			 PRIu64 ", and what follows up to byte %" PRIu64
			 " is neither more of it nor zeros", end, last);
}

/* Another member, or the end. */
static enum hvqz_ret end_member(struct gunzip *g, struct hvqz_err *err)
{
	const uint8_t *p;
	size_t n;

	TRY(source_ahead(g->from, 2, &p, &n, err));
	if (n >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
		inflateReset(&g->z);
		return HVQZ_OK;
	}
	g->end = true;
	return check_rest(g, err);
}

static enum hvqz_ret failed(const struct gunzip *g, int r,
			    struct hvqz_err *err)
{
	if (r == Z_MEM_ERROR)
		return hvqz_nomem(err, 1 << 15, "gzip");
	return hvqz_fail(err, HVQZ_DAMAGED, "the gzip data is damaged before "
			 "byte %" PRIu64 ": %.100s",
			 g->from->off - g->begin,
			 g->z.msg ? g->z.msg : "no valid stream");
}

enum hvqz_ret gunzip_read(struct gunzip *g, void *to, size_t n, size_t *got,
			  struct hvqz_err *err)
{
	for (*got = 0; *got < n && !g->end;) {
		size_t left = n - *got, avail;
		const uint8_t *p;
		int r;

		TRY(source_ahead(g->from, 1, &p, &avail, err));
		if (!avail)
			return hvqz_fail(err, HVQZ_DAMAGED, "the gzip data is "
					 "cut off at byte %" PRIu64,
					 g->from->off - g->begin);
		avail = avail < INT_MAX ? avail : INT_MAX;
		left = left < INT_MAX ? left : INT_MAX;
		g->z.next_in = p;
		g->z.avail_in = (uInt)avail;
		g->z.next_out = (uint8_t *)to + *got;
		g->z.avail_out = (uInt)left;
		r = inflate(&g->z, Z_NO_FLUSH);
		*got += left - g->z.avail_out;
		source_consume(g->from, avail - g->z.avail_in);
		if (r == Z_STREAM_END)
			TRY(end_member(g, err));
		else if (r != Z_OK)
			return failed(g, r, err);
	}
	return HVQZ_OK;
}

void gunzip_close(struct gunzip *g)
{
	if (!g)
		return;
	inflateEnd(&g->z);
	free(g);
}
