/*
 * sidecar_fields.h - the fields of our own sidecars, and the shapes they have.
 *
 * Only the reader of such files includes this. The law is section 2 of
 * formats/sidecar.md.
 */
#ifndef FORMATS_SIDECAR_FIELDS_H
#define FORMATS_SIDECAR_FIELDS_H

#include "model/model.h"

enum field { DIAG, BLOCKS, FULL, SCALE, ROWS, CURVATURE, AXIS, N_FIELDS };

/*
 * Which field of which weight the tensor of that name is; the weight's name is
 * its first *base_len bytes. N_FIELDS: none that we know.
 */
enum field sidecar_find_field(const char *name, size_t *base_len);

/*
 * Do the fields of the weight `name`, NULL where it has none, have the dtypes
 * and shapes that they must, alone and together? HVQZ_DAMAGED if not.
 */
enum hvqz_ret sidecar_check_fields(const struct tensor *const field[N_FIELDS],
				   const char *name, struct hvqz_err *err);

#endif
