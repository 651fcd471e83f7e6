/* base_file.c - opening --base. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/base_file.h"

#include "cli/args.h"
#include "cli/message.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>

bool base_file_open(struct base_file *b, struct args *args)
{
	struct read_again again = {in_read_at, &b->in};
	struct hvqz_err err = {0};
	const char *slash;

	if (!args->base)
		return true;
	if (!in_open(&b->in, args->base, IN_SEQUENTIAL))
		return false;
	b->open = true;
	if (!in_can_reread(&b->in)) {
		message_error(b->in.name, "is no regular file: a base model "
			      "is read again and again");
		return false;
	}
	if (base_open(&b->model, &b->in.src, &again, &err) != HVQZ_OK) {
		message_err(b->in.name, &err);
		return false;
	}
	/* A remark is text; a file's name may be any bytes. */
	slash = strrchr(args->base, '/');
	b->name = strdup(slash ? slash + 1 : args->base);
	if (!b->name) {
		message_error(NULL, "out of memory");
		return false;
	}
	args->encode.base_name = text_mask(b->name);
	args->encode.base = &b->model;
	args->decode.base = &b->model;
	args->extract.base = &b->model;
	return true;
}

static bool is_base(const struct args *args, const char *path)
{
	struct stat base, other;

	return args->base && stat(args->base, &base) == 0 &&
	       stat(path, &other) == 0 && base.st_dev == other.st_dev &&
	       base.st_ino == other.st_ino;
}

bool base_file_is_input(const struct args *args, const char *path)
{
	if (!is_base(args, path))
		return false;
	message_error(path, "is the base model itself: --rm would remove what "
		      "its .hvqz needs");
	return true;
}

bool base_file_unchanged(const struct base_file *b)
{
	return !b->open || in_unchanged(&b->in);
}

void base_file_close(struct base_file *b)
{
	if (!b->open)
		return;
	base_free(&b->model);
	free(b->name);
	in_close(&b->in);
	b->open = false;
}
