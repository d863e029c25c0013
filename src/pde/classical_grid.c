/* Finite differences on one grid by PETSc: DMDA, SNES, TS. See glia_classical.h.
 *
 * Each derivative is the one of the polynomial through the nearest order + 3 nodes of its line that lie in the domain: of fourth
 * order inside for u_x and u_xx, one less at the sides. Jacobians are exact: slopes of the equations times these weights.
 */
#include "classical_priv.h"

#include "../analysis/petsc_priv.h"
#include "glia_agree.h"
#include "glia_mpi.h"

#include <math.h>
#include <petscdmda.h>
#include <petscts.h>
#include <stdlib.h>
#include <string.h>

struct grid {
  const struct glia_system_ *s;
  DM da;
  Vec u, r;
  Mat jacobian;
  SNES snes;
  TS ts;
  int m[2], width;
  double h[2], start_s, limit_s;
  bool over; /* time */
};

/* One node while its equations are looked at. */
struct node {
  int at[2];
  double x[GLIA_PDE_COORDS];
  bool inside, boundary;
};

static double now_s(void) { return MPI_Wtime(); }

static void coordinates(const struct grid *g, double t, const int at[2], double *x)
{
  const struct glia_problem *p = g->s->p;

  if (p->time >= 0) x[p->time] = t;
  for (int a = 0; a < g->s->n_space; a++) {
    const int c = g->s->axis[a];
    x[c] = p->lo[c] + at[a] * g->h[a];
    if (at[a] == g->m[a] - 1 && !p->periodic[c]) x[c] = p->hi[c];
  }
}

/* Is node `at` of the grid, counted past the ends where it is periodic, in the domain? */
static bool inside(const struct grid *g, const int at[2])
{
  const struct glia_problem *p = g->s->p;
  double x[GLIA_PDE_COORDS] = {0};
  int in[2] = {at[0], at[1]};

  for (int a = 0; a < g->s->n_space; a++) {
    if (p->periodic[g->s->axis[a]]) in[a] = ((at[a] % g->m[a]) + g->m[a]) % g->m[a];
    if (in[a] < 0 || in[a] >= g->m[a]) return false;
  }
  coordinates(g, p->time >= 0 ? p->lo[p->time] : 0.0, in, x);
  return glia_problem_inside(p, x);
}

/* A node lies on the boundary where the plane around it does not belong to the domain all over. */
static bool boundary(const struct grid *g, const struct node *n)
{
  const struct glia_problem *p = g->s->p;
  double x[GLIA_PDE_COORDS];

  for (int a = 0; a < g->s->n_space; a++)
    if (!p->periodic[g->s->axis[a]] && (n->at[a] == 0 || n->at[a] == g->m[a] - 1)) return true;
  for (int k = 0; k < 4 && p->n_without > 0; k++) {
    memcpy(x, n->x, sizeof x);
    for (int a = 0; a < 2; a++) x[g->s->axis[a]] += ((k >> a & 1) ? 1e-6 : -1e-6) * g->h[a];
    if (!glia_problem_inside(p, x)) return true;
  }
  return false;
}

static struct node node_at(const struct grid *g, double t, int i, int j)
{
  struct node n = {.at = {i, j}};

  coordinates(g, t, n.at, n.x);
  n.inside = g->s->p->n_without == 0 || inside(g, n.at);
  n.boundary = n.inside && boundary(g, &n);
  return n;
}

/* The form of row `field` at a node; NULL: the row is u_t of that unknown. */
static const struct glia_form_ *form_of(const struct grid *g, const struct node *n, int field,
                                        bool *definition)
{
  const struct glia_system_ *s = g->s;
  const struct glia_problem *p = s->p;
  int unknown = field;

  *definition = false;
  for (int i = 0; i < p->n_unknowns; i++)
    if (s->rate_of[i] == field && field >= p->n_unknowns) unknown = i;
  for (int k = 0; k < p->n_conditions; k++)
    if (s->row[k] == unknown && glia_system_on_(p, &p->condition[k], n->x, n->boundary))
      return field == unknown ? &s->side[k] : &s->side_rate[k];
  if (s->rate_of[unknown] < 0 || field != unknown) return &s->equation[unknown];
  *definition = true;
  return NULL;
}

