/*
 * members_internal.h - between members.c and members_names.c only.
 */
#ifndef FORMATS_MEMBERS_INTERNAL_H
#define FORMATS_MEMBERS_INTERNAL_H

#include "formats/members.h"

/*
 * A zip may have several members of one name, and NPZ files do: from the
 * second on their tensors are called NAME#2, NAME#3 ...
 */
enum hvqz_ret members_number_twins(struct members *list,
				   struct hvqz_err *err);

/* I2: HVQZ_DAMAGED when two tensors of m have the same name. */
enum hvqz_ret members_check_names(const struct members *list,
				  const struct model *m, struct hvqz_err *err);

#endif
