/* Training of surrogate and hidden term: Adam, which finds a valley, then
 * limited-memory quasi-Newton steps, which go along it. Without those the
 * hidden term stays so rough that no formula is read from it.  Source:
 * kingma2014, liu1989 (TAO's lmvm). */
#include "surrogate_priv.h"

#include "glia_agree.h"
#include "glia_random.h"
#include "petsc_priv.h"

#include <math.h>
#include <petsctao.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = GLIA_PINN_BATCH_, LOOK = 100 };

/* Pairs that are remembered; TAO's own are 5. */
#define HISTORY "-tao_lmvm_mat_lmvm_hist_size"

static const double RATE = 3e-3, LATE = 0.3; /* of Adam; from half of its steps times LATE */

/* Glorot's, of weights; of biases zero.  Source: glorot2010. */
static double spread(const struct glia_type *t)
{
  return t->rank == 2 ? sqrt(2.0 / (double)(t->dim[0] + t->dim[1])) : 0.0;
}

static void initialize(struct glia_surrogate *s)
{
  const struct glia_state *state;
  const int n = glia_graph_states(s->u.graph, &state);
  const uint64_t key = glia_random_stream(s->o.seed, "surrogate");
  double *theta = s->theta;

  for (int i = 0; i < n; i++) {
    const struct glia_type *t = &state[i].type;
    const int64_t count = glia_type_count(t);
    const double sd = spread(t);
    for (int64_t k = 0; k < count; k++)
      *theta++ = sd * glia_random_normal(key, (uint64_t)i, (uint64_t)k);
  }
}

static void set(struct glia_surrogate *s, struct glia_engine *engine, const double *theta)
{
  const struct glia_state *state;
  const int n = glia_graph_states(s->u.graph, &state);

  for (int i = 0; i < n; i++) {
    const size_t bytes = glia_type_bytes(&state[i].type);
    memcpy(glia_engine_state(engine, i), theta, bytes);
    theta += bytes / sizeof *theta;
  }
}

static glia_status fill_equations(void *self, int64_t index, int worker, void *const *data)
{
  const struct glia_surrogate *s = self;
  const int d = s->d->p.n_coords;
  double *x = data[glia_surrogate_input_(s, "x0")], *w = data[glia_surrogate_input_(s, "w0")];

  (void)worker;
  for (int64_t i = 0; i < BATCH; i++) {
    const int64_t k = index * BATCH + i;
    const bool real = k < s->o.collocation;
    memcpy(x + i * d, s->x + (real ? k : 0) * d, (size_t)d * sizeof *x);
    w[i] = real ? sqrt(s->o.physics / (double)s->o.collocation) : 0.0;
  }
  return GLIA_OK;
}

static glia_status fill_data(void *self, int64_t index, int worker, void *const *data)
{
  const struct glia_surrogate *s = self;
  const int d = s->d->p.n_coords, m = s->d->p.n_unknowns;
  double *x = data[glia_surrogate_input_(s, "x1")], *y = data[glia_surrogate_input_(s, "y1")];
  double *w = data[glia_surrogate_input_(s, "w1")];

  (void)worker;
  for (int64_t i = 0; i < BATCH; i++) {
    const int64_t k = index * BATCH + i;
    const double *row = s->row + (k < s->n ? k : 0) * (d + m);
    memcpy(x + i * d, row, (size_t)d * sizeof *x);
    for (int j = 0; j < m; j++) {
      const bool seen = k < s->n && !isnan(row[d + j]);
      y[i * m + j] = seen ? row[d + j] / s->scale[j] : 0.0;
      w[i * m + j] = seen ? sqrt(1.0 / (double)s->n) : 0.0;
    }
  }
  return GLIA_OK;
}

/* Samples with errors s leave weights of H free that make a rough hidden term of them. What is likeliest then is the least of |U - data|^2 / s^2
 * and of each such weight's square over the variance that it was drawn with: in units of the loss, s^2 / n times the latter. */
static void prior(const struct glia_surrogate *s, const double *theta, double *loss,
                  double *gradient)
{
  const double share = s->o.noise * s->o.noise / (double)s->n;
  const struct glia_state *state;
  const int n = glia_graph_states(s->u.graph, &state);

  for (int i = 0; i < n && share > 0.0; i++) {
    const int64_t count = glia_type_count(&state[i].type);
    const bool free = strstr(state[i].path, "/hidden/") == NULL || state[i].type.rank < 2;
    const double weight = free ? 0.0 : share / pow(spread(&state[i].type), 2.0);
    for (int64_t k = 0; k < count; k++) {
      *loss += weight * theta[k] * theta[k];
      gradient[k] += 2.0 * weight * theta[k];
    }
    theta += count;
    gradient += count;
  }
}

