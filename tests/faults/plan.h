/*
 * plan.h - what the driver and the shim inside the program tell each other,
 * in memory that both have mapped.
 */
#ifndef FAULTS_PLAN_H
#define FAULTS_PLAN_H

#include <stdatomic.h>

#define PLAN_ENV "HVQZ_FAULT_PLAN"	/* a descriptor's number */

enum fault {
	FAULT_NONE,
	FAULT_MALLOC,		/* no memory */
	FAULT_READ,		/* EIO */
	FAULT_WRITE,		/* ENOSPC */
	FAULT_SYNC,		/* EIO */
	FAULT_NAME,		/* EIO: rename, link */
	FAULT_OPEN,		/* EMFILE */
	FAULT_STAT,		/* EIO */
	FAULT_THREAD,		/* EAGAIN */
	FAULT_SHORT,		/* a read or a write of one byte */
	FAULT_EINTR,		/* of read, write, open, fsync, poll */
	N_FAULTS
};

struct plan {
	enum fault fault;
	int at;			/* the call that fails, from 1 */
	int from_then_on;	/* and all after it */
	atomic_int calls;	/* so far, of this kind */
	atomic_int fired;
	atomic_int live;	/* blocks allocated in main and not freed */
};

#endif
