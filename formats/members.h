/*
 * members.h - the files in a source: which tensors they hold, and the pieces
 * that follow from it.
 *
 * A reader of folders or archives finds the members and where they lie; what
 * is in them is found out here. A member is understood as safetensors by its
 * name, as GGUF or as a NumPy array by its content. What is not understood is
 * kept as it is: in the head while it is small, as a U8 tensor of the member's
 * name otherwise.
 *
 * Whose tensors have their plain names: those of the model's own files. These
 * are the ones in the outermost folder that model.safetensors.index.json
 * lists, or model.safetensors, or, without either, all safetensors files there
 * are; where there are none, the parts of the split GGUF model that is the only
 * one there, or, without any parts, the GGUF file that is the only one. A
 * tensor of any other file is called PATH/NAME. Two tensors of one name are
 * refused.
 */
#ifndef FORMATS_MEMBERS_H
#define FORMATS_MEMBERS_H

#include "formats/gguf_split.h"
#include "formats/pieces.h"

enum { MEMBERS_MAX = 1 << 20 };

struct member {
	char *name;		/* a valid one; owned */
	uint64_t off, size;	/* from the start of the source */
	size_t number;		/* in the order they were added */
	bool summed;		/* crc is that of its bytes */
	bool packed;		/* compressed: not looked into */
	uint16_t method;
	uint32_t crc;
	uint64_t unpacked;	/* packed: bytes */
	/*
	 * The tensors behind the first content_at bytes; names final. What
	 * lies between (their skew) and behind the last is padding. May be
	 * filled by the reader before members_read(); owned.
	 */
	struct model content;
	uint64_t content_at;
	bool is_understood;
	bool is_array;		/* a NumPy array, perhaps not understood */
	bool is_gguf;
	bool is_late;		/* a GGUF that was read, its table not held */
	struct gguf_split split;	/* of a GGUF */
};

struct members {
	struct member *v;
	size_t n;
};

void members_free(struct members *list);

/*
 * Append a member of that name; the new one is zero besides name, off, size.
 * HVQZ_DAMAGED for a name that no member may have (A2, I1).
 */
enum hvqz_ret members_add(struct members *list, const char *name,
			  uint64_t off, uint64_t size, struct member **added,
			  struct hvqz_err *err);

/*
 * Look into the members of src, whose bytes from start on are size bytes and
 * which can seek. Sorts them by place; they must not overlap. Fills the tables
 * of m, m->head and m->format, and *state with a reader's (pieces_next()).
 */
enum hvqz_ret members_read(struct members *list, struct source *src,
			   uint64_t start, uint64_t size, const char *format,
			   struct model *m, void **state,
			   struct hvqz_err *err);

#endif