/* Loss and gradient [size]. Collective: yes. */
static glia_status objective(struct glia_surrogate *s, const double *theta, double *loss,
                             double *gradient)
{
  static const char *const entry[] = {"gradient0", "gradient1"};
  const int64_t v[] = {(s->o.collocation + BATCH - 1) / BATCH, (s->n + BATCH - 1) / BATCH};
  const struct glia_feed feed[] = {{s, fill_equations, NULL}, {s, fill_data, NULL}};

  set(s, s->shared, theta);
  *loss = 0.0;
  memset(gradient, 0, (size_t)s->size * sizeof *gradient);
  for (int k = s->o.physics > 0.0 ? 0 : 1; k < 2; k++) {
    GLIA_TRY(glia_engine_step(s->shared, entry[k], v[k], &feed[k]));
    *loss += *(const double *)glia_engine_output(s->shared, entry[k], "loss");
    const double *g = glia_engine_output(s->shared, entry[k], "gradient");
    for (int64_t i = 0; i < s->size; i++) gradient[i] += g[i];
  }
  prior(s, theta, loss, gradient);
  return GLIA_OK;
}

static void look(struct glia_surrogate *s, int64_t step, double loss, bool *stop)
{
  if (s->o.watch == NULL || step % LOOK != 0) return;
  s->o.watch(s->o.self, (double)step / (double)(s->o.adam + s->o.quasi_newton), loss, stop);
}

static glia_status adam(struct glia_surrogate *s, double *loss, bool *stop)
{
  double *g = calloc(3 * (size_t)s->size, sizeof *g), *m = g + s->size, *v = m + s->size;
  double b1 = 1.0, b2 = 1.0;
  glia_status st = glia_agree(s->comm, g != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "Adam"));

  for (int64_t k = 0; k < s->o.adam && st == GLIA_OK && !*stop; k++) {
    const double rate = RATE * (2 * k < s->o.adam ? 1.0 : LATE);
    st = objective(s, s->theta, loss, g);
    b1 *= 0.9;
    b2 *= 0.999;
    for (int64_t i = 0; i < s->size; i++) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
      s->theta[i] -= rate * (m[i] / (1.0 - b1)) / (sqrt(v[i] / (1.0 - b2)) + 1e-8);
    }
    look(s, k, *loss, stop);
  }
  free(g);
  return st;
}

/* TAO runs on the first rank, the others do what it asks for: its decisions come from sums that other processors round otherwise, and
 * a rank that decided for itself could leave the rest in the middle of an evaluation. */
enum ask { ASK_OBJECTIVE, ASK_LOOK, ASK_END };
struct order {
  int64_t ask, step;
  double loss;
};

struct quasi {
  struct glia_surrogate *s;
  bool *stop;
  glia_status st;
};

static glia_status send_order(struct quasi *q, enum ask ask, int64_t step, double loss)
{
  struct order o = {ask, step, loss};

  if (q->st == GLIA_OK) q->st = glia_comm_bcast(q->s->comm, &o, sizeof o, 0);
  return q->st;
}

static PetscErrorCode evaluate(Tao tao, Vec x, PetscReal *f, Vec g, void *self)
{
  struct quasi *q = self;
  const size_t bytes = (size_t)q->s->size * sizeof(double);
  const PetscScalar *theta;
  PetscScalar *gradient;

  (void)tao;
  PetscCall(VecGetArrayRead(x, &theta));
  PetscCall(VecGetArray(g, &gradient));
  if (send_order(q, ASK_OBJECTIVE, 0, 0.0) == GLIA_OK)
    q->st = glia_comm_bcast(q->s->comm, (void *)(uintptr_t)theta, bytes, 0);
  if (q->st == GLIA_OK) q->st = objective(q->s, theta, f, gradient);
  PetscCall(VecRestoreArray(g, &gradient));
  PetscCall(VecRestoreArrayRead(x, &theta));
  return q->st == GLIA_OK ? 0 : PETSC_ERR_LIB;
}

static PetscErrorCode monitor(Tao tao, void *self)
{
  struct quasi *q = self;
  PetscInt step;
  PetscReal f;

  PetscCall(TaoGetSolutionStatus(tao, &step, &f, NULL, NULL, NULL, NULL));
  if (send_order(q, ASK_LOOK, step, f) == GLIA_OK) look(q->s, q->s->o.adam + step, f, q->stop);
  if (*q->stop) PetscCall(TaoSetConvergedReason(tao, TAO_CONVERGED_USER));
  return q->st == GLIA_OK ? 0 : PETSC_ERR_LIB;
}

