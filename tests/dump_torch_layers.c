/* Trains small networks over sequences and graphs, one for each layer, in float64; and takes the first hundred steps of a CNN and,
 * given the file of a text, of a GPT. Prints data, parameters and losses for test_torch_layers.sh; the format is that of
 * dump_torch_nn.
 * usage: dump_torch_layers [TEXT] */
#include "glia_kernels.h"
#include "nn_rig.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { B = 6, T = 5, D = 8, CLASSES = 3, STEPS = 20, CURVE = 100 };
enum { EDGES = 12, GROUPS = 3, MEMBERS = 8 };

static double x[B][T][D], mask[B][T];
static int32_t y[B][T], token[B][T], ptr[B][T + 1], idx[B][EDGES], edge_ptr[B][GROUPS + 1],
    edge_idx[B][MEMBERS];

#define LAST ", {linear: {units: 3, last_axis: true}, name: last}"

static const struct {
  const char *name, *model;
} cases[] = {
    {"attention", "{attention: 2}" LAST},
    {"attention_causal", "{attention: {heads: 4, causal: true}}" LAST},
    {"attention_mask", "{attention: {heads: 2, causal: true}, from: [input, mask]}" LAST},
    {"attention_cross", "{linear: {units: 8, last_axis: true}, name: q}, {linear: {units: 8, "
                        "last_axis: true}, from: input, name: kv}, {attention: {heads: 2, cross: "
                        "true}, from: [q, kv]}" LAST},
    {"block_pre", "{transformer_block: {heads: 2, hidden: 12}}" LAST},
    {"block_post",
     "{transformer_block: {heads: 2, norm: post, activation: relu, causal: true}}" LAST},
    {"rms_norm", "{rms_norm: }" LAST},
    {"positional", "positional" LAST},
    {"sinusoidal", "{positional: {kind: sinusoidal}}" LAST},
    {"residual",
     "{residual: [{linear: {units: 8, last_axis: true}}, tanh]}, {residual: {body: "
     "[{linear: {units: 6, last_axis: true}}], shortcut: [{linear: {units: 6, last_axis: "
     "true, bias: false}}]}}" LAST},
    {"patches", "{reshape: [2, 2, 10]}, {patch_embedding: {patch: 2, size: 7}}" LAST},
    {"tied", "{embedding: {count: 7, size: 8}, from: token, name: e}, positional, "
             "{transformer_block: {heads: 2, causal: true}}, layer_norm, {unembedding: e}"},
    {"lstm", "{lstm: 7}" LAST},
    {"lstm_reverse", "{lstm: {units: 7, reverse: true, gradient: recomputed}}" LAST},
    {"gru", "{gru: 7}" LAST},
    {"gru_last", "{gru: {units: 15, last: true}}, {reshape: [5, 3]}" LAST},
    {"lif_atan", "{linear: {units: 6, last_axis: true}, name: in}, {lif: {decay: 0.8, threshold: "
                 "0.3}}" LAST},
    {"lif_sigmoid", "{linear: {units: 6, last_axis: true}, name: in}, {lif: {surrogate: sigmoid, "
                    "threshold: 0.3, alpha: 4, reset: subtract, detach: false}}" LAST},
    {"lif_triangle", "{linear: {units: 6, last_axis: true}, name: in}, {lif: {surrogate: triangle, "
                     "threshold: 0.3, alpha: 1}}" LAST},
    {"lif_truncated",
     "{linear: {units: 6, last_axis: true}, name: in}, {lif: {surrogate: rectangle, "
     "threshold: 0.3, alpha: 1, gradient: truncated}}" LAST},
    {"graph_conv", "{graph_conv: 6}, relu, {graph_conv: {units: 3, bias: false}}"},
    {"graph_attention",
     "{graph_attention: {units: 4, heads: 2}}, elu, {graph_attention: {units: 3, "
     "heads: 2, concat: false}}"},
    {"hypergraph_conv", "{hypergraph_conv: 6}, relu, {hypergraph_conv: 3}"},
};

