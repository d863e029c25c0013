/* PETSc's optimizers in the table of methods: limited-memory quasi-Newton (lmvm), Newton-Krylov in a trust region (newton-krylov), and
 * regularized Gauss-Newton (brgn). For comparison: brgn solves normal equations, whose condition number is a square, and the other two see
 * no residuals, only their sum of squares. TAO's own tests of convergence end where accuracy begins, and are off.
 *
 * TAO runs on the first rank, the others do what it asks for: its decisions come from sums that other processors round otherwise, and a
 * rank that decided for itself could leave the rest in the middle of an evaluation.  Source: balay2022, liu1989, nocedal2006.
 */
#include "fit_priv.h"
#include "petsc_priv.h"

#include "glia_agree.h"

#include <math.h>
#include <petsctao.h>
#include <stdlib.h>
#include <string.h>

/* Pairs that are remembered; TAO's own are 5. */
#define HISTORY "-tao_lmvm_mat_lmvm_hist_size"

static const double APART =
    6e-6; /* of two gradients, relative to the weights: the third root of rounding */

enum kind { LMVM, NEWTON, GAUSS };

enum ask { ASK_GRADIENT, ASK_LOOK, ASK_END };
struct order {
  int64_t ask, step;
  double loss;
};

struct tao {
  struct glia_fit_ *f;
  enum kind kind;
  double
      unit; /* of the loss that LMVM sees: its first step is the gradient, which may be thousands long */
  int64_t rows;                   /* of GAUSS */
  double *point, *ahead, *behind; /* [n]; two gradients */
  double *joined;                 /* [rows, n + 1] of GAUSS */
  int64_t first;                  /* step */
  Tao tao;
  Vec x, r;
  Mat matrix; /* Hessian or Jacobian */
  bool end;   /* a look said so */
  bool wild;  /* the last evaluation was no finite number */
  glia_fit_reason reason;
  glia_status st;    /* of what all ranks do together */
  glia_status alone; /* of what the first rank does without them: they still wait for its order */
};

/* Evaluations that all ranks share. */

static glia_status send_order(struct tao *s, enum ask ask, int64_t step, double loss,
                              const double *theta)
{
  struct order o = {ask, step, loss};

  if (s->st == GLIA_OK) s->st = glia_comm_bcast(s->f->comm, &o, sizeof o, 0);
  if (s->st == GLIA_OK && theta != NULL)
    s->st =
        glia_comm_bcast(s->f->comm, (void *)(uintptr_t)theta, (size_t)s->f->n * sizeof *theta, 0);
  return s->st;
}

static glia_status gradient_at(struct tao *s, const double *theta, double *loss, double *gradient)
{
  glia_pinn_set(s->f->cloud->pinn, theta);
  GLIA_TRY(glia_cloud_loss(s->f->cloud, loss, gradient));
  s->f->evaluations++;
  s->wild = !isfinite(*loss);
  for (int64_t i = 0; i < s->f->n; i++) s->wild = s->wild || !isfinite(gradient[i]);
  if (!isfinite(*loss)) *loss = (double)INFINITY;
  return GLIA_OK;
}

static glia_status look(struct tao *s, int64_t step, double loss, const double *theta)
{
  s->f->now.step = s->first + step;
  s->f->now.loss = loss;
  return glia_fit_ended_(s->f, theta, &s->end, &s->reason);
}

/* What TAO calls, on the first rank. */

static glia_status asked_gradient(struct tao *s, const double *theta, double *loss,
                                  double *gradient)
{
  if (send_order(s, ASK_GRADIENT, 0, 0.0, theta) == GLIA_OK)
    s->st = gradient_at(s, theta, loss, gradient);
  return s->st;
}

static double unit_of(int64_t n, const double *gradient)
{
  double square = 0.0;

  for (int64_t i = 0; i < n; i++) square += gradient[i] * gradient[i];
  return square > 1.0 && isfinite(square) ? 1.0 / sqrt(square) : 1.0;
}

static PetscErrorCode evaluate(Tao tao, Vec x, PetscReal *loss, Vec g, void *self)
{
  struct tao *s = self;
  const PetscScalar *theta;
  PetscScalar *gradient;

  (void)tao;
  PetscCall(VecGetArrayRead(x, &theta));
  PetscCall(VecGetArray(g, &gradient));
  const glia_status st = asked_gradient(s, theta, loss, gradient);
  if (s->kind == LMVM && s->unit == 0.0) s->unit = unit_of(s->f->n, gradient);
  if (s->kind == LMVM) *loss *= s->unit;
  for (int64_t i = 0; i < s->f->n && s->kind == LMVM; i++) gradient[i] *= s->unit;
  PetscCall(VecRestoreArray(g, &gradient));
  PetscCall(VecRestoreArrayRead(x, &theta));
  return st == GLIA_OK ? 0 : PETSC_ERR_LIB;
}

