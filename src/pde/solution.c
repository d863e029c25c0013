/* Weights from a solution file (docs/formats/solution.md): what goes on with a fit and what looks at its solution read them here. */
#include "glia_pinn.h"

#include <math.h>

glia_status glia_pinn_load(const struct glia_pinn *p, struct glia_archive *a, double *theta)
{
  struct glia_array array[GLIA_PINN_ARRAYS];
  const int n = glia_pinn_arrays(p, GLIA_PINN_ARRAYS, array);
  double *to = theta;

  for (int i = 0; i < n; i++) {
    array[i].data = to;
    GLIA_TRY(glia_archive_get(a, &array[i]));
    to += glia_type_count(&array[i].type);
  }
  for (const double *v = theta; v < to; v++)
    GLIA_CHECK(isfinite(*v), GLIA_E_DATA, "a weight is %g", *v);
  return GLIA_OK;
}
