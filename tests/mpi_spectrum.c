/* Singular values have the same bits for any number of ranks; ScaLAPACK finds the same ones; failures are everybody's. */
#include "glia_petsc.h"
#include "glia_spectrum.h"
#include "known_matrix.h"
#include "tap_mpi.h"

#include <stdlib.h>
#include <string.h>

static struct glia_comm *world;

static void ranks_find_the_values_of_one(void)
{
  static const int64_t shape[][2] = {{1000, 30}, {64, 64}, {70, 1}, {91, 30}, {2500, 5}};

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&world), GLIA_OK);
  for (int i = 0; i < 5; i++) {
    struct known_matrix k = known_matrix_make(shape[i][0], shape[i][1], 12.0);
    const struct glia_rows a = known_matrix_rows(&k);
    double alone[64], together[64];
    CU_ASSERT_EQUAL_FATAL(glia_singular_values(NULL, &a, alone), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_singular_values(world, &a, together), GLIA_OK);
    CU_ASSERT(memcmp(alone, together, (size_t)k.n * sizeof *alone) == 0);
    CU_ASSERT(known_matrix_error(&k, together) < 1e-14);
    known_matrix_free(&k);
  }
}

static void scalapack_finds_the_same(void)
{
  struct known_matrix k = known_matrix_make(300, 40, 12.0);
  const struct glia_rows a = known_matrix_rows(&k);
  double found[40];

  CU_ASSERT_EQUAL_FATAL(glia_petsc_begin(world), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_singular_values_scalapack(world, &a, found), GLIA_OK);
  CU_ASSERT(known_matrix_error(&k, found) < 1e-13);
  known_matrix_free(&k);
}

static glia_status fails_late(void *self, int64_t first, int64_t n, double *out)
{
  (void)self;
  memset(out, 0, (size_t)n * 10 * sizeof *out);
  if (first + n >= 900) return GLIA_FAIL(GLIA_E_IO, "row 900 cannot be read");
  return GLIA_OK;
}

static void a_row_that_cannot_be_read_fails_on_all(void)
{
  const struct glia_rows a = {NULL, 1000, 10, fails_late};
  double s[10];

  CU_ASSERT_EQUAL(glia_singular_values(world, &a, s), GLIA_E_IO);
  CU_ASSERT(strstr(glia_trace(), "row 900") != NULL);
}

static void full_size_to_1e_13(void)
{
  double *found = calloc(2000, sizeof *found), *alone = found + 1000;

  if (getenv("GLIA_TEST_LONG") == NULL) {
    free(found);
    TAP_SKIP("20,000 x 1,000 takes a while: set GLIA_TEST_LONG");
  }
  struct known_matrix k = known_matrix_make(20000, 1000, 12.0);
  const struct glia_rows a = known_matrix_rows(&k);
  CU_ASSERT_EQUAL_FATAL(glia_singular_values(world, &a, found), GLIA_OK);
  const double worst = known_matrix_error(&k, found);
  tap_note("20,000 x 1,000 over 12 decades: worst error %.2g of the largest", worst);
  CU_ASSERT(worst < 1e-13);
  if (glia_comm_rank(world) == 0) {
    CU_ASSERT_EQUAL_FATAL(glia_singular_values(NULL, &a, alone), GLIA_OK);
    CU_ASSERT(memcmp(alone, found, 1000 * sizeof *found) == 0);
  }
  known_matrix_free(&k);
  free(found);
}

static void everything_ends(void)
{
  glia_petsc_end();
  glia_comm_destroy(&world);
  CU_ASSERT_PTR_NULL(world);
}

TAP_MPI_MAIN("spectrum-ranks", TAP(ranks_find_the_values_of_one), TAP(scalapack_finds_the_same),
             TAP(a_row_that_cannot_be_read_fails_on_all), TAP(full_size_to_1e_13),
             TAP(everything_ends))
