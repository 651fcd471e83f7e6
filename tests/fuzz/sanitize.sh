#!/bin/sh
# sanitize.sh SRCDIR BUILDDIR san|tsan|valgrind [CHECK...] - make check in a
# build of its own: with ASan and UBSan, with TSan, or in valgrind. CHECKs
# (tests/check_base, for valgrind check_base) instead of the kind's usual ones.
set -eu

src=$1
build=$2
kind=$3
shift 3
mkdir -p "$build"
cd "$build"
common="-O1 -g -fno-omit-frame-pointer"
case $kind in
san) flags="-fsanitize=address,undefined -fno-sanitize-recover=undefined" ;;
tsan) flags=-fsanitize=thread ;;
valgrind) flags= ;;
*)
	echo "sanitize.sh: no kind '$kind'" >&2
	exit 1
	;;
esac
[ -f config.status ] ||
	"$src/configure" -q --disable-werror CFLAGS="$common $flags"

# What other libraries do is not ours to judge; ours is never suppressed.
ASAN_OPTIONS=allocator_may_return_null=1
UBSAN_OPTIONS=print_stacktrace=1
TSAN_OPTIONS=suppressions=$src/tests/fuzz/tsan.supp:history_size=4
OPENBLAS_NUM_THREADS=1
CK_TIMEOUT_MULTIPLIER=20
HVQZ_SLOW=1
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS OPENBLAS_NUM_THREADS
export CK_TIMEOUT_MULTIPLIER HVQZ_SLOW

# TSan has nothing to see where there is one thread.
if [ "$kind" = tsan ] && [ $# -eq 0 ]; then
	set -- tests/check_pipeline tests/check_job \
		tests/check_copies tests/check_rate tests/check_team \
		tests/check_sense tests/check_sense_job tests/check_eval_job \
		tests/check_lm_load tests/check_sidecars \
		tests/cli/base.sh \
		tests/cli/condition.sh tests/cli/copies.sh tests/cli/eval.sh \
		tests/cli/pipes.sh tests/cli/rtn.sh tests/cli/sense.sh \
		tests/cli/signals.sh tests/cli/trellis.sh
fi
if [ "$kind" != valgrind ]; then
	[ $# -eq 0 ] || set -- TESTS="$*"
	exec make check "$@"
fi
# In one process a program: a fork for each test takes valgrind far longer, and
# then what a library holds at its start is reported for each.
CK_FORK=no
export CK_FORK
[ $# -gt 0 ] || set -- check_base check_safetensors check_gguf check_sidecar \
	check_entropy check_corpus check_codec_damage check_planes_damage \
	check_trellis_damage check_conditioned_damage check_container \
	check_job check_copies
make check TESTS=
status=0
for name; do
	log=valgrind.$name.log
	if valgrind -q --error-exitcode=9 --leak-check=full \
		--errors-for-leak-kinds=definite --trace-children=no \
		"tests/$name" >"$log" 2>&1; then
		echo "PASS: $name"
	else
		echo "FAIL: $name (see $build/$log)"
		status=1
	fi
done
exit $status
