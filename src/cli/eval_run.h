/*
 * eval_run.h - what hvqz-eval does: score a model, then other weights for it.
 */
#ifndef CLI_EVAL_RUN_H
#define CLI_EVAL_RUN_H

struct eval_args;

/* Says its own messages; what became of it is the exit status. */
void eval_run(const struct eval_args *args);

#endif
