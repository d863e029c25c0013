/* Raw series of agents and exporters into rows of fixed columns: rates, cores folded, series that come and go. */
#include "glia_intake.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t second = 1000000000;
enum { ROOM = 32 };

/* Ours is called in place of the C library's: it counts. */
static int64_t asked_bytes;
extern void *__libc_calloc(size_t n, size_t size);
void *calloc(size_t n, size_t size)
{
  asked_bytes += (int64_t)(n * size);
  return __libc_calloc(n, size);
}

struct rig {
  struct glia_intake *intake;
  double raw[ROOM];
  float out[ROOM];
};

static void begin(struct rig *r, const char *topology)
{
  *r = (struct rig){0};
  CU_ASSERT_EQUAL_FATAL(glia_intake_create(&r->intake), GLIA_OK);
  if (topology != NULL) CU_ASSERT_EQUAL(glia_intake_topology(r->intake, topology), GLIA_OK);
}

static int64_t series(struct rig *r, const char *name, const char *unit, glia_metric_kind kind)
{
  int64_t at = -1;

  CU_ASSERT_EQUAL_FATAL(glia_intake_series(r->intake, name, strlen(name), unit, kind, &at),
                        GLIA_OK);
  return at;
}

static void row(struct rig *r, int64_t ns, int64_t epoch)
{
  for (int i = 0; i < ROOM; i++) r->out[i] = -1.0F;
  CU_ASSERT_EQUAL(glia_intake_row(r->intake, ns, epoch, r->raw, r->out), GLIA_OK);
}

/* The value of a column by its name; -2: there is none. */
static double value(const struct rig *r, const char *name)
{
  for (int64_t i = 0; i < glia_intake_columns(r->intake); i++)
    if (strcmp(glia_intake_name(r->intake, i), name) == 0) return (double)r->out[i];
  tap_note("no column %s", name);
  return -2.0;
}

static void counters_become_rates_with_their_unit(void)
{
  struct rig r;

  begin(&r, NULL);
  const int64_t bytes = series(&r, "read_bytes_total", "B", GLIA_METRIC_COUNTER);
  const int64_t load = series(&r, "load", "1", GLIA_METRIC_GAUGE);
  CU_ASSERT_EQUAL(series(&r, "load", "1", GLIA_METRIC_GAUGE), load);
  CU_ASSERT_EQUAL(glia_intake_width(r.intake), 2);
  CU_ASSERT_STRING_EQUAL(glia_intake_unit(r.intake, 0), "B/s");
  CU_ASSERT_STRING_EQUAL(glia_intake_unit(r.intake, 1), "1");
  r.raw[bytes] = 1e12;
  r.raw[load] = 3.0;
  row(&r, second, 7);
  CU_ASSERT(isnan(value(&r, "read_bytes_total")));
  CU_ASSERT_EQUAL(value(&r, "load"), 3.0);
  r.raw[bytes] += 500.0;
  row(&r, 3 * second, 7);
  CU_ASSERT_EQUAL(value(&r, "read_bytes_total"), 250.0);
  r.raw[bytes] = 10.0; /* began anew */
  row(&r, 4 * second, 7);
  CU_ASSERT(isnan(value(&r, "read_bytes_total")));
  r.raw[bytes] = 1e13; /* another boot: larger, and still no rate */
  row(&r, 5 * second, 8);
  CU_ASSERT(isnan(value(&r, "read_bytes_total")));
  glia_intake_destroy(&r.intake);
  CU_ASSERT_PTR_NULL(r.intake);
}