/* H v from two gradients. */
static PetscErrorCode times(Mat h, Vec v, Vec out)
{
  struct tao *s;
  const PetscScalar *along;
  PetscScalar *y;
  double length = 0.0, size = 0.0, loss;

  PetscCall(MatShellGetContext(h, &s));
  const int64_t n = s->f->n;
  PetscCall(VecGetArrayRead(v, &along));
  PetscCall(VecGetArray(out, &y));
  for (int64_t i = 0; i < n; i++) {
    length += along[i] * along[i];
    size += s->point[i] * s->point[i];
  }
  const double t = length > 0.0 ? APART * fmax(1.0, sqrt(size)) / sqrt(length) : 0.0;
  for (int64_t i = 0; i < n; i++) y[i] = s->point[i] + t * along[i];
  glia_status st = asked_gradient(s, y, &loss, s->ahead);
  for (int64_t i = 0; i < n; i++) y[i] = s->point[i] - t * along[i];
  if (st == GLIA_OK) st = asked_gradient(s, y, &loss, s->behind);
  for (int64_t i = 0; i < n; i++) y[i] = t > 0.0 ? (s->ahead[i] - s->behind[i]) / (2.0 * t) : 0.0;
  PetscCall(VecRestoreArray(out, &y));
  PetscCall(VecRestoreArrayRead(v, &along));
  return st == GLIA_OK ? 0 : PETSC_ERR_LIB;
}

static PetscErrorCode hessian(Tao tao, Vec x, Mat h, Mat before, void *self)
{
  struct tao *s = self;
  const PetscScalar *theta;

  (void)tao, (void)h, (void)before;
  PetscCall(VecGetArrayRead(x, &theta));
  memcpy(s->point, theta, (size_t)s->f->n * sizeof *theta);
  PetscCall(VecRestoreArrayRead(x, &theta));
  return 0;
}

/* [J r] at x: rows of all groups, here alone. */
static PetscErrorCode joined_at(struct tao *s, Vec x)
{
  const PetscScalar *theta;

  PetscCall(VecGetArrayRead(x, &theta));
  glia_pinn_set(s->f->cloud->pinn, theta);
  PetscCall(VecRestoreArrayRead(x, &theta));
  s->alone = glia_cloud_read_((void *)(uintptr_t)s->f->cloud, 0, s->rows, s->joined);
  s->f->evaluations++;
  return s->alone == GLIA_OK ? 0 : PETSC_ERR_LIB;
}

static PetscErrorCode residuals(Tao tao, Vec x, Vec r, void *self)
{
  struct tao *s = self;
  const PetscScalar *theta;
  PetscScalar *out;

  (void)tao;
  PetscCall(VecGetArrayRead(x, &theta));
  PetscCall(VecGetArray(r, &out));
  glia_pinn_set(s->f->cloud->pinn, theta);
  s->alone = glia_cloud_residuals_(s->f->cloud, 0, s->rows, out);
  s->f->evaluations++;
  PetscCall(VecRestoreArray(r, &out));
  PetscCall(VecRestoreArrayRead(x, &theta));
  return s->alone == GLIA_OK ? 0 : PETSC_ERR_LIB;
}

static PetscErrorCode jacobian(Tao tao, Vec x, Mat j, Mat before, void *self)
{
  struct tao *s = self;
  PetscScalar *out; /* by columns */

  (void)tao, (void)before;
  PetscCall(joined_at(s, x));
  PetscCall(MatDenseGetArray(j, &out));
  for (int64_t c = 0; c < s->f->n; c++)
    for (int64_t i = 0; i < s->rows; i++) out[c * s->rows + i] = s->joined[i * (s->f->n + 1) + c];
  PetscCall(MatDenseRestoreArray(j, &out));
  PetscCall(MatAssemblyBegin(j, MAT_FINAL_ASSEMBLY));
  PetscCall(MatAssemblyEnd(j, MAT_FINAL_ASSEMBLY));
  return 0;
}

/* The sum of squares, without what TAO adds to it. */
static PetscErrorCode own_loss(struct tao *s, const PetscScalar *theta, double *loss)
{
  double *r = s->joined;

  *loss = 0.0;
  glia_pinn_set(s->f->cloud->pinn, theta);
  s->alone = glia_cloud_residuals_(s->f->cloud, 0, s->rows, r);
  for (int64_t i = 0; i < s->rows; i++) *loss += r[i] * r[i];
  return s->alone == GLIA_OK ? 0 : PETSC_ERR_LIB;
}

