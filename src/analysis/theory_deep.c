/* Deep linear networks with one output: the exact reduction of their gradient flow, averaged over teacher and noise.
 *
 * From an aligned, balanced start a network of D layers is one vector z and one number u (its upper layers) with the product
 * w = u^{D-1} z:  dz/dt = u^{D-1} (s - u^{D-1} L z),  du/dt = u^{D-2} z . (s - u^{D-1} L z),  s = V^T X y.
 * Given u(t) each mode is linear, z_i = z_i(0) A_i + s_i B_i, and in high dimension the sum in du/dt is its mean: with
 * E s_i^2 = l^2 S + l the averages close over (A_k, B_k) at the nodes l_k of a quadrature, and u.
 * In units where |z|^2 / N and u are of order one, time is in tau N^{-(D-1)/D}.  Source: advani2017; saxe2013. */
#include "glia_theory.h"

#include "petsc_priv.h"

#include <math.h>
#include <petscts.h>

enum { NODES = 200 };

struct flow {
  const struct glia_theory_deep *d;
  double lambda[NODES], mass[NODES];
  double frozen; /* mass at 0 */
  double start;  /* variance of z(0), u(0)^2 */
};

/* The trapezoid in theta is the rule of Gauss and Chebyshev: exact to rounding away from alpha = 1, 1e-6 there. */
static void place_nodes(struct flow *f)
{
  const double pi = 3.14159265358979323846, a = f->d->theory.alpha;

  for (int k = 0; k < NODES; k++) {
    const double theta = pi * (k + 0.5) / NODES, h = sin(0.5 * theta), c = cos(0.5 * theta);
    f->lambda[k] = glia_theory_lower_edge(a) + 4.0 * sqrt(a) * h * h;
    f->mass[k] = 16.0 * a * h * h * c * c / (2.0 * pi * f->lambda[k]) * pi / NODES;
  }
  f->frozen = a < 1.0 ? 1.0 - a : 0.0;
  f->start = pow(f->d->theory.inr, 1.0 / f->d->depth);
}

/* y = A [NODES], B [NODES], u. */
static PetscErrorCode right_side(TS ts, PetscReal t, Vec y, Vec dy, void *self)
{
  const struct flow *f = self;
  const int depth = f->d->depth;
  const double snr = f->d->theory.snr;
  const PetscScalar *v;
  PetscScalar *d;
  double pull = 0.0;

  (void)ts;
  (void)t;
  PetscCall(VecGetArrayRead(y, &v));
  PetscCall(VecGetArray(dy, &d));
  const double u = v[2 * NODES], g = pow(u, depth - 1);
  for (int k = 0; k < NODES; k++) {
    const double l = f->lambda[k], a = v[k], b = v[NODES + k], s2 = l * l * snr + l;
    d[k] = -g * g * l * a;
    d[NODES + k] = g * (1.0 - g * l * b);
    pull += f->mass[k] * (b * s2 - g * l * (a * a * f->start + b * b * s2));
  }
  d[2 * NODES] = depth > 1 ? pow(u, depth - 2) * pull : 0.0;
  PetscCall(VecRestoreArrayRead(y, &v));
  PetscCall(VecRestoreArray(dy, &d));
  return 0;
}

static void errors_of(const struct flow *f, const PetscScalar *v, double *test, double *train)
{
  const double g = pow(v[2 * NODES], f->d->depth - 1);
  const double snr = f->d->theory.snr, alpha = f->d->theory.alpha;

  *test = 1.0 + f->frozen * (snr + g * g * f->start);
  *train = fmax(0.0, 1.0 - 1.0 / alpha);
  for (int k = 0; k < NODES; k++) {
    const double l = f->lambda[k], a = v[k], b = g * v[NODES + k], s2 = l * l * snr + l;
    const double own = g * g * a * a * f->start;
    *test += f->mass[k] * (snr - 2.0 * b * l * snr + own + b * b * s2);
    /* |X^T w - y|^2 in the mode: l (w - s / l)^2 */
    *train += f->mass[k] / alpha * l * (own + (b - 1.0 / l) * (b - 1.0 / l) * s2);
  }
}

