/* CUnit suites, run by CUnit and printed as TAP, one point per test.
 *
 *     static void relu_rejects_scalars(void) { CU_ASSERT(...); }
 *     TAP_MAIN("relu", TAP(relu_rejects_scalars), TAP(...))
 *
 * A test may call TAP_SKIP("why") before its first assertion. In parallel tests rank 0 prints for all.
 */
#ifndef TAP_H
#define TAP_H

#include <CUnit/CUnit.h>

#include <stddef.h>

struct tap_test {
  const char *name;
  void (*run)(void);
};

/* Run the tests of one suite; returns the exit code of main. `setup` and `teardown` may be NULL. */
int tap_run(const char *suite, const struct tap_test *test, size_t n);

/* Mark the running test as skipped. */
void tap_skip(const char *why);

/* A line of explanation in the log. */
void tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Parallel tests: called before tap_run's verdict to make it the same on all ranks; NULL = serial.
 * `failures` in, the largest over ranks out; `quiet` is true on ranks that do not print. */
extern int (*tap_agree)(int failures);
extern int tap_quiet;

#define TAP(function)                                                                              \
  {                                                                                                \
#function, function                                                                            \
  }
#define TAP_SKIP(why)                                                                              \
  do {                                                                                             \
    tap_skip(why);                                                                                 \
    return;                                                                                        \
  } while (0)
#define TAP_MAIN(suite, ...)                                                                       \
  int main(void)                                                                                   \
  {                                                                                                \
    static const struct tap_test tests_[] = {__VA_ARGS__};                                         \
    return tap_run(suite, tests_, sizeof tests_ / sizeof tests_[0]);                               \
  }

#endif
