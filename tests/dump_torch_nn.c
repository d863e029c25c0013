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

static double x[B][IN], t[B][CLASSES];
static int64_t y[B];

/* loss NULL: cross_entropy of the labels y; else of the targets t, one micro-batch. */
static const struct {
  const char *name, *yaml;
  double lr;
  const char *loss;
} cases[] = {
    {"sgd", "optimizer: {sgd: {lr: 0.1}}", 0.1, NULL},
    {"sgd_decay", "optimizer: {sgd: {lr: 0.1, weight_decay: 0.05}}", 0.1, NULL},
    {"momentum", "optimizer: {sgd: {lr: 0.05, momentum: 0.9}}", 0.05, NULL},
    {"nesterov", "optimizer: {sgd: {lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 0.01}}",
     0.05, NULL},
    {"adam", "optimizer: {adam: {lr: 1e-2}}", 1e-2, NULL},
    {"adam_decay",
     "optimizer: {adam: {lr: 1e-2, weight_decay: 0.1, beta1: 0.8, beta2: 0.99, eps: 1e-6}}", 1e-2,
     NULL},
    {"adamw", "optimizer: {adamw: {lr: 1e-2}}", 1e-2, NULL},
    {"adamw_decay", "optimizer: {adamw: {lr: 1e-2, weight_decay: 0.3}}", 1e-2, NULL},
    {"clip", "optimizer: {sgd: {lr: 0.1}}\nclip_norm: 0.3", 0.1, NULL},
    {"groups",
     "optimizer: {adam: {lr: 1e-2}, groups: {'*/bias': {lr: 2e-2, decay: 0}, '00*': {decay: "
     "0.1}}}",
     1e-2, NULL},
    {"rmsprop", "optimizer: {rmsprop: {lr: 1e-2}}", 1e-2, NULL},
    {"rmsprop_all",
     "optimizer: {rmsprop: {lr: 1e-2, alpha: 0.9, eps: 1e-6, momentum: 0.5, centered: true, "
     "weight_decay: 0.1}}",
     1e-2, NULL},
    {"adagrad", "optimizer: {adagrad: {lr: 0.1}}", 0.1, NULL},
    {"adagrad_decay", "optimizer: {adagrad: {lr: 0.1, lr_decay: 0.2, weight_decay: 0.1}}", 0.1,
     NULL},
    {"loss_bce", "optimizer: {sgd: {lr: 0.5}}", 0.5, "{name: bce, target: t}"},
    {"loss_kl", "optimizer: {sgd: {lr: 0.5}}", 0.5, "{name: kl, target: t, temperature: 3}"},
    {"loss_kl_probabilities", "optimizer: {sgd: {lr: 0.5}}", 0.5,
     "{name: kl, target: t, probabilities: true}"},
    {"loss_info_nce", "optimizer: {sgd: {lr: 0.1}}", 0.1,
     "{name: info_nce, target: t, temperature: 0.2}"},
    {"loss_info_nce_symmetric", "optimizer: {sgd: {lr: 0.1}}", 0.1,
     "{name: info_nce, target: t, temperature: 0.2, symmetric: true}"},
    {"loss_huber", "optimizer: {sgd: {lr: 0.5}}", 0.5, "{name: huber, target: t, delta: 0.3}"},
    {"loss_hinge", "optimizer: {sgd: {lr: 0.1}}", 0.1, "{name: hinge, margin: 0.7}"},
    {"loss_ranking", "optimizer: {sgd: {lr: 0.1}}", 0.1, "{name: ranking, target: t, margin: 0.4}"},
    {"loss_ranking_logistic", "optimizer: {sgd: {lr: 0.1}}", 0.1,
     "{name: ranking, target: t, form: logistic}"},
    {"loss_dice", "optimizer: {sgd: {lr: 0.5}}", 0.5, "{name: dice, target: t, smooth: 0.5}"},
    {"loss_list", "optimizer: {sgd: {lr: 0.1}}", 0.1,
     "{name: mse, target: t, weight: 0.3}, {name: cross_entropy, weight: 2}, {name: l1, of: "
     "04-tanh, weight: 0.01}"},
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
  char yaml[1024];
  const bool own = cases[k].loss != NULL;
  struct rig r = {.n_fields = 3, .micro_batch = own ? B : 8, .n_rows = B};

  snprintf(yaml, sizeof yaml,
           "dtype: f64\nmodel: [linear: 16, silu, layer_norm, linear: 12, tanh, linear: %d]\nloss: "
           "[%s]\n%s\n",
           CLASSES, own ? cases[k].loss : "cross_entropy", cases[k].yaml);
  r.field[0] = rig_field("x", GLIA_F64, 1, (int64_t[]){IN});
  r.field[1] = rig_field("y", GLIA_I64, 0, NULL);
  r.field[2] = rig_field("t", GLIA_F64, 1, (int64_t[]){CLASSES});
  r.data[0] = x;
  r.data[1] = y;
  r.data[2] = t;
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
    double sum = 0.0; /* targets: probabilities of the classes */
    for (int i = 0; i < CLASSES; i++) sum += t[b][i] = 1.1 + sin(1.9 * b + 2.3 * i);
    for (int i = 0; i < CLASSES; i++) t[b][i] /= sum;
  }
  printf("array x %d %d :", B, IN);
  for (int i = 0; i < B * IN; i++) printf(" %.17g", x[i / IN][i % IN]);
  printf("\narray y %d :", B);
  for (int b = 0; b < B; b++) printf(" %lld", (long long)y[b]);
  printf("\narray t %d %d :", B, CLASSES);
  for (int i = 0; i < B * CLASSES; i++) printf(" %.17g", t[i / CLASSES][i % CLASSES]);
  printf("\n");
  for (size_t k = 0; k < GLIA_COUNT(cases); k++)
    if (run(k) != GLIA_OK) {
      fprintf(stderr, "%s", glia_trace());
      return 1;
    }
  return 0;
}
