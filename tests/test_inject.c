/* Faults: bounded in time, size and cores; nothing left behind. */
#include "inject_priv.h"
#include "tap.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static atomic_int stop;

static int asked_to_stop(void) { return stop; }

static int allowed_cores(void)
{
  cpu_set_t cores;

  return sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

static int live_threads(void)
{
  DIR *d = opendir("/proc/self/task");
  int n = 0;

  if (d == NULL) return 1;
  for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) n += e->d_name[0] != '.';
  closedir(d);
  return n;
}

/* A joined thread stays listed for a moment. */
static bool only_these_threads_are_left(int n)
{
  const struct timespec t = {.tv_nsec = 10000000};

  for (int i = 0; i < 200 && live_threads() > n; i++) nanosleep(&t, NULL);
  return live_threads() == n;
}

static glia_status inject(const char *kind, const struct glia_inject_options *options,
                          struct glia_inject_result *result)
{
  const struct glia_injector *injector = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_injector_find(kind, &injector), GLIA_OK);
  return glia_inject_run(injector, options, result);
}

static void every_kind_ends_by_itself_and_leaves_no_thread(void)
{
  const struct glia_injector *injector;
  const int before = live_threads();

  for (int i = 0; (injector = glia_injector_get(i)) != NULL; i++) {
    struct glia_inject_result r;
    const struct glia_inject_options options = {.duration_s = 0.3, .stop = asked_to_stop};
    if (strcmp(glia_injector_name(injector), "governor") == 0) continue; /* test_inject.sh */
    CU_ASSERT_EQUAL(glia_inject_run(injector, &options, &r), GLIA_OK);
    tap_note("%s: %.3f s wall, %.3f s of CPU, %d threads, %lld B, %.3g B/s",
             glia_injector_name(injector), r.wall_s, r.cpu_s, r.threads, (long long)r.size_bytes,
             r.bytes_per_s);
    CU_ASSERT(r.wall_s >= 0.3 && r.wall_s < 1.3);
    /* it did work, on a busy machine too; io waits for the disk instead */
    CU_ASSERT(r.cpu_s > 0.02 || strcmp(glia_injector_name(injector), "io") == 0);
    CU_ASSERT_EQUAL(r.threads, allowed_cores());
    CU_ASSERT_FALSE(r.stopped);
    CU_ASSERT(only_these_threads_are_left(before));
    CU_ASSERT(strlen(glia_injector_help(injector)) > 10);
    CU_ASSERT((r.bytes_per_s > 0.0) == (r.size_bytes > 0));
  }
  CU_ASSERT(glia_injector_get(-1) == NULL);
}

static void memory_is_as_large_as_asked(void)
{
  struct glia_inject_result r;
  const struct glia_inject_options options = {
      .duration_s = 0.2, .threads = 1, .size_bytes = 8 << 20};

  CU_ASSERT_EQUAL(inject("membw", &options, &r), GLIA_OK);
  CU_ASSERT_EQUAL(r.size_bytes, 8 << 20);
  CU_ASSERT_EQUAL(r.threads, 1);
  CU_ASSERT(r.bytes_per_s > 1e7); /* more than to touch it once */
}

static void *stop_soon(void *arg)
{
  const struct timespec t = {.tv_nsec = 150000000};

  (void)arg;
  nanosleep(&t, NULL);
  stop = 1;
  return NULL;
}

static void a_flag_stops_it(void)
{
  struct glia_inject_result r;
  const struct glia_inject_options options = {
      .duration_s = 30.0, .threads = 1, .stop = asked_to_stop};
  pthread_t thread;
  const int before = live_threads();

  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, stop_soon, NULL), 0);
  CU_ASSERT_EQUAL(inject("cpu", &options, &r), GLIA_OK);
  pthread_join(thread, NULL);
  stop = 0;
  CU_ASSERT(r.stopped);
  CU_ASSERT(r.wall_s > 0.1 && r.wall_s < 5.0);
  CU_ASSERT(only_these_threads_are_left(before));
}

static void what_is_out_of_bounds_is_refused(void)
{
  const int64_t free_bytes = (int64_t)sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);
  const struct {
    const char *kind;
    struct glia_inject_options options;
  } bad[] = {
      {"cpu", {.duration_s = 0.0}},
      {"cpu", {.duration_s = -1.0}},
      {"cpu", {.duration_s = (double)NAN}},
      {"cpu", {.duration_s = 86401.0}},
      {"cpu", {.duration_s = 1.0, .threads = -1}},
      {"cpu", {.duration_s = 1.0, .threads = allowed_cores() + 1}},
      {"cpu", {.duration_s = 1.0, .size_bytes = 1 << 20}},
      {"cpu", {.duration_s = 1.0, .root = "/tmp"}},
      {"governor", {.duration_s = 1.0, .threads = 1}},
      {"governor", {.duration_s = 1.0, .size_bytes = 1 << 20}},
      {"membw", {.duration_s = 1.0, .size_bytes = -1}},
      {"membw", {.duration_s = 1.0, .size_bytes = 1}},
      {"membw", {.duration_s = 1.0, .size_bytes = free_bytes / 4}},
  };

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    glia_trace_clear();
    CU_ASSERT_EQUAL(inject(bad[i].kind, &bad[i].options, NULL), GLIA_E_ARGUMENT);
    CU_ASSERT(strlen(glia_trace_message()) > 0);
  }
}

