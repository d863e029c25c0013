/* Trains a small network by each optimizer and prints data, first and last parameters, for test_torch_nn.sh.
 *
 *     case NAME
 *     array NAME EXTENTS... : NUMBERS...        (17 digits)
 */
#include "nn_rig.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { B = 24, IN = 6, CLASSES = 5, STEPS = 20 };

static double x[B][IN];
static int64_t y[B];

static const struct {
  const char *name, *yaml;
  double lr;
} cases[] = {
    {"sgd", "optimizer: {sgd: {lr: 0.1}}", 0.1},
    {"sgd_decay", "optimizer: {sgd: {lr: 0.1, weight_decay: 0.05}}", 0.1},
    {"momentum", "optimizer: {sgd: {lr: 0.05, momentum: 0.9}}", 0.05},
    {"nesterov", "optimizer: {sgd: {lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 0.01}}",
     0.05},
    {"adam", "optimizer: {adam: {lr: 1e-2}}", 1e-2},
    {"adam_decay",
     "optimizer: {adam: {lr: 1e-2, weight_decay: 0.1, beta1: 0.8, beta2: 0.99, eps: 1e-6}}", 1e-2},
    {"adamw", "optimizer: {adamw: {lr: 1e-2}}", 1e-2},
    {"adamw_decay", "optimizer: {adamw: {lr: 1e-2, weight_decay: 0.3}}", 1e-2},
    {"clip", "optimizer: {sgd: {lr: 0.1}}\nclip_norm: 0.3", 0.1},
    {"groups",
     "optimizer: {adam: {lr: 1e-2}, groups: {'*/bias': {lr: 2e-2, decay: 0}, '00*': {decay: 0.1}}}",
     1e-2},
};

static void print_parameters(struct rig *r, const char *when)
{
  const struct glia_model_parameter *p;
  const struct glia_state *state;
  const int n = glia_model_parameters(r->m, &p);

  glia_graph_states(r->g, &state);
  for (int i = 0; i < n; i++) {
    const struct glia_type *type = &state[p[i].state].type;
    const double *w = glia_engine_state(r->e, p[i].state);
    printf("array %s/%s", when, p[i].path + strlen("params/"));
    for (int k = 0; k < type->rank; k++) printf(" %lld", (long long)type->dim[k]);
    printf(" :");
    for (int64_t k = 0; k < glia_type_count(type); k++) printf(" %.17g", w[k]);
    printf("\n");
  }
}

static glia_status run(size_t k)
{
  char yaml[512];
  struct rig r = {.n_fields = 2, .micro_batch = 8, .n_rows = B, .n_classes = CLASSES};

  snprintf(yaml, sizeof yaml,
           "dtype: f64\nmodel: [linear: 16, silu, layer_norm, linear: 12, tanh, linear: %d]\nloss: "
           "cross_entropy\n%s\n",
           CLASSES, cases[k].yaml);
  r.field[0] = rig_field("x", GLIA_F64, 1, (int64_t[]){IN});
  r.field[1] = rig_field("y", GLIA_I64, 0, NULL);
  r.data[0] = x;
  r.data[1] = y;
  GLIA_TRY(rig_start(&r, yaml, 11, 1));
  printf("case %s\n", cases[k].name);
  print_parameters(&r, "first");
  printf("array losses %d :", STEPS);
  for (int step = 1; step <= STEPS; step++) {
    GLIA_TRY(rig_step(&r, "train", cases[k].lr, step));
    printf(" %.17g", rig_output(&r, "train", "loss"));
  }
  printf("\n");
  print_parameters(&r, "last");
  rig_end(&r);
  return GLIA_OK;
}

int main(void)
{
  for (int b = 0; b < B; b++) {
    y[b] = (b * 7) % CLASSES;
    for (int i = 0; i < IN; i++) x[b][i] = sin(0.7 * b + 1.3 * i * i);
  }
  printf("array x %d %d :", B, IN);
  for (int i = 0; i < B * IN; i++) printf(" %.17g", x[i / IN][i % IN]);
  printf("\narray y %d :", B);
  for (int b = 0; b < B; b++) printf(" %lld", (long long)y[b]);
  printf("\n");
  for (size_t k = 0; k < GLIA_COUNT(cases); k++)
    if (run(k) != GLIA_OK) {
      fprintf(stderr, "%s", glia_trace());
      return 1;
    }
  return 0;
}
