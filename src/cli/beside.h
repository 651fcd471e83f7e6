/*
 * beside.h - the small files that lie beside a model: config.json and others.
 */
#ifndef CLI_BESIDE_H
#define CLI_BESIDE_H

#include "formats/format.h"

/*
 * What a converter is told of the model at path, which must outlive *wish
 * (NULL: it comes from a pipe, and has nothing beside it): its folder's files;
 * the name of its folder.
 */
struct beside {
	const char *path;
	char name[128];
};

void beside_wish(struct beside *b, const char *path, enum dtype dtype,
		 struct format_wish *wish);

#endif
