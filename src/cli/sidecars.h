/*
 * sidecars.h - the sidecars of the command line, as one table.
 */
#ifndef CLI_SIDECARS_H
#define CLI_SIDECARS_H

#include "sense/sens.h"

#include <stdbool.h>

struct args;

/*
 * Read them all in order; of entries with the same name the later sidecar's
 * wins. False: error message. The caller frees *t in either case.
 */
bool sidecars_load(const struct args *args, struct sens_table *t);

#endif