static glia_status advance(TS ts, Vec y, const struct flow *f, int n, const double *t, double *test,
                           double *train, double *gain)
{
  for (int i = 0; i < n; i++) {
    const PetscScalar *v;
    TSConvergedReason reason = TS_CONVERGED_TIME;
    if (t[i] > (i > 0 ? t[i - 1] : 0.0)) {
      GLIA_TRY_PETSC(TSSetTimeStep(ts, i > 0 ? 1e-3 * (t[i] - t[i - 1]) : 1e-3 * t[i]));
      GLIA_TRY_PETSC(TSSetMaxTime(ts, t[i]));
      GLIA_TRY_PETSC(TSSolve(ts, y));
      GLIA_TRY_PETSC(TSGetConvergedReason(ts, &reason));
    }
    GLIA_CHECK(reason > 0, GLIA_E_INTERNAL, "deep network: the time stepper ended at t = %g: %s",
               t[i], TSConvergedReasons[reason]);
    GLIA_TRY_PETSC(VecGetArrayRead(y, &v));
    errors_of(f, v, &test[i], &train[i]);
    if (gain != NULL) gain[i] = v[2 * NODES];
    GLIA_TRY_PETSC(VecRestoreArrayRead(y, &v));
  }
  return GLIA_OK;
}

static glia_status set_up(TS ts, Vec y, struct flow *f)
{
  GLIA_TRY_PETSC(VecSet(y, 0.0));
  for (PetscInt k = 0; k < NODES; k++) GLIA_TRY_PETSC(VecSetValue(y, k, 1.0, INSERT_VALUES));
  GLIA_TRY_PETSC(VecSetValue(y, 2 * NODES, sqrt(f->start), INSERT_VALUES));
  GLIA_TRY_PETSC(VecAssemblyBegin(y));
  GLIA_TRY_PETSC(VecAssemblyEnd(y));
  GLIA_TRY_PETSC(TSSetProblemType(ts, TS_NONLINEAR));
  GLIA_TRY_PETSC(TSSetType(ts, TSRK));
  GLIA_TRY_PETSC(TSRKSetType(ts, TSRK5DP));
  GLIA_TRY_PETSC(TSSetRHSFunction(ts, NULL, right_side, f));
  GLIA_TRY_PETSC(TSSetTolerances(ts, 1e-10, NULL, 1e-10, NULL));
  GLIA_TRY_PETSC(TSSetMaxSteps(ts, 10000000));
  GLIA_TRY_PETSC(TSSetExactFinalTime(ts, TS_EXACTFINALTIME_MATCHSTEP));
  GLIA_TRY_PETSC(TSSetTime(ts, 0.0));
  return GLIA_OK;
}

glia_status glia_theory_deep_errors(const struct glia_theory_deep *d, int n, const double *t,
                                    double *test, double *train, double *gain)
{
  struct flow f = {.d = d};
  glia_status st = GLIA_OK;
  TS ts = NULL;
  Vec y = NULL;

  GLIA_TRY(glia_theory_check(&d->theory));
  GLIA_CHECK(d->depth >= 1 && d->depth <= 16, GLIA_E_ARGUMENT,
             "a network of %d layers, expected 1 to 16", d->depth);
  GLIA_CHECK(d->depth == 1 || d->theory.inr > 0.0, GLIA_E_ARGUMENT,
             "inr = 0: a deep network that starts at zero stays there; give it small weights");
  for (int i = 0; i < n; i++)
    GLIA_CHECK(t[i] >= (i > 0 ? t[i - 1] : 0.0), GLIA_E_ARGUMENT,
               "time %g: times start at 0 and rise", t[i]);
  place_nodes(&f);
  GLIA_TRY_PETSC(VecCreateSeq(PETSC_COMM_SELF, 2 * NODES + 1, &y));
  GLIA_TRY_PETSC_TO(out, st, TSCreate(PETSC_COMM_SELF, &ts));
  GLIA_TRY_TO(out, st, set_up(ts, y, &f));
  GLIA_TRY_TO(out, st, advance(ts, y, &f, n, t, test, train, gain));
out:
  TSDestroy(&ts);
  VecDestroy(&y);
  return st;
}
