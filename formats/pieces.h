/*
 * pieces.h - a source of several parts, as the sequence of what it is made of.
 *
 * Folders, tar and zip archives, NPZ and PyTorch files have tensors here and
 * there, and headers, padding and small files between them. Such a source is a
 * list of pieces that tile it: literal bytes, and tensors, whose bytes are the
 * holes in the list. A member (a file in an archive) is a name for some pieces
 * in a row. The list and all literal bytes are what model.head keeps, so a
 * restored source differs in its tensors' bytes only, and lossless not at all.
 *
 * The law is formats/pieces.md.
 */
#ifndef FORMATS_PIECES_H
#define FORMATS_PIECES_H

#include "base/buf.h"
#include "formats/format.h"

enum {
	PIECES_VERSION = 1,
	PIECES_MAX_LITERALS = 128 << 20,	/* bytes, all together */
	PIECES_MAX = 1 << 22,			/* records */
	MEMBER_MAX_NAME = 4096,			/* bytes */
};

/* The numbers are stored. */
enum piece_kind {
	PIECE_LITERAL = 0,	/* bytes, kept */
	PIECE_TENSOR = 1,	/* the next tensor of the table */
	PIECE_MEMBER = 2,	/* the next pieces are a file of this name */
	PIECE_PACKED = 3,	/* the same, compressed by its archive */
};

struct piece {
	enum piece_kind kind;
	uint64_t len;		/* bytes; of a member: of all its pieces */
	size_t at;		/* a literal's first byte in literals */
	char *name;		/* a member's; owned */
	/* A packed member's, as its archive says: */
	uint16_t method;
	uint32_t crc;
	uint64_t unpacked;
	bool summed;		/* reading: crc is that of its bytes */
};

struct pieces {
	struct piece *v;
	size_t n;
	struct buf literals;
	uint64_t size;		/* bytes of the source, tensors included */
	/* Building: what the last member still wants; it has just ended. */
	uint64_t left;
	bool sealed;
};

void pieces_free(struct pieces *p);

/*
 * May a member have this name: a relative path of UTF-8 without empty, "." or
 * ".." components, control characters or backslashes, of up to MEMBER_MAX_NAME
 * bytes? NULL: it may. Otherwise what is wrong ("an absolute path").
 */
const char *member_name_fault(const char *name);

/* Append n literal bytes; next to each other they become one piece. */
enum hvqz_ret pieces_literal(struct pieces *p, const void *bytes, size_t n,
			     struct hvqz_err *err);
/* The same with the next n bytes of src; short is HVQZ_DAMAGED. */
enum hvqz_ret pieces_load(struct pieces *p, struct source *src, uint64_t n,
			  struct hvqz_err *err);
/* Append the next tensor, of size bytes. */
enum hvqz_ret pieces_tensor(struct pieces *p, uint64_t size,
			    struct hvqz_err *err);
/* Begin a member: like gives kind, len and, if packed, the rest. */
enum hvqz_ret pieces_member(struct pieces *p, const char *name,
			    const struct piece *like, struct hvqz_err *err);

/* m->head from the list (an older head is freed), m->format from format. */
enum hvqz_ret pieces_to_head(const struct pieces *p, const char *format,
			     struct model *m, struct hvqz_err *err);

/*
 * The list in m->head, which may come from a damaged or hostile file: held
 * against every rule of pieces.md and the table of m. HVQZ_DAMAGED,
 * HVQZ_UNSUPPORTED (a newer version). pieces_free() in any case.
 */
enum hvqz_ret pieces_from_head(struct pieces *p, const struct model *m,
			       struct hvqz_err *err);

/* Does a model of this format keep pieces in its head? */
bool format_has_pieces(const char *format);
/* And is it files with names: a folder, a tar, a zip of files? */
bool format_has_files(const char *format);

/* ---- small files ---- */

