/* Tiers of a store take what the plan says. */
#include "glia_store.h"
#include "scratch.h"
#include "store_priv.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { METRICS = 331, NAME_BYTES = 64, SEGMENTS = 1000 };
static const int64_t second = 1000000000, segment_s = 600;
static const int64_t midnight_s = 1790035200; /* 2026-09-22 00:00 UTC */

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

/* A row each `every_s` of one node, for one segment from midnight on: a file of each tier. */
static void segment(const char *store, const struct glia_segment_names *names, int64_t every_s)
{
  struct glia_segment s = {.number = 1};
  static float row[METRICS];
  uint64_t state = 1;
  int64_t files = 0;

  for (int64_t t = midnight_s; t < midnight_s + segment_s; t += every_s) {
    for (int i = 0; i < METRICS; i++) { /* half of them are still */
      state = state * 6364136223846793005 + 1442695040888963407;
      row[i] = i % 2 == 0 ? (float)i : 1e-6f * (float)(state >> 40);
    }
    CU_ASSERT_EQUAL_FATAL(glia_segment_row_(&s, 0, t * second, names->n, row), GLIA_OK);
  }
  CU_ASSERT_EQUAL_FATAL(glia_segment_write_(&s, store, names, &files), GLIA_OK);
  CU_ASSERT_EQUAL(files, 3);
  glia_segment_free_(&s);
}

static double size_of(const char *store, const char *tier)
{
  char path[600];
  struct stat info = {0};

  snprintf(path, sizeof path, "%s/%s/20260922T000000Z-1.h5", store, tier);
  CU_ASSERT_EQUAL_FATAL(stat(path, &info), 0);
  return (double)info.st_size;
}

/* Values are told before compression, which leaves a third of them or more; names as they are packed. */
static void files_of_each_tier_are_as_large_as_the_plan_says(void)
{
  static const char *const tier[] = {"full", "1m", "10m"};
  static const int64_t every_s[] = {1, 300};
  static const double least[][3] = {{1.0 / 3.0, 1.0 / 3.0, 1.0 / 1.5},
                                    {1.0 / 1.5, 1.0 / 1.5, 1.0 / 1.5}};
  static char text[METRICS][NAME_BYTES];
  struct glia_segment_names names = {.name = (char *)(uintptr_t) "n1"};
  const double keep = (double)(SEGMENTS * segment_s);

  name_columns(&names, text);
  for (int k = 0; k < 2; k++) {
    const char *store = scratch(k == 0 ? "dense" : "sparse");
    double plan[3];
    mkdir(store, 0777);
    segment(store, &names, every_s[k]);
    glia_store_plan(METRICS, (double)every_s[k], (double)segment_s, (double[]){keep, keep, keep},
                    plan);
    for (int i = 0; i < 3; i++) {
      const double share = SEGMENTS * size_of(store, tier[i]) / plan[i];
      tap_note("%s, a row each %d s: %.0f bytes a segment, %.2f of the plan", tier[i],
               (int)every_s[k], size_of(store, tier[i]), share);
      if (k == 1 && i == 1) continue; /* of ten bins planned there are rows in two */
      CU_ASSERT(share < 1.5 && share > least[k][i]);
    }
  }
  free(names.column);
}

TAP_MAIN("tiers", TAP(files_of_each_tier_are_as_large_as_the_plan_says))
