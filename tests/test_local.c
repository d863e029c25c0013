/* Local learning: the published rules, isolation of modules, and what they need of memory. */
#include "glia_kernels.h"
#include "glia_stage.h"
#include "tap.h"
#include "train_rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNITS = 16 };

/* ---- rules: golden values computed from the published code, n = 16 */

static void check_sample(int depth, int module, int n, const int *expected)
{
  const int modules = UNITS - depth - 1;
  const int own = glia_local_depth(depth, 0.5, modules, module);
  int got[UNITS];

  CU_ASSERT_EQUAL(own, n);
  CU_ASSERT_EQUAL_FATAL(glia_local_select(UNITS, module, own, got), n);
  for (int k = 0; k < n; k++) {
    CU_ASSERT_EQUAL(got[k], expected[k]);
    if (got[k] != expected[k])
      tap_note("d=%d l=%d: %d where %d is due", depth, module, got[k], expected[k]);
  }
}

static void two_layers_are_sampled_as_published(void)
{
  static const int first[13] = {8, 8, 8, 9, 10, 10, 10, 11, 12, 12, 12, 13, 14};

  for (int l = 0; l < 13; l++) check_sample(2, l, 2, (const int[]){first[l], 15});
}

static void three_layers_are_sampled_as_published(void)
{
  check_sample(3, 0, 3, (const int[]){5, 10, 15});
  check_sample(3, 1, 3, (const int[]){6, 10, 15});
  check_sample(3, 2, 3, (const int[]){6, 11, 15});
  check_sample(3, 3, 3, (const int[]){7, 11, 15});
  check_sample(3, 4, 3, (const int[]){8, 11, 15});
  check_sample(3, 5, 3, (const int[]){8, 12, 15});
  check_sample(3, 6, 2, (const int[]){10, 15});
  check_sample(3, 11, 2, (const int[]){13, 15});
  for (int l = 6; l < 12; l++) CU_ASSERT_EQUAL(glia_local_depth(3, 0.5, 12, l), 2);
}

static void five_layers_are_sampled_as_published(void)
{
  static const int depth[10] = {5, 5, 5, 4, 4, 4, 4, 3, 3, 3};

  for (int l = 0; l < 10; l++) CU_ASSERT_EQUAL(glia_local_depth(5, 0.5, 10, l), depth[l]);
  check_sample(5, 0, 5, (const int[]){3, 6, 9, 12, 15});
  check_sample(5, 3, 4, (const int[]){6, 9, 12, 15});
  check_sample(5, 6, 4, (const int[]){8, 10, 13, 15});
  check_sample(5, 9, 3, (const int[]){11, 13, 15});
}

static void the_end_of_a_model_gives_what_it_has(void)
{
  int got[8];

  CU_ASSERT_EQUAL(glia_local_select(10, 7, 3, got), 2);
  CU_ASSERT(got[0] == 8 && got[1] == 9);
  CU_ASSERT_EQUAL(glia_local_select(10, 6, 3, got), 3);
  CU_ASSERT(got[0] == 7 && got[2] == 9);
  CU_ASSERT_EQUAL(glia_local_depth(4, 1.0, 6, 5), 1);
  CU_ASSERT_EQUAL(glia_local_depth(2, 0.5, 1, 0), 2);
}

/* ---- models */

static const char network[] = "data: {file: none.h5, batch: 32, micro_batch: 32}\n"
                              "model:\n"
                              "  - {reshape: [1, 14, 14]}\n"
                              "  - {conv: {channels: 8, kernel: 3, padding: 1, bias: false}}\n"
                              "  - batch_norm\n"
                              "  - relu\n"
#define BLOCK(c, s, shortcut)                                                                      \
  "  - residual: {body: [{conv: {channels: " #c ", kernel: 3, stride: " #s                         \
  ", padding: 1, bias: false}}, batch_norm, relu, {conv: {channels: " #c                           \
  ", kernel: 3, padding: 1, bias: false}}, batch_norm]" shortcut "}\n  - relu\n"
