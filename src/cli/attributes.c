/* attributes.c - permissions and owner. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/attributes.h"

#include <unistd.h>

mode_t attributes_usual_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

void attributes_give(int fd, const struct stat *from, mode_t mode)
{
	if (fchown(fd, from->st_uid, (gid_t)-1) < 0) {
		/* Only root gives files away; the owner is then us. */
	}
	/*
	 * A group we cannot give must not let another group read more than
	 * everybody may.
	 */
	if (fchown(fd, (uid_t)-1, from->st_gid) < 0)
		mode &= ~(mode_t)070 | (mode & 07) << 3;
	if (fchmod(fd, mode) < 0) {
		/* It stays ours alone: safe. */
	}
}
