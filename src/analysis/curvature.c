/* Products with Hessian and Gauss-Newton matrix: entry points of the graph, swept over the rows. See glia_hessian.h. */
#include "curvature_priv.h"

#include "glia_ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMETERS_MAX = 4096 };

struct glia_curvature {
  struct glia_curvature_job job;
  int64_t size;
  int n; /* parameters that are trained */
  struct piece {
    int64_t first, count;
    int state; /* of the vector */
    bool is_f64;
    char name[24]; /* of the output: "3" */
  } * piece;
  const char *entry; /* of the sweep under way */
  double *sum, weight;
  glia_curvature_kind kind; /* of the shell */
  glia_status failed;
  int64_t products, restart; /* restart: products that come where more than planned are wanted */
};

/* Direction and derivatives of one model while its graph is extended. */
struct extension {
  struct glia_model *m;
  struct glia_graph *g;
  int n;
  glia_value *p, *v, *out; /* [n] */
  glia_value loss, weight, of;
};

static glia_value state_value(const struct glia_graph *g, int i)
{
  const struct glia_state *s;

  glia_graph_states(g, &s);
  return s[i].value;
}

static void outputs(struct extension *x, const char *entry)
{
  struct glia_entry *e = glia_graph_entry(x->g, entry);
  char name[24];

  for (int i = 0; i < x->n; i++) {
    snprintf(name, sizeof name, "%d", i);
    glia_value y = x->out[i];
    if (y == GLIA_NONE) y = glia_full(x->g, glia_graph_node(x->g, x->p[i])->type, 0.0);
    double constant;
    if (glia_is_full(x->g, y, &constant))
      continue; /* zero: the loss does not see it, or not twice */
    glia_entry_output(x->g, e, name, glia_batch_sum(x->g, y));
  }
  glia_entry_output(x->g, e, "weight", glia_batch_sum(x->g, x->weight));
  /* above 0 on all ranks when one of them failed */
  glia_entry_output(x->g, e, "failed", glia_add(x->g, glia_failed(x->g), glia_constant(x->g, 0.0)));
}

/* H v: the tangent of the gradient along v. */
static void hessian(struct extension *x, glia_value *gradient)
{
  glia_jvp(x->g, x->n, x->p, x->v, x->n, gradient, x->out);
  outputs(x, "hessian");
}

/* J^T L'' J v, with J of the layer that the loss reads and L'' of the loss alone. */
static void gauss_newton(struct extension *x)
{
  glia_value along = GLIA_NONE, slope = GLIA_NONE, bent = GLIA_NONE;

  glia_jvp(x->g, x->n, x->p, x->v, 1, &x->of, &along);
  glia_grad(x->g, x->loss, 1, &x->of, &slope);
  if (along != GLIA_NONE) glia_jvp(x->g, 1, &x->of, &along, 1, &slope, &bent);
  glia_vjp(x->g, 1, &x->of, &bent, x->n, x->p, x->out);
  outputs(x, "gauss_newton");
}

static glia_status extend(struct extension *x, const struct glia_model_parameter *list, int n)
{
  char path[400];

  for (int i = 0; i < n; i++) {
    if (list[i].frozen) continue;
    x->p[x->n] = state_value(x->g, list[i].state);
    snprintf(path, sizeof path, "analysis/v/%s", list[i].path + strlen("params/"));
    x->v[x->n] = glia_state(x->g, path, glia_graph_node(x->g, x->p[x->n])->type);
    x->n++;
  }
  GLIA_TRY(glia_model_eval_loss(x->m, &x->loss, &x->weight, &x->of));
  glia_value *gradient = x->out + x->n;
  glia_grad(x->g, x->loss, x->n, x->p, gradient);
  memcpy(x->out, gradient, (size_t)x->n * sizeof *gradient);
  outputs(x, "gradient");
  hessian(x, gradient);
  if (x->of != GLIA_NONE) gauss_newton(x);
  return glia_graph_status(x->g);
}

glia_status glia_curvature_extend(struct glia_model *m)
{
  const struct glia_model_parameter *list;
  const int n = glia_model_parameters(m, &list);
  struct extension x = {.m = m, .g = glia_model_extend(m)};

  GLIA_CHECK(n > 0 && n <= PARAMETERS_MAX, GLIA_E_UNSUPPORTED,
             "curvature of a model with %d arrays of parameters, expected 1 to %d", n,
             PARAMETERS_MAX);
  x.p = calloc(4 * (size_t)n, sizeof *x.p);
  GLIA_CHECK(x.p != NULL, GLIA_E_MEMORY, "derivatives by %d arrays", n);
  x.v = x.p + n;
  x.out = x.v + n;
  const glia_status st = extend(&x, list, n);
  free(x.p);
  return st;
}

static int find_state(const struct glia_graph *g, const char *path)
{
  const struct glia_state *s;
  const int n = glia_graph_states(g, &s);

  for (int i = 0; i < n; i++)
    if (strcmp(s[i].path, path) == 0) return i;
  return -1;
}

static glia_status list_pieces(struct glia_curvature *c, const struct glia_model_parameter *list,
                               int n)
{
  const struct glia_graph *g = glia_model_graph(c->job.model);
  const struct glia_state *s;
  char path[400];

  glia_graph_states(g, &s);
  for (int i = 0; i < n; i++) {
    if (list[i].frozen) continue;
    snprintf(path, sizeof path, "analysis/v/%s", list[i].path + strlen("params/"));
    struct piece *p = &c->piece[c->n];
    *p = (struct piece){.first = c->size, .state = find_state(g, path)};
    GLIA_CHECK(p->state >= 0, GLIA_E_UNSUPPORTED,
               "the model was not extended for products with its curvature");
    p->count = glia_type_count(&s[p->state].type);
    p->is_f64 = s[p->state].type.dtype == GLIA_F64;
    snprintf(p->name, sizeof p->name, "%d", c->n);
    c->size += p->count;
    c->n++;
  }
  return GLIA_OK;
}

