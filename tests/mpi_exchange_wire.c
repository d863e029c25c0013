/* Sums in fewer bytes (of kind KIND, see local.am): how far they are off, that all ranks have the same, and what is not finite. */
#include "exchange_rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Every total is rank 0's, to the bit. */
static bool all_have_it(struct work *w, struct glia_comm *c)
{
  char *first = room(bytes_of(w));

  memcpy(first, w->total, bytes_of(w));
  CU_ASSERT_EQUAL(glia_comm_bcast(c, first, bytes_of(w), 0), GLIA_OK);
  const bool same = memcmp(first, w->total, bytes_of(w)) == 0;
  free(first);
  return same;
}

/* Steps with the same numbers: largest distance of a total, and of the mean of all totals, from the exact sum. */
static void far_off(struct work *w, const struct glia_exchange *x, struct glia_comm *c, int steps,
                    double *one, double *mean)
{
  const float *want = (const float *)(void *)w->want, *total = (const float *)(void *)w->total;
  double *sum = calloc((size_t)w->bucket.n, sizeof *sum);

  CU_ASSERT_PTR_NOT_NULL_FATAL(sum);
  *one = *mean = 0.0;
  for (int step = 0; step < steps; step++) {
    work_through(w, x, 2);
    CU_ASSERT_EQUAL(work_start(w, x, false), GLIA_OK);
    CU_ASSERT_EQUAL(x->wait(x->self, &w->bucket), GLIA_OK);
    CU_ASSERT(all_have_it(w, c));
    for (int64_t i = 0; i < w->bucket.n; i++) {
      sum[i] += (double)total[i];
      *one = fmax(*one, fabs((double)total[i] - (double)want[i]));
    }
  }
  for (int64_t i = 0; i < w->bucket.n; i++)
    *mean = fmax(*mean, fabs(sum[i] / steps - (double)want[i]));
  free(sum);
}

/* 5 summands of up to 4096, each rounded, and their sum of up to 5 * 4096: bf16 errs by 2^-9 of a number, int8 by 1/254 of a block's
 * largest (a little more for what it adds from before), and as much again for what it had left out. Over many steps what int8 leaves
 * out comes later: errors of all steps add up to the last one's. */
void fewer_bytes_travel(void)
{
  enum { STEPS = 40 };
  static const int64_t ns[] = {1025, 1281, 70001}; /* the last in several messages */
  struct glia_comm *c = first_ranks(MAX_RANKS);
  const int size = glia_comm_size(c);

  for (glia_wire wire = GLIA_WIRE_BF16; wire <= GLIA_WIRE_INT8; wire++)
    for (size_t k = 0; k < GLIA_COUNT(ns); k++) {
      struct glia_exchange *x = NULL;
      struct work w;
      double one, mean;
      work_create(&w, 0, GLIA_F32, ns[k], 5);
      CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 2, 1, &x), GLIA_OK);
      CU_ASSERT_EQUAL(glia_exchange_mpi_reserve(x, &w.bucket, w.v), GLIA_OK);
      far_off(&w, x, c, 1, &one, &mean);
      CU_ASSERT_EQUAL(one, 0.0);
      const int64_t before = glia_exchange_mpi_stat(x).bytes_sent;
      CU_ASSERT_EQUAL(glia_exchange_mpi_wire(x, wire), GLIA_OK);
      const int64_t allocations = glia_exchange_mpi_stat(x).allocations;
      far_off(&w, x, c, STEPS, &one, &mean);
      CU_ASSERT_EQUAL(glia_exchange_mpi_stat(x).allocations, allocations);
      const bool travels = KIND == GLIA_EXCHANGE_MESSAGES && size > 1;
      CU_ASSERT_EQUAL(glia_exchange_mpi_travels(x), travels);
      const double sent = (double)(glia_exchange_mpi_stat(x).bytes_sent - before) / STEPS;
      const double once = (5 + 5) * 4096.0 * (wire == GLIA_WIRE_BF16 ? 1.0 / 512 : 1.01 / 254);
      const double most = wire == GLIA_WIRE_BF16 ? once : 2.0 * once;
      CU_ASSERT(travels ? one > 0.5 && one < most : one == 0.0);
      CU_ASSERT(wire != GLIA_WIRE_INT8 || mean <= once / STEPS);
      CU_ASSERT(before == 0 || sent / (double)before < (wire == GLIA_WIRE_BF16 ? 0.501 : 0.27));
      glia_exchange_mpi_destroy(&x);
      work_destroy(&w);
    }
  glia_comm_destroy(&c);
}

/* What is not finite is seen by all ranks. */
void infinity_travels(void)
{
  struct glia_comm *c = first_ranks(MAX_RANKS);

  for (glia_wire wire = GLIA_WIRE_BF16; wire <= GLIA_WIRE_INT8; wire++) {
    struct glia_exchange *x = NULL;
    struct work w;
    work_create(&w, 0, GLIA_F32, 5000, MAX_RANKS);
    CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 1, 1, &x), GLIA_OK);
    CU_ASSERT_EQUAL(glia_exchange_mpi_wire(x, wire), GLIA_OK);
    work_through(&w, x, 1);
    if (x->rank == x->size - 1) ((float *)w.part[0].data)[777] = INFINITY;
    CU_ASSERT_EQUAL(work_start(&w, x, false), GLIA_OK);
    CU_ASSERT_EQUAL(x->wait(x->self, &w.bucket), GLIA_OK);
    CU_ASSERT_FALSE(isfinite((double)((const float *)(void *)w.total)[777]));
    glia_exchange_mpi_destroy(&x);
    work_destroy(&w);
  }
  glia_comm_destroy(&c);
}
