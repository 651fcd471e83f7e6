/*
 * hardware.h - how many threads, how much memory.
 *
 * Neither can change a byte of output: they only decide how fast it comes and
 * whether a job is begun at all.
 */
#ifndef CLI_HARDWARE_H
#define CLI_HARDWARE_H

#include <stdbool.h>

struct common_args;

enum { HARDWARE_MAX_THREADS = 1024 };

/*
 * Settle c->threads and c->memory: option, else HVQZ_THREADS and
 * HVQZ_MEMLIMIT, else all cores this process may use and no limit. False (and
 * an error message) when the environment holds nonsense.
 */
bool hardware_settle(struct common_args *c);

#endif
