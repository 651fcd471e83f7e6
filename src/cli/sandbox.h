/*
 * sandbox.h - giving up what is not needed any more (Landlock).
 *
 * When everything is open, parsers and decoders get no path to any file: what
 * is open stays usable, and in the folders named an output may get its name
 * and a source lose its own. Nothing is executed, no connection made, no
 * process outside signalled, no privilege gained. On a kernel without Landlock
 * nothing happens; -vv says which it is.
 *
 * It cannot be undone. Threads started later inherit it, so it comes before
 * the job; with several files the last one gets it all, and those before it
 * run under the wider rule that only their own folders can be written to.
 */
#ifndef CLI_SANDBOX_H
#define CLI_SANDBOX_H

#include <stddef.h>

/*
 * From now on: no file opens. In folder (a descriptor; −1 is none) and in that
 * of the file `beside` (NULL: none) names may be made and removed; what lies in
 * the folder of the file `reads` (NULL: none) may be read, and so may the JSON
 * and templates that links in it lead to. What came of it is told at this level
 * of verbosity.
 */
void sandbox_close(int folder, const char *beside, const char *reads,
		   int level);

/*
 * The same for an output of many files: beneath the folder, a descriptor, files
 * and folders can be made, written and removed, and the folder itself removed.
 */
void sandbox_close_tree(int folder, const char *beside, int level);

/*
 * From now on: any file can be read; in the folders of the files paths[n],
 * and in the folder also, files and folders can be made, written and
 * removed, nowhere else.
 */
void sandbox_read_only(const char *const *paths, size_t n, const char *also,
		       int level);

#endif
