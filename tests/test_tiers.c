/* Tiers of a store: files of ten-minute bins are joined, no row is lost or doubled, and they take what the plan says. */
#include "glia_store.h"
#include "glia_telemetry.h"
#include "scratch.h"
#include "store_priv.h"
#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { METRICS = 331, NAME_BYTES = 64 };
static const int64_t second = 1000000000, segment_s = 600;
static const int64_t midnight_s = 1790035200; /* 2026-09-22 00:00 UTC */

/* Ours is called in place of the C library's: files that should go stay, as after a kill. */
static bool stays;
int unlink(const char *path)
{
  return stays && strstr(path, "/10m/") != NULL ? 0 : unlinkat(AT_FDCWD, path, 0);
}

/* Columns as an agent's are named. */
static void name_columns(struct glia_segment_names *names, char text[METRICS][NAME_BYTES])
{
  static const char *const about[] = {"node_cpu_seconds", "node_disk_io_time_seconds",
                                      "node_memory_part", "node_vmstat_pgsteal"};

  names->n = METRICS;
  names->column = calloc(METRICS, sizeof *names->column);
  for (int i = 0; i < METRICS; i++) {
    snprintf(text[i], NAME_BYTES, "%s_%d_total{package=\"0\",of=\"mean\"}", about[i % 4], i);
    names->column[i] = (struct glia_segment_column){text[i], (char *)(uintptr_t) "s/s"};
  }
}

/* A row each `every_s`, of one node, over [from, to): a file of each tier. Value of column 0: seconds since midnight. */
static void segment(const char *store, const struct glia_segment_names *names, int64_t number,
                    int64_t from, int64_t to, int64_t every_s)
{
  struct glia_segment s = {.number = number};
  static float row[METRICS];
  static uint64_t state = 1;
  int64_t files = 0;

  for (int64_t t = from; t < to; t += every_s) {
    for (int i = 0; i < METRICS; i++) { /* half of them are still */
      state = state * 6364136223846793005 + 1442695040888963407;
      row[i] = i % 2 == 0 ? (float)i : 1e-6f * (float)(state >> 40);
    }
    row[0] = (float)(t - midnight_s);
    CU_ASSERT_EQUAL_FATAL(glia_segment_row_(&s, 0, t * second, names->n, row), GLIA_OK);
  }
  CU_ASSERT_EQUAL_FATAL(glia_segment_write_(&s, store, names, &files), GLIA_OK);
  CU_ASSERT_EQUAL(files, 3);
  glia_segment_free_(&s);
}

static int count_files(const char *store, const char *tier)
{
  char path[600];
  struct dirent *e;
  int n = 0;

  snprintf(path, sizeof path, "%s/%s", store, tier);
  DIR *d = opendir(path);
  CU_ASSERT_PTR_NOT_NULL_FATAL(d);
  while ((e = readdir(d)) != NULL) n += e->d_name[0] != '.';
  closedir(d);
  return n;
}

static double size_of(const char *store, const char *file)
{
  char path[600];
  struct stat info = {0};

  snprintf(path, sizeof path, "%s/%s", store, file);
  CU_ASSERT_EQUAL_FATAL(stat(path, &info), 0);
  return (double)info.st_size;
}

static void read_node(const char *store, const char *file, struct glia_telemetry_node *d)
{
  struct glia_telemetry *t;
  char path[600];

  snprintf(path, sizeof path, "%s/10m/%s", store, file);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_open(path, &t), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, "n1", d), GLIA_OK);
  glia_telemetry_close(&t);
}