/* Nodes and weights of a leaf: where [n] and weight [n]. Returns n. */
struct stencil {
  int n;
  int at[GLIA_FORM_WINDOW_ * GLIA_FORM_WINDOW_][2];
  double weight[GLIA_FORM_WINDOW_ * GLIA_FORM_WINDOW_];
};

/* The window of a derivative along axis a around a node. */
static int window(const struct grid *g, const int at[2], int a, int order, int *first,
                  double *weight)
{
  const bool periodic = g->s->p->periodic[g->s->axis[a]];
  int lo = at[a], hi = at[a];

  if (order == 0) {
    *first = at[a];
    weight[0] = 1.0;
    return 1;
  }
  for (int side = -1; side <= 1; side += 2)
    for (int k = 1; k < g->width; k++) {
      int to[2] = {at[0], at[1]};
      to[a] += side * k;
      if (!periodic && (to[a] < 0 || to[a] >= g->m[a])) break;
      if (g->s->p->n_without > 0 && !inside(g, to)) break;
      if (side < 0)
        lo = to[a];
      else
        hi = to[a];
    }
  const int n = hi - lo + 1 < g->width ? hi - lo + 1 : g->width;
  int from = at[a] - n / 2;
  if (from < lo) from = lo;
  if (from > hi - n + 1) from = hi - n + 1;
  *first = from;
  glia_difference_(n, at[a] - from, order, g->h[a], weight);
  return n;
}

static void make_stencil(const struct grid *g, const int at[2], const uint8_t order[2],
                         struct stencil *s)
{
  double w[2][GLIA_FORM_WINDOW_];
  int first[2] = {at[0], at[1]}, n[2] = {1, 1};

  w[1][0] = 1.0;
  for (int a = 0; a < g->s->n_space; a++) n[a] = window(g, at, a, order[a], &first[a], w[a]);
  s->n = 0;
  for (int j = 0; j < n[1]; j++)
    for (int i = 0; i < n[0]; i++) {
      s->at[s->n][0] = first[0] + i;
      s->at[s->n][1] = first[1] + j;
      s->weight[s->n++] = w[0][i] * w[1][j];
    }
}

/* Local arrays with their ghosts. */
struct view {
  const double *u, *rate;
  int x, y, m, dof;
};

/* Number of a value among those of this rank and its ghosts. */
static PetscInt local(const struct view *v, int i, int j, int field)
{
  return ((j - v->y) * v->m + (i - v->x)) * v->dof + field;
}

static double at(const struct view *v, const double *a, int i, int j, int field)
{
  return a[local(v, i, j, field)];
}

/* What a form reads at a node. */
static void read_leaves(const struct grid *g, const struct view *v, const struct node *n,
                        const struct glia_form_ *f, double *value)
{
  struct stencil s;

  for (int k = 0; k < f->n; k++) {
    const struct glia_form_leaf_ *l = &f->leaf[k];
    const double *from = l->rate ? v->rate : v->u;
    make_stencil(g, n->at, l->order, &s);
    value[k] = 0.0;
    for (int i = 0; i < s.n; i++)
      value[k] += s.weight[i] * at(v, from, s.at[i][0], s.at[i][1], l->field);
  }
}

static struct glia_expr_values values_of(const struct grid *g, const struct node *n,
                                         const struct glia_form_ *f, const double *leaf)
{
  return (struct glia_expr_values){.coord = n->x,
                                   .parameter = g->s->p->parameter_start,
                                   .n_unknown = f->n,
                                   .unknown_node = f->node,
                                   .unknown = leaf};
}

static double residual_at(const struct grid *g, const struct view *v, const struct node *n,
                          int field)
{
  double leaf[GLIA_FORM_LEAVES_];
  bool definition;

  if (!n->inside) return at(v, v->u, n->at[0], n->at[1], field);
  const struct glia_form_ *f = form_of(g, n, field, &definition);
  if (definition)
    return at(v, v->rate, n->at[0], n->at[1], field) -
           at(v, v->u, n->at[0], n->at[1], g->s->rate_of[field]);
  read_leaves(g, v, n, f, leaf);
  const struct glia_expr_values e = values_of(g, n, f, leaf);
  return glia_expr_tape_value(f->value, &e);
}

