/* The order in which metrics are served. */
#include "glia_exposition.h"
#include "tap.h"

#include <string.h>

static struct glia_metric named(const char *name)
{
  return (struct glia_metric){name, "1", GLIA_METRIC_COUNTER, "a metric"};
}

/* Families stay together in the place of their first; a sum goes where its parts are there; load is no part of load1. */
static void families_stay_together(void)
{
  const struct glia_metric m[] = {
      named("cpu_seconds{mode=\"user\"}"),
      named("load1"),
      named("disk{op=\"read\"}"),
      named("cpu_seconds{cpu=\"1\"}"),
      named("load"),
      named("cpu_seconds{mode=\"idle\"}"),
      named("disk{op=\"write\"}"),
      named("cpu_seconds{cpu=\"0\"}"),
  };
  static const char text[] = "load1 1\ndisk{op=\"read\"} 2\ndisk{op=\"write\"} 6\n"
                             "cpu_seconds{cpu=\"1\"} 3\ncpu_seconds{cpu=\"0\"} 7\nload 4\n";
  const double value[] = {0, 1, 2, 3, 4, 5, 6, 7};
  int64_t order[8], n = 0;
  struct glia_buffer b = {0};
  char served[512] = "";

  CU_ASSERT_EQUAL_FATAL(glia_exposition_order(8, m, order, &n), GLIA_OK);
  CU_ASSERT_EQUAL(n, 6);
  glia_exposition_add(&b, GLIA_EXPOSITION_PROMETHEUS, n, m, order, value);
  CU_ASSERT_FATAL(!b.failed);
  glia_buffer_add(&b, "", 1);
  int heads = 0;
  for (char *line = strtok(b.text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    heads += strncmp(line, "# TYPE ", 7) == 0;
    if (line[0] != '#') strcat(strcat(served, line), "\n");
  }
  CU_ASSERT_STRING_EQUAL(served, text);
  CU_ASSERT_EQUAL(heads, 4); /* each family is introduced once */
  glia_buffer_free(&b);
}

static void nothing_has_an_order(void)
{
  int64_t n = 1;

  CU_ASSERT_EQUAL(glia_exposition_order(0, NULL, NULL, &n), GLIA_OK);
  CU_ASSERT_EQUAL(n, 0);
}

TAP_MAIN("exposition", TAP(families_stay_together), TAP(nothing_has_an_order))
