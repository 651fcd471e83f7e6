/*
 * walk.h - a .hvqz in sequence, tensor after tensor, copies included.
 *
 * The file has the chunks of originals only. Those of which copies are still
 * to come are kept as they are stored: in memory at first, then in a file of
 * the caller's (job_env.scratch), or all in memory if there is none.
 *
 * Told to go on, it makes units of what it finds no chunk for: rows that are
 * lost, in pieces no larger than a chunk may be. A damaged head costs its own
 * chunk, a cut file all that would have followed; copies lose what their
 * original has lost.
 */
#ifndef JOB_WALK_H
#define JOB_WALK_H

#include "job/job_internal.h"

struct chunk_walk {
	const struct job_env *env;
	const struct container_info *info;
	struct container_reader *reader;
	/* Is a part of tensor `as` wanted, bytes [off, off + len)? NULL: all. */
	bool (*wanted)(void *ctx, size_t as, uint64_t off, uint64_t len);
	void *ctx;
	bool go_on;		/* after damage */
	bool no_output;		/* what is lost may be of any size */
	uint64_t most;		/* bytes kept in memory beside a file; 0: 64 MiB */
	/* where it is */
	size_t tensor;
	uint64_t off;		/* in its bytes */
	bool *keep;		/* [n_tensors]: copies of it are wanted; owned */
	size_t *first;		/* [n_tensors]: where in kept it starts; owned */
	struct kept {
		struct chunk_head head;
		uint64_t at;	/* of its payload: in mem, or in the file */
		bool in_file;
		bool lost;
	} *kept;		/* owned */
	size_t n_kept, replay;
	struct buf mem;
	uint64_t in_file;	/* bytes */
	/* what is lost: all up to the chunk `next`, or to the end */
	bool in_gap, to_end;
	struct chunk_head next;
	struct hvqz_err why;
	/*
	 * For the caller, at the end: was the tail damaged, or never read, or
	 * more in the file than there should be? The first of these.
	 */
	bool any_lost;
	struct hvqz_err tail;	/* ret HVQZ_OK: it was not */
};

/* Sets out from the first chunk. chunk_walk_close() in any case. */
enum hvqz_ret chunk_walk_open(struct chunk_walk *w, struct hvqz_err *err);
void chunk_walk_close(struct chunk_walk *w);

/*
 * The next chunk that is wanted, with its payload, to u; *end after the last
 * one and the file's tail.
 */
enum hvqz_ret chunk_walk_next(struct chunk_walk *w, struct decode_unit *u,
			      bool *end, struct hvqz_err *err);

/* Bytes it keeps in memory, at the most: without a file that is everything. */
uint64_t chunk_walk_memory(const struct job_env *env,
			   const struct container_info *info);

#endif
