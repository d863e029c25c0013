/* jobs: CPU time, memory and tasks of each SLURM job here, from its cgroup.  Source: the kernel's admin-guide/cgroup-v2 and v1,
 * SLURM's cgroup plugins.
 *
 * Jobs come and go, columns do not: a job keeps one of a few slots while it is here, and glia_job_id says whose it is. The
 * first reading of a slot under a new job gives no counters, so that no rate is made from two jobs. The node stamps the
 * job: nobody has to ask the scheduler whose clock says what. */
#include "numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
enum {
  JOBS,
  ID = 0,
  CPU,
  MEMORY,
  TASKS,
  PER_SLOT,
  N_SLOTS = 8,
  N_METRICS = 1 + PER_SLOT * N_SLOTS
};

static const struct glia_metric metrics[N_METRICS] = {
    [JOBS] = {"glia_jobs", "1", GLIA_METRIC_GAUGE, "SLURM jobs on this node"},
#define X(i)                                                                                       \
  [1 + (i)*PER_SLOT +                                                                              \
      ID] = {"glia_job_id{slot=\"" #i "\"}", "1", GLIA_METRIC_GAUGE,                               \
             "number of the SLURM job in this slot"},                                              \
      [1 + (i)*PER_SLOT + CPU] = {"glia_job_cpu_seconds_total{slot=\"" #i "\"}", "s",              \
                                  GLIA_METRIC_COUNTER, "CPU time of the job in this slot"},        \
      [1 + (i)*PER_SLOT + MEMORY] = {"glia_job_memory_bytes{slot=\"" #i "\"}", "B",                \
                                     GLIA_METRIC_GAUGE, "memory of the job in this slot"},         \
      [1 + (i)*PER_SLOT + TASKS] = {"glia_job_tasks{slot=\"" #i "\"}", "1", GLIA_METRIC_GAUGE,     \
                                    "processes and threads of the job in this slot"},
    SLOTS(X)
#undef X
};

/* Where SLURM puts jobs: version 2, version 2 with several nodes on one machine, version 1. */
#define SCOPE_2  "sys/fs/cgroup/system.slice/slurmstepd.scope"
#define SCOPES_2 "sys/fs/cgroup/system.slice/*_slurmstepd.scope"
#define SCOPES_1 "sys/fs/cgroup/cpuacct/slurm*"
static const struct {
  const char *scope, *job;
} places[] = {{SCOPE_2, SCOPE_2 "/job_*"},
              {SCOPES_2, SCOPES_2 "/job_*"},
              {SCOPES_1, SCOPES_1 "/uid_*/job_*"}};

/* Readings between two looks at which of the places there are: that lists all services of the node, and changes when SLURM's daemon starts. */
enum { LOOK_EACH = 12 };

struct state {
  char *root;
  bool cgroups; /* there are any: else nothing can be said */
  bool there[GLIA_COUNT(places)];
  int readings;        /* so far */
  double job[N_SLOTS]; /* 0: free */
};

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  s->root = strdup(root);
  GLIA_CHECK(s->root != NULL, GLIA_E_MEMORY, "no memory for the jobs");
  char **path = glia_paths_find_(root, "sys/fs/cgroup");
  s->cgroups = path != NULL;
  glia_paths_free_(path);
  return GLIA_OK;
}

static double number_in(const char *folder, const char *name)
{
  char path[4096];
  char text[64];

  snprintf(path, sizeof path, "%s/%s", folder, name);
  glia_line_read_(path, text, sizeof text);
  struct glia_span rest = {text, text + strlen(text)};
  return glia_span_number_(&rest);
}

/* The same job's folder below another controller of version 1: ".../cpuacct/slurm/..." to ".../memory/slurm/...". */
static const char *below(const char *folder, const char *controller, char *out, size_t size)
{
  const char *at = strstr(folder, "/cpuacct/");

  if (at == NULL) return folder;
  snprintf(out, size, "%.*s/%s/%s", (int)(at - folder), folder, controller,
           at + strlen("/cpuacct/"));
  return out;
}

static double either(double a, double b) { return isnan(a) ? b : a; }

static void read_job(const char *folder, double *out)
{
  static const char *const usage[] = {"usage_usec"};
  struct glia_procfile stat;
  double used_us = (double)GLIA_MISSING;
  char other[4096];

  if (glia_procfile_open_(&stat, folder, "cpu.stat") == GLIA_OK)
    glia_named_read_(&stat, usage, 1, NULL, 1.0, &used_us);
  glia_procfile_close_(&stat);
  out[CPU] = either(1e-6 * used_us, 1e-9 * number_in(folder, "cpuacct.usage"));
  out[MEMORY] =
      either(number_in(folder, "memory.current"),
             number_in(below(folder, "memory", other, sizeof other), "memory.usage_in_bytes"));
  out[TASKS] = number_in(below(folder, "pids", other, sizeof other), "pids.current");
}

static int slot_of(const struct state *s, double job)
{
  for (int i = 0; i < N_SLOTS; i++)
    if (s->job[i] == job) return i;
  return -1;
}

/* The number in ".../job_8123". */
static double job_number(const char *path)
{
  const char *text = strrchr(path, '_') + 1;
  struct glia_span rest = {text, text + strlen(text)};

  return glia_span_number_(&rest);
}

static void free_slots_of_gone(struct state *s, char *const *path)
{
  for (int i = 0; i < N_SLOTS; i++) {
    bool here = false;
    for (size_t k = 0; path != NULL && path[k] != NULL; k++)
      here = here || job_number(path[k]) == s->job[i];
    if (!here) s->job[i] = 0.0;
  }
}

static void take_folder(struct state *s, const char *path, double *out)
{
  const double job = job_number(path);
  double value[PER_SLOT];

  if (!(job > 0.0)) return;
  out[JOBS] += 1.0;
  int slot = slot_of(s, job);
  const bool fresh = slot < 0;
  if (fresh) slot = slot_of(s, 0.0);
  if (slot < 0) return; /* counted, but there is no slot for it */
  s->job[slot] = job;
  value[ID] = job;
  read_job(path, value);
  if (fresh) value[CPU] = (double)GLIA_MISSING;
  memcpy(out + 1 + slot * PER_SLOT, value, sizeof value);
}

static void look(struct state *s)
{
  for (size_t i = 0; i < GLIA_COUNT(places); i++) {
    char **path = glia_paths_find_(s->root, places[i].scope);
    s->there[i] = path != NULL;
    glia_paths_free_(path);
  }
}

static void sample(void *state, double *out)
{
  struct state *s = state;
  char **path = NULL;

  if (!s->cgroups) return;
  if (s->readings++ % LOOK_EACH == 0) look(s);
  for (size_t i = 0; path == NULL && i < GLIA_COUNT(places); i++)
    if (s->there[i]) path = glia_paths_find_(s->root, places[i].job);
  free_slots_of_gone(s, path);
  out[JOBS] = 0.0;
  for (size_t k = 0; path != NULL && path[k] != NULL; k++) take_folder(s, path[k], out);
  glia_paths_free_(path);
}

static void close_all(void *state)
{
  struct state *s = state;

  free(s->root);
}

const struct glia_sampler glia_sampler_jobs_ = {
    .name = "jobs",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .period_s = 5.0,
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
