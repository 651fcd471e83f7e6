/*
 * gguf_files.h - the one GGUF that the own GGUF files of a folder or an archive
 * (members.h says which those are) make together: a whole one, or the parts of
 * one.
 */
#ifndef FORMATS_GGUF_FILES_H
#define FORMATS_GGUF_FILES_H

#include "formats/gguf_split.h"
#include "formats/pieces.h"

struct gguf_file {
	struct gguf_part part;	/* its name is that of the pieces */
	struct gguf g;
	size_t first;		/* of its tensors, in the model's table */
};

struct gguf_files {
	struct gguf_file *v;	/* owned; as they lie there */
	size_t n;
};

/*
 * The own GGUF files in p, the pieces of a model from anywhere whose tensors
 * are as many, and are called, as those of m; none where there are none. p must
 * outlive *f, which is zero-initialised; gguf_files_free() in any case.
 * HVQZ_DAMAGED: parts lack others (Q16).
 */
enum hvqz_ret gguf_files_find(struct gguf_files *f, const struct pieces *p,
			      const struct model *m, struct hvqz_err *err);
void gguf_files_free(struct gguf_files *f);

/* Are there own GGUF files in m? In a head that is damaged there are none. */
bool gguf_files_any(const struct model *m);

/*
 * The head of all of them, of which there are some, as one file, appended to
 * *head: the keys of the first part but split.*, the tensors of all. *pad: the
 * bytes of padding behind the last.
 */
enum hvqz_ret gguf_files_head(const struct gguf_files *f, struct buf *head,
			      size_t *pad, struct hvqz_err *err);

#endif
