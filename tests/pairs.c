/* Pairs of values of one graph that must be equal; see pairs.h. */
#include "pairs.h"
#include "glia_random.h"
#include "ref/interpret.h"
#include "run_graph.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_INPUTS = 32, MAX_ROOTS = 64 };

struct glia_graph *g;
static void *data[MAX_INPUTS];
static int n_data;
static glia_value root[2][MAX_ROOTS]; /* pairs that must be equal */
static int n_roots;

void begin(void)
{
  n_roots = 0;
  if (glia_graph_new(&g) != GLIA_OK) abort();
}

void end(void)
{
  while (n_data > 0) free(data[--n_data]);
  glia_graph_destroy(&g);
}

const struct glia_type *type_of(glia_value v) { return &glia_graph_node(g, v)->type; }

/* Input number n_data, zeroed. */
static glia_value input(struct glia_type t)
{
  char name[16];

  if (n_data == MAX_INPUTS) abort();
  snprintf(name, sizeof name, "in%d", n_data);
  data[n_data++] = array_of(&t);
  return glia_input(g, name, GLIA_PER_STEP, t);
}

glia_value given(double size, int rank, const int64_t *dim)
{
  const struct glia_type t = glia_type_make(GLIA_F64, rank, dim);
  const glia_value v = input(t);
  const int k = n_data - 1;

  for (int64_t i = 0; i < glia_type_count(&t); i++)
    set_element(&t, data[k], i,
                size * (2.0 * glia_random_uniform(9, (uint64_t)k, (uint64_t)i) - 1.0));
  return v;
}

glia_value given_count(int64_t count)
{
  const glia_value v = input(glia_type_make(GLIA_I64, 0, NULL));

  *(int64_t *)data[n_data - 1] = count;
  return v;
}

void *const *given_data(void) { return data; }

glia_value total(glia_value x) { return glia_reduce_sum(g, x, -1, NULL, false); }

void same(glia_value a, glia_value b)
{
  if (glia_graph_status(g) != GLIA_OK || (a == GLIA_NONE && b == GLIA_NONE)) return;
  if (a == GLIA_NONE) a = glia_full(g, *type_of(b), 0.0);
  if (b == GLIA_NONE) b = glia_full(g, *type_of(a), 0.0);
  if (n_roots == MAX_ROOTS) abort();
  root[0][n_roots] = a;
  root[1][n_roots++] = b;
}

double distance(void)
{
  glia_value all[2 * MAX_ROOTS];
  void *out[2 * MAX_ROOTS];
  double worst = 0.0;

  for (int i = 0; i < 2 * n_roots; i++) all[i] = root[i / n_roots][i % n_roots];
  if (glia_graph_status(g) != GLIA_OK || n_roots == 0 ||
      !run_graph(g, NULL, data, 2 * n_roots, all, out)) {
    tap_note("%s", glia_trace());
    return HUGE_VAL;
  }
  for (int i = 0; i < n_roots; i++) {
    const struct glia_type *t = type_of(root[0][i]);
    double scale = 1.0, far = glia_type_equal(t, type_of(root[1][i])) ? 0.0 : HUGE_VAL;
    for (int64_t e = 0; far < HUGE_VAL && e < glia_type_count(t); e++) {
      const double x = element(t, out[i], e), y = element(t, out[n_roots + i], e);
      scale = fmax(scale, fabs(y));
      far = fmax(far, isnan(x) || isnan(y) ? HUGE_VAL : fabs(x - y));
    }
    tap_note("pair %d: %.2g apart", i, far / scale);
    worst = fmax(worst, far / scale);
  }
  for (int i = 0; i < 2 * n_roots; i++) free(out[i]);
  return worst;
}
