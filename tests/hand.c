/* Graphs on numbers written by hand. */
#include "hand.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 16 };

struct glia_graph *g;
void *data[MOST];
static int n_data;

void begin(void)
{
  if (glia_graph_new(&g) != GLIA_OK) abort();
}

void end(void)
{
  if (glia_graph_status(g) != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT(glia_graph_status(g) == GLIA_OK);
  while (n_data > 0) free(data[--n_data]);
  glia_graph_destroy(&g);
}

glia_value given_array(glia_dtype dtype, int rank, const int64_t *dim, const double *v)
{
  const struct glia_type t = glia_type_make(dtype, rank, dim);
  char name[16];

  if (n_data == MOST) abort();
  snprintf(name, sizeof name, "in%d", n_data);
  data[n_data] = array_of(&t);
  for (int64_t i = 0; i < glia_type_count(&t); i++) set_element(&t, data[n_data], i, v[i]);
  n_data++;
  return glia_input(g, name, GLIA_PER_STEP, t);
}

glia_value given(glia_dtype dtype, int64_t rows, int64_t columns, const double *v)
{
  return given_array(dtype, columns > 0 ? 2 : 1, (int64_t[]){rows, columns}, v);
}

void expect(int line, glia_value v, int64_t n, const double *want, double tolerance)
{
  CU_ASSERT_FATAL(v != GLIA_NONE);
  const struct glia_type *t = &glia_graph_node(g, v)->type;
  struct interpretation p = interpret(g, data, NULL, 1, &v);

  CU_ASSERT_EQUAL_FATAL(glia_type_count(t), n);
  for (int64_t i = 0; i < n; i++) {
    const double y = element(t, p.at[v], i);
    const bool ok = isnan(want[i]) ? isnan(y) : fabs(y - want[i]) <= tolerance;
    if (!ok) tap_note("line %d: element %d is %.17g, expected %.17g", line, (int)i, y, want[i]);
    CU_ASSERT(ok);
  }
  interpretation_free(&p);
}

glia_value gradient(glia_value y, glia_value w, glia_value x)
{
  glia_value dx;

  glia_vjp(g, 1, &y, &w, 1, &x, &dx);
  return dx;
}
