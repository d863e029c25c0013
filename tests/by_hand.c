/* See by_hand.h. */
#include "by_hand.h"

#include "tap.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct glia_graph *g;
void *data[MAX_INPUTS];
static int n_data;

void begin(void)
{
  if (glia_graph_new(&g) != GLIA_OK) abort();
}

void end(void)
{
  CU_ASSERT(glia_graph_status(g) == GLIA_OK);
  if (glia_graph_status(g) != GLIA_OK) tap_note("%s", glia_trace());
  while (n_data > 0) free(data[--n_data]);
  glia_graph_destroy(&g);
}

const struct glia_type *type_of(glia_value v) { return &glia_graph_node(g, v)->type; }

glia_value given(glia_dtype dtype, int rank, const int64_t *dim, const double *values)
{
  const struct glia_type t = glia_type_make(dtype, rank, dim);
  char name[16];

  if (n_data == MAX_INPUTS) abort();
  snprintf(name, sizeof name, "in%d", n_data);
  data[n_data] = array_of(&t);
  for (int64_t i = 0; i < glia_type_count(&t); i++) set_element(&t, data[n_data], i, values[i]);
  n_data++;
  return glia_input(g, name, GLIA_PER_STEP, t);
}

glia_value row(int64_t n, const double *values) { return given(GLIA_F64, 1, &n, values); }
void expect_near(int line, glia_value v, double tolerance, int64_t n, const double *values)
{
  if (v == GLIA_NONE) {
    tap_note("line %d: no value: %s", line,
             glia_graph_status(g) == GLIA_OK ? "zero" : glia_trace());
    CU_ASSERT(v != GLIA_NONE);
    return;
  }
  struct interpretation p = interpret(g, data, NULL, 1, &v);
  bool ok = glia_type_count(type_of(v)) == n;
  if (!ok)
    tap_note("line %d: %" PRId64 " elements, expected %" PRId64, line, glia_type_count(type_of(v)),
             n);
  for (int64_t i = 0; ok && i < n; i++) { /* the first difference is enough */
    const double y = element(type_of(v), p.at[v], i);
    ok = isnan(values[i]) ? isnan(y) : y == values[i] || fabs(y - values[i]) <= tolerance;
    if (!ok)
      tap_note("line %d: element %" PRId64 " is %.17g, expected %.17g", line, i, y, values[i]);
  }
  CU_ASSERT(ok);
  interpretation_free(&p);
}
glia_value gradient(glia_value y, glia_value x)
{
  glia_value dx;

  glia_grad(g, glia_reduce_sum(g, y, -1, NULL, false), 1, &x, &dx);
  return dx;
}
