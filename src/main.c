/*
 * main.c - the ceremony, top to bottom.
 *
 * What each step is stands in src/cli; what the program can do stands in
 * src/job and below, which print nothing, exit nowhere and open no file.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/args.h"
#include "cli/base_file.h"
#include "cli/blas_env.h"
#include "cli/convert.h"
#include "cli/cpu_off.h"
#include "cli/descriptors.h"
#include "cli/hardware.h"
#include "cli/kept.h"
#include "cli/list.h"
#include "cli/message.h"
#include "cli/restrain.h"
#include "cli/sidecars.h"
#include "cli/signals.h"

int main(int argc, char **argv)
{
	struct args args;
	struct sidecars sidecars = {0};
	struct base_file base = {0};
	struct list_sum sum = {0};
	struct kept kept = {0};
	bool go;

	hardware_keep_memory();
	blas_env_settle_for(argv, "--si");	/* --sidecar is what needs BLAS */
	descriptors_open();
	signals_install();

	go = args_parse(&args, argc, argv) == ARGS_RUN;
	message_setup(args.common.verbosity, args.common.no_warn_status);
#ifdef HVQZ_TEST_HOOKS
	go = go && cpu_off_settle(&args.common.kern);
#endif
	go = go && hardware_settle(&args.common) &&
	     sidecars_load(&args, &sidecars) && base_file_open(&base, &args) &&
	     kept_begin(&kept, &args);

	if (go)
		restrain(&args);
	for (size_t i = 0; go && i < args.n_files; i++) {
		if (signals_stopped(NULL))
			break;
		if (args.mode == MODE_LIST)
			list_file(&args, args.files[i], &sum);
		else
			convert_file(&args, &sidecars.sens, &base, &kept,
				     args.files[i]);
	}
	list_end(&args, &sum);

	kept_free(&kept);
	base_file_close(&base);
	sidecars_free(&sidecars);
	args_free(&args);
	descriptors_close();
	signals_reraise();
	return message_status();
}
