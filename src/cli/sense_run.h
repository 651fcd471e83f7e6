/*
 * sense_run.h - what hvqz-sense does: from a model and a text to a sidecar.
 */
#ifndef CLI_SENSE_RUN_H
#define CLI_SENSE_RUN_H

struct sense_args;

/* Says its own messages; what became of it is the exit status. */
void sense_run(const struct sense_args *args);

#endif
