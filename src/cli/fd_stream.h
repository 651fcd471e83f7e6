/*
 * fd_stream.h - struct source and struct sink over a file descriptor.
 *
 * Knows EINTR, short reads and writes, non-blocking descriptors inherited
 * from elsewhere, and signals_wait(). Knows no names but the one it puts into
 * errors; opening and closing are in_file.c's and out_file.c's.
 */
#ifndef CLI_FD_STREAM_H
#define CLI_FD_STREAM_H

#include "stream/sink.h"
#include "stream/source.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct fd_stream {
	int fd;
	const char *name;	/* for errors: "(stdout)"; not owned */
	bool regular;		/* never blocks for long; can seek */
	uint64_t base;		/* where the descriptor stood at the start */
};

/*
 * fd stays the caller's, st is what fstat() says of it. A regular file's source
 * can seek and has a size.
 */
void fd_source_init(struct source *s, struct fd_stream *io, int fd,
		    const struct stat *st, const char *name);

/*
 * The n bytes at offset off of a regular file's stream, without moving it;
 * *got < n only at its end. From any thread.
 */
enum hvqz_ret fd_read_at(const struct fd_stream *io, uint64_t off, void *buf,
			 size_t n, size_t *got, struct hvqz_err *err);

void fd_sink_init(struct sink *s, struct fd_stream *io, int fd,
		  const char *name);

#endif
