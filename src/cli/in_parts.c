/* in_parts.c - is a file a part of a split model? */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/in_parts.h"

#include "cli/fd_stream.h"
#include "formats/gguf_split.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_keys(int fd, const char *path)
{
	struct hvqz_err err = {0};
	struct gguf_split split;
	struct fd_stream io;
	struct gguf g = {0};
	struct source src;
	struct stat st;
	bool is;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	fd_source_init(&src, &io, fd, &st, path);
	is = gguf_read_head(&src, &g, &err) == HVQZ_OK &&
	     gguf_split_of(&g, &split, &err) == HVQZ_OK &&
	     gguf_is_part(&split);
	gguf_free(&g);
	source_free(&src);
	return is;
}

bool in_parts_is(const char *path)
{
	bool is;
	int fd;

	if (!gguf_part_prefix(path))
		return false;
	/* A FIFO of that name would be waited for. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return false;
	is = has_keys(fd, path);
	close(fd);
	return is;
}

bool in_parts_named_before(const char *const *files, size_t n,
			   const char *path)
{
	for (size_t i = 0; i < n && files[i] != path; i++)
		if (gguf_part_prefix(files[i]) &&
		    !gguf_set_cmp(files[i], path))
			return true;
	return false;
}