static PetscErrorCode put(Mat j, PetscInt row, PetscInt column, double v)
{
  return MatSetValuesLocal(j, 1, &row, 1, &column, &v, ADD_VALUES);
}

/* Row `field` of d F/d u + shift d F/d rate. */
static PetscErrorCode jacobian_at(const struct grid *g, const struct view *v, const struct node *n,
                                  int field, double shift, Mat j)
{
  const PetscInt row = local(v, n->at[0], n->at[1], field);
  double leaf[GLIA_FORM_LEAVES_];
  struct stencil s;
  bool definition;

  if (!n->inside) return put(j, row, row, 1.0);
  const struct glia_form_ *f = form_of(g, n, field, &definition);
  if (definition) {
    PetscCall(put(j, row, row, shift));
    return put(j, row, local(v, n->at[0], n->at[1], g->s->rate_of[field]), -1.0);
  }
  read_leaves(g, v, n, f, leaf);
  const struct glia_expr_values e = values_of(g, n, f, leaf);
  for (int k = 0; k < f->n; k++) {
    const struct glia_form_leaf_ *l = &f->leaf[k];
    const double slope = glia_expr_tape_value(f->slope[k], &e) * (l->rate ? shift : 1.0);
    make_stencil(g, n->at, l->order, &s);
    for (int i = 0; i < s.n; i++)
      PetscCall(put(j, row, local(v, s.at[i][0], s.at[i][1], l->field), slope * s.weight[i]));
  }
  return 0;
}

/* Residual into r, or the Jacobian into j, of u and its change in time. */
static PetscErrorCode sweep(struct grid *g, double t, Vec u, Vec rate, double shift, Vec r, Mat j)
{
  struct view v = {.dof = g->s->n_fields};
  PetscInt xs, ys, xm, ym, gx, gy, gxm;
  Vec lu, lr = NULL;
  double *out = NULL;

  PetscCall(DMDAGetCorners(g->da, &xs, &ys, NULL, &xm, &ym, NULL));
  PetscCall(DMDAGetGhostCorners(g->da, &gx, &gy, NULL, &gxm, NULL, NULL));
  v.x = gx;
  v.y = gy;
  v.m = gxm;
  PetscCall(DMGetLocalVector(g->da, &lu));
  PetscCall(DMGlobalToLocal(g->da, u, INSERT_VALUES, lu));
  PetscCall(VecGetArrayRead(lu, &v.u));
  if (rate != NULL) {
    PetscCall(DMGetLocalVector(g->da, &lr));
    PetscCall(DMGlobalToLocal(g->da, rate, INSERT_VALUES, lr));
    PetscCall(VecGetArrayRead(lr, &v.rate));
  }
  if (r != NULL) PetscCall(VecGetArray(r, &out));
  if (j != NULL) PetscCall(MatZeroEntries(j));
  for (PetscInt y = ys; y < ys + ym; y++)
    for (PetscInt x = xs; x < xs + xm; x++) {
      const struct node n = node_at(g, t, x, y);
      for (int f = 0; f < v.dof; f++) {
        if (out != NULL)
          out[((int64_t)(y - ys) * xm + (x - xs)) * v.dof + f] = residual_at(g, &v, &n, f);
        if (j != NULL) PetscCall(jacobian_at(g, &v, &n, f, shift, j));
      }
    }
  if (r != NULL) PetscCall(VecRestoreArray(r, &out));
  PetscCall(VecRestoreArrayRead(lu, &v.u));
  PetscCall(DMRestoreLocalVector(g->da, &lu));
  if (rate != NULL) {
    PetscCall(VecRestoreArrayRead(lr, &v.rate));
    PetscCall(DMRestoreLocalVector(g->da, &lr));
  }
  if (j != NULL) {
    PetscCall(MatAssemblyBegin(j, MAT_FINAL_ASSEMBLY));
    PetscCall(MatAssemblyEnd(j, MAT_FINAL_ASSEMBLY));
  }
  return 0;
}

