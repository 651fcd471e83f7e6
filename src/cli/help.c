/* help.c - what -h, -H and -V print. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/help.h"

#include "cli/message.h"

#include <stdio.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown version"
#endif

static const char common_brief[] =
	"  -T N          threads; 0, the default, is one a core\n"
	"  -v            say more; -vv still more\n"
	"  -q            say less\n"
	"  -H            the long help, with every option\n"
	"  -V            the version\n";

static const char common_options[] =
	"\nResources and messages:\n"
	"  -T, --threads N        0 (the default): all cores this process may "
	"use\n"
	"  -M, --memory SIZE      refuse a job planned to need more; 0: no "
	"limit\n"
	"  -v, --verbose          say more; twice: still more\n"
	"  -q, --quiet            no warnings; twice: no errors\n"
	"  -Q, --no-warn          warnings do not make the exit status 2\n"
	"      --progress WHEN    auto, plain or none\n"
	"  -h, --help             the short help\n"
	"  -H, --long-help        this help\n"
	"  -V, --version          the version\n"
	"\nExit status: 0 good, 1 an error, 2 only warnings.\n"
	"Environment: HVQZ_THREADS and HVQZ_MEMLIMIT stand for -T and -M.\n";

void help_answer(const struct help *help, int code)
{
	if (code == 'V') {
		printf("%s " PACKAGE_VERSION "\n", message_program);
		return;
	}
	fputs(help->usage, stdout);
	if (code == 'h') {
		fputs(help->brief, stdout);
		fputs(common_brief, stdout);
		return;
	}
	for (const char *const *s = help->sections; *s; s++)
		fputs(*s, stdout);
	fputs(common_options, stdout);
}
