/* See limit.h. */
#include "limit.h"

#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_profile.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 7, MOST_UNITS = 4096, STREAM = 1 << 22 };

/* Memory for one call of a kernel, filled with numbers of ordinary size. */
struct call {
  struct glia_operand in[2];
  struct glia_call call;
  void *memory[4];
};

static bool fill(struct call *c, int slot, size_t bytes, glia_dtype dtype, struct glia_operand *out)
{
  c->memory[slot] = aligned_alloc(64, (bytes / 64 + 1) * 64);
  if (c->memory[slot] == NULL) return false;
  memset(c->memory[slot], 0, bytes);
  for (size_t i = 0; dtype == GLIA_F32 && i < bytes / sizeof(float); i++)
    ((float *)c->memory[slot])[i] = (float)(i % 17) / 17.0F;
  for (size_t i = 0; dtype == GLIA_F64 && i < bytes / sizeof(double); i++)
    ((double *)c->memory[slot])[i] = (double)(i % 17) / 17.0;
  if (out != NULL) out->data = c->memory[slot];
  return true;
}

static void drop(struct call *c)
{
  for (size_t i = 0; i < GLIA_COUNT(c->memory); i++) free(c->memory[i]);
}

static bool prepare(const struct glia_graph *g, const struct glia_node *n,
                    const struct glia_kernel_choice *choice, struct call *c)
{
  bool ok = true;

  *c = (struct call){0};
  for (int i = 0; i < 2; i++) {
    const struct glia_type *t = &glia_graph_node(g, n->in[i])->type;
    c->in[i] = (struct glia_operand){.n = glia_type_count(t), .type = t};
    ok = ok && fill(c, i, glia_type_bytes(t), t->dtype, &c->in[i]);
  }
  c->call = (struct glia_call){.n_in = 2,
                               .in = c->in,
                               .out = {.n = glia_type_count(&n->type), .type = &n->type},
                               .attr = &n->attr,
                               .plan = choice->plan};
  ok = ok && fill(c, 2, glia_type_bytes(&n->type), n->type.dtype, &c->call.out);
  ok = ok && fill(c, 3, choice->scratch_bytes, GLIA_U8, NULL);
  c->call.scratch = c->memory[3];
  return ok;
}

/* The same product by BLAS. */
static void blas(const struct glia_call *c)
{
  const struct glia_type *a = c->in[0].type, *b = c->in[1].type, *y = c->out.type;
  const int r = y->rank, m = (int)y->dim[r - 2], n = (int)y->dim[r - 1];
  const bool ta = c->attr->i[0] != 0, tb = c->attr->i[1] != 0;
  const int k = (int)a->dim[ta ? r - 2 : r - 1];
  const CBLAS_TRANSPOSE oa = ta ? CblasTrans : CblasNoTrans, ob = tb ? CblasTrans : CblasNoTrans;
  const int64_t batches = c->out.n / ((int64_t)m * n);

  for (int64_t i = 0; i < batches; i++) {
    const int64_t x = i * m * k, w = i * k * n, to = i * m * n;
    if (y->dtype == GLIA_F32)
      cblas_sgemm(CblasRowMajor, oa, ob, m, n, k, 1.0F, (const float *)c->in[0].data + x,
                  (int)a->dim[r - 1], (const float *)c->in[1].data + w, (int)b->dim[r - 1], 0.0F,
                  (float *)c->out.data + to, n);
    else
      cblas_dgemm(CblasRowMajor, oa, ob, m, n, k, 1.0, (const double *)c->in[0].data + x,
                  (int)a->dim[r - 1], (const double *)c->in[1].data + w, (int)b->dim[r - 1], 0.0,
                  (double *)c->out.data + to, n);
  }
}

static double best_of(void (*run)(const struct glia_call *), const struct glia_call *c)
{
  double best = 1e30;

  run(c);
  for (int i = 0; i < REPEATS; i++) {
    const double t0 = glia_time_s();
    run(c);
    const double took = glia_time_s() - t0;
    if (took < best) best = took;
  }
  return best;
}

static glia_status best_time(const struct glia_graph *g, const struct glia_node *n, double *out)
{
  struct glia_kernel_choice choice = {.run = n->op->reference[n->type.dtype]};
  struct call c;

  if (n->op->scratch != NULL) choice.scratch_bytes = n->op->scratch(g, n);
  glia_kernels_default()->pick(g, n, &choice);
  const bool ok = prepare(g, n, &choice, &c);
  if (ok) {
    *out = best_of(choice.run, &c.call);
    if (strcmp(n->op->name, "matmul") == 0) {
      const double other = best_of(blas, &c.call);
      if (other < *out) *out = other;
    }
  }
  drop(&c);
  GLIA_CHECK(ok, GLIA_E_MEMORY, "one call of %s", n->op->name);
  return GLIA_OK;
}

static double bandwidth(void)
{
  float *x = malloc(3 * (size_t)STREAM * sizeof *x);
  double best = 1e30;

  if (x == NULL) return 1e30;
  memset(x, 0, 3 * (size_t)STREAM * sizeof *x);
  for (int i = 0; i < REPEATS; i++) {
    const double t0 = glia_time_s();
    for (size_t j = 0; j < STREAM; j++) x[j] = 2.0F * x[STREAM + j] + x[2 * (size_t)STREAM + j];
    const double took = glia_time_s() - t0;
    if (took < best) best = took;
  }
  free(x);
  return 3.0 * STREAM * sizeof *x / best;
}

static bool is_product(const struct glia_unit_info *u)
{
  return u->members == 1 &&
         (strcmp(u->node->op->name, "matmul") == 0 || strcmp(u->node->op->name, "conv") == 0) &&
         (u->node->type.dtype == GLIA_F32 || u->node->type.dtype == GLIA_F64);
}

static bool same_call(const struct glia_graph *g, const struct glia_node *a,
                      const struct glia_node *b)
{
  bool same = a->op == b->op && glia_type_equal(&a->type, &b->type) &&
              memcmp(&a->attr, &b->attr, sizeof a->attr) == 0;

  for (int i = 0; same && i < 2; i++)
    same =
        glia_type_equal(&glia_graph_node(g, a->in[i])->type, &glia_graph_node(g, b->in[i])->type);
  return same;
}

glia_status limit_measure(const struct workload *w, struct limit *out)
{
  struct glia_unit_info *unit = calloc(MOST_UNITS, sizeof *unit);
  double *took = calloc(MOST_UNITS, sizeof *took);
  glia_status st = GLIA_OK;

  *out = (struct limit){.bandwidth = bandwidth()};
  GLIA_CHECK_TO(out, st, unit != NULL && took != NULL, GLIA_E_MEMORY, "units");
  const int n = glia_program_units(w->program, "train", MOST_UNITS, unit);
  GLIA_CHECK_TO(out, st, n <= MOST_UNITS, GLIA_E_INTERNAL, "%s has %d units", w->kind->name, n);
  for (int i = 0; i < n; i++) {
    if (!is_product(&unit[i])) {
      out->bytes += unit[i].bytes;
      continue;
    }
    for (int j = 0; j < i && took[i] == 0.0; j++)
      if (took[j] > 0.0 && same_call(w->graph, unit[i].node, unit[j].node)) took[i] = took[j];
    if (took[i] == 0.0) GLIA_TRY_TO(out, st, best_time(w->graph, unit[i].node, &took[i]));
    out->products_s += took[i];
  }
  out->limit_s = out->products_s + out->bytes / out->bandwidth;
out:
  free(unit);
  free(took);
  return st;
}
