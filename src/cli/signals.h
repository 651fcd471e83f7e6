/*
 * signals.h - being told to stop, and stopping cleanly.
 *
 * A handler only sets a flag and writes to a pipe of ours. Everything that
 * could block waits for that pipe too, jobs poll the flag, the temporary file
 * is removed on the ordinary way out, and at the very end the signal is raised
 * again so that the parent sees what we died of. Who asks a second time does
 * not wait for the ordinary way out.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

/*
 * INT, TERM and HUP stop (unless ignored at start, as under nohup); PIPE and
 * XFSZ are ignored, so that write() fails with words for them; USR1 asks for a
 * progress line.
 */
void signals_install(void);

/*
 * A second stopping signal removes this name in the folder, a descriptor, and
 * dies at once; name stays the caller's. −1 and NULL: there is none.
 */
void signals_remove(int folder, const char *name);

/*
 * The same for who has more than a name: a second signal calls undo(ctx), in
 * which only what a signal handler may do is done. NULL: no more; ctx may go
 * when that has returned.
 */
void signals_undo(void (*undo)(void *), void *ctx);

/* Has one of the stopping signals come? Any thread; ctx is unused. */
bool signals_stopped(void *ctx);

/* Has USR1 come since the last call? */
bool signals_take_usr1(void);

/* Wait until fd has one of poll's events; false when we are to stop. */
bool signals_wait(int fd, short events);

/* If one of the stopping signals came, die of it. */
void signals_reraise(void);

#endif
