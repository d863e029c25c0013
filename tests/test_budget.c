/* Values computed again under a budget of memory: bits, bytes, work, and what is refused. */
#include "glia_kernels.h"
#include "nn_rig.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 14, MICRO = 4, STEPS = 2, SIDE = 8, PLACES = 8, TOKENS = 11 };

static float image[ROWS][2 * SIDE * SIDE];
static uint8_t token[ROWS][PLACES], next[ROWS][PLACES], label[ROWS];

#define ADAM "loss: cross_entropy\noptimizer: {adam: {lr: 0.01}}\nclip_norm: 0.5\n"
#define FOUR "{linear: 24}, tanh, {linear: 24}, tanh, {linear: 24}, tanh, {linear: 24}, tanh, "

static const char mlp[] = "model: [flatten, {linear: 40}, relu, {linear: 30}, gelu, {dropout: 0.3},"
                          " {linear: 3}]\n" ADAM,
                  deep[] = "model: [flatten, " FOUR FOUR FOUR FOUR FOUR FOUR "{linear: 3}]\n" ADAM,
                  cnn[] = "model:\n"
                          "  - conv: {channels: 6, kernel: 3, padding: same}\n"
                          "  - batch_norm\n"
                          "  - relu\n"
                          "  - max_pool: 2\n"
                          "  - dropout: 0.3\n"
                          "  - conv: {channels: 8, kernel: 3}\n"
                          "  - batch_norm: {over: batch}\n"
                          "  - gelu\n"
                          "  - global_avg_pool\n"
                          "  - linear: 3\n" ADAM,
                  resnet[] = "model:\n"
                             "  - conv: {channels: 8, kernel: 3, padding: same}\n"
                             "  - batch_norm\n"
                             "  - relu\n"
#define BLOCK                                                                                      \
  "  - residual: [{conv: {channels: 8, kernel: 3, padding: same}}, batch_norm, relu,\n"            \
  "               {conv: {channels: 8, kernel: 3, padding: same}}, batch_norm]\n"                  \
  "  - relu\n"
                  BLOCK BLOCK BLOCK "  - global_avg_pool\n  - flatten\n  - linear: 3\n" ADAM,
                  gpt[] = "model:\n"
                          "  - {embedding: {count: 11, size: 16}, name: e}\n"
                          "  - positional\n"
                          "  - transformer_block: {heads: 2, causal: true, dropout: 0.1}\n"
                          "  - transformer_block: {heads: 2, causal: true, dropout: 0.1}\n"
                          "  - layer_norm\n"
                          "  - unembedding: e\n" ADAM,
                  loops[] = "model:\n"
                            "  - {embedding: {count: 11, size: 16}, name: e}\n"
                            "  - linear: {units: 12, last_axis: true}\n"
                            "  - tanh\n"
                            "  - gru: {units: 8, gradient: recomputed}\n"
                            "  - gelu\n"
                            "  - linear: {units: 11, last_axis: true}\n" ADAM;

static const struct {
  const char *name, *yaml;
  bool text;
  double goal; /* what the least must come to, of what all takes */
} model[] = {{"mlp", mlp, false, 0.8},  {"deep", deep, false, 0.5},
             {"cnn", cnn, false, 0.95}, {"resnet", resnet, false, 0.7},
             {"gpt", gpt, true, 0.8},   {"loops", loops, true, 0.75}};

static void make_up(void)
{
  unsigned s = 1;

  for (int r = 0; r < ROWS; r++) {
    for (int i = 0; i < 2 * SIDE * SIDE; i++) {
      s = s * 1664525u + 1013904223u;
      image[r][i] = (float)(s >> 8) / 16777216.0F - 0.5F;
    }
    for (int i = 0; i < PLACES; i++) {
      s = s * 1664525u + 1013904223u;
      token[r][i] = (uint8_t)((s >> 8) % TOKENS);
      next[r][i] = (uint8_t)((s >> 16) % TOKENS);
    }
    label[r] = (uint8_t)((s >> 8) % 3);
  }
}

static struct rig rig_of(int k, size_t bytes)
{
  struct rig r = {.n_fields = 2,
                  .micro_batch = MICRO,
                  .n_rows = ROWS,
                  .bytes = bytes,
                  .kernels = glia_kernels_default()};

  if (model[k].text) {
    r.field[0] = rig_field("x", GLIA_U8, 1, (int64_t[]){PLACES});
    r.field[1] = rig_field("y", GLIA_U8, 1, (int64_t[]){PLACES});
    r.field[0].n_labels = r.field[1].n_labels = TOKENS;
    r.data[0] = token;
    r.data[1] = next;
  } else {
    r.field[0] = rig_field("x", GLIA_F32, 3, (int64_t[]){2, SIDE, SIDE});
    r.field[1] = rig_field("y", GLIA_U8, 0, NULL);
    r.field[1].n_labels = 3;
    r.data[0] = image;
    r.data[1] = label;
  }
  return r;
}

static struct glia_program_info info_of(const struct rig *r)
{
  struct glia_program_info info = {0};

  CU_ASSERT_FATAL(glia_program_info(r->p, "train", &info));
  return info;
}

