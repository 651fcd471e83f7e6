/*
 * sidecar_own.h - our own kind of sidecar, for sidecar.c only.
 */
#ifndef FORMATS_SIDECAR_OWN_H
#define FORMATS_SIDECAR_OWN_H

#include "sense/sens.h"
#include "stream/source.h"

/*
 * Read a safetensors sidecar to its end into *t: kind, calibration, n_tokens
 * and an entry for every weight. Hashing and sorting are left to the caller.
 */
enum hvqz_ret sidecar_own_read(struct source *src, struct sens_table *t,
			       const struct hvqz_notes *notes,
			       struct hvqz_err *err);

#endif
