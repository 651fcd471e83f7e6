/*
 * convert.h - one file from its name to its result: encode, decode, test or
 * extract.
 */
#ifndef CLI_CONVERT_H
#define CLI_CONVERT_H

#include "cli/args.h"
#include "cli/base_file.h"
#include "cli/kept.h"
#include "sense/sens.h"

/*
 * Do what args says with the file of that name ("-" is standard input). Says
 * its own messages; the exit status remembers them. sens may be empty. What is
 * written goes to kept, for which path must outlive it.
 */
void convert_file(const struct args *args, struct sens_table *sens,
		  const struct base_file *base, struct kept *kept,
		  const char *path);

#endif
