/*
 * help.h - what -h, -H and -V print, on standard output.
 *
 * The short help has what one needs daily; the long one has every option. The
 * manual pages explain.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

/* A program's own texts; what all have in common comes behind them. */
struct help {
	const char *usage;
	const char *brief;			/* for -h */
	const char *const *sections;		/* for -H; ends with NULL */
};

extern const struct help help_hvqz, help_sense, help_eval;

/* code: 'h', 'H' or 'V'. */
void help_answer(const struct help *help, int code);

#endif