static void print_numbers(const struct glia_type *type, const void *data)
{
  for (int k = 0; k < type->rank; k++) printf(" %lld", (long long)type->dim[k]);
  printf(" :");
  for (int64_t k = 0; k < glia_type_count(type); k++) switch (type->dtype) {
    case GLIA_F64:
      printf(" %.17g", ((const double *)data)[k]);
      break;
    case GLIA_F32:
      printf(" %.9g", (double)((const float *)data)[k]);
      break;
    case GLIA_U8:
      printf(" %d", ((const unsigned char *)data)[k]);
      break;
    default:
      printf(" %d", (int)((const int32_t *)data)[k]);
    }
  printf("\n");
}

static void print_parameters(struct rig *r, const char *when)
{
  const struct glia_model_parameter *p;
  const struct glia_state *state;
  const int n = glia_model_parameters(r->m, &p);

  glia_graph_states(r->g, &state);
  for (int i = 0; i < n; i++) {
    printf("array %s/%s", when, p[i].path + strlen("params/"));
    print_numbers(&state[p[i].state].type, glia_engine_state(r->e, p[i].state));
  }
}

/* The rows of every field, and so many steps; schedule: none. */
static glia_status run(struct rig *r, const char *name, const char *yaml, double rate, int steps)
{
  GLIA_TRY(rig_start(r, yaml, 11, 1));
  printf("case %s\n", name);
  for (int f = 0; f < r->n_fields; f++) {
    struct glia_type type = r->field[f].row;
    for (int k = type.rank++; k > 0; k--) type.dim[k] = type.dim[k - 1];
    type.dim[0] = r->n_rows;
    printf("array data/%s", r->field[f].name);
    print_numbers(&type, r->data[f]);
  }
  print_parameters(r, "first");
  printf("array losses %d :", steps);
  for (int step = 1; step <= steps; step++) {
    GLIA_TRY(rig_step(r, "train", rate, step));
    printf(" %.17g", rig_output(r, "train", "loss"));
  }
  printf("\n");
  print_parameters(r, "last");
  rig_end(r);
  return GLIA_OK;
}

static glia_status run_layer(size_t k)
{
  char yaml[1024];
  const char *name[] = {"x", "y", "mask", "token", "ptr", "idx", "edge_ptr", "edge_idx"};
  const void *data[] = {x, y, mask, token, ptr, idx, edge_ptr, edge_idx};
  const int64_t extent[] = {T, T, T, T, T + 1, EDGES, GROUPS + 1, MEMBERS};
  struct rig r = {.n_fields = 8, .micro_batch = 3, .n_rows = B, .kernels = glia_kernels_default()};

  for (int f = 0; f < r.n_fields; f++) {
    const bool real = f == 0 || f == 2;
    r.field[f] = rig_field(name[f], real ? GLIA_F64 : GLIA_I32, 1, &extent[f]);
    r.data[f] = data[f];
  }
  r.field[0] = rig_field("x", GLIA_F64, 2, (int64_t[]){T, D});
  snprintf(yaml, sizeof yaml,
           "dtype: f64\nmodel: [%s]\nloss: cross_entropy\noptimizer: {sgd: {lr: 0.1}}\n",
           cases[k].model);
  return run(&r, cases[k].name, yaml, 0.1, STEPS);
}

/* Windows of a text, one batch again and again: bytes 10 to 126, less 10. */
static glia_status run_gpt(const char *path, const char *name, const char *dtype, double lr)
{
  enum { ROWS = 16, PLACES = 32 };
  static unsigned char text[ROWS * PLACES + 1], in[ROWS][PLACES], out[ROWS][PLACES];
  struct rig r = {.n_fields = 2,
                  .micro_batch = 4,
                  .n_rows = ROWS,
                  .data = {in, out},
                  .kernels = glia_kernels_default()};
  char yaml[1024];
  FILE *f = fopen(path, "rb");
  const size_t got = f != NULL ? fread(text, 1, sizeof text, f) : 0;

  if (f != NULL) fclose(f);
  GLIA_CHECK(got == sizeof text, GLIA_E_IO, "%s: %zu bytes", path, got);
  for (int i = 0; i < ROWS * PLACES; i++) {
    in[i / PLACES][i % PLACES] = (unsigned char)(text[i] - 10);
    out[i / PLACES][i % PLACES] = (unsigned char)(text[i + 1] - 10);
  }
  r.field[0] = rig_field("x", GLIA_U8, 1, (int64_t[]){PLACES});
  r.field[1] = rig_field("y", GLIA_U8, 1, (int64_t[]){PLACES});
  snprintf(yaml, sizeof yaml,
           "dtype: %s\nmodel: [{embedding: {count: 117, size: 32, std: 0.02}, name: e}, "
           "positional, {transformer_block: {heads: 4, causal: true}}, {transformer_block: {heads: "
           "4, causal: true}}, layer_norm, {unembedding: e}]\nloss: cross_entropy\noptimizer: "
           "{adamw: {lr: %g}}\nclip_norm: 1\n",
           dtype, lr);
  return run(&r, name, yaml, lr, CURVE);
}

