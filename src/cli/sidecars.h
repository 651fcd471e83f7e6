/*
 * sidecars.h - the sidecars of the command line, as one table.
 */
#ifndef CLI_SIDECARS_H
#define CLI_SIDECARS_H

#include "cli/in_file.h"
#include "sense/sens.h"

#include <stdbool.h>

struct args;

struct sidecars {
	struct sens_table sens;	/* all of them, merged */
	/*
	 * The ones with full Hessians, kept open: sens reads from them. [n] of
	 * n_sidecars, owned.
	 */
	struct in_file *files;
	size_t n;
};

/*
 * Read them all in order; of entries with the same name the later sidecar's
 * wins. One that cannot be read again, a pipe, is warned about when it has
 * full Hessians, of which then only the diagonals count. False: error
 * message. The caller frees *sc in either case, once nobody uses sc->sens.
 */
bool sidecars_load(const struct args *args, struct sidecars *sc);
void sidecars_free(struct sidecars *sc);

#endif