/*
 * The file of that name (without folders) to the end of *b; of several the
 * outermost, and of one path the last. HVQZ_USAGE: there is none;
 * HVQZ_UNSUPPORTED: it has more than max bytes, is compressed or holds tensors.
 */
enum hvqz_ret pieces_file(const struct pieces *p, const char *name, size_t max,
			  struct buf *b, struct hvqz_err *err);
bool pieces_has_file(const struct pieces *p, const char *name);
/* The same of the member that is record i. */
enum hvqz_ret pieces_file_at(const struct pieces *p, size_t i, size_t max,
			     struct buf *b, struct hvqz_err *err);

/*
 * The members' names without folders, sorted, for a question asked of every
 * tensor: there may be as many tensors as members and a million of both.
 */
struct file_names {
	const char **v;		/* owned; the names are those of the pieces */
	size_t n;
};

/* p must outlive *names, which file_names_free() frees in any case. */
enum hvqz_ret file_names_of(const struct pieces *p, struct file_names *names,
			    struct hvqz_err *err);
void file_names_free(struct file_names *names);
/* Is the tensor of that name no tensor of the model, but (of) another file? */
bool file_names_have(const struct file_names *names, const char *tensor);

/* ---- reading ---- */

/* Go to byte off of src; a short way forward keeps what was read ahead. */
enum hvqz_ret pieces_seek(struct source *src, uint64_t off,
			  struct hvqz_err *err);

/*
 * A reader's state over a source that can seek and whose bytes from start on
 * are p. Takes the list (*p is empty then). For .next, .tail, .free and
 * .offset of reader_ops. m must outlive it.
 */
enum hvqz_ret pieces_reader(struct pieces *p, const struct model *m,
			    struct source *src, uint64_t start, void **state,
			    struct hvqz_err *err);
enum hvqz_ret pieces_next(void *state, uint8_t *to, size_t len,
			  struct hvqz_err *err);
enum hvqz_ret pieces_tail(void *state, struct hvqz_err *err);
uint64_t pieces_offset(void *state, size_t tensor);
void pieces_reader_free(void *state);

/* ---- writing ---- */

/*
 * How an archive is written. With no hooks at all the pieces are replayed as
 * they are; with hooks what is outside of members is dropped, and they write
 * something in its stead. The hooks' ctx is the archive's own state.
 */
struct pieces_form {
	/* Before all else; p is the whole list. */
	enum hvqz_ret (*open)(void *ctx, const struct pieces *p,
			      struct sink *out, struct hvqz_err *err);
	enum hvqz_ret (*begin)(void *ctx, const struct piece *member,
			       struct sink *out, struct hvqz_err *err);
	/* Bytes of the member, which were just written. May be NULL. */
	void (*data)(void *ctx, const uint8_t *p, size_t n);
	enum hvqz_ret (*end)(void *ctx, struct sink *out,
			     struct hvqz_err *err);
	enum hvqz_ret (*close)(void *ctx, struct sink *out,
			       struct hvqz_err *err);
	void (*free)(void *ctx);
};

/*
 * A writer's state for m. Takes the list *p. form NULL: replay. ctx is freed
 * by form->free, also when this fails.
 */
enum hvqz_ret pieces_writer(struct pieces *p, const struct pieces_form *form,
			    void *ctx, const struct model *m, void **state,
			    struct hvqz_err *err);
enum hvqz_ret pieces_write_head(void *state, struct sink *out,
				struct hvqz_err *err);
enum hvqz_ret pieces_put(void *state, struct sink *out, const uint8_t *p,
			 size_t len, struct hvqz_err *err);
enum hvqz_ret pieces_write_tail(void *state, struct sink *out,
				struct hvqz_err *err);
void pieces_writer_free(void *state);

/*
 * The members that make m a folder or an archive of files: those it came with,
 * or, for a model that never had members, the single file model.safetensors
 * with a header made for the table.
 */
enum hvqz_ret pieces_of_files(struct pieces *p, const struct model *m,
			      struct hvqz_err *err);

#endif
