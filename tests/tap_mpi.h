/* Parallel suites: every rank runs every test, a test fails when it fails anywhere, rank 0 prints for all.
 *
 *     TAP_MPI_MAIN("agree", TAP(one_failure_reaches_all), ...)
 */
#ifndef TAP_MPI_H
#define TAP_MPI_H

#include "tap.h"

/* Start MPI, run the tests, end MPI; returns the exit code of main. */
int tap_mpi_run(int argc, char **argv, const char *suite, const struct tap_test *test, size_t n);

#define TAP_MPI_MAIN(suite, ...)                                                                   \
  int main(int argc, char **argv)                                                                  \
  {                                                                                                \
    static const struct tap_test tests_[] = {__VA_ARGS__};                                         \
    return tap_mpi_run(argc, argv, suite, tests_, sizeof tests_ / sizeof tests_[0]);               \
  }

#endif
