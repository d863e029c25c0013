/* A small network with convolutions, batch norm, pooling and dropout on several ranks: the states of one process, bit for
 * bit, running statistics among them. */
#include "glia_exchange_mpi.h"
#include "glia_kernels.h"
#include "nn_rig.h"
#include "tap_mpi.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 27, MICRO = 4, C = 2, H = 8, W = 7, CLASSES = 3, STEPS = 6 };

static const char yaml[] = "model:\n"
                           "  - conv: {channels: 6, kernel: 3, padding: same}\n"
                           "  - batch_norm\n"
                           "  - relu\n"
                           "  - max_pool: 2\n"
                           "  - dropout: 0.3\n"
                           "  - conv: {channels: 8, kernel: 3, groups: 2}\n"
                           "  - group_norm: 4\n"
                           "  - gelu\n"
                           "  - global_avg_pool\n"
                           "  - linear: 3\n"
                           "loss: cross_entropy\n"
                           "optimizer: {adam: {lr: 0.01}}\n"
                           "clip_norm: 0.5\n";

static float x[ROWS][C * H * W];
static int64_t y[ROWS];

static void start(struct rig *r, struct glia_comm *c, int threads, struct glia_exchange **exchange)
{
  *r = (struct rig){.n_fields = 2,
                    .micro_batch = MICRO,
                    .n_rows = ROWS,
                    .data = {x, y},
                    .kernels = glia_kernels_default()};
  r->field[0] = rig_field("x", GLIA_F32, 3, (int64_t[]){C, H, W});
  r->field[1] = rig_field("y", GLIA_I64, 0, NULL);
  if (c != NULL)
    CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, GLIA_EXCHANGE_NODE, threads, 8, exchange),
                          GLIA_OK);
  r->exchange = *exchange;
  const glia_status st = rig_start(r, yaml, 5, threads);
  if (st != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
}

/* States alike, and how many of them are statistics that moved. */
static int compare(struct rig *a, struct rig *b)
{
  const struct glia_state *state;
  const int n = glia_graph_states(a->g, &state);
  int moved = 0;

  for (int i = 0; i < n; i++) {
    const float *p = glia_engine_state(a->e, i), *q = glia_engine_state(b->e, i);
    CU_ASSERT(memcmp(p, q, glia_type_bytes(&state[i].type)) == 0);
    if (strncmp(state[i].path, "state/", 6) == 0) {
      const float first = strstr(state[i].path, "/var") != NULL ? 1.0F : 0.0F;
      moved += p[0] != first && isfinite(p[0]);
    }
  }
  return moved;
}

static void any_ranks_and_threads_train_the_same_bits(void)
{
  struct glia_comm *world = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&world), GLIA_OK);
  for (int i = 0; i < ROWS; i++) {
    y[i] = i * 7 % CLASSES;
    for (int k = 0; k < C * H * W; k++) x[i][k] = (float)sin(0.7 * i + 1.3 * k * k);
  }
  for (int ranks = 1; ranks <= glia_comm_size(world); ranks++) {
    struct glia_comm *c = NULL;
    CU_ASSERT_EQUAL_FATAL(glia_comm_split(world, glia_comm_rank(world) < ranks ? 0 : -1, 0, &c),
                          GLIA_OK);
    for (int threads = 1; c != NULL && threads <= 2; threads++) {
      struct glia_exchange *exchange[2] = {NULL, NULL};
      struct rig alone, shared;
      start(&alone, NULL, 1, &exchange[0]);
      start(&shared, c, threads, &exchange[1]);
      for (int i = 1; i <= STEPS; i++) {
        CU_ASSERT_EQUAL(rig_step(&alone, "train", 0.01, i), GLIA_OK);
        CU_ASSERT_EQUAL(rig_step(&shared, "train", 0.01, i), GLIA_OK);
        CU_ASSERT_EQUAL(rig_output(&alone, "train", "loss"), rig_output(&shared, "train", "loss"));
        CU_ASSERT(rig_output(&alone, "train", "loss") > 0.0);
      }
      CU_ASSERT_EQUAL(compare(&alone, &shared), 2);
      rig_end(&shared);
      glia_exchange_mpi_destroy(&exchange[1]);
      rig_end(&alone);
    }
    glia_comm_destroy(&c);
    CU_ASSERT_EQUAL(glia_comm_barrier(world), GLIA_OK);
  }
  glia_comm_destroy(&world);
}

TAP_MPI_MAIN("cnn", TAP(any_ranks_and_threads_train_the_same_bits))
