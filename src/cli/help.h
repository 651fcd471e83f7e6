/* help.h - what -h, -H and -V print. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

/* On standard output. */
void help_short(void);
void help_long(void);
void help_version(void);

#endif
