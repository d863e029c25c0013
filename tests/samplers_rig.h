/* What tests of samplers share: a node made of files, and the sample at hand. */
#ifndef SAMPLERS_RIG_H
#define SAMPLERS_RIG_H

#include "glia_sample.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_METRICS = 4096, PATH = 4096 }; /* 254 cores have 2,032 */

static char node[PATH]; /* folder of the node at hand */

static inline void put(const char *file, const char *text)
{
  char path[PATH + 64];

  snprintf(path, sizeof path, "%s/proc/%s", node, file);
  FILE *f = fopen(path, "w"); /* truncates: the file stays the same one */
  if (f == NULL) return;
  fputs(text, f);
  fclose(f);
}

static inline void make_node(void)
{
  static const char *const folders[] = {"", "/proc", "/proc/net", "/proc/pressure"};
  char path[PATH + 64];
  const char *tmp = getenv("TMPDIR");

  snprintf(node, sizeof node, "%s/glia-node-XXXXXX", tmp != NULL ? tmp : "/tmp");
  if (mkdtemp(node) == NULL) node[0] = '\0';
  for (int i = 1; i < 4; i++) {
    snprintf(path, sizeof path, "%s%s", node, folders[i]);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
  }
}

static inline void remove_node(void)
{
  static const char *const names[] = {"/proc/stat",
                                      "/proc/net/dev",
                                      "/proc/diskstats",
                                      "/proc/loadavg",
                                      "/proc/meminfo",
                                      "/proc/self/mountstats",
                                      "/proc/self",
                                      "/proc/pressure/cpu",
                                      "/proc/pressure",
                                      "/proc/net",
                                      "/proc",
                                      "/sys/block/sda/stat",
                                      "/sys/block/sda",
                                      "/sys/block",
                                      "/sys",
                                      ""};
  char path[PATH + 64];

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s%s", node, names[i]);
    remove(path);
  }
}

static inline struct glia_sample_set *open_node(const char *root)
{
  struct glia_sample_set *set = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_sample_set_open(root, &set), GLIA_OK);
  CU_ASSERT_FATAL(glia_sample_set_count(set) <= MAX_METRICS);
  return set;
}

static double row[MAX_METRICS];

static inline void take(struct glia_sample_set *set)
{
  struct glia_sample_time when;

  for (int i = 0; i < MAX_METRICS; i++) row[i] = -7.0; /* nothing may be left of it */
  glia_sample_take(set, row, &when);
}

static inline int column(const struct glia_sample_set *set, const char *name)
{
  const struct glia_metric *metric = glia_sample_set_metrics(set);

  for (int i = 0; i < glia_sample_set_count(set); i++)
    if (strcmp(metric[i].name, name) == 0) return i;
  return -1;
}

static inline double value(const struct glia_sample_set *set, const char *name)
{
  const int i = column(set, name);

  CU_ASSERT_FATAL(i >= 0);
  return row[i];
}

#endif
