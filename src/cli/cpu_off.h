/*
 * cpu_off.h - HVQZ_CPU_OFF: instruction sets not to be used, for tests.
 *
 * Only programs built with HVQZ_TEST_HOOKS ask for it: tests/hvqz_hooks, which
 * is hvqz in all else and is never installed.
 */
#ifndef CLI_CPU_OFF_H
#define CLI_CPU_OFF_H

#include "kernels/kernels.h"

#include <stdbool.h>

/*
 * The fastest kernels without the instruction sets that the environment's
 * HVQZ_CPU_OFF names, with commas between them, to *kern; NULL where it is
 * not set. False, and a message: it names one that there is not.
 */
bool cpu_off_settle(const struct kernels **kern);

#endif
