/* What the parts of curvature share. */
#ifndef CURVATURE_PRIV_H
#define CURVATURE_PRIV_H

#include "glia_hessian.h"
#include "petsc_priv.h"

#include <petscmat.h>

/** A shell whose product is glia_curvature_apply; a failure of ours stays in *status. Ownership: MatDestroy. */
glia_status glia_curvature_shell_(struct glia_curvature *c, glia_curvature_kind kind, Mat *out);
/** The first failure inside a shell's product, GLIA_OK when there was none; forgets it. */
glia_status glia_curvature_failure_(struct glia_curvature *c);
int64_t glia_curvature_products_(const struct glia_curvature *c);
/** So many products are to come; where they were too few, `restart` more. */
void glia_curvature_plan_(struct glia_curvature *c, int64_t more, int64_t restart);

#endif
