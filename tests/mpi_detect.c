/* A node's model has the same bits whether one rank trains it or several; a failure of one is a failure of all. */
#include "detect_node.h"
#include "glia_detect.h"
#include "tap_mpi.h"

#include <stdlib.h>
#include <string.h>

enum { METRICS = 17, SAMPLES = 500 };

static void make(struct glia_telemetry_node *node)
{
  bool *loads;

  detect_node_make(node, 11, METRICS, SAMPLES, 0, GOVERNOR_CONSERVATIVE, &loads);
  free(loads);
}

static void ranks_train_the_model_of_one(void)
{
  struct glia_telemetry_node node;
  struct glia_comm *world;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&world), GLIA_OK);
  make(&node);
  for (int kind = 0; kind < 2; kind++) {
    struct glia_detect_options o = glia_detect_defaults((glia_detect_kind)kind);
    struct glia_detector *alone = NULL, *together = NULL;
    struct glia_detector_info a, b;
    o.epochs = 4;
    CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &node, &alone), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_detector_train(world, &o, &node, &together), GLIA_OK);
    glia_detector_info(alone, &a);
    glia_detector_info(together, &b);
    CU_ASSERT_STRING_EQUAL(a.parameters_sha256, b.parameters_sha256);
    CU_ASSERT_EQUAL(a.threshold, b.threshold);
    CU_ASSERT_EQUAL(a.train_loss, b.train_loss);
    CU_ASSERT(memcmp(a.spread, b.spread, (size_t)a.n_columns * sizeof *a.spread) == 0);
    glia_detector_destroy(&alone);
    glia_detector_destroy(&together);
  }
  glia_telemetry_node_free(&node);
  glia_comm_destroy(&world);
}

static void all_ranks_fail_together(void)
{
  const struct glia_detect_options o = glia_detect_defaults(GLIA_DETECT_BOTTLENECK);
  struct glia_telemetry_node node;
  struct glia_detector *d = NULL;
  struct glia_comm *world;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&world), GLIA_OK);
  make(&node);
  if (glia_comm_rank(world) == glia_comm_size(world) - 1)
    node.train_rows = 10; /* this one sees too little */
  CU_ASSERT_EQUAL(glia_detector_train(world, &o, &node, &d), GLIA_E_DATA);
  CU_ASSERT_PTR_NULL(d);
  glia_telemetry_node_free(&node);
  glia_comm_destroy(&world);
}

TAP_MPI_MAIN("detect", TAP(ranks_train_the_model_of_one), TAP(all_ranks_fail_together))
