/* CUnit results of several ranks as one TAP stream; see tap_mpi.h. */
#include "tap_mpi.h"

#include <mpi.h>

static MPI_Comm ranks;

static int largest(int failures)
{
  MPI_Allreduce(MPI_IN_PLACE, &failures, 1, MPI_INT, MPI_MAX, ranks);
  return failures;
}

int tap_mpi_run(int argc, char **argv, const char *suite, const struct tap_test *test, size_t n)
{
  int level = 0;
  int rank = 0;

  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level) != MPI_SUCCESS) return 99;
  MPI_Comm_dup(MPI_COMM_WORLD, &ranks);
  MPI_Comm_rank(ranks, &rank);
  tap_agree = largest;
  tap_quiet = rank > 0;
  const int code = tap_run(suite, test, n);
  MPI_Comm_free(&ranks);
  MPI_Finalize();
  return code;
}
