/* A discovery of the command line: what discover.c and its files share. */
#ifndef DISCOVER_H
#define DISCOVER_H

#include "cli.h"
#include "glia_discover.h"

/** The equations found as a configuration of glia pinn, and OUT with its ending replaced by .csv beside it: the samples at the first time
 *  and on the sides, which are all that the solver is told. Rank 0. */
glia_status discover_write_yaml(const struct glia_discovery *d, const struct glia_grid_data *g,
                                const struct glia_found *found, const char *path);

/** Before the work: may those files be written? path NULL: none is asked for. Errors: GLIA_E_USAGE (no such name, or the data's own),
 *  those of glia_file_may_make. */
glia_status discover_may_write(const struct glia_discovery *d, const char *path);

/** Terms against what they leave, coefficients, fit and residual of each hidden term. Rank 0. */
glia_status discover_draw(const struct glia_discovery *d, const struct glia_found *found,
                          const char *path);

/** The equation of a hidden term with what was found in its place, as an expression; coefficients to the digits that are known. */
int discover_equation(const struct glia_discovery *d, int which, const struct glia_found *found);

#endif
