/*
 * beside.h - the small files that lie beside a model: config.json and others.
 */
#ifndef CLI_BESIDE_H
#define CLI_BESIDE_H

#include "formats/format.h"

/*
 * What a converter is told of the model at path, which must outlive *wish
 * (NULL: it comes from a pipe, and has nothing beside it): its folder's files;
 * its name, which is its folder's. A folder has a slash at its end. archive: it
 * is all of a model, and called so (a path whose last part counts); or NULL.
 */
struct beside {
	const char *path;
	char name[128];
};

void beside_wish(struct beside *b, const char *path, const char *archive,
		 enum dtype dtype, struct format_wish *wish);

#endif