static glia_status run_cnn(const char *name, const char *dtype)
{
  enum { ROWS = 32, SIDE = 12 };
  static double image[ROWS][SIDE][SIDE];
  static int32_t label[ROWS];
  char yaml[1024];
  struct rig r = {.n_fields = 2,
                  .micro_batch = ROWS,
                  .n_rows = ROWS,
                  .data = {image, label},
                  .kernels = glia_kernels_default()};

  for (int b = 0; b < ROWS; b++) {
    label[b] = b % 4;
    for (int i = 0; i < SIDE; i++)
      for (int k = 0; k < SIDE; k++)
        image[b][i][k] = sin(0.3 * b + 0.5 * i * (1 + b % 4)) + 0.3 * cos(1.7 * b * k + i);
  }
  r.field[0] = rig_field("x", GLIA_F64, 2, (int64_t[]){SIDE, SIDE});
  r.field[1] = rig_field("y", GLIA_I32, 0, NULL);
  snprintf(yaml, sizeof yaml,
           "dtype: %s\nmodel: [{reshape: [1, 12, 12]}, {conv: {channels: 8, kernel: 3, padding: "
           "same}}, batch_norm, relu, {max_pool: 2}, {conv: {channels: 16, kernel: 3}}, "
           "batch_norm, relu, flatten, {linear: 4}]\nloss: cross_entropy\noptimizer: {adam: {lr: "
           "1e-3}}\n",
           dtype);
  return run(&r, name, yaml, 1e-3, CURVE);
}

/* A ring with chords, other ones in each row; the last entries are padding. */
static void make_graphs(int b)
{
  int e = 0;

  for (int i = 0; i < T; i++) {
    ptr[b][i] = e;
    idx[b][e++] = (i + 1) % T;
    if (i % 3 != b % 3) idx[b][e++] = (i + 2 + b % 2) % T;
  }
  ptr[b][T] = e;
  for (; e < EDGES; e++) idx[b][e] = e % T;
  for (int g = 0; g <= GROUPS; g++) edge_ptr[b][g] = g * (2 + b % 2) + (g == GROUPS ? -1 : 0);
  for (int k = 0; k < MEMBERS; k++) edge_idx[b][k] = (k * (1 + b % 3) + b) % T;
}

int main(int argc, char **argv)
{
  for (int b = 0; b < B; b++) {
    for (int t = 0; t < T; t++) {
      y[b][t] = (b * 7 + t * t) % CLASSES;
      token[b][t] = (b * 5 + t * 3) % 7;
      mask[b][t] = t < 2 + b % 4 ? 1.0 : 0.0;
      for (int i = 0; i < D; i++) x[b][t][i] = sin(0.7 * b + 1.3 * i * i + 2.1 * t);
    }
    make_graphs(b);
  }
  for (size_t k = 0; k < GLIA_COUNT(cases); k++)
    if (run_layer(k) != GLIA_OK) {
      fprintf(stderr, "%s: %s", cases[k].name, glia_trace());
      return 1;
    }
  const char *text = argc > 1 ? argv[1] : NULL;
  glia_status st = run_cnn("curve_cnn", "f64");
  if (st == GLIA_OK) st = run_cnn("curve_cnn_f32", "f32");
  if (st == GLIA_OK && text != NULL) st = run_gpt(text, "curve_gpt", "f64", 1e-3);
  if (st == GLIA_OK && text != NULL) st = run_gpt(text, "curve_gpt_f32", "f32", 3e-4);
  if (st != GLIA_OK) fprintf(stderr, "%s", glia_trace());
  return st == GLIA_OK ? 0 : 1;
}