#define WIDER(c)                                                                                   \
  BLOCK(c, 2,                                                                                      \
        ", shortcut: [{conv: {channels: " #c ", kernel: 1, stride: 2, bias: false}}, batch_norm]")
    BLOCK(8, 1, "") BLOCK(8, 1, "") BLOCK(8, 1, "") WIDER(16) BLOCK(16, 1, "") BLOCK(16, 1, "")
        WIDER(32) BLOCK(32, 1, "") BLOCK(32, 1, "") "  - global_avg_pool\n"
                                                    "  - linear: 10\n"
                                                    "loss: cross_entropy\n";

static const struct glia_model_field image[2] = {
    {"x", {.dtype = GLIA_F32, .rank = 1, .dim = {196}}, 1.0, 0.0, 0},
    {"y", {.dtype = GLIA_I32, .rank = 0}, 1.0, 0.0, 10}};

static struct glia_yaml_doc *parse(const char *yaml, const char *more)
{
  struct glia_yaml_doc *doc = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_yaml_parse_text("run.yaml", yaml, strlen(yaml), &doc), GLIA_OK);
  if (more != NULL) CU_ASSERT_EQUAL_FATAL(glia_yaml_override(doc, more), GLIA_OK);
  return doc;
}

static struct glia_model *build(const char *yaml, const char *more)
{
  struct glia_yaml_doc *doc = parse(yaml, more);
  struct glia_model *m = NULL;

