/*
 * restrain.h - what hvqz gives up before it looks at the first of its files.
 */
#ifndef CLI_RESTRAIN_H
#define CLI_RESTRAIN_H

#include "cli/args.h"

/*
 * Several files: what is made along the way lies beside them. Not with -f,
 * which replaces what a link leads to, wherever that is; not with --output-dir,
 * a folder that may still have to be made.
 */
void restrain(const struct args *a);

#endif
