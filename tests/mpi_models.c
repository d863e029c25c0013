/* Models over sequences and graphs on several ranks and threads: the states of one process, bit for bit, with dropout, batch norm over
 * micro-batches and over the batch, tied weights, clipping, moving averages and parameters in bf16; a micro-batch is partly padding. */
#include "glia_exchange_mpi.h"
#include "glia_kernels.h"
#include "nn_rig.h"
#include "tap_mpi.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 19, MICRO = 2, T = 6, D = 4, EDGES = 2 * T, CLASSES = 3, STEPS = 4 };

static float x[ROWS][T][D];
static int32_t y[ROWS][T], token[ROWS][T], ptr[ROWS][T + 1], idx[ROWS][EDGES];

static const char gpt[] =
    "model:\n"
    "  - {embedding: {count: 5, size: 8}, from: token, name: e}\n"
    "  - {positional: }\n"
    "  - batch_norm\n"
    "  - dropout: 0.1\n"
    "  - transformer_block: {heads: 2, causal: true, dropout: 0.2}\n"
    "  - residual: [rms_norm, {linear: {units: 8, last_axis: true}}, gelu, {dropout: 0.3}]\n"
    "  - batch_norm: {over: batch}\n"
    "  - layer_norm\n"
    "  - unembedding: e\n"
    "loss: cross_entropy\n"
    "optimizer: {lamb: {lr: 0.02, weight_decay: 0.01}}\n"
    "clip_norm: 0.5\n"
    "ema: {decay: 0.9}\n"
    "lr_schedule: {plateau: {every: 1, patience: 0, threshold: 0.5}}\n";

static const char graph[] = "model:\n"
                            "  - graph_attention: {units: 4, heads: 2, dropout: 0.3}\n"
                            "  - {graph_conv: 4, name: first}\n"
                            "  - elu\n"
                            "  - graph_conv: 3\n"
                            "loss: [cross_entropy, {name: info_nce, target: x, of: first, weight: "
                            "0.1}]\n"
                            "optimizer: {adamw: {lr: 0.02}}\n"
                            "clip_norm: 0.5\n";

/* The same, stored in bf16. */
static const char stored[] = "dtype: bf16\n"
                             "model:\n"
                             "  - {linear: {units: 6, last_axis: true}}\n"
                             "  - batch_norm: {over: batch, norm: l1}\n"
                             "  - gelu\n"
                             "  - dropout: 0.2\n"
                             "  - {linear: {units: 3, last_axis: true}}\n"
                             "loss: cross_entropy\n"
                             "optimizer: {adamw: {lr: 0.002}}\n"
                             "clip_norm: 0.5\n"
                             "ema: {decay: 0.9}\n";

static const char recurrent[] = "model:\n"
                                "  - gru: {units: 5, gradient: recomputed}\n"
                                "  - dropout: 0.2\n"
                                "  - lif: {threshold: 0.1, gradient: truncated}\n"
                                "  - lstm: 4\n"
                                "  - linear: {units: 3, last_axis: true}\n"
                                "loss: cross_entropy\n"
                                "optimizer: {lion: {lr: 0.02}}\n"
                                "clip_norm: 0.5\n";

static const char transformed[] =
    "model:\n"
    "  - {linear: {units: 6, last_axis: true}, transform: [weight_norm, {fake_quant: 8}]}\n"
    "  - group_norm: 3\n"
    "  - leaky_relu\n"
    "  - {linear: {units: 6, last_axis: true}, transform: spectral_norm}\n"
    "  - {linear: {units: 4, last_axis: true}, transform: [{mask: {keep: 0.5, every: 2}}, "
    "{low_rank: 2}], "
    "name: back}\n"
    "  - tanh\n"
    "  - {linear: {units: 3, last_axis: true}}\n"
    "loss: [hinge, {name: huber, target: x, of: back, weight: 0.1}]\n"
    "optimizer: {rmsprop: {lr: 0.02, momentum: 0.5, centered: true}}\n"
    "clip_norm: 0.05\n";

/* Wide enough for ranks and threads to share the squares of gradients out. */
static const char wide[] = "model:\n"
                           "  - {linear: {units: 136, last_axis: true}}\n"
                           "  - tanh\n"
                           "  - {linear: {units: 137, last_axis: true}}\n"
                           "  - {linear: {units: 3, last_axis: true}}\n"
                           "loss: cross_entropy\n"
                           "optimizer: {adam: {lr: 0.02}}\n"
                           "clip_norm: 0.05\n";

static void make_data(void)
{
  for (int b = 0; b < ROWS; b++)
    for (int t = 0; t < T; t++) {
      for (int i = 0; i < D; i++) x[b][t][i] = (float)sin(0.7 * b + 1.3 * t * t + 2.9 * i);
      y[b][t] = (b + t) % CLASSES;
      token[b][t] = (3 * b + t * t) % 5;
      ptr[b][t + 1] = 2 * (t + 1);
      idx[b][2 * t] = (t + 1) % T;
      idx[b][2 * t + 1] = (t + 2 + b % 3) % T;
    }
}

