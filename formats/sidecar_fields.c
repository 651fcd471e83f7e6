/*
 * sidecar_fields.c - the law of sidecars (formats/sidecar.md), as far as names,
 * dtypes and shapes go.
 */
#include "formats/sidecar_fields.h"

#include <inttypes.h>
#include <string.h>

static const struct {
	const char *name;
	unsigned rank;
	enum dtype dtype;
	const char *dtypes, *shape;	/* for people */
} fields[N_FIELDS] = {
	[DIAG] = {"hessian_diag", 1, DTYPE_F32, "F32", "[n]"},
	[BLOCKS] = {"hessian_blocks", 3, DTYPE_F16, "F16", "[blocks, n, n]"},
	[FULL] = {"hessian", 2, DTYPE_F32, "F32 or F16", "[n, n]"},
	[SCALE] = {"hessian_scale", 1, DTYPE_F32, "F32", "[n]"},
	[ROWS] = {"row_sens", 1, DTYPE_F32, "F32", "[n]"},
	[CURVATURE] = {"curvature", 1, DTYPE_F32, "F32", "[1]"},
	[AXIS] = {"hessian_axis", 1, DTYPE_U8, "U8", "[1]"},
};

enum field sidecar_find_field(const char *name, size_t *base_len)
{
	const char *dot = strrchr(name, '.');

	if (!dot || dot == name)
		return N_FIELDS;
	*base_len = (size_t)(dot - name);
	for (unsigned f = 0; f < N_FIELDS; f++)
		if (!strcmp(dot + 1, fields[f].name))
			return (enum field)f;
	return N_FIELDS;
}

static enum hvqz_ret check_field(const struct tensor *x, enum field f,
				 struct hvqz_err *err)
{
	bool one = f == CURVATURE || f == AXIS;
	char shape[200];

	if (x->dtype != fields[f].dtype &&
	    !(f == FULL && x->dtype == DTYPE_F16))
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, x->name,
					"%s has the dtype %s; it must be %s",
					fields[f].name, dtype_name(x->dtype),
					fields[f].dtypes);
	tensor_shape(x, shape, sizeof(shape));
	if (x->rank != fields[f].rank || !x->n_elems ||
	    (one && x->n_elems != 1))
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, x->name,
					"%s has the shape %s; it must be %s",
					fields[f].name, shape,
					fields[f].shape);
	/* The last two dimensions of both. */
	if ((f == FULL || f == BLOCKS) &&
	    x->dim[x->rank - 1] != x->dim[x->rank - 2])
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, x->name,
					"the Hessian is not square: %s",
					shape);
	return HVQZ_OK;
}

static enum hvqz_ret check_scale(const struct tensor *scale,
				 const struct tensor *full, const char *name,
				 struct hvqz_err *err)
{
	if (!scale != !(full && full->dtype == DTYPE_F16))
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					scale ? "hessian_scale without a "
					"hessian of F16" : "a hessian of F16 "
					"without hessian_scale");
	if (scale && scale->dim[0] != full->dim[0])
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"hessian_scale has %" PRIu64 " values,"
					" the hessian has %" PRIu64 " rows",
					scale->dim[0], full->dim[0]);
	return HVQZ_OK;
}

static enum hvqz_ret check_blocks(const struct tensor *blocks,
				  const struct tensor *diag, const char *name,
				  struct hvqz_err *err)
{
	uint64_t in, b;

	if (!blocks)
		return HVQZ_OK;
	if (!diag)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"hessian_blocks without hessian_diag");
	in = diag->dim[0];
	b = blocks->dim[1];
	if (b > in)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"hessian_blocks of %" PRIu64 " for "
					"%" PRIu64 " inputs", b, in);
	if (blocks->dim[0] != (in - 1) / b + 1)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"%" PRIu64 " hessian_blocks of "
					"%" PRIu64 " for %" PRIu64 " inputs; "
					"it must be %" PRIu64, blocks->dim[0],
					b, in, (in - 1) / b + 1);
	return HVQZ_OK;
}

enum hvqz_ret sidecar_check_fields(const struct tensor *const field[N_FIELDS],
				   const char *name, struct hvqz_err *err)
{
	const struct tensor *diag = field[DIAG], *full = field[FULL];

	for (unsigned f = 0; f < N_FIELDS; f++)
		if (field[f])
			TRY(check_field(field[f], (enum field)f, err));
	if (!diag == !full)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"the sidecar has %s hessian_diag %s "
					"hessian for it; it must have one of "
					"them", diag ? "both" : "neither",
					diag ? "and" : "nor");
	TRY(check_scale(field[SCALE], full, name, err));
	return check_blocks(field[BLOCKS], diag, name, err);
}
