/* Statuses and the trace. */
#include "glia_status.h"
#include "tap.h"

#include <string.h>

static glia_status inner(int n)
{
  GLIA_CHECK(n > 0, GLIA_E_SHAPE, "found %d rows, expected at least 1", n);
  return GLIA_OK;
}

static glia_status outer(int n)
{
  GLIA_TRY(inner(n));
  return GLIA_OK;
}

static void failure_leaves_a_backtrace(void)
{
  CU_ASSERT_EQUAL(outer(0), GLIA_E_SHAPE);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace(), "inner: found 0 rows, expected at least 1\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace(), "outer: inner(n)\n"));
  CU_ASSERT_STRING_EQUAL(glia_trace_message(), "found 0 rows, expected at least 1");
}

static void a_new_failure_replaces_the_old(void)
{
  CU_ASSERT_EQUAL(inner(-1), GLIA_E_SHAPE);
  CU_ASSERT_EQUAL(inner(-2), GLIA_E_SHAPE);
  CU_ASSERT_PTR_NULL(strstr(glia_trace(), "-1"));
}

static void a_trace_travels_as_text(void)
{
  CU_ASSERT_EQUAL(outer(0), GLIA_E_SHAPE);
  char copy[4096];
  strcpy(copy, glia_trace());
  glia_trace_clear();
  CU_ASSERT_STRING_EQUAL(glia_trace(), "");
  glia_trace_set(copy);
  CU_ASSERT_STRING_EQUAL(glia_trace_message(), "found 0 rows, expected at least 1");
}

static void long_traces_are_cut_not_overrun(void)
{
  for (int i = 0; i < 500; i++) glia_trace_push_(false, "f.c", i, "f", "%0200d", i);
  CU_ASSERT(strlen(glia_trace()) < 4096);
}

static void every_status_has_a_name_and_an_exit_code(void)
{
  for (int s = 0; s < GLIA_STATUS_COUNT_; s++) {
    CU_ASSERT(strlen(glia_status_name((glia_status)s)) > 1);
    CU_ASSERT(s == 0 || (glia_status_exit_code((glia_status)s) >= 64 &&
                         glia_status_exit_code((glia_status)s) <= 78));
  }
}

TAP_MAIN("status", TAP(failure_leaves_a_backtrace), TAP(a_new_failure_replaces_the_old),
         TAP(a_trace_travels_as_text), TAP(long_traces_are_cut_not_overrun),
         TAP(every_status_has_a_name_and_an_exit_code))
