/*
 * format.h - what a reader and a writer of a model format are.
 *
 * A reader is opened on a source, parses and validates the whole header, fills
 * the tensor table, and then hands out the tensors' bytes in data order. It
 * knows no threads, options or files. A writer is the mirror image.
 *
 * Adding a format: one reader file, one writer file, two lines in registry.c,
 * rows in the corpus table.
 */
#ifndef FORMATS_FORMAT_H
#define FORMATS_FORMAT_H

#include "base/buf.h"
#include "model/model.h"
#include "stream/sink.h"
#include "stream/source.h"

struct pieces;

struct reader_ops {
	const char *name;	/* "safetensors" */
	const char *suffix;	/* ".safetensors" */

	/* How many bits of the peeked bytes prove this format; 0: not it. */
	unsigned (*bid)(const uint8_t *peek, size_t len);

	/* Can there be bytes behind the last tensor: m->rest after tail()? */
	bool has_rest;

	/*
	 * Read and check the header, fill *m (the caller frees it, also after
	 * a failure; it stays where it is until free()). *state is the reader's
	 * own; released by free().
	 */
	enum hvqz_ret (*head)(struct source *src, struct model *m,
			      void **state, struct hvqz_err *err);

	/*
	 * The header is not all in front: the source has to seek and to know
	 * its size.
	 */
	bool needs_seek;

	/*
	 * Where in the source a tensor's bytes begin. NULL: right behind each
	 * other, from where head() leaves the source.
	 */
	uint64_t (*offset)(void *state, size_t tensor);

	/*
	 * The next len bytes of tensor data, in data order. A short input is
	 * HVQZ_DAMAGED and names the first tensor that is cut.
	 */
	enum hvqz_ret (*next)(void *state, uint8_t *to, size_t len,
			      struct hvqz_err *err);

	/*
	 * All data was taken: is the input at its end? What a format has
	 * behind the last tensor goes to m->rest.
	 */
	enum hvqz_ret (*tail)(void *state, struct hvqz_err *err);

	void (*free)(void *state);
};

struct writer_ops {
	const char *name;
	const char *suffix;

	/*
	 * Prepare to write m: check that m->head (when m->format is this
	 * writer's name and m->head is not NULL) describes exactly m's
	 * tensors, or make a header from the table. Nothing is written yet.
	 * m must outlive *state; m->rest counts when tail() is called.
	 */
	enum hvqz_ret (*plan)(const struct model *m, void **state,
			      struct hvqz_err *err);
	enum hvqz_ret (*head)(void *state, struct sink *out,
			      struct hvqz_err *err);
	/* The next len bytes of tensor data, in data order. */
	enum hvqz_ret (*put)(void *state, struct sink *out, const uint8_t *p,
			     size_t len, struct hvqz_err *err);
	enum hvqz_ret (*tail)(void *state, struct sink *out,
			      struct hvqz_err *err);
	void (*free)(void *state);
};

/*
 * What a converter from one format to another may need besides the model. Its
 * plan() finds it in *state, or NULL, and leaves there its own.
 */
struct format_wish {
	/*
	 * The file of that name that lies beside the model ("config.json"), at
	 * most max bytes, appended to *b. The error names it. NULL: there are
	 * none.
	 */
	enum hvqz_ret (*get)(void *ctx, const char *name, size_t max,
			     struct buf *b, struct hvqz_err *err);
	void *ctx;
	/* The files that the source itself holds come first; NULL: none. */
	const struct pieces *files;
	const char *name;	/* the model's, for people; or NULL */
	enum dtype dtype;	/* of matrices; 0: as they are */
	uint64_t *n_clamped;	/* plus weights too large for it; or NULL */
	/* Whom to hand the new model to, instead of the format's writer. */
	const struct writer_ops *writer;
	void *writer_state;	/* what its plan() finds in *state */
};

extern const struct writer_ops gguf_from_hf, hf_from_gguf, gguf_merge,
	hf_from_gguf_files, retyped_npz, retyped_npy, retyped_safetensors,
	retyped_gguf, tar_from_gguf, zip_from_gguf;

extern const struct reader_ops safetensors_reader, gguf_reader, folder_reader,
	tar_reader, npy_reader, zip_reader;
extern const struct writer_ops safetensors_writer, gguf_writer, folder_writer,
	tar_writer, npy_writer, npz_writer, zip_writer, torch_writer;

/*
 * The reader whose bid on the source's first bytes is highest. When none bids:
 * HVQZ_UNSUPPORTED with a sentence (a git-LFS pointer, an HTML page and other
 * well-known mistakes are named for what they are).
 */
enum hvqz_ret format_detect(struct source *src, const struct reader_ops **r,
			    struct hvqz_err *err);

/*
 * The bytes of the source that m was read from, before any compression: known
 * from its table and header.
 */
uint64_t format_source_size(const struct model *m);

/* By name ("safetensors"), or NULL. */
const struct writer_ops *format_writer(const char *name);
/* The n-th there is, or NULL behind the last. */
const struct writer_ops *format_writer_at(unsigned n);

/*
 * The converter of models that came from one format to another, their matrices
 * to be of that dtype (0: what they are); NULL: the writer of the other takes
 * them as they are, or refuses.
 */
const struct writer_ops *format_converter(const char *from, const char *to,
					  enum dtype dtype);
/* The same for a model that was read: what files it has matters too. */
const struct writer_ops *format_converter_of(const struct model *m,
					     const char *to,
					     enum dtype dtype);

/*
 * The converter's plan() for m, with what is wished (NULL: nothing) and the
 * files that `from` has in its head: m itself, or what it was made of.
 */
enum hvqz_ret format_plan_converter(const struct writer_ops *w,
				    const struct format_wish *wish,
				    const struct model *from,
				    const struct model *m, void **state,
				    struct hvqz_err *err);

/* A file that lies beside the model or in it: wish->get, or wish->files. */
enum hvqz_ret format_wish_file(const struct format_wish *wish,
			       const char *name, size_t max, struct buf *b,
			       struct hvqz_err *err);

#endif
