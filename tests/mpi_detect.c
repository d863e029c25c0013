/* A node's model has the same bits whether one rank trains it or several; a failure of one is a failure of all. */
#include "detect_node.h"
#include "glia_detect.h"
#include "tap_mpi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { METRICS = 17, SAMPLES = 500 };

static void make(struct glia_telemetry_node *node)
{
  bool *loads;

  detect_node_make(node, 11, METRICS, SAMPLES, 0, GOVERNOR_CONSERVATIVE, &loads);
  free(loads);
}

static void same_parameters(const struct glia_detector *a, const struct glia_detector *b)
{
  char of_a[65], of_b[65];

  CU_ASSERT_EQUAL_FATAL(glia_detector_sha256(a, of_a), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_detector_sha256(b, of_b), GLIA_OK);
  CU_ASSERT_STRING_EQUAL(of_a, of_b);
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
    same_parameters(alone, together);
    CU_ASSERT_EQUAL(a.threshold, b.threshold);
    CU_ASSERT_EQUAL(a.train_loss, b.train_loss);
    CU_ASSERT(memcmp(a.spread, b.spread, (size_t)a.n_columns * sizeof *a.spread) == 0);
    glia_detector_destroy(&alone);
    glia_detector_destroy(&together);
  }
  glia_telemetry_node_free(&node);
  glia_comm_destroy(&world);
}

/* The last rank trains alone; what the others get scores as its own. */
static void a_model_goes_from_one_rank_to_all(void)
{
  const struct glia_detect_options o = glia_detect_defaults(GLIA_DETECT_COMBINED);
  struct glia_telemetry_node node;
  struct glia_detector *alone = NULL, *got = NULL;
  struct glia_detector_info a, b;
  struct glia_detect_result r, s;
  struct glia_comm *world;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&world), GLIA_OK);
  const int owner = glia_comm_size(world) - 1;
  make(&node);
  for (int64_t i = 0; i < SAMPLES; i++) node.values[i * METRICS + 3] = i % 3 == 0 ? 1.0F : NAN;
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &node, &alone), GLIA_OK);
  if (glia_comm_rank(world) == owner)
    CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &node, &got), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_detector_share(world, owner, &got), GLIA_OK);
  glia_detector_info(alone, &a);
  glia_detector_info(got, &b);
  same_parameters(alone, got);
  CU_ASSERT_STRING_EQUAL(a.node, b.node);
  CU_ASSERT_EQUAL(a.threshold, b.threshold);
  CU_ASSERT_EQUAL(a.train_end_ns, b.train_end_ns);
  CU_ASSERT_EQUAL_FATAL(a.n_all, b.n_all);
  CU_ASSERT(a.n_columns < a.n_all);
  for (int j = 0; j < a.n_all; j++) {
    CU_ASSERT_STRING_EQUAL(a.column[j].name, b.column[j].name);
    const char *x = a.column[j].dropped, *y = b.column[j].dropped;
    CU_ASSERT(x == NULL ? y == NULL : y != NULL && strcmp(x, y) == 0);
  }
  CU_ASSERT_EQUAL_FATAL(glia_detector_score(alone, &node, &r), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_detector_score(got, &node, &s), GLIA_OK);
  CU_ASSERT(memcmp(r.score, s.score, SAMPLES * sizeof *r.score) == 0);
  glia_detect_result_free(&r);
  glia_detect_result_free(&s);
  glia_detector_destroy(&alone);
  glia_detector_destroy(&got);
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

TAP_MPI_MAIN("detect", TAP(ranks_train_the_model_of_one), TAP(a_model_goes_from_one_rank_to_all),
             TAP(all_ranks_fail_together))