static PetscErrorCode steady_residual(SNES snes, Vec u, Vec r, void *self)
{
  (void)snes;
  return sweep(self, 0.0, u, NULL, 0.0, r, NULL);
}

static PetscErrorCode steady_jacobian(SNES snes, Vec u, Mat j, Mat pre, void *self)
{
  (void)snes;
  (void)j;
  return sweep(self, 0.0, u, NULL, 0.0, NULL, pre);
}

static PetscErrorCode residual(TS ts, PetscReal t, Vec u, Vec rate, Vec r, void *self)
{
  (void)ts;
  return sweep(self, t, u, rate, 0.0, r, NULL);
}

static PetscErrorCode jacobian(TS ts, PetscReal t, Vec u, Vec rate, PetscReal shift, Mat j, Mat pre,
                               void *self)
{
  (void)ts;
  (void)j;
  return sweep(self, t, u, rate, shift, NULL, pre);
}

/* Rank 0's clock ends a solution that takes too long. */
static PetscErrorCode look_at_clock(TS ts, PetscInt step, PetscReal t, Vec u, void *self)
{
  struct grid *g = self;
  int over = now_s() - g->start_s > g->limit_s;

  (void)t;
  (void)u;
  if (step % 16 != 0) return 0;
  PetscCallMPI(MPI_Bcast(&over, 1, MPI_INT, 0, PetscObjectComm((PetscObject)ts)));
  if (over) {
    g->over = true;
    PetscCall(TSSetConvergedReason(ts, TS_CONVERGED_USER));
  }
  return 0;
}

static PetscErrorCode set_start(struct grid *g)
{
  const struct glia_system_ *s = g->s;
  const int dof = s->n_fields;
  PetscInt xs, ys, xm, ym;
  double *u;

  PetscCall(DMDAGetCorners(g->da, &xs, &ys, NULL, &xm, &ym, NULL));
  PetscCall(VecGetArray(g->u, &u));
  for (PetscInt y = ys; y < ys + ym; y++)
    for (PetscInt x = xs; x < xs + xm; x++)
      for (int f = 0; f < dof; f++) {
        const struct node n = node_at(g, s->p->lo[s->p->time], x, y);
        const struct glia_expr_values v = {.coord = n.x, .parameter = s->p->parameter_start};
        u[((int64_t)(y - ys) * xm + (x - xs)) * dof + f] =
            glia_expr_value(s->p->pool, s->start[f], &v);
      }
  return VecRestoreArray(g->u, &u);
}

/* By a direct method: MUMPS, but for the bands of one dimension on one rank. */
static PetscErrorCode direct(const struct grid *g, SNES snes)
{
  KSP ksp;
  PC pc;
  PetscMPIInt size;

  PetscCallMPI(MPI_Comm_size(PetscObjectComm((PetscObject)snes), &size));
  PetscCall(SNESGetKSP(snes, &ksp));
  PetscCall(KSPSetType(ksp, KSPPREONLY));
  PetscCall(KSPGetPC(ksp, &pc));
  PetscCall(PCSetType(pc, PCLU));
#if defined(PETSC_HAVE_MUMPS)
  if (size > 1 || g->s->n_space > 1) PetscCall(PCFactorSetMatSolverType(pc, MATSOLVERMUMPS));
#endif
  return 0;
}