static void start(struct rig *r, const char *yaml, struct glia_comm *c, int threads,
                  struct glia_exchange **exchange)
{
  *r = (struct rig){.n_fields = 5,
                    .micro_batch = MICRO,
                    .n_rows = ROWS,
                    .data = {x, y, token, ptr, idx},
                    .kernels = glia_kernels_default()};
  r->field[0] = rig_field("x", GLIA_F32, 2, (int64_t[]){T, D});
  r->field[1] = rig_field("y", GLIA_I32, 1, (int64_t[]){T});
  r->field[2] = rig_field("token", GLIA_I32, 1, (int64_t[]){T});
  r->field[3] = rig_field("ptr", GLIA_I32, 1, (int64_t[]){T + 1});
  r->field[4] = rig_field("idx", GLIA_I32, 1, (int64_t[]){EDGES});
  if (c != NULL)
    CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, GLIA_EXCHANGE_NODE, threads, 8, exchange),
                          GLIA_OK);
  r->exchange = *exchange;
  const glia_status st = rig_start(r, yaml, 5, threads);
  if (st != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
}

static void compare(struct rig *a, struct rig *b)
{
  const struct glia_state *state;
  const int n = glia_graph_states(a->g, &state);

  for (int i = 0; i < n; i++)
    CU_ASSERT(memcmp(glia_engine_state(a->e, i), glia_engine_state(b->e, i),
                     glia_type_bytes(&state[i].type)) == 0);
}

/* Some state of `a` is no longer what it was at first, here that of `b`. */
static bool has_moved(struct rig *a, struct rig *b)
{
  const struct glia_state *state;
  const int n = glia_graph_states(a->g, &state);
  bool moved = false;

  for (int i = 0; i < n; i++)
    moved = moved || memcmp(glia_engine_state(a->e, i), glia_engine_state(b->e, i),
                            glia_type_bytes(&state[i].type)) != 0;
  return moved;
}

/* How often the ranks of the node met. */
static glia_status (*real_meet)(void *self);
static int met;

static glia_status counted(void *self)
{
  met++;
  return real_meet(self);
}

static void step_both(const char *yaml, struct glia_comm *c, int threads)
{
  struct glia_exchange *exchange[2] = {NULL, NULL};
  struct rig alone, shared, untouched;

  start(&alone, yaml, NULL, 1, &exchange[0]);
  start(&untouched, yaml, NULL, 1, &exchange[0]);
  start(&shared, yaml, c, threads, &exchange[1]);
  real_meet = exchange[1]->meet;
  exchange[1]->meet = counted;
  met = 0;
  for (int i = 1; i <= STEPS; i++) {
    CU_ASSERT_EQUAL(rig_step(&alone, "train", 0.02, i), GLIA_OK);
    CU_ASSERT_EQUAL(rig_step(&shared, "train", 0.02, i), GLIA_OK);
    CU_ASSERT(rig_output(&alone, "train", "finite") == 1.0);
    CU_ASSERT_EQUAL(rig_output(&alone, "train", "loss"), rig_output(&shared, "train", "loss"));
    CU_ASSERT_EQUAL(rig_output(&alone, "train", "grad_norm"),
                    rig_output(&shared, "train", "grad_norm"));
  }
  /* as it begins, before the norm is summed up, and as it ends, however many parameters there are */
  const bool sharing =
      glia_comm_size(c) > 1 && strstr(yaml, "lamb") == NULL; /* it has norms of its own */
  CU_ASSERT_EQUAL(met, sharing ? 3 * STEPS : 0);
  compare(&alone, &shared);
  CU_ASSERT(has_moved(&alone, &untouched));
  CU_ASSERT_EQUAL(rig_step(&alone, "eval", 0.0, STEPS), GLIA_OK);
  CU_ASSERT_EQUAL(rig_step(&shared, "eval", 0.0, STEPS), GLIA_OK);
  CU_ASSERT_EQUAL(rig_output(&alone, "eval", "loss_sum"), rig_output(&shared, "eval", "loss_sum"));
  rig_end(&shared);
  glia_exchange_mpi_destroy(&exchange[1]);
  rig_end(&untouched);
  rig_end(&alone);
}

static void on_any_ranks_and_threads(const char *yaml)
{
  struct glia_comm *world = NULL;

  make_data();
  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&world), GLIA_OK);
  for (int ranks = 1; ranks <= glia_comm_size(world); ranks++) {
    struct glia_comm *c = NULL;
    CU_ASSERT_EQUAL_FATAL(glia_comm_split(world, glia_comm_rank(world) < ranks ? 0 : -1, 0, &c),
                          GLIA_OK);
    for (int threads = 1; c != NULL && threads <= 2; threads++) step_both(yaml, c, threads);
    glia_comm_destroy(&c);
    CU_ASSERT_EQUAL(glia_comm_barrier(world), GLIA_OK);
  }
  glia_comm_destroy(&world);
}

static void a_gpt_has_the_same_bits(void) { on_any_ranks_and_threads(gpt); }
static void a_graph_network_has_the_same_bits(void) { on_any_ranks_and_threads(graph); }
static void a_model_in_bf16_has_the_same_bits(void) { on_any_ranks_and_threads(stored); }
static void transformed_weights_have_the_same_bits(void) { on_any_ranks_and_threads(transformed); }
static void a_shared_norm_has_the_same_bits(void) { on_any_ranks_and_threads(wide); }
static void recurrent_layers_have_the_same_bits(void) { on_any_ranks_and_threads(recurrent); }

TAP_MPI_MAIN("models", TAP(recurrent_layers_have_the_same_bits), TAP(a_gpt_has_the_same_bits),
             TAP(a_graph_network_has_the_same_bits), TAP(a_model_in_bf16_has_the_same_bits),
             TAP(transformed_weights_have_the_same_bits), TAP(a_shared_norm_has_the_same_bits))
