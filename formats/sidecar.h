/*
 * sidecar.h - reading precomputed sensitivities, whatever file they come in.
 */
#ifndef FORMATS_SIDECAR_H
#define FORMATS_SIDECAR_H

#include "formats/gguf_names.h"
#include "model/model.h"
#include "sense/sens.h"
#include "stream/source.h"

/*
 * Read a sidecar and fill *t (the caller frees it, also after a failure). Ours
 * (formats/sidecar.md), llama.cpp's imatrix .dat and imatrix GGUF are told
 * apart by content. Names are mapped to Hugging Face names. Rules M1–M4.
 */
enum hvqz_ret sidecar_read(struct source *src, struct sens_table *t,
			   const struct hvqz_notes *notes,
			   struct hvqz_err *err);

/* By name; HVQZ_DAMAGED when two entries have one. */
enum hvqz_ret sidecar_sort(struct sens_table *t, struct hvqz_err *err);

/*
 * Give the entries the names and the row order of a model that came from GGUF;
 * sidecar_match() does it. Two that get one name are HVQZ_DAMAGED.
 */
enum hvqz_ret sidecar_to_gguf(struct sens_table *t, const struct model *m,
			      struct hvqz_err *err);

/*
 * Hold the table against the model: every entry whose name the model has must
 * fit its shape (else HVQZ_DAMAGED naming both lengths); entries without a
 * weight, and an entry list that matches nothing at all, are warned about.
 * output.weight stands for the embedding of a model without lm_head.
 */
enum hvqz_ret sidecar_match(struct sens_table *t, const struct model *m,
			    const struct hvqz_notes *notes,
			    struct hvqz_err *err);

#endif
