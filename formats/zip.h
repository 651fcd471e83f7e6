/*
 * zip.h - zip archives: the members of one, and the writing of a new one.
 *
 * Only members that are stored as they are can be looked into; compressed ones
 * are kept as they are.
 */
#ifndef FORMATS_ZIP_H
#define FORMATS_ZIP_H

#include "formats/members.h"

/* How a new archive is written; its ctx comes from zip_form_ctx(). */
extern const struct pieces_form zip_form;
void *zip_form_ctx(void);

/*
 * The members of the archive in src, which can seek and whose size is known,
 * from where it is; off counts from there. Folders are left out. Refused:
 * encryption, several volumes, symbolic links, local headers that contradict
 * the directory.
 */
enum hvqz_ret zip_members(struct source *src, struct members *list,
			  struct hvqz_err *err);

/* An archive's last records, without its directory, in bytes at most. */
enum { ZIP_MAX_END = 22 + 65535 + 20 + 56 };

/*
 * How many entries an archive has that ends with these n bytes, ZIP_MAX_END or
 * all behind its members. HVQZ_DAMAGED: they are not the end of one.
 */
enum hvqz_ret zip_count(const uint8_t *p, size_t n, uint64_t *count,
			struct hvqz_err *err);

/*
 * When the members are those of a PyTorch file, give the tensors of its state
 * dictionary to the storages they lie in; *is_torch says whether it is one.
 */
enum hvqz_ret torch_members(struct source *src, uint64_t start,
			    struct members *list, bool *is_torch,
			    struct hvqz_err *err);

#endif
