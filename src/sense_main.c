/*
 * sense_main.c - the ceremony of hvqz-sense, as main.c is hvqz's.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/blas_env.h"
#include "cli/descriptors.h"
#include "cli/hardware.h"
#include "cli/message.h"
#include "cli/sandbox.h"
#include "cli/scratch_file.h"
#include "cli/sense_args.h"
#include "cli/sense_run.h"
#include "cli/signals.h"

int main(int argc, char **argv)
{
	struct sense_args args;
	bool go;

	blas_env_settle(argv);
	message_program = "hvqz-sense";
	descriptors_open();
	signals_install();

	go = sense_args_parse(&args, argc, argv) == ARGS_RUN;
	message_setup(args.common.verbosity, args.common.no_warn_status);
	if (go && hardware_settle(&args.common)) {
		/* With -f what a link leads to is replaced, wherever it is. */
		if (!args.force)
			sandbox_read_only((const char *[]){args.output},
					  args.output && !args.to_stdout,
					  scratch_file_folder(), 2);
		sense_run(&args);
	}

	descriptors_close();
	signals_reraise();
	return message_status();
}
