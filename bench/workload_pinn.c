/* Burgers' residual: u(x, t) a network 2-20x8-1 of tanh, f = u_t + u u_x - nu u_xx, loss the mean of f^2 over the points, and
 * its gradient by the weights, in small micro-batches, as `glia pinn` has them. float64. Second derivatives by forward mode over the graph, then one reverse pass.
 * Source: raissi2019 (doi:10.1016/j.jcp.2018.10.045). */
#include "workload.h"

#include "glia_ops.h"
#include "glia_random.h"

#include <math.h>
#include <stdio.h>

enum { DEPTH = 8, WIDTH = 20, LAYERS = DEPTH + 1 };

static const double viscosity = 0.01 / 3.14159265358979323846;

static int64_t width_of(int layer) { return layer == 0 ? 2 : layer == LAYERS ? 1 : WIDTH; }

static glia_value network(struct glia_graph *g, glia_value x, glia_value *parameter)
{
  char path[64];
  glia_value h = x;

  for (int l = 0; l < LAYERS; l++) {
    const int64_t w[2] = {width_of(l + 1), width_of(l)};
    snprintf(path, sizeof path, "params/%02d-linear/bias", 2 * l);
    parameter[2 * l] = glia_state(g, path, glia_type_make(GLIA_F64, 1, w));
    snprintf(path, sizeof path, "params/%02d-linear/weight", 2 * l);
    parameter[2 * l + 1] = glia_state(g, path, glia_type_make(GLIA_F64, 2, w));
    h = glia_add(g, glia_matmul(g, h, parameter[2 * l + 1], false, true), parameter[2 * l]);
    if (l + 1 < LAYERS) h = glia_tanh(g, h);
  }
  return h;
}

/* A direction of (x, t): ones in column `axis`. */
static glia_value direction(struct glia_graph *g, int64_t points, int axis)
{
  const struct glia_type row = glia_type_make(GLIA_F64, 2, (int64_t[]){points, 1});
  const glia_value one = glia_full(g, row, 1.0), zero = glia_full(g, row, 0.0);

  return glia_concat(g, 2, axis == 0 ? (glia_value[]){one, zero} : (glia_value[]){zero, one}, 1);
}

glia_status workload_pinn_build(struct glia_graph **out, int64_t points, int64_t all)
{
  glia_value parameter[2 * LAYERS], gradient[2 * LAYERS], u_x, u_t, u_xx;
  char name[64];

  GLIA_TRY(glia_graph_new(out));
  struct glia_graph *g = *out;
  const glia_value x =
      glia_input(g, "x", GLIA_PER_MICRO_BATCH, glia_type_make(GLIA_F64, 2, (int64_t[]){points, 2}));
  const glia_value u = network(g, x, parameter);
  const glia_value along_x = direction(g, points, 0), along_t = direction(g, points, 1);
  glia_jvp(g, 1, &x, &along_x, 1, &u, &u_x);
  glia_jvp(g, 1, &x, &along_x, 1, &u_x, &u_xx);
  glia_jvp(g, 1, &x, &along_t, 1, &u, &u_t);
  const glia_value f = glia_sub(g, glia_add(g, u_t, glia_mul(g, u, u_x)),
                                glia_mul(g, u_xx, glia_constant(g, viscosity)));
  const glia_value loss = glia_mul(g, glia_reduce_sum(g, glia_mul(g, f, f), -1, NULL, false),
                                   glia_constant(g, 1.0 / (double)all));
  glia_grad(g, loss, 2 * LAYERS, parameter, gradient);
  struct glia_entry *e = glia_graph_entry(g, "train");
  glia_entry_output(g, e, "loss", glia_batch_sum(g, loss));
  for (int i = 0; i < 2 * LAYERS; i++) {
    snprintf(name, sizeof name, "gradient-%02d", i);
    glia_entry_output(g, e, name, glia_batch_sum(g, gradient[i]));
  }
  return glia_graph_status(g);
}

/* Glorot's uniform weights; small biases, so that none is a special case. */
void workload_pinn_initialize(const struct glia_state *s, int state, double *w)
{
  const struct glia_type *t = &s[state].type;
  const double spread = t->rank < 2 ? 0.1 : sqrt(6.0 / (double)(t->dim[0] + t->dim[1]));

  for (int64_t i = 0; i < glia_type_count(t); i++)
    w[i] = spread * (2.0 * glia_random_uniform(9, (uint64_t)state, (uint64_t)i) - 1.0);
}
