/* What finite differences say of the same text, beside the network's answer. */
#include "pinn.h"

#include "glia_classical.h"
#include "glia_petsc.h"

#include <math.h>
#include <stdlib.h>

static double relative(int64_t n, const double *a, const double *b)
{
  double wrong = 0.0, size = 0.0;

  for (int64_t i = 0; i < n; i++) {
    wrong += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  return size > 0.0 ? sqrt(wrong / size) : sqrt(wrong);
}

/* Distance from the formulas of `exact`; NaN where some unknown has none. */
static double from_exact(const struct glia_problem *p, const struct glia_classical *c, double *work)
{
  for (int i = 0; i < p->n_unknowns; i++) {
    if (p->exact[i] == GLIA_EXPR_NONE) return (double)NAN;
    for (int64_t k = 0; k < c->n; k++) {
      const struct glia_expr_values v = {.coord = c->x + k * p->n_coords,
                                         .parameter = p->parameter_start};
      work[k * p->n_unknowns + i] = glia_expr_value(p->pool, p->exact[i], &v);
    }
  }
  return relative(c->n * p->n_unknowns, c->u, work);
}

/* Which of the two to take, said plainly. */
static const char *verdict(double error, double wall_s, double classical_error, double classical_s)
{
  if (!isfinite(error) || !isfinite(classical_error)) return "which is better cannot be told";
  if (classical_error <= error && classical_s <= wall_s)
    return "the classical solver is the better tool here: faster, and closer to the solution";
  if (classical_error <= error) return "the classical solver is closer to the solution, but slower";
  if (classical_s <= wall_s) return "the network is closer to the solution, but slower";
  return "the network is the better tool here: faster, and closer to the solution";
}

static glia_status compare(struct glia_args *a, const struct glia_problem *p,
                           struct glia_solver *solver, const struct glia_classical *c, double error,
                           double wall_s, json_t **out)
{
  const int64_t n = c->n * p->n_unknowns;
  double *u = malloc((size_t)n * sizeof *u);

  GLIA_CHECK(u != NULL, GLIA_E_MEMORY, "%lld values", (long long)n);
  const double exact = from_exact(p, c, u), mine = isnan(exact) ? c->change : exact;
  const glia_status st = glia_pinn_fields(glia_solver_pinn(solver), c->n, c->x, u);
  const double difference = st == GLIA_OK ? relative(n, u, c->u) : (double)NAN;
  free(u);
  GLIA_TRY(st);
  const char *said = verdict(isnan(error) ? difference : error, wall_s, mine, c->wall_s);
  glia_cli_print(a,
                 "finite differences by PETSc: %lld nodes, %lld steps, %.2f s, error %.2g (%s)\n"
                 "  the network took %.1f s and differs from them by %.3g: %s\n",
                 (long long)c->nodes, (long long)c->steps, c->wall_s, mine,
                 isnan(exact) ? "change from the grid of half as many" : "from the exact solution",
                 wall_s, difference, said);
  *out = json_pack("{s:I, s:I, s:f, s:o, s:o, s:o, s:s}", "nodes", (json_int_t)c->nodes, "steps",
                   (json_int_t)c->steps, "wall_s", c->wall_s, "error", glia_json_real(mine),
                   "change", glia_json_real(c->change), "difference", glia_json_real(difference),
                   "verdict", said);
  return GLIA_OK;
}

glia_status pinn_classical(struct glia_args *a, struct glia_comm *comm, struct glia_problem *p,
                           struct glia_solver *solver, double error, double wall_s, json_t **out)
{
  struct glia_classical c = {0};

  *out = json_null();
  GLIA_TRY(glia_petsc_begin(comm));
  glia_status st = glia_classical_solve(p, comm, fmin(20.0, fmax(5.0, 0.5 * wall_s)), &c);
  if (st == GLIA_OK && c.solved)
    st = compare(a, p, solver, &c, error, wall_s, out);
  else if (st == GLIA_OK)
    glia_cli_print(a, "no classical solution beside it: %s\n", c.why);
  glia_classical_fini(&c);
  glia_petsc_end();
  return st;
}
