/*
 * base.h - the base model: the parent that a fine-tune is coded against.
 *
 * The job reads rows of it where a tensor of the model at hand has the same
 * name, dtype and shape there; codec 6 codes the difference.
 */
#ifndef JOB_BASE_H
#define JOB_BASE_H

#include "base/read_again.h"
#include "formats/container.h"

struct slab;

struct base_model {
	struct model model;	/* owned */
	struct read_again file;	/* not owned */
	uint8_t digest[CONTAINER_DIGEST_LEN];	/* XXH3-128 of the file */
};

/*
 * Read the header at the beginning of src, then all of it for the digest; src
 * can seek, and file reads the same bytes again. The caller frees *b after a
 * success. HVQZ_UNSUPPORTED: no model file.
 */
enum hvqz_ret base_open(struct base_model *b, struct source *src,
			const struct read_again *file, struct hvqz_err *err);
void base_free(struct base_model *b);

/* A base model's tensors, found for those of another model. */
struct base_map {
	const struct base_model *base;
	uint64_t *off;		/* [n_tensors] in base's file, or NONE; owned */
	size_t n_found;
};
#define BASE_NONE UINT64_MAX

enum hvqz_ret base_map_make(struct base_map *map, const struct base_model *b,
			    const struct model *m, struct hvqz_err *err);
void base_map_free(struct base_map *map);

/* A slab's rows of tensor t of m, which the map has, to to [slab->raw_len]. */
enum hvqz_ret base_rows(const struct base_map *map, const struct model *m,
			size_t t, const struct slab *slab, uint8_t *to,
			struct hvqz_err *err);

/*
 * Is b (NULL: none was given) the base of the file that info is of? HVQZ_USAGE
 * with the names of what was given and what is needed. One too many is only
 * warned of.
 */
enum hvqz_ret base_check(const struct base_model *b,
			 const struct container_info *info,
			 const struct hvqz_notes *notes, struct hvqz_err *err);

/* "xxh3-128:" and the digest in hexadecimal, into buf; returns buf. */
enum { BASE_NAME_LEN = 9 + 2 * CONTAINER_DIGEST_LEN + 1 };
char *base_name(const uint8_t *digest, char *buf);

#endif
