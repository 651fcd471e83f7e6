/*
 * eval_main.c - the ceremony of hvqz-eval, as main.c is hvqz's.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/blas_env.h"
#include "cli/descriptors.h"
#include "cli/eval_args.h"
#include "cli/eval_run.h"
#include "cli/hardware.h"
#include "cli/message.h"
#include "cli/sandbox.h"
#include "cli/scratch_file.h"
#include "cli/signals.h"

int main(int argc, char **argv)
{
	struct eval_args args;
	bool go;

	blas_env_settle(argv);
	message_program = "hvqz-eval";
	descriptors_open();
	signals_install();

	go = eval_args_parse(&args, argc, argv) == ARGS_RUN;
	message_setup(args.common.verbosity, args.common.no_warn_status);
	if (go && hardware_settle(&args.common)) {
		sandbox_read_only(NULL, 0, scratch_file_folder(), 2);
		eval_run(&args);
	}

	eval_args_free(&args);
	descriptors_close();
	signals_reraise();
	return message_status();
}
