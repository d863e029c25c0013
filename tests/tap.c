/* CUnit results as TAP; see tap.h. */
#include "tap.h"

#include <CUnit/TestRun.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int (*tap_agree)(int failures);
int tap_quiet;

static const char *skipped;

void tap_skip(const char *why) { skipped = why; }

void tap_note(const char *format, ...)
{
  va_list args;

  if (tap_quiet) return;
  va_start(args, format);
  printf("# ");
  vprintf(format, args);
  printf("\n");
  va_end(args);
  fflush(stdout);
}

static void print_failures(void)
{
  for (const CU_FailureRecord *f = CU_get_failure_list(); f != NULL; f = f->pNext)
    printf("# %s:%u: %s\n", f->strFileName != NULL ? f->strFileName : "?", f->uiLineNumber,
           f->strCondition != NULL ? f->strCondition : "?");
}

int tap_run(const char *suite, const struct tap_test *test, size_t n)
{
  unsigned failed_tests = 0;
  unsigned asserts = 0;
  unsigned failed_asserts = 0;

  if (CU_initialize_registry() != CUE_SUCCESS) return 99;
  const CU_pSuite s = CU_add_suite(suite, NULL, NULL);
  if (s == NULL) return 99;
  if (!tap_quiet) printf("1..%zu\n", n);
  for (size_t i = 0; i < n; i++) {
    const CU_pTest t = CU_add_test(s, test[i].name, test[i].run);
    skipped = NULL;
    if (t == NULL || CU_run_test(s, t) != CUE_SUCCESS) return 99;
    const unsigned own = CU_get_number_of_failures();
    const unsigned here = tap_agree != NULL ? (unsigned)tap_agree((int)own) : own;
    asserts += CU_get_number_of_asserts();
    failed_asserts += own;
    failed_tests += here > 0;
    if (own > 0) print_failures();
    if (!tap_quiet) {
      printf("%sok %zu - %s%s%s\n", here > 0 ? "not " : "", i + 1, test[i].name,
             skipped != NULL ? " # SKIP " : "", skipped != NULL ? skipped : "");
      fflush(stdout);
    }
  }
  if (!tap_quiet)
    printf("# cunit suites=1 tests=%zu failed=%u asserts=%u failed_asserts=%u\n", n, failed_tests,
           asserts, failed_asserts);
  CU_cleanup_registry();
  return failed_tests > 0 ? 1 : 0;
}