static void a_day_becomes_one_file_of_the_size_of_the_plan(void)
{
  static char text[METRICS][NAME_BYTES];
  struct glia_segment_names names = {.name = (char *)(uintptr_t) "n1"};
  const char *store = scratch("days");
  struct glia_telemetry_node d;
  double plan[3];
  int64_t k = 1;

  mkdir(store, 0777);
  name_columns(&names, text);
  /* a day, of which the first hour comes in six segments; an hour and two segments of the next */
  for (int64_t t = 0, by; t < 152 * segment_s; t += by) {
    by = t >= 3600 && t < 86400 ? 3600 : segment_s;
    segment(store, &names, k++, midnight_s + t, midnight_s + t + by, 300);
  }
  CU_ASSERT_EQUAL(k, 6 + 23 + 8 + 1);
  CU_ASSERT_EQUAL(count_files(store, "10m"), 1 + 1 + 2);
  /* Two years of this: mostly days. Values that are half still and half noise are packed to a third or more. */
  const double days_s[] = {172800.0, 2592000.0, 63072000.0};
  glia_store_plan(METRICS, 1.0, (double)segment_s, days_s, plan);
  read_node(store, "20260922T000000Z-1-29.h5", &d);
  CU_ASSERT_EQUAL_FATAL(d.n, 144);
  CU_ASSERT_EQUAL_FATAL(d.n_metrics, 3 * METRICS);
  for (int64_t i = 0; i < d.n; i++) {
    const float *row = d.values + i * d.n_metrics;
    CU_ASSERT_EQUAL(d.time_ns[i], (midnight_s + i * segment_s) * second);
    CU_ASSERT(row[0] == (float)(i * 600 + 150) && row[METRICS] == (float)(i * 600) &&
              row[2 * METRICS] == (float)(i * 600 + 300));
  }
  glia_telemetry_node_free(&d);
  const double two_years = 730.0 * size_of(store, "10m/20260922T000000Z-1-29.h5");
  tap_note("two years by a day: %.0f MB of %.0f planned", two_years / 1e6, plan[2] / 1e6);
  CU_ASSERT(two_years < plan[2] && two_years > plan[2] / 3.0);
  /* A file of few rows is mostly names: those are told as they are. */
  const double segment_of[] = {600.0, 600.0, 600.0};
  glia_store_plan(METRICS, 300.0, 1e9, segment_of, plan);
  const double full = size_of(store, "full/20260922T000000Z-1.h5");
  tap_note("full, two rows: %.0f bytes of %.0f planned", full, plan[0]);
  CU_ASSERT(full < 1.5 * plan[0] && full > plan[0] / 1.5);
  free(names.column);
}

static void joined_files_are_ours_and_others_are_not(void)
{
  long long from = 0, to = 0;

  CU_ASSERT(glia_segment_numbers_("20260922T000000Z-17.h5", &from, &to) && from == 17 && to == 17);
  CU_ASSERT(glia_segment_numbers_("20260922T000000Z-3-29.h5", &from, &to) && from == 3 && to == 29);
  static const char *const other[] = {"20260922T000000Z-3-29.h5.tmp", "notes.h5", "20260922-3.h5",
                                      "20260922T000000Z-3-.h5", "20260922T000000Z-3.h5.bak"};
  for (size_t i = 0; i < GLIA_COUNT(other); i++)
    CU_ASSERT(!glia_segment_numbers_(other[i], &from, &to));
}

static void bins_in_two_parts_and_files_that_were_joined_before_are_one(void)
{
  static char text[METRICS][NAME_BYTES];
  struct glia_segment_names names = {.name = (char *)(uintptr_t) "n1"};
  const char *store = scratch("parts");
  struct glia_telemetry_node d;

  mkdir(store, 0777);
  name_columns(&names, text);
  /* The collector was started anew within the first bin, and came to know of a column; then it was killed before parts went. */
  names.n = METRICS - 1;
  segment(store, &names, 1, midnight_s, midnight_s + 100, 50);
  names.n = METRICS;
  segment(store, &names, 2, midnight_s + 400, midnight_s + 600, 100);
  segment(store, &names, 3, midnight_s + 600, midnight_s + 1200, 300);
  stays = true;
  segment(store, &names, 4, midnight_s + 3600, midnight_s + 4200, 300);
  CU_ASSERT_EQUAL(count_files(store, "10m"), 5);
  stays = false;
  segment(store, &names, 5, midnight_s + 86400, midnight_s + 87000, 300);
  CU_ASSERT_EQUAL(count_files(store, "10m"), 2);
  read_node(store, "20260922T000000Z-1-4.h5", &d);
  CU_ASSERT_EQUAL_FATAL(d.n, 3);
  CU_ASSERT_EQUAL_FATAL(d.n_metrics, 3 * METRICS);
  static const float want[][3] = {{237.5f, 0.0f, 500.0f}, {750, 600, 900}, {3750, 3600, 3900}};
  for (int64_t i = 0; i < d.n; i++)
    for (int j = 0; j < d.n_metrics; j++) {
      const float v = d.values[i * d.n_metrics + j];
      if (strcmp(d.metric[j], text[0]) == 0) CU_ASSERT_EQUAL(v, want[i][0]);
      if (strncmp(d.metric[j], text[0], strlen(text[0])) != 0) continue;
      if (strstr(d.metric[j], " min") != NULL) CU_ASSERT_EQUAL(v, want[i][1]);
      if (strstr(d.metric[j], " max") != NULL) CU_ASSERT_EQUAL(v, want[i][2]);
    }
  for (int j = 0; j < d.n_metrics; j++)
    if (strcmp(d.metric[j], text[METRICS - 1]) == 0) CU_ASSERT(!isnan(d.values[j]));
  glia_telemetry_node_free(&d);
  free(names.column);
}

TAP_MAIN("tiers", TAP(a_day_becomes_one_file_of_the_size_of_the_plan),
         TAP(joined_files_are_ours_and_others_are_not),
         TAP(bins_in_two_parts_and_files_that_were_joined_before_are_one))