glia_status glia_curvature_open(const struct glia_curvature_job *job, struct glia_curvature **out)
{
  const struct glia_model_parameter *list;
  const int n = glia_model_parameters(job->model, &list);

  *out = NULL;
  struct glia_curvature *c = calloc(1, sizeof *c);
  GLIA_CHECK(c != NULL, GLIA_E_MEMORY, "products with a curvature");
  c->job = *job;
  c->piece = calloc((size_t)n + 1, sizeof *c->piece);
  glia_status st = GLIA_OK;
  if (c->piece == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%d arrays", n);
  if (st == GLIA_OK) st = list_pieces(c, list, n);
  if (st == GLIA_OK) {
    c->sum = calloc((size_t)c->size + 1, sizeof *c->sum);
    if (c->sum == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "a vector of %lld", (long long)c->size);
  }
  if (st != GLIA_OK) {
    glia_curvature_close(&c);
    return st;
  }
  *out = c;
  return GLIA_OK;
}

void glia_curvature_close(struct glia_curvature **c)
{
  if (c == NULL || *c == NULL) return;
  free((*c)->piece);
  free((*c)->sum);
  free(*c);
  *c = NULL;
}

int64_t glia_curvature_size(const struct glia_curvature *c) { return c->size; }
int64_t glia_curvature_products_(const struct glia_curvature *c) { return c->products; }

void glia_curvature_plan_(struct glia_curvature *c, int64_t more, int64_t restart)
{
  c->restart = restart;
  if (c->job.planned != NULL) *c->job.planned = c->products + more;
}

/* Add the sums of an engine step. */
static glia_status take(void *self)
{
  struct glia_curvature *c = self;

  for (int k = 0; k < c->n; k++) {
    const struct piece *p = &c->piece[k];
    const void *y = glia_engine_output(c->job.engine, c->entry, p->name);
    if (y == NULL) continue; /* zero */
    for (int64_t i = 0; i < p->count; i++)
      c->sum[p->first + i] += p->is_f64 ? ((const double *)y)[i] : (double)((const float *)y)[i];
  }
  c->weight += *(const double *)glia_engine_output(c->job.engine, c->entry, "weight");
  return GLIA_OK;
}

static glia_status sweep(struct glia_curvature *c, const char *entry, double *out)
{
  c->entry = entry;
  c->weight = 0.0;
  memset(c->sum, 0, (size_t)c->size * sizeof *c->sum);
  GLIA_TRY(glia_sweep(c->job.model, c->job.engine, entry, c->job.source, c->job.micro_batch,
                      c->job.micro_batches, c->job.meeting, take, c));
  for (int64_t i = 0; i < c->size; i++) out[i] = c->sum[i] / c->weight;
  return GLIA_OK;
}

glia_status glia_curvature_gradient(struct glia_curvature *c, double *g)
{
  return sweep(c, "gradient", g);
}

glia_status glia_curvature_apply(struct glia_curvature *c, glia_curvature_kind kind,
                                 const double *v, double *out)
{
  const char *entry = kind == GLIA_CURVATURE_HESSIAN ? "hessian" : "gauss_newton";

  GLIA_CHECK(glia_engine_output(c->job.engine, entry, "weight") != NULL, GLIA_E_UNSUPPORTED,
             "no Gauss-Newton matrix: the model has several losses, expected one of one layer");
  for (int k = 0; k < c->n; k++) {
    const struct piece *p = &c->piece[k];
    void *to = glia_engine_state(c->job.engine, p->state);
    for (int64_t i = 0; i < p->count; i++)
      if (p->is_f64)
        ((double *)to)[i] = v[p->first + i];
      else
        ((float *)to)[i] = (float)v[p->first + i];
  }
  if (c->job.planned != NULL && c->products == *c->job.planned) *c->job.planned += c->restart;
  c->products++;
  return sweep(c, entry, out);
}

static PetscErrorCode multiply(Mat a, Vec x, Vec y)
{
  struct glia_curvature *c;
  const PetscScalar *from;
  PetscScalar *to;

  PetscCall(MatShellGetContext(a, &c));
  PetscCall(VecGetArrayRead(x, &from));
  PetscCall(VecGetArrayWrite(y, &to));
  if (c->failed == GLIA_OK) c->failed = glia_curvature_apply(c, c->kind, from, to);
  PetscCall(VecRestoreArrayRead(x, &from));
  PetscCall(VecRestoreArrayWrite(y, &to));
  return c->failed == GLIA_OK ? 0 : PETSC_ERR_LIB;
}

glia_status glia_curvature_shell_(struct glia_curvature *c, glia_curvature_kind kind, Mat *out)
{
  GLIA_CHECK(c->size > 0 && c->size <= INT32_MAX, GLIA_E_UNSUPPORTED,
             "curvature of %lld parameters, expected 1 to 2^31 - 1", (long long)c->size);
  c->kind = kind;
  c->failed = GLIA_OK;
  const PetscInt n = (PetscInt)c->size;
  GLIA_TRY_PETSC(MatCreateShell(PETSC_COMM_SELF, n, n, n, n, c, out));
  GLIA_TRY_PETSC(MatShellSetOperation(*out, MATOP_MULT, (void (*)(void))multiply));
  GLIA_TRY_PETSC(MatSetOption(*out, MAT_SYMMETRIC, PETSC_TRUE));
  return GLIA_OK;
}

glia_status glia_curvature_failure_(struct glia_curvature *c)
{
  const glia_status st = c->failed;

  c->failed = GLIA_OK;
  return st;
}
