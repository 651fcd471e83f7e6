/*
 * members_internal.h - between members.c and the files members_*.c only.
 */
#ifndef FORMATS_MEMBERS_INTERNAL_H
#define FORMATS_MEMBERS_INTERNAL_H

#include "formats/members.h"
#include "formats/shards.h"

struct members_job {
	struct members *list;
	struct source *src;
	uint64_t start;
	size_t root;		/* length of the folder's name all are in */
	const struct member *index;
	struct shards shards;
	bool has_single;	/* a model.safetensors */
	uint64_t n_small;	/* bytes of members for the head */
	uint64_t n_headers;	/* bytes of safetensors headers so far */
	uint64_t n_heads;	/* and of heads of GGUF whose tables are held */
	const struct member *not_read;	/* the first GGUF that is not, */
	struct hvqz_err why;		/* and why not */
};

/* Its name without the folder that all are in. */
static inline const char *member_inner(const struct members_job *j,
				       const struct member *x)
{
	return x->name + j->root;
}

bool member_ends_with(const char *name, const char *suffix);

/* Do the tensors of this member, a safetensors file, have their plain names? */
bool members_own(const struct members_job *j, const struct member *x);

/* The error so far is about this member: say so. */
enum hvqz_ret members_about(const struct member *x, enum hvqz_ret ret,
			    struct hvqz_err *err);

/* To that byte of what the members are in. */
enum hvqz_ret members_seek(const struct members_job *j, uint64_t off,
			   struct hvqz_err *err);

/* Find out what a member is: content, content_at and what goes with them. */
enum hvqz_ret members_look(struct members_job *j, struct member *x,
			   struct hvqz_err *err);
/* No more than bytes: in the head while it is small, or else a tensor. */
enum hvqz_ret members_keep_whole(struct members_job *j, struct member *x,
				 struct hvqz_err *err);
/* PATH/ before the names of tensors that are not the model's own. */
enum hvqz_ret members_prefix(const struct members_job *j, struct member *x,
			     struct hvqz_err *err);

/* Bytes that cannot but be literals: HVQZ_UNSUPPORTED if they are too many. */
enum hvqz_ret members_count(uint64_t *sum, uint64_t n, const char *what,
			    struct hvqz_err *err);

/*
 * The source is at the member. Not GGUF, or a GGUF that we do not read, whose
 * error goes to j->why: it stays as it was. HVQZ_DAMAGED: a GGUF that is.
 */
enum hvqz_ret members_load_gguf(struct members_job *j, struct member *x,
				struct hvqz_err *err);
/*
 * All members were looked into: HVQZ_DAMAGED if parts of a split model lack
 * others (Q16). The final names of GGUF tensors.
 */
enum hvqz_ret members_settle_gguf(struct members_job *j,
				  struct hvqz_err *err);

/*
 * An NPZ may have several members of one name, a PyTorch file several ways of
 * one name: from the second on their tensors are called NAME#2, NAME#3 ...,
 * without those that other tensors are called.
 */
enum hvqz_ret members_number_twins(struct members *list,
				   struct hvqz_err *err);

/* I2: HVQZ_DAMAGED when two tensors of m have the same name. */
enum hvqz_ret members_check_names(const struct members *list,
				  const struct model *m, struct hvqz_err *err);

#endif