/* In place of TAO's tests: the fit's own, on all ranks. */
static PetscErrorCode converged(Tao tao, void *self)
{
  struct tao *s = self;
  const PetscScalar *theta;
  PetscInt step;
  PetscReal loss;
  Vec x;

  PetscCall(TaoGetSolutionStatus(tao, &step, &loss, NULL, NULL, NULL, NULL));
  PetscCall(TaoGetSolution(tao, &x));
  PetscCall(VecGetArrayRead(x, &theta));
  if (s->kind == LMVM) loss /= s->unit;
  if (s->kind == GAUSS) PetscCall(own_loss(s, theta, &loss));
  if (send_order(s, ASK_LOOK, step, loss, theta) == GLIA_OK) s->st = look(s, step, loss, theta);
  PetscCall(VecRestoreArrayRead(x, &theta));
  if (s->end) PetscCall(TaoSetConvergedReason(tao, TAO_CONVERGED_USER));
  return s->st == GLIA_OK ? 0 : PETSC_ERR_LIB;
}

/* Set up, on the first rank. */

static glia_status ask_lmvm(struct tao *s)
{
  GLIA_TRY_PETSC(TaoSetType(s->tao, TAOLMVM));
  GLIA_TRY_PETSC(PetscOptionsSetValue(NULL, HISTORY, "100"));
  GLIA_TRY_PETSC(TaoSetObjectiveAndGradient(s->tao, NULL, evaluate, s));
  return GLIA_OK;
}

static glia_status ask_newton(struct tao *s)
{
  const PetscInt n = (PetscInt)s->f->n;

  GLIA_TRY_PETSC(TaoSetType(s->tao, TAOBNTR));
  GLIA_TRY_PETSC(TaoSetObjectiveAndGradient(s->tao, NULL, evaluate, s));
  GLIA_TRY_PETSC(MatCreateShell(PETSC_COMM_SELF, n, n, n, n, s, &s->matrix));
  GLIA_TRY_PETSC(MatSetOption(s->matrix, MAT_SYMMETRIC, PETSC_TRUE));
  GLIA_TRY_PETSC(MatShellSetOperation(s->matrix, MATOP_MULT, (void (*)(void))times));
  GLIA_TRY_PETSC(TaoSetHessian(s->tao, s->matrix, s->matrix, hessian, s));
  return GLIA_OK;
}

static glia_status ask_gauss(struct tao *s)
{
  const PetscInt n = (PetscInt)s->f->n, rows = (PetscInt)s->rows;

  GLIA_TRY_PETSC(TaoSetType(s->tao, TAOBRGN));
  GLIA_TRY_PETSC(VecCreateSeq(PETSC_COMM_SELF, rows, &s->r));
  GLIA_TRY_PETSC(MatCreateSeqDense(PETSC_COMM_SELF, rows, n, NULL, &s->matrix));
  GLIA_TRY_PETSC(TaoSetResidualRoutine(s->tao, s->r, residuals, s));
  GLIA_TRY_PETSC(TaoSetJacobianResidualRoutine(s->tao, s->matrix, s->matrix, jacobian, s));
  return GLIA_OK;
}

static glia_status never_satisfied(struct tao *s, Tao tao)
{
  GLIA_TRY_PETSC(TaoSetTolerances(tao, 0.0, 0.0, 0.0));
  GLIA_TRY_PETSC(TaoSetMaximumIterations(tao, PETSC_MAX_INT));
  GLIA_TRY_PETSC(TaoSetMaximumFunctionEvaluations(tao, PETSC_MAX_INT));
  GLIA_TRY_PETSC(TaoSetConvergenceTest(tao, converged, s));
  return GLIA_OK;
}

static glia_status lead(struct tao *s, double *theta)
{
  static glia_status (*const ask[])(struct tao *) = {ask_lmvm, ask_newton, ask_gauss};
  Tao inner = NULL;

  GLIA_TRY_PETSC(VecCreateSeqWithArray(PETSC_COMM_SELF, 1, (PetscInt)s->f->n, theta, &s->x));
  GLIA_TRY_PETSC(TaoCreate(PETSC_COMM_SELF, &s->tao));
  GLIA_TRY(ask[s->kind](s));
  GLIA_TRY_PETSC(TaoSetSolution(s->tao, s->x));
  GLIA_TRY_PETSC(TaoSetFromOptions(s->tao));
  GLIA_TRY(never_satisfied(s, s->tao));
  if (s->kind == GAUSS) {
    GLIA_TRY_PETSC(TaoBRGNGetSubsolver(s->tao, &inner));
    GLIA_TRY(never_satisfied(s, inner));
  }
  GLIA_TRY_PETSC(TaoSolve(s->tao));
  return GLIA_OK;
}

