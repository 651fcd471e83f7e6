/*
 * corpus.h - everything that must be refused, under one listing.
 *
 * A row breaks one rule of shared/HOSTILE.md (or is the good neighbour of one
 * that does). The tables themselves stand where their bases are made:
 * corpus_safetensors.h, corpus_gguf.h, corpus_hf.h, corpus_archives.h,
 * corpus_pickle.h, corpus_sidecar.h, container_corpus_*.c, and for the payloads
 * of each codec corpus_planes.h, corpus_hasvq.h, …; corpus_part_*.c say how a
 * table's rows are read off. check_corpus.c runs them all.
 */
#ifndef TESTS_CORPUS_H
#define TESTS_CORPUS_H

#include "base/buf.h"
#include "codec/codec.h"

enum corpus_reader {
	READ_SAFETENSORS,	/* as a model to be encoded */
	READ_GGUF,		/* the same */
	READ_ARCHIVE,		/* the same, told by its content */
	READ_SIDECAR,		/* and held against a model */
	READ_HVQZ,		/* tested, restored, listed */
	READ_PAYLOAD,		/* by its codec alone */
	READ_HF,		/* as the files beside a model */
};

struct corpus_row {
	const char *rule;	/* "H8" */
	const char *name;	/* its own within the part: the mutation */
	enum hvqz_ret ret;	/* HVQZ_OK: a good one */
	const char *word;	/* what the sentence must have in it, or NULL */
};

/* What a row is made into. */
struct corpus_bytes {
	struct buf b;		/* the file or payload; the caller frees */
	struct slab slab;	/* READ_PAYLOAD: what it codes */
	uint8_t base[64];	/* codec 6: of the base model */
};

struct corpus_part {
	const char *base;	/* of what its rows are mutations */
	enum corpus_reader reader;
	const struct codec *codec;	/* READ_PAYLOAD */
	size_t (*count)(void);
	void (*row)(size_t i, struct corpus_row *row);
	void (*make)(size_t i, struct corpus_bytes *to);
};

extern const struct corpus_part corpus_part_safetensors;
extern const struct corpus_part corpus_part_gguf;
extern const struct corpus_part corpus_part_archives;
extern const struct corpus_part corpus_part_pickle;
extern const struct corpus_part corpus_part_hf;
extern const struct corpus_part corpus_part_content;
extern const struct corpus_part corpus_part_sidecar;
extern const struct corpus_part corpus_part_match;
extern const struct corpus_part corpus_part_container;
extern const struct corpus_part corpus_part_planes;
extern const struct corpus_part corpus_part_hasvq;
extern const struct corpus_part corpus_part_trellis;
extern const struct corpus_part corpus_part_rtn;
extern const struct corpus_part corpus_part_conditioned;
extern const struct corpus_part corpus_part_delta;

/* READ_HF: what a converter says of the bytes. */
enum hvqz_ret corpus_hf_read(const struct buf *b, struct hvqz_err *err);

/* All parts, n of them; and row i of all. */
extern const struct corpus_part *const corpus_parts[];
extern const size_t corpus_n_parts;
size_t corpus_count(void);
const struct corpus_part *corpus_find(size_t i, struct corpus_row *row,
				      size_t *in_part);

#endif