/* On the first rank. */
static glia_status lead(struct quasi *q, double *loss)
{
  struct glia_surrogate *s = q->s;
  const PetscInt steps = (PetscInt)s->o.quasi_newton;
  glia_status st = GLIA_OK;
  Tao tao = NULL;
  Vec x = NULL;

  GLIA_TRY_PETSC_TO(end, st,
                    VecCreateSeqWithArray(PETSC_COMM_SELF, 1, (PetscInt)s->size, s->theta, &x));
  GLIA_TRY_PETSC_TO(end, st, TaoCreate(PETSC_COMM_SELF, &tao));
  GLIA_TRY_PETSC_TO(end, st, TaoSetType(tao, TAOLMVM));
  GLIA_TRY_PETSC_TO(end, st, TaoSetSolution(tao, x));
  GLIA_TRY_PETSC_TO(end, st, TaoSetObjectiveAndGradient(tao, NULL, evaluate, q));
  GLIA_TRY_PETSC_TO(end, st, TaoSetTolerances(tao, 0.0, 0.0, 0.0));
  GLIA_TRY_PETSC_TO(end, st, TaoSetMaximumIterations(tao, steps));
  GLIA_TRY_PETSC_TO(end, st, TaoSetMaximumFunctionEvaluations(tao, 20 * steps));
  GLIA_TRY_PETSC_TO(end, st, TaoSetMonitor(tao, monitor, q, NULL));
  GLIA_TRY_PETSC_TO(end, st, PetscOptionsSetValue(NULL, HISTORY, "50"));
  GLIA_TRY_PETSC_TO(end, st, TaoSetFromOptions(tao));
  GLIA_TRY_PETSC_TO(end, st, TaoSolve(tao));
  GLIA_TRY_PETSC_TO(end, st, TaoGetSolutionStatus(tao, NULL, loss, NULL, NULL, NULL, NULL));
end:
  TaoDestroy(&tao);
  VecDestroy(&x);
  return q->st != GLIA_OK ? q->st : st;
}

/* On all others, until the first rank ends. An evaluation that fails fails on all ranks, so all end. */
static glia_status follow(struct quasi *q, double *gradient)
{
  struct glia_surrogate *s = q->s;
  struct order o;
  double loss;

  for (;;) {
    GLIA_TRY(glia_comm_bcast(s->comm, &o, sizeof o, 0));
    if (o.ask == ASK_END) return GLIA_OK;
    if (o.ask == ASK_LOOK) {
      look(s, s->o.adam + o.step, o.loss, q->stop);
      continue;
    }
    GLIA_TRY(glia_comm_bcast(s->comm, s->theta, (size_t)s->size * sizeof *s->theta, 0));
    GLIA_TRY(objective(s, s->theta, &loss, gradient));
  }
}

static glia_status quasi_newton(struct glia_surrogate *s, double *loss, bool *stop)
{
  struct quasi q = {s, stop, GLIA_OK};
  const bool leads = glia_comm_rank(s->comm) == 0;
  double *gradient = leads ? NULL : malloc((size_t)s->size * sizeof *gradient);
  glia_status st = glia_agree(
      s->comm, leads || gradient != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a gradient"));

  if (st == GLIA_OK && leads) {
    st = lead(&q, loss);
    if (q.st == GLIA_OK && send_order(&q, ASK_END, 0, 0.0) != GLIA_OK) st = q.st;
  } else if (st == GLIA_OK)
    st = q.st = follow(&q, gradient);
  free(gradient);
  if (q.st != GLIA_OK) return q.st;
  GLIA_TRY(glia_agree(s->comm, st)); /* PETSc's own failures */
  GLIA_TRY(glia_comm_bcast(s->comm, s->theta, (size_t)s->size * sizeof *s->theta, 0));
  return glia_comm_bcast(s->comm, loss, sizeof *loss, 0);
}

glia_status glia_surrogate_train(struct glia_surrogate *s, double *loss)
{
  bool stop = false;

  *loss = (double)NAN;
  free(s->theta);
  s->theta = malloc((size_t)s->size * sizeof *s->theta);
  GLIA_TRY(glia_agree(s->comm, s->theta != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "weights")));
  initialize(s);
  GLIA_TRY(adam(s, loss, &stop));
  if (!stop) GLIA_TRY(quasi_newton(s, loss, &stop));
  set(s, s->local, s->theta);
  return GLIA_OK;
}