static void cores_are_folded_by_package(void)
{
  struct rig r;
  int64_t at[4];

  /* cores 0 and 1 in package 0, 2 and 3 in package 1; NUMA nodes are the packages */
  begin(&r, "0 0 0\n1 0 0\n2 1 1\n3 1 1\n");
  for (int i = 0; i < 4; i++) {
    char name[64];
    snprintf(name, sizeof name, "cpu_seconds_total{cpu=\"%d\",mode=\"user\"}", i);
    at[i] = series(&r, name, "s", GLIA_METRIC_COUNTER);
    r.raw[at[i]] = 100.0 * i;
  }
  CU_ASSERT_EQUAL(glia_intake_columns(r.intake), 7); /* the sum, and three of each package */
  row(&r, second, 0);
  CU_ASSERT(isnan(value(&r, "cpu_seconds_total{mode=\"user\"}")));
  for (int i = 0; i < 4; i++) r.raw[at[i]] += 0.25 * i;
  row(&r, 2 * second, 0);
  CU_ASSERT_EQUAL(value(&r, "cpu_seconds_total{mode=\"user\"}"), 1.5);
  CU_ASSERT_EQUAL(value(&r, "cpu_seconds_total{mode=\"user\",package=\"0\",of=\"mean\"}"), 0.125);
  CU_ASSERT_EQUAL(value(&r, "cpu_seconds_total{mode=\"user\",package=\"0\",of=\"max\"}"), 0.25);
  CU_ASSERT_EQUAL(value(&r, "cpu_seconds_total{mode=\"user\",package=\"0\",of=\"spread\"}"), 0.25);
  CU_ASSERT_EQUAL(value(&r, "cpu_seconds_total{mode=\"user\",package=\"1\",of=\"mean\"}"), 0.625);
  CU_ASSERT_EQUAL(value(&r, "cpu_seconds_total{mode=\"user\",package=\"1\",of=\"max\"}"), 0.75);
  /* a core that is gone: the package's others remain, the sum would be another quantity */
  for (int i = 0; i < 4; i++) r.raw[at[i]] += 0.25 * i;
  r.raw[at[2]] = NAN;
  row(&r, 3 * second, 0);
  CU_ASSERT(isnan(value(&r, "cpu_seconds_total{mode=\"user\"}")));
  CU_ASSERT_EQUAL(value(&r, "cpu_seconds_total{mode=\"user\",package=\"1\",of=\"mean\"}"), 0.75);
  CU_ASSERT_EQUAL(value(&r, "cpu_seconds_total{mode=\"user\",package=\"1\",of=\"spread\"}"), 0.0);
  /* taken out of service: after some rows it is no part any more, and is one again when it is back */
  for (int k = 4; k < 20; k++) {
    for (int i = 0; i < 4; i++) r.raw[at[i]] += 0.25 * i;
    row(&r, k * second, 0);
  }
  CU_ASSERT_EQUAL(value(&r, "cpu_seconds_total{mode=\"user\"}"), 1.0);
  r.raw[at[2]] = 50.0;
  for (int k = 20; k < 22; k++) {
    for (int i = 0; i < 4; i++) r.raw[at[i]] += 0.25 * i;
    row(&r, k * second, 0);
    if (k == 20) CU_ASSERT(isnan(value(&r, "cpu_seconds_total{mode=\"user\"}")));
  }
  CU_ASSERT_EQUAL(value(&r, "cpu_seconds_total{mode=\"user\"}"), 1.5);
  glia_intake_destroy(&r.intake);
}

static void numa_nodes_are_folded_where_they_differ(void)
{
  struct rig r;

  begin(&r, "0 0 0\n1 0 1\n");
  const int64_t a = series(&r, "hz{cpu=\"0\"}", "Hz", GLIA_METRIC_GAUGE);
  const int64_t b = series(&r, "hz{cpu=\"1\"}", "Hz", GLIA_METRIC_GAUGE);
  CU_ASSERT_EQUAL(glia_intake_columns(r.intake), 9); /* no sum of gauges */
  r.raw[a] = 1e9;
  r.raw[b] = 3e9;
  row(&r, second, 0);
  CU_ASSERT_EQUAL(value(&r, "hz{package=\"0\",of=\"mean\"}"), 2e9);
  CU_ASSERT_EQUAL(value(&r, "hz{numa=\"0\",of=\"mean\"}"), 1e9);
  CU_ASSERT_EQUAL(value(&r, "hz{numa=\"1\",of=\"max\"}"), 3e9);
  glia_intake_destroy(&r.intake);
}

static void a_sum_that_is_there_is_not_made_again(void)
{
  struct rig r;

  begin(&r, NULL);
  const int64_t sum = series(&r, "irq_total", "1", GLIA_METRIC_COUNTER);
  const int64_t part = series(&r, "irq_total{cpu=\"0\"}", "1", GLIA_METRIC_COUNTER);
  CU_ASSERT_EQUAL(glia_intake_columns(r.intake), 4);
  r.raw[sum] = r.raw[part] = 0.0;
  row(&r, second, 0);
  r.raw[sum] = 10.0;
  r.raw[part] = 4.0;
  row(&r, 2 * second, 0);
  CU_ASSERT_EQUAL(value(&r, "irq_total"), 10.0);
  CU_ASSERT_EQUAL(value(&r, "irq_total{package=\"0\",of=\"max\"}"), 4.0);
  glia_intake_destroy(&r.intake);
}

/* Rates of the others go on when a new series makes rows wider; the new one has no rate yet. */
static void a_series_that_comes_later_disturbs_nobody(void)
{
  struct rig r;

  begin(&r, NULL);
  const int64_t a = series(&r, "a_total", "1", GLIA_METRIC_COUNTER);
  r.raw[a] = 1.0;
  row(&r, second, 0);
  const int64_t b = series(&r, "b_total", "1", GLIA_METRIC_COUNTER);
  r.raw[a] = 3.0;
  r.raw[b] = 5.0;
  row(&r, 2 * second, 0);
  CU_ASSERT_EQUAL(value(&r, "a_total"), 2.0);
  CU_ASSERT(isnan(value(&r, "b_total")));
  r.raw[a] = NAN; /* it vanishes for a row: no rate then, nor across the hole */
  r.raw[b] = 6.0;
  row(&r, 3 * second, 0);
  CU_ASSERT(isnan(value(&r, "a_total")));
  CU_ASSERT_EQUAL(value(&r, "b_total"), 1.0);
  r.raw[a] = 9.0;
  row(&r, 4 * second, 0);
  CU_ASSERT(isnan(value(&r, "a_total")));
  glia_intake_destroy(&r.intake);
}