static PetscErrorCode open_grid(struct grid *g, MPI_Comm comm, int n)
{
  const struct glia_problem *p = g->s->p;
  DMBoundaryType edge[2] = {DM_BOUNDARY_NONE, DM_BOUNDARY_NONE};

  g->width = g->s->order + 3;
  g->m[1] = 1;
  for (int a = 0; a < g->s->n_space; a++) {
    const int c = g->s->axis[a];
    g->h[a] = (p->hi[c] - p->lo[c]) / n;
    g->m[a] = p->periodic[c] ? n : n + 1;
    if (p->periodic[c]) edge[a] = DM_BOUNDARY_PERIODIC;
  }
  const DMDAStencilType type = g->s->mixed ? DMDA_STENCIL_BOX : DMDA_STENCIL_STAR;
  if (g->s->n_space == 1)
    PetscCall(DMDACreate1d(comm, edge[0], g->m[0], g->s->n_fields, g->width - 1, NULL, &g->da));
  else
    PetscCall(DMDACreate2d(comm, edge[0], edge[1], type, g->m[0], g->m[1], PETSC_DECIDE,
                           PETSC_DECIDE, g->s->n_fields, g->width - 1, NULL, NULL, &g->da));
  PetscCall(DMSetUp(g->da));
  PetscCall(DMCreateGlobalVector(g->da, &g->u));
  PetscCall(VecDuplicate(g->u, &g->r));
  PetscCall(DMCreateMatrix(g->da, &g->jacobian));
  return MatSetOption(g->jacobian, MAT_NEW_NONZERO_ALLOCATION_ERR, PETSC_FALSE);
}

static PetscErrorCode close_grid(struct grid *g)
{
  PetscCall(TSDestroy(&g->ts));
  PetscCall(SNESDestroy(&g->snes));
  PetscCall(MatDestroy(&g->jacobian));
  PetscCall(VecDestroy(&g->u));
  PetscCall(VecDestroy(&g->r));
  return DMDestroy(&g->da);
}

/* The unknowns of all nodes, in natural order, on all ranks: u [nodes, unknowns]. */
static PetscErrorCode gather(struct grid *g, double *u)
{
  const int dof = g->s->n_fields, m = g->s->p->n_unknowns;
  const int64_t nodes = (int64_t)g->m[0] * g->m[1];
  VecScatter scatter;
  Vec natural, all;
  const double *a;

  PetscCall(DMDACreateNaturalVector(g->da, &natural));
  PetscCall(DMDAGlobalToNaturalBegin(g->da, g->u, INSERT_VALUES, natural));
  PetscCall(DMDAGlobalToNaturalEnd(g->da, g->u, INSERT_VALUES, natural));
  PetscCall(VecScatterCreateToAll(natural, &scatter, &all));
  PetscCall(VecScatterBegin(scatter, natural, all, INSERT_VALUES, SCATTER_FORWARD));
  PetscCall(VecScatterEnd(scatter, natural, all, INSERT_VALUES, SCATTER_FORWARD));
  PetscCall(VecGetArrayRead(all, &a));
  for (int64_t i = 0; i < nodes; i++) memcpy(u + i * m, a + i * dof, (size_t)m * sizeof *u);
  PetscCall(VecRestoreArrayRead(all, &a));
  PetscCall(VecScatterDestroy(&scatter));
  PetscCall(VecDestroy(&all));
  return VecDestroy(&natural);
}

static PetscErrorCode solve_steady(struct grid *g, MPI_Comm comm, struct glia_grid_ *out)
{
  SNESConvergedReason reason;
  PetscInt steps;

  PetscCall(SNESCreate(comm, &g->snes));
  PetscCall(SNESSetFunction(g->snes, g->r, steady_residual, g));
  PetscCall(SNESSetJacobian(g->snes, g->jacobian, g->jacobian, steady_jacobian, g));
  PetscCall(SNESSetTolerances(g->snes, 1e-50, 1e-11, 1e-13, 50, 10000));
  PetscCall(direct(g, g->snes));
  PetscCall(SNESSetFromOptions(g->snes));
  PetscCall(VecSet(g->u, 0.0));
  PetscCall(SNESSolve(g->snes, NULL, g->u));
  PetscCall(SNESGetConvergedReason(g->snes, &reason));
  PetscCall(SNESGetIterationNumber(g->snes, &steps));
  out->steps = steps;
  /* a search that rounding ends has arrived, too */
  out->ok = reason > 0 || reason == SNES_DIVERGED_LINE_SEARCH;
  return gather(g, out->u);
}

