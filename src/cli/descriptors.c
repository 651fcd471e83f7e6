/* descriptors.c - descriptors 0, 1 and 2. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/descriptors.h"

#include "cli/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void descriptors_open(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* open() takes the lowest free number, which is fd. */
		if (open("/dev/null", (fd ? O_RDONLY : O_WRONLY) |
				      O_NOCTTY) != fd)
			exit(EXIT_ERROR);
	}
}

static int stdout_errno;

bool descriptors_stdout_failed(void)
{
	if (ferror(stdout) && !stdout_errno)
		stdout_errno = errno ? errno : EIO;
	return stdout_errno != 0;
}

void descriptors_close(void)
{
	descriptors_stdout_failed();
	if (fflush(stdout) < 0 && !stdout_errno)
		stdout_errno = errno;
	/* A closed standard output that nobody wrote to is no fault. */
	if (fclose(stdout) < 0 && errno != EBADF && !stdout_errno)
		stdout_errno = errno;
	if (stdout_errno)
		message_error("(stdout)", "cannot write: %s",
			      strerror(stdout_errno));
}