/* A slow source is read every ten seconds: its rate is over those, and stands in between. */
static void a_clock_of_its_own_makes_its_rate(void)
{
  struct rig r;

  begin(&r, NULL);
  const int64_t clock = series(&r, "read_seconds", "s", GLIA_METRIC_GAUGE);
  const int64_t joules = series(&r, "joules_total", "J", GLIA_METRIC_COUNTER);
  glia_intake_clock(r.intake, joules, clock);
  for (int s = 0; s <= 25; s++) {
    r.raw[clock] = 10.0 * (s / 10);
    r.raw[joules] = 1000.0 * (s / 10);
    row(&r, (1 + s) * second, 0);
    if (s < 10) CU_ASSERT(isnan(value(&r, "joules_total")));
    if (s >= 10) CU_ASSERT_EQUAL(value(&r, "joules_total"), 100.0);
  }
  glia_intake_destroy(&r.intake);
}

/* Float32 holds whole numbers up to 2^24. */
static void numbers_of_jobs_are_whole(void)
{
  static const double number[] = {8123.0, 16777217.0, 20000001.0, 4294967295.0, 281474976710655.0};
  struct rig r;

  begin(&r, NULL);
  const int64_t id = series(&r, "glia_job_id{slot=\"3\"}", "1", GLIA_METRIC_GAUGE);
  for (int i = 0; i < (int)GLIA_COUNT(number); i++) {
    r.raw[id] = number[i];
    row(&r, (1 + i) * second, 0);
    CU_ASSERT_EQUAL((double)value(&r, "glia_job_id{slot=\"3\"}") +
                        (double)value(&r, "glia_job_id{slot=\"3\",of=\"rest\"}"),
                    number[i]);
  }
  r.raw[id] = NAN;
  row(&r, 100 * second, 0);
  CU_ASSERT(isnan(value(&r, "glia_job_id{slot=\"3\",of=\"rest\"}")));
  glia_intake_destroy(&r.intake);
}

static void names_that_are_too_long_are_refused(void)
{
  struct rig r;
  char name[1000];
  int64_t at;

  begin(&r, NULL);
  memset(name, 'a', sizeof name);
  CU_ASSERT_EQUAL(glia_intake_series(r.intake, name, sizeof name, "", GLIA_METRIC_GAUGE, &at),
                  GLIA_E_DATA);
  glia_trace_clear();
  CU_ASSERT_EQUAL(glia_intake_series(r.intake, name, 0, "", GLIA_METRIC_GAUGE, &at), GLIA_E_DATA);
  glia_trace_clear();
  /* numbers of cores that nobody has are no cores */
  CU_ASSERT_EQUAL(series(&r, "x{cpu=\"99999999\"}", "", GLIA_METRIC_GAUGE), 0);
  CU_ASSERT_EQUAL(series(&r, "x{cpu=\"-1\"}", "", GLIA_METRIC_GAUGE), 1);
  CU_ASSERT_EQUAL(glia_intake_columns(r.intake), 2);
  glia_intake_destroy(&r.intake);
}

/* A node that never says anything is not paid for; CPUs far up are found all the same, and those that nobody placed are in package 0. */
static void a_table_of_cpus_is_as_long_as_it_must_be(void)
{
  const int64_t before = asked_bytes;
  struct rig r;

  begin(&r, NULL);
  CU_ASSERT(asked_bytes - before < 1024);
  CU_ASSERT_EQUAL(glia_intake_topology(r.intake, "1 1 1\n8191 3 3\n7 2 2\n8192 1 1\n"), GLIA_OK);
  r.raw[series(&r, "hot{cpu=\"8191\"}", "1", GLIA_METRIC_GAUGE)] = 5.0;
  r.raw[series(&r, "hot{cpu=\"7\"}", "1", GLIA_METRIC_GAUGE)] = 4.0;
  r.raw[series(&r, "hot{cpu=\"1\"}", "1", GLIA_METRIC_GAUGE)] = 3.0;
  r.raw[series(&r, "hot{cpu=\"5000\"}", "1", GLIA_METRIC_GAUGE)] = 2.0;
  row(&r, second, 1);
  CU_ASSERT_EQUAL(value(&r, "hot{package=\"3\",of=\"mean\"}"), 5.0);
  CU_ASSERT_EQUAL(value(&r, "hot{package=\"2\",of=\"mean\"}"), 4.0);
  CU_ASSERT_EQUAL(value(&r, "hot{package=\"1\",of=\"mean\"}"), 3.0);
  CU_ASSERT_EQUAL(value(&r, "hot{package=\"0\",of=\"mean\"}"), 2.0);
  glia_intake_destroy(&r.intake);
}

TAP_MAIN("intake", TAP(counters_become_rates_with_their_unit), TAP(cores_are_folded_by_package),
         TAP(numa_nodes_are_folded_where_they_differ), TAP(a_sum_that_is_there_is_not_made_again),
         TAP(a_series_that_comes_later_disturbs_nobody), TAP(a_clock_of_its_own_makes_its_rate),
         TAP(numbers_of_jobs_are_whole), TAP(names_that_are_too_long_are_refused),
         TAP(a_table_of_cpus_is_as_long_as_it_must_be))
