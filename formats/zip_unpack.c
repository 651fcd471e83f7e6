/*
 * zip_unpack.c - a zip made anew while it is read.
 *
 * libarchive unpacks the members, the writer of zips writes them; what it has
 * written is what this source gives next.
 */
#include "formats/zip_unpack.h"

#include "formats/zip.h"
#include "stream/unpack.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DEFLATED = 8, HEAD = 30, STEP = 1 << 16 };

#define MOST_UNSAID 0xffffffffu

struct zip_unpack {
	struct unpack *from;
	void *zip;		/* zip_form's */
	struct piece member;	/* name owned */
	bool in_member, at_end;
	bool is_said;		/* its length was, before its bytes */
	uint64_t done;		/* bytes of it */
	struct buf made;	/* what is written, */
	size_t taken;		/* and how much of it has gone on */
	struct sink sink;	/* to made */
	uint8_t piece[STEP];
};

bool zip_unpack_bid(const uint8_t *p, size_t len)
{
	size_t name;

	if (len < HEAD || memcmp(p, "PK\3\4", 4) ||
	    get_le16(p + 8) != DEFLATED)
		return false;
	name = get_le16(p + 26);
	return name > 4 && len >= HEAD + name &&
	       !memcmp(p + HEAD + name - 4, ".npy", 4);
}

/*
 * A member whose header is damaged is passed over without a word; the
 * directory knows how many there are.
 */
static enum hvqz_ret check_count(struct zip_unpack *u, struct hvqz_err *err)
{
	uint64_t got, want = 0;
	struct buf tail = {0};
	enum hvqz_ret ret;

	TRY_OUT(unpack_end(u->from, ZIP_MAX_END, &tail, &got, err));
	TRY_OUT(zip_count(tail.p, tail.len, &want, err));
	if (got != want)
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"the zip archive: %" PRIu64 " members were "
				"found, and its directory has %" PRIu64, got,
				want);
out:
	buf_free(&tail);
	return ret;
}

static enum hvqz_ret begin(struct zip_unpack *u, struct hvqz_err *err)
{
	const char *name, *fault;
	uint64_t size;

	TRY(unpack_next(u->from, &name, &size, err));
	if (!name) {
		u->at_end = true;
		TRY(check_count(u, err));
		return zip_form.close(u->zip, &u->sink, err);
	}
	fault = member_name_fault(name);
	if (fault)
		return hvqz_fail(err, HVQZ_DAMAGED, "member '%.200s': %s",
				 name, fault);
	free(u->member.name);
	u->is_said = size != SOURCE_SIZE_UNKNOWN;
	u->member = (struct piece){.kind = PIECE_MEMBER,
				   .len = u->is_said ? size : 0,
				   .name = strdup(name)};
	if (!u->member.name)
		return hvqz_nomem(err, strlen(name), "a member's name");
	u->done = 0;
	u->in_member = true;
	return zip_form.begin(u->zip, &u->member, &u->sink, err);
}

/* Behind the last byte of a member: is it as long as it had to be? */
static enum hvqz_ret end(struct zip_unpack *u, struct hvqz_err *err)
{
	if (u->is_said && u->done != u->member.len)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "member '%.200s' has %" PRIu64 " bytes, and "
				 "says %" PRIu64, u->member.name, u->done,
				 u->member.len);
	u->member.len = u->done;
	u->in_member = false;
	return zip_form.end(u->zip, &u->sink, err);
}

static enum hvqz_ret pass(struct zip_unpack *u, struct hvqz_err *err)
{
	size_t got;

	TRY(unpack_read(u->from, u->piece, STEP, &got, err));
	if (!got)
		return end(u, err);
	u->done += got;
	/* Its head has no room for more. */
	if (!u->is_said && u->done >= MOST_UNSAID)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "member '%.200s' has 4 GiB and more, and says "
				 "so only behind them", u->member.name);
	zip_form.data(u->zip, u->piece, got);
	return sink_write(&u->sink, u->piece, got, err);
}

static enum hvqz_ret read_some(void *ctx, void *buf, size_t n, size_t *got,
			       struct hvqz_err *err)
{
	struct zip_unpack *u = ctx;

	*got = 0;
	while (u->taken == u->made.len && !u->at_end) {
		buf_clear(&u->made);
		u->taken = 0;
		TRY(u->in_member ? pass(u, err) : begin(u, err));
	}
	*got = u->made.len - u->taken;
	*got = *got < n ? *got : n;
	if (*got)
		memcpy(buf, u->made.p + u->taken, *got);
	u->taken += *got;
	return HVQZ_OK;
}

enum hvqz_ret zip_unpack_open(struct zip_unpack **u, struct source *src,
			      struct hvqz_err *err)
{
	struct zip_unpack *x = calloc(1, sizeof(*x));

	*u = x;
	if (!x || !(x->zip = zip_form_ctx()))
		return hvqz_nomem(err, sizeof(*x), "unpacking");
	sink_init_memory(&x->sink, &x->made);
	TRY(zip_form.open(x->zip, NULL, &x->sink, err));
	return unpack_open_zip(&x->from, src, err);
}

void zip_unpack_source(struct zip_unpack *u, struct source *out)
{
	static const struct source_ops ops = {read_some, NULL};

	source_init(out, &ops, u, SOURCE_SIZE_UNKNOWN);
}

void zip_unpack_close(struct zip_unpack *u)
{
	if (!u)
		return;
	unpack_close(u->from);
	zip_form.free(u->zip);
	free(u->member.name);
	buf_free(&u->made);
	free(u);
}
