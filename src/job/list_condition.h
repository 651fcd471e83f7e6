/*
 * list_condition.h - listing what conditioning did: by tensor, by layer type.
 *
 * The index has nothing of it; the payloads of codec 5 say it in their heads.
 */
#ifndef JOB_LIST_CONDITION_H
#define JOB_LIST_CONDITION_H

#include "base/buf.h"
#include "job/job.h"

/* Has a chunk of this codec a condition? */
bool list_has_condition(unsigned codec);

/* Make room for every tensor's in l->cond, once the table is known. */
enum hvqz_ret list_conditions_begin(struct listing *l, struct hvqz_err *err);

/* Check the payload of chunk h and count what its head says. */
enum hvqz_ret list_add_condition(struct listing *l,
				 const struct chunk_head *h,
				 const struct buf *payload,
				 struct hvqz_err *err);

/* Once every chunk is counted: l->types. */
enum hvqz_ret list_types(struct listing *l, struct hvqz_err *err);

void list_conditions_free(struct listing *l);

/*
 * The layer type of a tensor: its name with a * for every component, between
 * dots, that has digits only. NULL: out of memory; the caller frees it.
 */
char *list_type_name(const char *tensor);

#endif