/* On all other ranks, until the first ends. An evaluation that fails fails on all ranks, so all end. */
static glia_status follow(struct tao *s, double *theta)
{
  const size_t bytes = (size_t)s->f->n * sizeof *theta;
  struct order o;
  double loss;

  for (;;) {
    GLIA_TRY(glia_comm_bcast(s->f->comm, &o, sizeof o, 0));
    if (o.ask == ASK_END) return GLIA_OK;
    GLIA_TRY(glia_comm_bcast(s->f->comm, s->point, bytes, 0));
    if (o.ask == ASK_LOOK)
      GLIA_TRY(look(s, o.step, o.loss, s->point));
    else
      GLIA_TRY(gradient_at(s, s->point, &loss, s->ahead));
  }
}

static glia_status run(struct glia_fit_ *f, void *self, double *theta, struct glia_fit_result *out)
{
  struct tao *s = self;
  glia_status st;

  if (glia_comm_rank(f->comm) == 0) {
    st = lead(s, theta);
    if (s->alone != GLIA_OK) st = s->alone;
    if (s->st == GLIA_OK && send_order(s, ASK_END, 0, 0.0, NULL) != GLIA_OK) st = s->st;
  } else
    st = s->st = follow(s, theta);
  if (s->st != GLIA_OK) return s->st;
  /* TAO fails where a step ends beyond the numbers: so does the fit, in order */
  int64_t lost = st != GLIA_OK && s->alone == GLIA_OK && s->wild;
  GLIA_TRY(glia_comm_bcast(f->comm, &lost, sizeof lost, 0));
  if (lost) {
    glia_trace_clear();
    st = GLIA_OK;
    f->now.loss = (double)NAN;
  }
  GLIA_TRY(glia_agree(f->comm, st)); /* PETSc's own failures */
  GLIA_TRY(glia_comm_bcast(f->comm, theta, (size_t)f->n * sizeof *theta, 0));
  out->reason = lost ? GLIA_FIT_DIVERGED : s->end ? s->reason : GLIA_FIT_STALLED;
  return GLIA_OK;
}

static void finish(void *self)
{
  struct tao *s = self;

  if (s == NULL) return;
  TaoDestroy(&s->tao);
  MatDestroy(&s->matrix);
  VecDestroy(&s->r);
  VecDestroy(&s->x);
  free(s->point);
  free(s->joined);
  free(s);
}

static glia_status start(struct glia_fit_ *f, enum kind kind, void **self)
{
  struct tao *s = calloc(1, sizeof *s);
  const bool joins = kind == GAUSS && glia_comm_rank(f->comm) == 0;

  *self = s;
  if (s != NULL) {
    *s = (struct tao){
        .f = f, .kind = kind, .rows = glia_cloud_rows_(f->cloud), .first = f->now.step};
    s->point = calloc(3 * (size_t)f->n, sizeof *s->point);
    if (joins) s->joined = malloc((size_t)s->rows * (size_t)(f->n + 1) * sizeof *s->joined);
  }
  const bool ok = s != NULL && s->point != NULL && (!joins || s->joined != NULL);
  GLIA_TRY(glia_agree(f->comm,
                      ok ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "%lld weights", (long long)f->n)));
  s->ahead = s->point + f->n;
  s->behind = s->ahead + f->n;
  return glia_petsc_begin(f->comm);
}

static glia_status start_lmvm(struct glia_fit_ *f, const double *theta, void **self)
{
  (void)theta;
  return start(f, LMVM, self);
}

static glia_status start_newton(struct glia_fit_ *f, const double *theta, void **self)
{
  (void)theta;
  return start(f, NEWTON, self);
}

static glia_status start_gauss(struct glia_fit_ *f, const double *theta, void **self)
{
  (void)theta;
  return start(f, GAUSS, self);
}

const struct glia_fit_method_ glia_fit_lmvm_ = {
    .name = "lmvm", .source = "liu1989", .open = start_lmvm, .run = run, .close = finish};
const struct glia_fit_method_ glia_fit_newton_ = {.name = "newton-krylov",
                                                  .source = "nocedal2006",
                                                  .open = start_newton,
                                                  .run = run,
                                                  .close = finish};
const struct glia_fit_method_ glia_fit_brgn_ = {.name = "brgn",
                                                .source = "balay2022",
                                                .rows = 2,
                                                .open = start_gauss,
                                                .run = run,
                                                .close = finish};
