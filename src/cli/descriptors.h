/*
 * descriptors.h - descriptors 0, 1 and 2 at the program's two ends.
 */
#ifndef CLI_DESCRIPTORS_H
#define CLI_DESCRIPTORS_H

#include <stdbool.h>

/*
 * Make sure 0, 1 and 2 are open, so that no file of ours lands on one of
 * them. What was closed is filled with /dev/null opened the wrong way round:
 * using it is an error, not silence.
 */
void descriptors_open(void);

/*
 * Has writing to stdio's standard output failed? Ask right behind what may
 * have: the reason is kept for the message at the end.
 */
bool descriptors_stdout_failed(void);

/* Flush and close standard output; a failure is an error message. */
void descriptors_close(void);

#endif
