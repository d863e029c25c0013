/* Trains small networks, one for each layer with a spatial axis or a norm, and prints data, parameters, states, losses and
 * predictions for test_torch_cnn.sh; the format is that of dump_torch_nn. */
#include "glia_kernels.h"
#include "nn_rig.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { B = 12, C = 4, H = 6, W = 5, CLASSES = 3, STEPS = 20 };

static double x[B][C * H * W];
static int64_t y[B];

static const struct {
  const char *name, *model;
} cases[] = {
    {"conv1d", "{reshape: [8, 15]}, {conv: {channels: 6, kernel: 3, stride: 2, padding: 2, groups: "
               "2}}, flatten"},
    {"conv2d", "{conv: {channels: 6, kernel: [3, 2], stride: [1, 2], padding: [1, 0], dilation: "
               "[2, 1]}}, flatten"},
    {"conv3d", "{reshape: [2, 2, 6, 5]}, {conv: {channels: 3, kernel: [2, 3, 3], padding: [1, 0, "
               "1]}}, flatten"},
    {"same", "{conv: {channels: 5, kernel: [2, 3], padding: same, bias: false}}, flatten"},
    {"depthwise", "{conv: {channels: 8, kernel: 3, padding: 1, groups: 4}}, flatten"},
    {"reflect", "{conv: {channels: 3, kernel: 3, padding: 2, padding_mode: reflect}}, flatten"},
    {"replicate", "{conv: {channels: 3, kernel: 3, padding: 2, padding_mode: replicate}}, flatten"},
    {"circular", "{conv: {channels: 3, kernel: 3, padding: 2, padding_mode: circular}}, flatten"},
    {"max_pool",
     "{conv: {channels: 4, kernel: 1}}, {max_pool: {kernel: 3, stride: 2, padding: 1}}, flatten"},
    {"avg_pool", "{conv: {channels: 4, kernel: 1}}, {avg_pool: {kernel: 2, padding: 1}}, flatten"},
    {"avg_rows", "{conv: {channels: 4, kernel: 1}}, {avg_pool: {kernel: 3, stride: 2, padding: 1, "
                 "count_padding: false}}, flatten"},
    {"adaptive", "{conv: {channels: 4, kernel: 1}}, {adaptive_avg_pool: [4, 3]}, flatten"},
    {"global", "{conv: {channels: 7, kernel: 2}}, relu, global_avg_pool"},
    {"nearest", "{conv: {channels: 4, kernel: 1}}, {resize: [9, 8]}, flatten"},
    {"linear", "{conv: {channels: 4, kernel: 1}}, {resize: {size: [9, 3], mode: linear}}, flatten"},
    {"batch_norm", "{conv: {channels: 5, kernel: 3}}, batch_norm, relu, flatten"},
    {"batch_norm_rows", "flatten, {linear: 9}, {batch_norm: {momentum: 0.3, eps: 1e-3}}, tanh"},
    {"batch_norm_l1", "{conv: {channels: 5, kernel: 3}}, {batch_norm: {norm: l1}}, relu, flatten"},
    {"group_norm", "{conv: {channels: 6, kernel: 3}}, {group_norm: 3}, gelu, flatten"},
    {"layer_norm_l1",
     "flatten, {linear: 9}, {layer_norm: {norm: l1}}, {gelu: {approximate: tanh}}"},
    {"activations",
     "flatten, {linear: 9}, softplus, {linear: 9}, elu, {linear: 9}, {leaky_relu: 0.2}"},
    {"cnn", "{conv: {channels: 8, kernel: 3, padding: same}}, batch_norm, relu, {max_pool: 2}, "
            "{conv: {channels: 8, kernel: "
            "3, padding: 1, groups: 2}}, {batch_norm: , name: b}, {add: , from: [b, 03-max_pool]}, "
            "relu, global_avg_pool"},
};

static void print_array(const char *when, const char *path, const struct glia_type *type,
                        const double *w)
{
  printf("array %s/%s", when, path);
  for (int k = 0; k < type->rank; k++) printf(" %lld", (long long)type->dim[k]);
  printf(" :");
  for (int64_t k = 0; k < glia_type_count(type); k++) printf(" %.17g", w[k]);
  printf("\n");
}

static void print_states(struct rig *r, const char *when)
{
  const struct glia_state *state;
  const int n = glia_graph_states(r->g, &state);

  for (int i = 0; i < n; i++)
    if (strncmp(state[i].path, "optimizer/", 10) != 0)
      print_array(when, state[i].path, &state[i].type, glia_engine_state(r->e, i));
}

static glia_status run(size_t k)
{
  static double out[B][CLASSES];
  const struct glia_type type = glia_type_make(GLIA_F64, 2, (int64_t[]){B, CLASSES});
  char yaml[1024];
  struct rig r = {.n_fields = 2, .micro_batch = B, .n_rows = B, .kernels = glia_kernels_default()};

  snprintf(yaml, sizeof yaml,
           "dtype: f64\nmodel: [%s, {linear: %d, name: last}]\nloss: cross_entropy\noptimizer: "
           "{sgd: {lr: 0.1}}\n",
           cases[k].model, CLASSES);
  r.field[0] = rig_field("x", GLIA_F64, 3, (int64_t[]){C, H, W});
  r.field[1] = rig_field("y", GLIA_I64, 0, NULL);
  r.data[0] = x;
  r.data[1] = y;
  GLIA_TRY(rig_start(&r, yaml, 11, 1));
  printf("case %s\n", cases[k].name);
  print_states(&r, "first");
  printf("array losses %d :", STEPS);
  for (int step = 1; step <= STEPS; step++) {
    GLIA_TRY(rig_step(&r, "train", 0.1, step));
    printf(" %.17g", rig_output(&r, "train", "loss"));
  }
  printf("\n");
  print_states(&r, "last");
  r.taken = out;
  GLIA_TRY(rig_step(&r, "predict", 0.0, STEPS));
  print_array("predict", "output", &type, &out[0][0]);
  rig_end(&r);
  return GLIA_OK;
}

int main(void)
{
  for (int b = 0; b < B; b++) {
    y[b] = (b * 7) % CLASSES;
    for (int i = 0; i < C * H * W; i++) x[b][i] = sin(0.7 * b + 1.3 * i * i);
  }
  printf("array x %d %d %d %d :", B, C, H, W);
  for (int i = 0; i < B * C * H * W; i++) printf(" %.17g", x[i / (C * H * W)][i % (C * H * W)]);
  printf("\narray y %d :", B);
  for (int b = 0; b < B; b++) printf(" %lld", (long long)y[b]);
  printf("\n");
  for (size_t k = 0; k < GLIA_COUNT(cases); k++)
    if (run(k) != GLIA_OK) {
      fprintf(stderr, "%s: %s", cases[k].name, glia_trace());
      return 1;
    }
  return 0;
}
