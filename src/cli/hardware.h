/*
 * hardware.h - how many threads, how much memory.
 *
 * Neither can change a byte of output: they only decide how fast it comes and
 * whether a job is begun at all. But where -M, the option, leaves too little
 * for a single thread, chunks become smaller.
 */
#ifndef CLI_HARDWARE_H
#define CLI_HARDWARE_H

#include <stdbool.h>
#include <stdint.h>

struct common_args;

enum { HARDWARE_MAX_THREADS = 1024 };

/*
 * What the program takes before its job does, in bytes: its code and what it
 * is linked to, as far as they are used. Measured;
 */
#define HARDWARE_BASE ((uint64_t)7 << 20)

/*
 * Make malloc keep what is freed for the next chunk, which needs the same
 * again: asking the system each time costs a fifth of the time that coding
 * without loss takes. What is larger than any chunk's (a Hessian of some
 * thousand channels) goes back at once. Call it first.
 */
void hardware_keep_memory(void);

/*
 * Settle c->threads and c->memory: option, else HVQZ_THREADS and
 * HVQZ_MEMLIMIT, else all cores this process may use and no limit. False (and
 * an error message) when the environment holds nonsense.
 */
bool hardware_settle(struct common_args *c);

#endif
