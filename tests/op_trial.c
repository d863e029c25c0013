/* See op_trial.h. */
#include "op_trial.h"

#include "control_samples.h"
#include "glia_bf16.h"
#include "glia_graph.h"
#include "glia_log.h"
#include "glia_random.h"
#include "ref/interpret.h"
#include "run_graph.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const struct glia_type *type_of(const struct trial *t, glia_value v)
{
  return &glia_graph_node(t->g, v)->type;
}

void check(bool ok, const struct trial *t, const char *what, double found, double expected)
{
  if (!ok)
    tap_note("%s, case %d: %s: %.17g, expected %.17g", t->op->name, t->k, what, found, expected);
  CU_ASSERT(ok);
}

bool begin(struct trial *t, const struct glia_op *op, int k, glia_dtype dtype)
{
  *t = (struct trial){.op = op, .k = k};
  if (glia_graph_new(&t->g) != GLIA_OK) abort();
  t->s = (struct glia_sample){.g = t->g, .dtype = dtype};
  t->y = op->sample(&t->s, k);
  return t->y != GLIA_NONE;
}

void end(struct trial *t)
{
  if (glia_graph_status(t->g) != GLIA_OK)
    tap_note("%s, case %d: %s", t->op->name, t->k, glia_trace());
  CU_ASSERT(glia_graph_status(t->g) == GLIA_OK);
  for (int i = 0; i < t->n_data; i++) free(t->data[i]);
  glia_graph_destroy(&t->g);
}

glia_value fresh(struct trial *t, const char *kind, int i, struct glia_type type)
{
  char name[32];

  snprintf(name, sizeof name, "%s%d", kind, i);
  return glia_input(t->g, name, GLIA_PER_STEP, type);
}

bool exact_in_bf16;

static double number(const struct glia_sample *s, int sample, uint64_t input, int64_t e)
{
  double u = glia_random_uniform(glia_random_stream(7, "test"), input, (uint64_t)e);

  if (sample < 0) return (double)(float)(2.0 * u - 1.0);
  const double lo = s->in[sample].lo, hi = s->in[sample].hi;
  if (!s->in[sample].differentiable) return floor(lo + u * (hi - lo + 1.0));
  double x = lo + u * (hi - lo);
  if (fabs(x - s->in[sample].avoid) < s->in[sample].gap)
    x = s->in[sample].avoid + s->in[sample].gap;
  if (exact_in_bf16) return (double)glia_bf16_wide(glia_bf16_round_f64(x));
  return (double)(float)x; /* exact in both float types */
}

/* Which sample input (-1: none) fills graph input i: its own, or that whose batch it is. */
static int sample_of(const struct trial *t, const struct glia_input *in)
{
  int i;

  if (sscanf(in->name, "x%d", &i) == 1 || sscanf(in->name, "batched%d", &i) == 1) return i;
  (void)t;
  return -1;
}

void fill(struct trial *t)
{
  const struct glia_input *in;
  const int n = glia_graph_inputs(t->g, &in);

  if (n > MAX_INPUTS) abort();
  for (; t->n_data < n; t->n_data++) {
    const struct glia_type *type = &in[t->n_data].type;
    t->data[t->n_data] = array_of(type);
    for (int64_t e = 0; e < glia_type_count(type); e++)
      set_element(type, t->data[t->n_data], e,
                  number(&t->s, sample_of(t, &in[t->n_data]), (uint64_t)t->n_data, e));
  }
}

int index_of(const struct trial *t, glia_value input)
{
  return (int)glia_graph_node(t->g, input)->attr.i[0];
}

static void each_of(const struct glia_op *const *op, glia_dtype dtype,
                    void (*visit)(struct trial *t))
{
  for (; *op != NULL; op++) {
    struct trial t;
    for (int k = 0; (*op)->sample != NULL && k < MAX_CASES; k++) {
      const bool more = begin(&t, *op, k, dtype);
      if (more && glia_graph_status(t.g) == GLIA_OK) visit(&t);
      end(&t);
      if (!more) break;
    }
  }
}

void each(glia_dtype dtype, void (*visit)(struct trial *t))
{
  each_of(glia_ops(), dtype, visit);
  each_of(control_samples(), dtype, visit);
}

double distance(const struct glia_type *ta, const void *a, const struct glia_type *tb,
                const void *b)
{
  double scale = 1.0, worst = 0.0;

  for (int64_t i = 0; i < glia_type_count(ta); i++) {
    const double x = element(ta, a, i), y = element(tb, b, i);
    if (isnan(x) != isnan(y)) return INFINITY;
    if (isnan(x) || x == y) continue;
    scale = fmax(scale, fabs(y));
    worst = fmax(worst, fabs(x - y));
  }
  return worst / scale;
}
