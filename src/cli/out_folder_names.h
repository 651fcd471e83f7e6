/*
 * out_folder_names.h - what out_folder.c makes in a folder: folders on the way,
 * temporary files, names. Everything is announced in *f before it is made, so
 * that out_folder_undo() finds it, which a signal may call at any moment.
 */
#ifndef CLI_OUT_FOLDER_NAMES_H
#define CLI_OUT_FOLDER_NAMES_H

#include "cli/out_folder.h"

/* HVQZ_IO: "cannot write FOLDER/NAME", and what errno says. */
enum hvqz_ret out_folder_failed(const struct out_folder *f, const char *name,
				struct hvqz_err *err);

/* The folder that file i is in, opened; *leaf is its name there. -1: errno. */
int out_folder_open_parent(const struct out_folder *f, size_t i,
			   const char **leaf);

/* Has what it is made of a name, and so permissions that somebody meant? */
bool out_folder_has_source(const struct out_folder *f);

/*
 * Of a folder just made, open as dir: everybody may look through it who may
 * read the files. Otherwise the umask has decided.
 */
void out_folder_give_mode(const struct out_folder *f, int dir);

/* Make the folders on the way to name, those that are not there. */
enum hvqz_ret out_folder_make_folders(struct out_folder *f, const char *name,
				      struct hvqz_err *err);

/* A temporary file for file i in the folder at, or -1 with errno. */
int out_folder_open_temp(struct out_folder *f, size_t i, int at);

/* Give file i its name; f->n_named counts it. False, with errno. */
bool out_folder_give_name(struct out_folder *f, size_t i);

/* All names in all folders to the disk. False, with errno. */
bool out_folder_sync_names(const struct out_folder *f);

/*
 * Take away what was made: names, temporaries, folders. ctx is the struct
 * out_folder. Also for a signal handler: it calls nothing but the system.
 */
void out_folder_undo(void *ctx);

#endif