static PetscErrorCode solve_in_time(struct grid *g, MPI_Comm comm, struct glia_grid_ *out)
{
  const struct glia_problem *p = g->s->p;
  const double from = p->lo[p->time], length = p->hi[p->time] - from;
  TSConvergedReason reason = TS_CONVERGED_TIME;
  PetscInt steps;
  SNES snes;

  PetscCall(TSCreate(comm, &g->ts));
  PetscCall(TSSetProblemType(g->ts, TS_NONLINEAR));
  PetscCall(TSSetIFunction(g->ts, g->r, residual, g));
  PetscCall(TSSetIJacobian(g->ts, g->jacobian, g->jacobian, jacobian, g));
  PetscCall(TSSetType(g->ts, TSBDF));
  PetscCall(TSBDFSetOrder(g->ts, 5));
  PetscCall(TSSetTolerances(g->ts, 1e-10, NULL, 1e-10, NULL));
  PetscCall(TSGetSNES(g->ts, &snes));
  PetscCall(SNESSetTolerances(snes, 1e-50, 1e-9, 1e-12, 20, 1000));
  PetscCall(direct(g, snes));
  PetscCall(TSSetTime(g->ts, from));
  PetscCall(TSSetTimeStep(g->ts, 1e-6 * length));
  PetscCall(TSSetMaxSteps(g->ts, 1000000));
  PetscCall(TSSetMaxSNESFailures(g->ts, -1)); /* shorter steps */
  PetscCall(TSSetErrorIfStepFails(g->ts, PETSC_FALSE));
  PetscCall(TSSetExactFinalTime(g->ts, TS_EXACTFINALTIME_MATCHSTEP));
  PetscCall(TSSetFromOptions(g->ts));
  PetscCall(TSMonitorSet(g->ts, look_at_clock, g, NULL));
  PetscCall(set_start(g));
  out->ok = true;
  for (int k = 1; k <= GLIA_GRID_TIMES_ && out->ok; k++) {
    PetscCall(TSSetMaxTime(g->ts, from + k * length / GLIA_GRID_TIMES_));
    PetscCall(TSSolve(g->ts, g->u));
    PetscCall(TSGetConvergedReason(g->ts, &reason));
    out->ok = reason > 0 && !g->over;
    if (out->ok) PetscCall(gather(g, out->u + (k - 1) * (out->n / GLIA_GRID_TIMES_)));
  }
  PetscCall(TSGetStepNumber(g->ts, &steps));
  out->steps = steps;
  return 0;
}

/* A box taken away must end at nodes. */
static bool fits(const struct grid *g)
{
  const struct glia_problem *p = g->s->p;

  for (int i = 0; i < p->n_without; i++)
    for (int k = 0; k < 4; k++) {
      const double at = (p->without[i].box[k] - p->lo[g->s->axis[k / 2]]) / g->h[k / 2];
      if (fabs(at - round(at)) > 1e-6) return false;
    }
  return true;
}

glia_status glia_grid_solve_(const struct glia_system_ *s, struct glia_comm *comm, int n,
                             double time_s, struct glia_grid_ *out)
{
  struct grid g = {.s = s, .start_s = now_s(), .limit_s = time_s};
  const MPI_Comm mpi = PETSC_COMM_WORLD;
  glia_status st = GLIA_OK;

  *out = (struct glia_grid_){.snapshots = s->p->time >= 0 ? GLIA_GRID_TIMES_ : 1};
  GLIA_TRY_PETSC_TO(end, st, open_grid(&g, mpi, n));
  for (int a = 0; a < 2; a++) {
    out->m[a] = g.m[a];
    out->h[a] = g.h[a];
  }
  out->n = out->snapshots * g.m[0] * g.m[1] * s->p->n_unknowns;
  out->u = calloc((size_t)out->n, sizeof *out->u);
  if (out->u == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld values", (long long)out->n);
  st = glia_agree(comm, st);
  if (st != GLIA_OK || !fits(&g)) goto end;
  if (s->p->time >= 0)
    GLIA_TRY_PETSC_TO(end, st, solve_in_time(&g, mpi, out));
  else
    GLIA_TRY_PETSC_TO(end, st, solve_steady(&g, mpi, out));
end:
  close_grid(&g);
  return st;
}
