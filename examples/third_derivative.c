/* Derivatives of any order from one graph: tanh and its first three derivatives at a few points.
 *
 *     cc third_derivative.c $(pkg-config --cflags --libs glia) -lm && ./a.out
 */
#include <glia.h>

#include <math.h>
#include <stdio.h>

enum { N = 5, ORDERS = 4 };

/* y[k] = k-th derivative of tanh at x, each by differentiating the one before. */
static void build(struct glia_graph *g)
{
  static const char *const name[ORDERS] = {"tanh", "tanh'", "tanh''", "tanh'''"};
  struct glia_entry *entry = glia_graph_entry(g, "derivatives");
  const glia_value x =
      glia_input(g, "x", GLIA_PER_STEP, glia_type_make(GLIA_F64, 1, (int64_t[]){N}));
  glia_value y = glia_tanh(g, x);

  for (int k = 0; k < ORDERS; k++) {
    glia_entry_output(g, entry, name[k], y);
    /* elements do not mix, so the gradient of the sum is the derivative of each */
    glia_grad(g, glia_reduce_sum(g, y, -1, NULL, false), 1, &x, &y);
  }
}

static glia_status run(struct glia_graph *g)
{
  const double x[N] = {-1.0, -0.5, 0.0, 0.5, 1.0};
  struct glia_program *program = NULL;
  struct glia_engine *engine = NULL;

  glia_status st = glia_program_compile(g, glia_kernels_default(), &program);
  if (st == GLIA_OK) st = glia_engine_create(program, 1, NULL, 0, &engine);
  if (st == GLIA_OK) st = glia_engine_set(engine, "x", x);
  if (st == GLIA_OK) st = glia_engine_step(engine, "derivatives", 0, NULL);
  for (int i = 0; st == GLIA_OK && i < N; i++) {
    const double t = tanh(x[i]), s = 1.0 - t * t; /* tanh''' = -2 s (s - 2 t^2) */
    const double by_hand = -2.0 * s * (s - 2.0 * t * t);
    const double *third = glia_engine_output(engine, "derivatives", "tanh'''");
    printf("x = %4.1f  tanh''' = %+.15f  by hand %+.15f\n", x[i], third[i], by_hand);
    if (fabs(third[i] - by_hand) > 1e-13) st = GLIA_E_INTERNAL;
  }
  glia_engine_destroy(&engine);
  glia_program_destroy(&program);
  return st;
}

int main(void)
{
  struct glia_graph *g = NULL;
  glia_status st = glia_graph_new(&g);

  if (st == GLIA_OK) {
    build(g);
    st = run(g);
  }
  if (st != GLIA_OK) fprintf(stderr, "%s", glia_trace());
  glia_graph_destroy(&g);
  return glia_status_exit_code(st);
}