  const glia_status st = glia_model_build(glia_yaml_root(doc), 2, image, 32, &m);
  if (st != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
  glia_yaml_destroy(&doc);
  return m;
}

static int layer_at(const struct glia_model *m, const char *name)
{
  for (int i = 0; i < glia_model_layers(m); i++)
    if (strcmp(glia_model_layer(m, i).name, name) == 0) return i;
  return -1;
}

static int64_t width_of(const struct glia_model *m, const char *layer)
{
  const int at = layer_at(m, layer);

  CU_ASSERT_FATAL(at >= 0);
  return glia_graph_node(glia_model_graph(m), glia_model_layer(m, at).value)->type.dim[1];
}

static int64_t side_of(const struct glia_model *m, const char *layer)
{
  return glia_graph_node(glia_model_graph(m), glia_model_layer(m, layer_at(m, layer)).value)
      ->type.dim[2];
}

/* Ten units; depth 3: six local modules, then four units together. */
static void auxiliary_networks_are_fresh_copies_of_later_layers(void)
{
  struct glia_model *plain = build(network, NULL), *local = build(network, "local={depth: 3}");

  CU_ASSERT_EQUAL(glia_model_modules(plain), 0);
  CU_ASSERT_EQUAL_FATAL(glia_model_modules(local), 7);
  for (int i = 0; i < glia_model_layers(plain); i++)
    CU_ASSERT(layer_at(local, glia_model_layer(plain, i).name) >= 0);
  /* l = 0: three of nine, the third, sixth and ninth behind it: 8, 16 and 32 channels */
  CU_ASSERT_EQUAL(width_of(local, "aux00.00-residual"), 8);
  CU_ASSERT_EQUAL(width_of(local, "aux00.02-residual"), 16);
  CU_ASSERT_EQUAL(width_of(local, "aux00.04-residual"), 32);
  CU_ASSERT_EQUAL(side_of(local, "aux00.00-residual"), 14);
  CU_ASSERT_EQUAL(side_of(local, "aux00.02-residual"), 7);
  CU_ASSERT_EQUAL(side_of(local, "aux00.04-residual"), 4);
  CU_ASSERT_EQUAL(width_of(local, "aux00.07-linear"), 10);
  CU_ASSERT(layer_at(local, "aux05.00-residual") >= 0 && layer_at(local, "aux06.00-residual") < 0);
  CU_ASSERT(glia_model_size(local) > 2 * glia_model_size(plain));
  glia_model_destroy(&local);

  local = build(network, "local={depth: 0}"); /* heads alone */
  CU_ASSERT_EQUAL(glia_model_modules(local), 10);
  CU_ASSERT_EQUAL(glia_model_size(local), glia_model_size(plain) + 4 * (8 * 10 + 10) +
                                              3 * (16 * 10 + 10) + 2 * (32 * 10 + 10));
  glia_model_destroy(&local);
  local = build(network, "local={depth: 1}"); /* one layer: a norm before the classifier */
  CU_ASSERT(layer_at(local, "aux00.03-batch_norm") >= 0);
  glia_model_destroy(&local);
  glia_model_destroy(&plain);
}

/* From 16 to 64 channels: halved in that unit, and once more in the next. */
static void a_jump_of_channels_is_carried_on(void)
{
  static const char jump[] =
      "data: {file: none.h5, batch: 32}\n"
      "model: [{reshape: [1, 14, 14]}, {conv: {channels: 16, kernel: 3, padding: 1}}, relu,\n"
      "  {conv: {channels: 64, kernel: 3, padding: 1}}, relu, {conv: {channels: 64, kernel: 3, "
      "padding: 1}},\n"
      "  relu, {conv: {channels: 64, kernel: 3, padding: 1}}, relu, global_avg_pool, {linear: "
      "10}]\n"
      "loss: cross_entropy\n";
  struct glia_model *m = build(jump, "local={depth: 2}");

  CU_ASSERT_EQUAL(side_of(m, "aux00.00-conv"), 7); /* unit 2 of 0 .. 3, rint(0 + 3 / 2) */
  CU_ASSERT_EQUAL(side_of(m, "aux00.02-conv"), 4);
  glia_model_destroy(&m);
}

static void refuses(const char *yaml, const char *more, const char *what)
{
  struct glia_yaml_doc *doc = parse(yaml, more);
  struct glia_model *m = NULL;

  CU_ASSERT_NOT_EQUAL(glia_model_build(glia_yaml_root(doc), 2, image, 32, &m), GLIA_OK);
  CU_ASSERT(strstr(glia_trace(), what) != NULL);
  if (strstr(glia_trace(), what) == NULL) tap_note("%s", glia_trace());
  glia_trace_clear();
  glia_model_destroy(&m);
  glia_yaml_destroy(&doc);
}

static void what_cannot_be_local_is_refused(void)
{
  static const char skips[] = "data: {file: none.h5, batch: 32}\n"
                              "model: [{linear: 8, name: a}, {linear: 8}, {linear: 8},\n"
                              "  {add: null, from: [a, 02-linear]}, {linear: 10}]\n"
                              "local: {depth: 0}\n"
                              "loss: cross_entropy\n";

  refuses(skips, NULL, "03-add reads a of another module");
  refuses(network, "local={depth: 9}", "at most 8");
  refuses(network, "local={deep: 9}", "deep");
  refuses(network, "local={depth: 2, modules: [40]}", "no layer of the model");
  refuses(network, "local={depth: 0, hidden: [3, 4]}", "2 numbers for 9");
  struct glia_yaml_doc *doc = parse(network, "local={depth: 2}");
  CU_ASSERT_EQUAL(glia_yaml_override(doc, "clip_norm=1"), GLIA_OK);
  struct glia_model *m = NULL;
  CU_ASSERT_NOT_EQUAL(glia_model_build(glia_yaml_root(doc), 2, image, 32, &m), GLIA_OK);
  CU_ASSERT(strstr(glia_trace(), "clip_norm") != NULL);
  glia_trace_clear();
  glia_yaml_destroy(&doc);
}

static size_t activations(const struct glia_model *m)
{
  struct glia_program *p = NULL;
  struct glia_program_info info = {0};

  CU_ASSERT_EQUAL_FATAL(glia_model_compile(m, glia_kernels_default(), GLIA_BUCKET_BYTES, &p),
                        GLIA_OK);
  CU_ASSERT_FATAL(glia_program_info(p, "train", &info));
  glia_program_destroy(&p);
  return info.micro_bytes;
}

/* On one rank: a module's activations go before those of the next one come. Bound: the card's 60 %. */
static void local_learning_holds_one_module_at_a_time(void)
{
  struct glia_model *plain = build(network, NULL);
  const size_t all = activations(plain);

  for (int depth = 0; depth <= 3; depth++) {
    char key[32];
    snprintf(key, sizeof key, "local={depth: %d}", depth);
    struct glia_model *m = build(network, key);
    const size_t own = activations(m);
    tap_note("depth %d: %zu bytes, %.0f %% of backpropagation's %zu", depth, own,
             1e2 * (double)own / (double)all, all);
    CU_ASSERT((double)own <= 0.6 * (double)all);
    glia_model_destroy(&m);
  }
  glia_model_destroy(&plain);
}

/* The same on ranks that share the layers out, each of whom holds one micro-batch at a time (slots of the local schedule). */
static size_t activations_of_rank(const struct glia_model *m, const struct glia_cut *cut, int rank)
{
  struct glia_stage *stage = NULL;
  struct glia_program *p = NULL;
  struct glia_program_info info = {0};

  CU_ASSERT_EQUAL_FATAL(glia_stage_cut(glia_model_graph(m), cut, rank, &stage), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_stage_compile(stage, glia_kernels_default(), GLIA_BUCKET_BYTES, &p),
                        GLIA_OK);
  CU_ASSERT_FATAL(glia_program_info(p, "train", &info));
  glia_program_destroy(&p);
  glia_stage_destroy(&stage);
  return info.micro_bytes;
}

static void each_rank_holds_its_modules_alone(void)
{
  struct glia_model *plain = build(network, NULL);
  const size_t all = activations(plain);

  for (int depth = 0; depth <= 3; depth++) {
    char key[32];
    double cost[256];
    struct glia_model_cut layers;
    snprintf(key, sizeof key, "local={depth: %d}", depth);
    struct glia_model *m = build(network, key);
    CU_ASSERT_FATAL(glia_model_layers(m) <= (int)GLIA_COUNT(cost));
    glia_model_cost(m, cost);
    CU_ASSERT_EQUAL_FATAL(glia_model_cut_balanced(m, cost, 2, &layers), GLIA_OK);
    const struct glia_cut cut = {.ranks = 2,
                                 .chunks = 1,
                                 .stage_of = glia_model_stage_of,
                                 .self = &layers,
                                 .loss = glia_model_loss_sum(m),
                                 .parts = glia_model_modules(m),
                                 .part_of = glia_model_part_of};
    for (int rank = 0; rank < 2; rank++) {
      const size_t own = activations_of_rank(m, &cut, rank);
      tap_note("depth %d, rank %d of 2: %zu bytes, %.0f %% of backpropagation's %zu", depth, rank,
               own, 1e2 * (double)own / (double)all, all);
      CU_ASSERT((double)own <= 0.6 * (double)all);
    }
    glia_model_destroy(&m);
  }
  glia_model_destroy(&plain);
}

/* ---- isolation, on a chain of five units with three local modules */

static const char chain[] =
    "seed: 5\n"
    "data: {file: none.h5, batch: 32, micro_batch: 8}\n"
    "model: [{linear: 6}, tanh, {linear: 6}, tanh, {linear: 6}, tanh, {linear: 6}, tanh,\n"
    "  {linear: 6}, tanh, {linear: 2}]\n"
    "local: {depth: 1}\n"
    "loss: cross_entropy\n"
    "optimizer: {sgd: {lr: 1e-3, momentum: 0.9}}\n"
    "max_steps: 1\n";
static const char *const module_weight[4] = {"00-linear/weight", "02-linear/weight",
                                             "04-linear/weight", "06-linear/weight"};

static float *state(struct train_rig *r, const char *prefix, const char *name, int64_t *n)
{
  const struct glia_state *s;
  const int count = glia_graph_states(glia_model_graph(r->model), &s);
  char path[128];

  snprintf(path, sizeof path, "%s/%s", prefix, name);
  for (int i = 0; i < count; i++)
    if (strcmp(s[i].path, path) == 0) {
      *n = glia_type_count(&s[i].type);
      return glia_engine_state(r->engine, i);
    }
  *n = 0;
  return NULL;
}

/* Gradients of a step, which momentum is after the first one; `shift` is added to all weights of module j. */
static void gradients(const char *yaml, int j, float shift, float out[4][64], double *loss)
{
  struct train_rig r;
  struct glia_train_result result;
  int64_t n;

  train_rig_start(&r, yaml, "points", 1, NULL);
  float *w = j >= 0 ? state(&r, "params", module_weight[j], &n) : NULL;
  for (int64_t i = 0; w != NULL && i < n; i++) w[i] += shift;
  const struct glia_train_job job = {
      .config = &r.config, .model = r.model, .engine = r.engine, .source = r.source};
  CU_ASSERT_EQUAL_FATAL(glia_train(&job, &result), GLIA_OK);
  for (int k = 0; k < 4; k++) {
    const float *g = state(&r, "optimizer/momentum", module_weight[k], &n);
    memset(out[k], 0, sizeof out[k]);
    if (g != NULL) memcpy(out[k], g, (size_t)n * sizeof *g);
  }
  if (loss != NULL) *loss = result.train_loss;
  train_rig_end(&r);
}

static void a_module_changes_gradients_of_later_ones_alone(void)
{
  float was[4][64], is[4][64];

  gradients(chain, -1, 0.0f, was, NULL);
  for (int j = 0; j < 4; j++) {
    gradients(chain, j, 1e-2f, is, NULL);
    for (int k = 0; k < 4; k++) {
      const bool same = memcmp(was[k], is[k], sizeof was[k]) == 0;
      CU_ASSERT_EQUAL(same, k < j);
    }
  }
}

/* The same network with the loss of local module l alone, as the list that `local` stands for. */
static char *only_loss_of(int l)
{
  struct glia_yaml_doc *doc = parse(chain, NULL);
  char *model = NULL, *out = NULL;
  size_t size;

  CU_ASSERT_EQUAL_FATAL(glia_local_expand(glia_yaml_root(doc), &model), GLIA_OK);
  CU_ASSERT_FATAL(model != NULL);
  char *end = strstr(model, "loss:\n");
  CU_ASSERT_FATAL(end != NULL);
  *end = '\0';
  FILE *f = open_memstream(&out, &size);
  fprintf(f,
          "seed: 5\ndata: {file: none.h5, batch: 32, micro_batch: 8}\n%s"
          "loss: [{name: cross_entropy, of: aux%02d.03-linear}]\n"
          "optimizer: {sgd: {lr: 1e-3, momentum: 0.9}}\nmax_steps: 1\n",
          model, l);
  fclose(f);
  free(model);
  glia_yaml_destroy(&doc);
  return out;
}

/* loss_l depends on module l - 1 (differences say so), and adds exactly nothing to its gradient. */
static void no_gradient_passes_between_modules(void)
{
  float local[4][64], alone[4][64], none[64] = {0};
  double low, high;

  gradients(chain, -1, 0.0f, local, NULL);
  for (int l = 0; l < 3; l++) {
    char *yaml = only_loss_of(l);
    gradients(yaml, -1, 0.0f, alone, NULL);
    CU_ASSERT_EQUAL(memcmp(alone[l], local[l], sizeof none), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(alone[l], none, sizeof none), 0);
    for (int k = 0; k < 4; k++)
      if (k != l) CU_ASSERT_EQUAL(memcmp(alone[k], none, sizeof none), 0);
    if (l > 0) {
      gradients(yaml, l - 1, 1e-2f, alone, &high);
      gradients(yaml, l - 1, -1e-2f, alone, &low);
      tap_note("loss %d by module %d: %.4f", l, l - 1, (high - low) / 2e-2);
      CU_ASSERT(fabs(high - low) / 2e-2 > 1e-3);
    }
    free(yaml);
  }
}

TAP_MAIN("local", TAP(two_layers_are_sampled_as_published),
         TAP(three_layers_are_sampled_as_published), TAP(five_layers_are_sampled_as_published),
         TAP(the_end_of_a_model_gives_what_it_has),
         TAP(auxiliary_networks_are_fresh_copies_of_later_layers),
         TAP(a_jump_of_channels_is_carried_on), TAP(what_cannot_be_local_is_refused),
         TAP(local_learning_holds_one_module_at_a_time), TAP(each_rank_holds_its_modules_alone),
         TAP(a_module_changes_gradients_of_later_ones_alone),
         TAP(no_gradient_passes_between_modules))