/* The rig after a few steps. */
static void trained(struct rig *r, int k, size_t bytes, int threads)
{
  *r = rig_of(k, bytes);
  glia_status st = rig_start(r, model[k].yaml, 5, threads);
  for (int s = 1; st == GLIA_OK && s <= STEPS; s++) st = rig_step(r, "train", 0.01, s);
  if (st == GLIA_OK) st = rig_step(r, "eval", 0.0, 0);
  if (st != GLIA_OK) tap_note("%s: %s", model[k].name, glia_trace());
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
}

static bool same(struct rig *a, struct rig *b)
{
  const struct glia_state *state;
  const int n = glia_graph_states(a->g, &state);
  const double x = rig_output(a, "eval", "loss_sum"), y = rig_output(b, "eval", "loss_sum");
  bool alike = memcmp(&x, &y, sizeof x) == 0;

  for (int i = 0; i < n; i++)
    alike = alike && memcmp(glia_engine_state(a->e, i), glia_engine_state(b->e, i),
                            glia_type_bytes(&state[i].type)) == 0;
  return alike;
}

/* The least that a refusal names. */
static size_t least_of(int k)
{
  struct rig r = rig_of(k, 1);
  size_t least = 0;

  CU_ASSERT_EQUAL(rig_start(&r, model[k].yaml, 5, 1), GLIA_E_CONFIG);
  const char *at = strstr(glia_trace(), "down to ");
  CU_ASSERT_FATAL(at != NULL);
  least = (size_t)strtoull(at + strlen("down to "), NULL, 10);
  glia_trace_clear();
  rig_end(&r);
  return least;
}

static void within(int k, struct rig *all, size_t bytes, int threads)
{
  struct rig r;

  trained(&r, k, bytes, threads);
  const struct glia_program_info info = info_of(&r), before = info_of(all);
  tap_note("%s: %zu bytes for %zu of %zu, %.1f %% more work, %d nodes of %d", model[k].name, bytes,
           info.micro_bytes, before.micro_bytes, 1e2 * info.extra_work, info.nodes, before.nodes);
  CU_ASSERT(same(all, &r));
  CU_ASSERT(info.micro_bytes <= bytes);
  CU_ASSERT(info.kept_bytes == before.micro_bytes);
  CU_ASSERT((info.extra_work > 0.0) == (bytes < before.micro_bytes));
  CU_ASSERT(info.extra_work < 0.5); /* a forward pass is less than half of a step's work */
  CU_ASSERT((double)info.micro_bytes <= 1.15 * (double)info.micro_lower_bound);
  CU_ASSERT(info.phases == before.phases && info.sums_bytes == before.sums_bytes);
  rig_end(&r);
}

static void bits_stay_and_bytes_fall(void)
{
  make_up();
  for (int k = 0; k < (int)GLIA_COUNT(model); k++) {
    struct rig all;
    trained(&all, k, 0, 1);
    const size_t full = info_of(&all).micro_bytes, least = least_of(k);
    tap_note("%s: %zu bytes, at least %zu (%.2f)", model[k].name, full, least,
             (double)least / (double)full);
    CU_ASSERT((double)least <= model[k].goal * (double)full);
    within(k, &all, full, 1);
    if (least < full) within(k, &all, least, 1);
    if (least < full) within(k, &all, (full + least) / 2, 2);
    rig_end(&all);
  }
}

/* The same graph and budget give the same program. */
static void a_plan_is_a_function_of_model_and_budget(void)
{
  struct rig all = rig_of(1, 0), r[2];
  char *text[2] = {NULL, NULL};

  CU_ASSERT_EQUAL_FATAL(rig_start(&all, deep, 5, 1), GLIA_OK);
  const size_t bytes = info_of(&all).micro_bytes * 7 / 10;
  for (int i = 0; i < 2; i++) {
    r[i] = rig_of(1, bytes);
    CU_ASSERT_EQUAL_FATAL(rig_start(&r[i], deep, 5, 1), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_program_print(r[i].p, "train", &text[i]), GLIA_OK);
  }
  CU_ASSERT(strcmp(text[0], text[1]) == 0);
  for (int i = 0; i < 2; i++) {
    free(text[i]);
    rig_end(&r[i]);
  }
  rig_end(&all);
}

static void local_learning_is_refused(void)
{
  struct rig r = rig_of(0, 4096);

  CU_ASSERT_EQUAL(rig_start(&r,
                            "model: [flatten, {linear: 8}, tanh, {linear: 8}, tanh, {linear: 8}, "
                            "tanh, {linear: 3}]\nlocal: {depth: 1}\nloss: cross_entropy\n"
                            "optimizer: {sgd: {lr: 0.1}}\n",
                            5, 1),
                  GLIA_E_UNSUPPORTED);
  CU_ASSERT(strstr(glia_trace(), "local learning") != NULL);
  glia_trace_clear();
  rig_end(&r);
}

TAP_MAIN("budget", TAP(bits_stay_and_bytes_fall), TAP(a_plan_is_a_function_of_model_and_budget),
         TAP(local_learning_is_refused))
