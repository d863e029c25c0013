/* Sums that are read again by micro-batches: a step in several phases. */
#include "phases_rig.h"
#include "tap.h"

#include <math.h>
#include <string.h>

/* Largest difference of two results, relative to the numbers (about 1). */
static double distance(const struct phases_result *a, const struct phases_result *b)
{
  double worst = fabs(a->loss - b->loss) / fabs(b->loss);

  for (int i = 0; i < PHASES_IN * PHASES_HIDDEN; i++) worst = fmax(worst, fabs(a->w[i] - b->w[i]));
  for (int i = 0; i < PHASES_HIDDEN; i++) worst = fmax(worst, fabs(a->v[i] - b->v[i]));
  for (int i = 0; i < PHASES_ROWS; i++)
    worst = fmax(worst, fabs(a->prediction[i] - b->prediction[i]));
  return worst;
}

/* In one micro-batch, sums over the batch are sums over its rows: ordinary reverse mode through batch norm. The orders of the sums
 * differ: float64 roundings, in four steps. */
static void micro_batches_train_as_the_whole_batch(void)
{
  static const int parts[] = {1, 3, 6, 8, 24};
  struct phases_result whole, split;

  CU_ASSERT(phases_train(PHASES_PLAIN, 1, 1, NULL, PHASES_STEPS, -1, &whole) == GLIA_OK);
  CU_ASSERT(whole.phases == 1 && whole.loss > 0.0);
  for (int k = 0; k < 5; k++) {
    CU_ASSERT(phases_train(PHASES_COUPLED, parts[k], 1, NULL, PHASES_STEPS, -1, &split) == GLIA_OK);
    CU_ASSERT(split.phases == PHASES_COUNT);
    CU_ASSERT(distance(&split, &whole) < 1e-12);
    tap_note("%d micro-batches: %.2g from the whole batch", parts[k], distance(&split, &whole));
  }
}

static void threads_change_no_bit(void)
{
  struct phases_result one, many;

  CU_ASSERT(phases_train(PHASES_COUPLED, 8, 1, NULL, PHASES_STEPS, -1, &one) == GLIA_OK);
  for (int threads = 2; threads <= 5; threads++) {
    CU_ASSERT(phases_train(PHASES_COUPLED, 8, threads, NULL, PHASES_STEPS, -1, &many) == GLIA_OK);
    CU_ASSERT(memcmp(&one, &many, sizeof one) == 0);
  }
}

/* A fill that fails in the last step drains its phases, and the guarded states are those of the steps before. */
static void a_failure_goes_through_all_phases(void)
{
  struct phases_result before, failed;

  CU_ASSERT(phases_train(PHASES_COUPLED, 6, 1, NULL, PHASES_STEPS - 1, -1, &before) == GLIA_OK);
  for (int threads = 1; threads <= 3; threads++) {
    CU_ASSERT(phases_train(PHASES_COUPLED, 6, threads, NULL, PHASES_STEPS, 4, &failed) ==
              GLIA_E_IO);
    CU_ASSERT(memcmp(before.w, failed.w, sizeof before.w) == 0);
    CU_ASSERT(memcmp(before.v, failed.v, sizeof before.v) == 0);
  }
}

TAP_MAIN("phases", TAP(micro_batches_train_as_the_whole_batch), TAP(threads_change_no_bit),
         TAP(a_failure_goes_through_all_phases))
