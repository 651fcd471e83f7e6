/*
 * spool.h - the beginning of a pipe in memory: short inputs can then be read
 * again, longer ones are read on as if nothing had happened.
 */
#ifndef STREAM_SPOOL_H
#define STREAM_SPOOL_H

#include "base/buf.h"
#include "stream/source.h"

struct spool {
	struct source src;	/* to be read instead of the pipe */
	struct source *pipe;
	struct buf head;	/* what was read ahead; owned */
	struct source_memory memory;
	size_t pos;		/* of head, when src reads on to the pipe */
	bool whole;		/* head is all there is: src can seek */
};

/* Read up to max bytes of pipe, from where it is. spool_close() in any case. */
enum hvqz_ret spool_open(struct spool *s, struct source *pipe, size_t max,
			 struct hvqz_err *err);
void spool_close(struct spool *s);

#endif
