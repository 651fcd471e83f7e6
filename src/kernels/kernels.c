/* kernels.c - the tables of kernels.h and the choice between them. */
#include "kernels/kernels.h"

#include "kernels/decode.h"
<<<<<<< HEAD
#include "kernels/trellis.h"
=======
#include "kernels/encode.h"
>>>>>>> 9d76ff4 (Cut and code lossless numbers in vectors)

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define NEAREST_NAME nearest_generic
#define NEAREST_TARGET
#define NEAREST_LANES 4
#include "kernels/nearest_template.h"

const struct kernels kernels_generic = {
	.name = "generic",
	.nearest = nearest_generic,
	.nearest_mirrored = nearest_generic_mirrored,
	.decode = &decode_generic,
<<<<<<< HEAD
	.trellis = &trellis_generic,
=======
	.encode = &encode_generic,
>>>>>>> 9d76ff4 (Cut and code lossless numbers in vectors)
};

#if defined(__x86_64__) && defined(__GNUC__)

#define NEAREST_NAME nearest_avx2
#define NEAREST_TARGET __attribute__((target("avx2")))
#define NEAREST_LANES 8
#include "kernels/nearest_template.h"

#define NEAREST_NAME nearest_avx512
#define NEAREST_TARGET __attribute__((target("avx512f")))
#define NEAREST_LANES 16
#include "kernels/nearest_template.h"

static const struct kernels avx2 = {
	.name = "avx2",
	.nearest = nearest_avx2,
	.nearest_mirrored = nearest_avx2_mirrored,
	.decode = &decode_avx2,
<<<<<<< HEAD
	.trellis = &trellis_avx2,
=======
	.encode = &encode_avx2,
>>>>>>> 9d76ff4 (Cut and code lossless numbers in vectors)
};

static const struct kernels avx512 = {
	.name = "avx512",
	.nearest = nearest_avx512,
	.nearest_mirrored = nearest_avx512_mirrored,
	.decode = &decode_avx512,
<<<<<<< HEAD
	.trellis = &trellis_avx512,
=======
	.encode = &encode_avx512,
>>>>>>> 9d76ff4 (Cut and code lossless numbers in vectors)
};

const struct kernels *kernels_named(const char *name)
{
	__builtin_cpu_init();
	if (!strcmp(name, "generic"))
		return &kernels_generic;
	if (!__builtin_cpu_supports("avx2") ||
	    !__builtin_cpu_supports("popcnt"))
		return NULL;
	if (!strcmp(name, "avx512") && __builtin_cpu_supports("avx512f"))
		return &avx512;
	return strcmp(name, "avx2") ? NULL : &avx2;
}

const struct kernels *kernels_select(void)
{
	const struct kernels *k = kernels_named("avx512");

	if (!k)
		k = kernels_named("avx2");
	return k ? k : &kernels_generic;
}

#else

const struct kernels *kernels_select(void)
{
	return &kernels_generic;
}

const struct kernels *kernels_named(const char *name)
{
	return strcmp(name, "generic") ? NULL : &kernels_generic;
}

#endif