static void put(const char *root, const char *path, const char *text)
{
  char full[512];

  snprintf(full, sizeof full, "%s/%s", root, path);
  for (char *p = full + 1; (p = strchr(p, '/')) != NULL; p++) {
    *p = '\0';
    mkdir(full, 0700);
    *p = '/';
  }
  FILE *f = fopen(full, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  fputs(text, f);
  fclose(f);
}

static void a_cgroup_has_less_room_than_the_machine(void)
{
  static const int64_t free_bytes = 1000000;
  char root[] = "/tmp/glia-inject.XXXXXX";
  char command[64];

  CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
  CU_ASSERT_EQUAL(glia_inject_room_(root, free_bytes), free_bytes); /* no cgroups */
  put(root, "proc/self/cgroup", "0::/a/b\n");
  put(root, "sys/fs/cgroup/a/b/memory.max", "max\n");
  put(root, "sys/fs/cgroup/a/b/memory.current", "100\n");
  CU_ASSERT_EQUAL(glia_inject_room_(root, free_bytes), free_bytes); /* no limit */
  put(root, "sys/fs/cgroup/a/memory.max", "5000\n");
  put(root, "sys/fs/cgroup/a/memory.current", "1000\n");
  CU_ASSERT_EQUAL(glia_inject_room_(root, free_bytes), 4000); /* of the one above */
  put(root, "sys/fs/cgroup/a/b/memory.max", "3000\n");
  CU_ASSERT_EQUAL(glia_inject_room_(root, free_bytes), 2900);
  CU_ASSERT_EQUAL(glia_inject_room_(root, 2000), 2000);
  put(root, "sys/fs/cgroup/a/b/memory.current", "4000\n");
  CU_ASSERT_EQUAL(glia_inject_room_(root, free_bytes), 0);
  put(root, "proc/self/cgroup", "5:cpu,cpuacct:/c\n4:memory:/c/d\n0::/\n");
  put(root, "sys/fs/cgroup/memory/c/d/memory.limit_in_bytes", "9223372036854771712\n");
  put(root, "sys/fs/cgroup/memory/c/d/memory.usage_in_bytes", "10\n");
  CU_ASSERT_EQUAL(glia_inject_room_(root, free_bytes), free_bytes); /* as v1 says: none */
  put(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "700\n");
  put(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", "100\n");
  CU_ASSERT_EQUAL(glia_inject_room_(root, free_bytes), 600); /* as a container sees its own */
  put(root, "sys/fs/cgroup/memory/memory.stat", "inactive_file 7\ntotal_inactive_file 40\n");
  CU_ASSERT_EQUAL(glia_inject_room_(root, free_bytes), 640); /* page cache is given back */
  /* mounted with other kinds, in another order than the kernel's */
  put(root, "proc/self/cgroup", "5:memory_like:/c\n4:cpu,memory:/e\n");
  put(root, "sys/fs/cgroup/memory,cpu/e/memory.limit_in_bytes", "500\n");
  put(root, "sys/fs/cgroup/memory,cpu/e/memory.usage_in_bytes", "100\n");
  CU_ASSERT_EQUAL(glia_inject_room_(root, free_bytes), 400);
  put(root, "proc/self/cgroup", "5:memory_like:/e\n4:cpu:/e\n");
  CU_ASSERT_EQUAL(glia_inject_room_(root, free_bytes), free_bytes); /* no memory among them */
  snprintf(command, sizeof command, "rm -r %s", root);
  CU_ASSERT_EQUAL(system(command), 0);
}

static void an_unknown_kind_names_the_nearest(void)
{
  const struct glia_injector *injector;

  CU_ASSERT_EQUAL(glia_injector_find("membww", &injector), GLIA_E_USAGE);
  CU_ASSERT_PTR_NULL(injector);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "did you mean membw?"));
}

TAP_MAIN("inject", TAP(every_kind_ends_by_itself_and_leaves_no_thread),
         TAP(memory_is_as_large_as_asked), TAP(a_flag_stops_it),
         TAP(what_is_out_of_bounds_is_refused), TAP(a_cgroup_has_less_room_than_the_machine),
         TAP(an_unknown_kind_names_the_nearest))
