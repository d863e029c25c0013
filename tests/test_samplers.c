/* Samplers on recorded nodes, on files that change under them, and on this machine. */
#include "glia_sample.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_METRICS = 512, PATH = 4096 };

/* ---- what a sample costs: these stand before the C library's own */

static long allocations;
static long opens;
static long reads;

#ifndef GLIA_SANITIZED
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

void *malloc(size_t size)
{
  allocations++;
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
  allocations++;
  return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
  allocations++;
  return __libc_realloc(p, size);
}

int open(const char *path, int flags, ...)
{
  va_list args;

  va_start(args, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
  va_end(args);
  opens++;
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
  reads++;
  return syscall(SYS_pread64, fd, to, n, at);
}
#endif

/* ---- a node made of files */

static char node[PATH]; /* folder of the node at hand */

static void put(const char *file, const char *text)
{
  char path[PATH + 64];

  snprintf(path, sizeof path, "%s/proc/%s", node, file);
  FILE *f = fopen(path, "w"); /* truncates: the file stays the same one */
  if (f == NULL) return;
  fputs(text, f);
  fclose(f);
}

static void make_node(void)
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

static void remove_node(void)
{
  static const char *const names[] = {"/proc/stat",
                                      "/proc/net/dev",
                                      "/proc/diskstats",
                                      "/proc/loadavg",
                                      "/proc/pressure/cpu",
                                      "/proc/pressure",
                                      "/proc/net",
                                      "/proc",
                                      ""};
  char path[PATH + 64];

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s%s", node, names[i]);
    remove(path);
  }
}

static struct glia_sample_set *open_node(const char *root)
{
  struct glia_sample_set *set = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_sample_set_open(root, &set), GLIA_OK);
  CU_ASSERT_FATAL(glia_sample_set_count(set) <= MAX_METRICS);
  return set;
}

static double row[MAX_METRICS];

static void take(struct glia_sample_set *set)
{
  struct glia_sample_time when;

  for (int i = 0; i < MAX_METRICS; i++) row[i] = -7.0; /* nothing may be left of it */
  glia_sample_take(set, row, &when);
}

static int column(const struct glia_sample_set *set, const char *name)
{
  const struct glia_metric *metric = glia_sample_set_metrics(set);

  for (int i = 0; i < glia_sample_set_count(set); i++)
    if (strcmp(metric[i].name, name) == 0) return i;
  return -1;
}

static double value(const struct glia_sample_set *set, const char *name)
{
  const int i = column(set, name);

  CU_ASSERT_FATAL(i >= 0);
  return row[i];
}

/* ---- recorded nodes */

/* Compare a sample of a recorded node with its golden values: those listed agree, all others are missing. Rounding of
 * ticks, milliseconds and microseconds to seconds may differ in the last bits. */
static void replay(const char *name)
{
  char path[PATH];
  char line[512];
  char key[256];
  double want;
  bool listed[MAX_METRICS] = {false};
  int n_listed = 0;

  snprintf(path, sizeof path, "%s/tests/nodes/%s", getenv("srcdir"), name);
  struct glia_sample_set *set = open_node(path);
  take(set);
  snprintf(path, sizeof path, "%s/tests/nodes/%s/expected", getenv("srcdir"), name);
  FILE *f = fopen(path, "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  while (fgets(line, sizeof line, f) != NULL && sscanf(line, "%255s %lf", key, &want) == 2) {
    const int i = column(set, key);
    const bool good = i >= 0 && fabs(row[i] - want) <= 1e-14 * fabs(want);
    CU_ASSERT(good);
    if (!good) tap_note("%s: %s is %.17g, not %.17g", name, key, i >= 0 ? row[i] : -1.0, want);
    if (i >= 0) listed[i] = true;
    n_listed++;
  }
  fclose(f);
  CU_ASSERT(n_listed > 0);
  for (int i = 0; i < glia_sample_set_count(set); i++) {
    CU_ASSERT(listed[i] || isnan(row[i]));
    if (!listed[i] && !isnan(row[i]))
      tap_note("%s: %s is %g", name, glia_sample_set_metrics(set)[i].name, row[i]);
  }
  glia_sample_set_close(&set);
  CU_ASSERT_PTR_NULL(set);
}

static void a_small_virtual_machine(void)
{
  replay("vm-1");
  replay("vm-2");
}
static void many_cores_disks_and_links_in_another_order(void) { replay("big"); }
static void a_node_of_a_cluster_with_sensors_and_fabrics(void) { replay("hpc"); }
static void an_old_kernel_lacks_pressure_and_fields(void) { replay("old"); }
static void a_node_without_disks_and_links_has_sums_of_zero(void) { replay("bare"); }
static void numbers_cut_short_are_missing(void) { replay("cut"); }
static void garbage_is_missing(void) { replay("garbage"); }

static void an_empty_root_is_all_missing(void)
{
  make_node();
  struct glia_sample_set *set = open_node(node);
  take(set);
  for (int i = 0; i < glia_sample_set_count(set); i++) CU_ASSERT(isnan(row[i]));
  CU_ASSERT_EQUAL(row[glia_sample_set_count(set)], -7.0);
  glia_sample_set_close(&set);
  remove_node();
}

static void a_root_that_is_no_folder_is_refused(void)
{
  struct glia_sample_set *set;

  CU_ASSERT_EQUAL(glia_sample_set_open("/nowhere/at/all", &set), GLIA_E_MISSING);
  CU_ASSERT_PTR_NULL(set);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "/nowhere/at/all"));
}

static void the_row_is_as_wide_on_every_node(void)
{
  char path[PATH];
  static const char *const names[] = {"vm-1", "big", "old", "garbage"};
  struct glia_sample_set *here = open_node("/");

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/tests/nodes/%s", getenv("srcdir"), names[i]);
    struct glia_sample_set *set = open_node(path);
    CU_ASSERT_EQUAL(glia_sample_set_count(set), glia_sample_set_count(here));
    glia_sample_set_close(&set);
  }
  glia_sample_set_close(&here);
}

static void names_are_unique_and_described(void)
{
  struct glia_sample_set *set = open_node("/");
  const struct glia_metric *metric = glia_sample_set_metrics(set);

  for (int i = 0; i < glia_sample_set_count(set); i++) {
    CU_ASSERT_EQUAL(column(set, metric[i].name), i);
    CU_ASSERT(strlen(metric[i].help) > 2 && strlen(metric[i].unit) > 0);
    CU_ASSERT(strncmp(metric[i].name, "node_", 5) == 0 || strncmp(metric[i].name, "glia_", 5) == 0);
  }
  glia_sample_set_close(&set);
}

/* ---- files that change */

static void files_are_read_anew(void)
{
  make_node();
  put("loadavg", "1.50 2.25 3.00 1/100 42\n");
  struct glia_sample_set *set = open_node(node);
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_load5"), 2.25);
  put("loadavg", "117.00 0.01 0.02 100/1000 4242\n");
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_load1"), 117.0);
  CU_ASSERT_EQUAL(value(set, "node_load5"), 0.01);
  put("loadavg", "");
  take(set);
  CU_ASSERT(isnan(value(set, "node_load1")));
  put("loadavg", "0.25 0.50 0.75 1/1 1\n");
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_load15"), 0.75);
  glia_sample_set_close(&set);
  remove_node();
}

/* Four cores, 100 ticks later: 0 idle all the time, 1 busy all the time, 2 waits for a disk for half of it (that is not busy)
 * and steals 10, 3 runs 20 in the kernel and its idle time goes on; 4 was plugged in meanwhile. */
static void busy_shares_fold_over_cores(void)
{
  make_node();
  put("stat", "cpu  0 0 0 0 0 0 0 0\ncpu0 100 0 0 500 0 0 0 0\ncpu1 100 0 0 500 0 0 0 0\n"
              "cpu2 100 0 0 500 0 0 0 0\ncpu3 100 0 0 500 0 0 0 0\n");
  struct glia_sample_set *set = open_node(node);
  take(set);
  CU_ASSERT(isnan(value(set, "glia_cpu_busy_mean_ratio")));
  CU_ASSERT(isnan(value(set, "glia_cpu_busy_max_ratio")));
  put("stat", "cpu  0 0 0 0 0 0 0 0\ncpu0 100 0 0 600 0 0 0 0\ncpu1 150 50 0 500 0 0 0 0\n"
              "cpu2 100 0 0 540 50 0 0 10\ncpu3 100 0 20 580 0 0 0 0\ncpu4 900 0 0 100 0 0 0 0\n");
  take(set);
  CU_ASSERT_DOUBLE_EQUAL(value(set, "glia_cpu_busy_mean_ratio"), (0.0 + 1.0 + 0.1 + 0.2) / 4,
                         1e-15);
  CU_ASSERT_EQUAL(value(set, "glia_cpu_busy_min_ratio"), 0.0);
  CU_ASSERT_EQUAL(value(set, "glia_cpu_busy_max_ratio"), 1.0);
  take(set); /* no tick since */
  CU_ASSERT(isnan(value(set, "glia_cpu_busy_mean_ratio")));
  /* Idle time of core 0 stepped back by a tick, core 1 is unreadable, core 2 was busy for half, core 3 is gone. */
  put("stat", "cpu  0 0 0 0 0 0 0 0\ncpu0 170 0 0 599 0 0 0 0\ncpu1 ? 50 0 5000\n"
              "cpu2 150 0 0 590 50 0 0 10\n");
  take(set);
  CU_ASSERT_EQUAL(value(set, "glia_cpu_busy_mean_ratio"), 0.75);
  CU_ASSERT_EQUAL(value(set, "glia_cpu_busy_min_ratio"), 0.5);
  CU_ASSERT_EQUAL(value(set, "glia_cpu_busy_max_ratio"), 1.0);
  glia_sample_set_close(&set);
  remove_node();
}

/* The sum over three disks is another counter than the sum over two. */
static void another_set_of_devices_is_missing_once(void)
{
  static const char *const sda = "8 0 sda 1 0 2 1 1 0 2 1 0 1 1\n";
  char both[256];

  make_node();
  put("diskstats", sda);
  struct glia_sample_set *set = open_node(node);
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_disk_read_bytes_total"), 1024.0);
  snprintf(both, sizeof both, "%s8 16 sdb 1000 0 9000 1 1 0 2 1 0 1 1\n", sda);
  put("diskstats", both);
  take(set);
  CU_ASSERT(isnan(value(set, "node_disk_read_bytes_total")));
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_disk_read_bytes_total"), 9002.0 * 512);
  snprintf(both, sizeof both,
           "7 0 loop0 1 1 1 1 1 1 1 1 1 1 1\n%s8 16 sdb 1000 0 9000 1 1 0 2 1 0 1 1\n", sda);
  put("diskstats", both); /* a device that is not counted does not matter */
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_disk_read_bytes_total"), 9002.0 * 512);
  glia_sample_set_close(&set);
  remove_node();
}

/* A file may grow to twice its size and stay readable; past that, what does not fit is missing and nothing breaks. */
static void files_that_outgrow_their_buffer_do_no_harm(void)
{
  static char text[1 << 17];
  size_t n = 0;

  make_node();
  put("net/dev", "a | b\nc | d\n  lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n");
  struct glia_sample_set *set = open_node(node);
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_network_receive_bytes_total"), 0.0);
  for (int i = 0; n + 128 < sizeof text; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "  eth%d: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n",
                          i);
  put("net/dev", text);
  take(set);
  take(set);
  CU_ASSERT(isnan(value(set, "node_network_receive_bytes_total")));
  glia_sample_set_close(&set);
  remove_node();
}

/* ---- a source of one's own */

struct toy {
  double next;
  bool *closed;
};

static bool toy_closed;
static const struct glia_metric toy_metrics[] = {
    {"glia_toy_a", "1", GLIA_METRIC_GAUGE, "first"},
    {"glia_toy_b", "1", GLIA_METRIC_COUNTER, "second"}};

static glia_status toy_open(void *state, const char *root)
{
  struct toy *t = state;

  CU_ASSERT_EQUAL(t->next, 0.0); /* zeroed */
  CU_ASSERT_STRING_EQUAL(root, "/");
  *t = (struct toy){1.0, &toy_closed};
  return GLIA_OK;
}

static glia_status toy_open_fails(void *state, const char *root)
{
  (void)toy_open(state, root);
  return GLIA_FAIL(GLIA_E_MEMORY, "the toy does not open");
}

static const struct glia_metric *toy_discovered(const void *state, int *n_metrics)
{
  *n_metrics = ((const struct toy *)state)->next > 0.0 ? 2 : 0;
  return toy_metrics;
}

static void toy_sample(void *state, double *out)
{
  struct toy *t = state;

  out[1] = t->next++;
}

static void toy_close(void *state) { *((struct toy *)state)->closed = true; }

static void a_sampler_may_discover_its_metrics(void)
{
  static const struct glia_sampler toy = {.name = "toy",
                                          .state_size = sizeof(struct toy),
                                          .open = toy_open,
                                          .discovered = toy_discovered,
                                          .sample = toy_sample,
                                          .close = toy_close};
  const struct glia_sampler *const two[] = {&toy, &toy};
  struct glia_sample_set *set;

  CU_ASSERT_EQUAL_FATAL(glia_sample_set_open_with(two, 2, "/", &set), GLIA_OK);
  CU_ASSERT_EQUAL(glia_sample_set_count(set), 4);
  take(set);
  take(set);
  CU_ASSERT(isnan(row[0]) && isnan(row[2]));
  CU_ASSERT_EQUAL(row[1], 2.0);
  CU_ASSERT_EQUAL(row[3], 2.0);
  toy_closed = false;
  glia_sample_set_close(&set);
  CU_ASSERT(toy_closed);
}

static void a_sampler_that_fails_to_open_fails_the_set(void)
{
  static const struct glia_sampler toy = {.name = "toy",
                                          .state_size = sizeof(struct toy),
                                          .open = toy_open_fails,
                                          .discovered = toy_discovered,
                                          .sample = toy_sample,
                                          .close = toy_close};
  const struct glia_sampler *const one[] = {&toy};
  struct glia_sample_set *set;

  toy_closed = false;
  CU_ASSERT_EQUAL(glia_sample_set_open_with(one, 1, "/", &set), GLIA_E_MEMORY);
  CU_ASSERT_PTR_NULL(set);
  CU_ASSERT(toy_closed);
}

/* ---- this machine, and what it costs */

static void this_machine_agrees_with_the_c_library(void)
{
  if (access("/proc/meminfo", R_OK) != 0) TAP_SKIP("no /proc");
  struct glia_sample_set *set = open_node("/");
  double load[3];

  take(set);
  const double total = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  CU_ASSERT_DOUBLE_EQUAL(value(set, "node_memory_MemTotal_bytes"), total, 1e-3 * total);
  CU_ASSERT_EQUAL(getloadavg(load, 3), 3);
  CU_ASSERT_DOUBLE_EQUAL(value(set, "node_load15"), load[2], 0.5);
  /* All cores' time is cores x uptime, but for cores that slept or came late. */
  struct timespec up;
  double sum = 0.0;
  clock_gettime(CLOCK_BOOTTIME, &up);
  static const char *const modes[] = {"user",   "nice", "system",  "idle",
                                      "iowait", "irq",  "softirq", "steal"};
  for (int m = 0; m < 8; m++) {
    char name[64];
    snprintf(name, sizeof name, "node_cpu_seconds_total{mode=\"%s\"}", modes[m]);
    sum += value(set, name);
  }
  const double most = (double)sysconf(_SC_NPROCESSORS_CONF) * (double)(up.tv_sec + 1);
  CU_ASSERT(sum > 0.0 && sum < 1.1 * most);
  glia_sample_set_close(&set);
}

static void a_sample_neither_allocates_nor_opens(void)
{
#ifdef GLIA_SANITIZED
  TAP_SKIP("the sanitizer owns malloc");
#endif
  struct glia_sample_set *set = open_node("/");
  CU_ASSERT(allocations > 0 && opens > 0); /* the counters count */
  take(set);
  const long allocations_before = allocations;
  const long opens_before = opens;
  for (int i = 0; i < 10; i++) take(set);
  CU_ASSERT_EQUAL(allocations, allocations_before);
  CU_ASSERT_EQUAL(opens, opens_before);
  glia_sample_set_close(&set);
}

/* Ten files. Each gives its text in one read; the four that are large (stat, vmstat, disks, links) tell their end in another. */
static void a_sample_reads_each_file_once(void)
{
#ifdef GLIA_SANITIZED
  TAP_SKIP("reads are not counted under the sanitizer");
#endif
  char path[PATH];

  snprintf(path, sizeof path, "%s/tests/nodes/big", getenv("srcdir"));
  struct glia_sample_set *set = open_node(path);
  reads = 0;
  take(set);
  CU_ASSERT_EQUAL(reads, 6 + 2 * 4);
  glia_sample_set_close(&set);
}

/* The promise is 0.05 % of a core at 1 Hz, 500 us a sample; here with room for slow machines and checkers. */
static void a_sample_is_cheap(void)
{
  enum { TIMES = 200 };
  struct glia_sample_set *set = open_node("/");
  struct timespec a;
  struct timespec b;

  take(set);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
  for (int i = 0; i < TIMES; i++) take(set);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
  const double each_s =
      ((double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec)) / TIMES;
  tap_note("%.1f us of CPU time a sample, %lld metrics", 1e6 * each_s,
           (long long)glia_sample_set_count(set));
  CU_ASSERT(each_s < 2e-3);
  glia_sample_set_close(&set);
}

/* ---- the slow lane */

static int hang_pipe[2]; /* a source that does not answer until something is written */

static glia_status hang_open(void *state, const char *root)
{
  (void)state;
  (void)root;
  return GLIA_OK;
}
static void hang_sample(void *state, double *out)
{
  char c;

  (void)state;
  out[0] = read(hang_pipe[0], &c, 1) == 1 ? (double)c : (double)NAN;
}
static void hang_close(void *state) { (void)state; }

static const struct glia_sampler hanging = {.name = "hanging",
                                            .metrics = toy_metrics,
                                            .n_metrics = 1,
                                            .period_s = 0.05,
                                            .open = hang_open,
                                            .sample = hang_sample,
                                            .close = hang_close};

static double seconds(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void nap(double s)
{
  const struct timespec t = {.tv_sec = 0, .tv_nsec = (long)(1e9 * s)};

  nanosleep(&t, NULL);
}

/* A sick disk: its reader hangs, the sample is taken without it, and closing does not wait for it either. */
static void a_source_that_hangs_holds_up_nothing(void)
{
  const struct glia_sampler *one[] = {&hanging};
  struct glia_sample_set *set = NULL;
  const double begin_s = seconds();

  CU_ASSERT_EQUAL_FATAL(pipe(hang_pipe), 0);
  CU_ASSERT_EQUAL_FATAL(glia_sample_set_open_with(one, 1, "/", &set), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_sample_set_start(set), GLIA_OK);
  CU_ASSERT_EQUAL(glia_sample_set_clock(set, 1), 0);
  take(set);
  CU_ASSERT(isnan(row[0]) && isnan(row[1]));
  CU_ASSERT_EQUAL(write(hang_pipe[1], "*", 1), 1);
  for (int i = 0; i < 500 && isnan(row[1]); i++) {
    nap(0.01);
    take(set);
  }
  CU_ASSERT_EQUAL(row[1], (double)'*');
  CU_ASSERT(row[0] > 0.0);
  /* Now it hangs; three periods and two seconds later its last value is too old to stand. */
  for (int i = 0; i < 1000 && !isnan(row[1]); i++) {
    nap(0.01);
    take(set);
  }
  CU_ASSERT(isnan(row[0]) && isnan(row[1]));
  CU_ASSERT(seconds() - begin_s >= 2.0);
  const double close_s = seconds();
  glia_sample_set_close(&set);
  CU_ASSERT(seconds() - close_s <
            5.0); /* it waits for half a second; the rest is for a busy machine */
  CU_ASSERT_EQUAL(write(hang_pipe[1], "*", 1), 1); /* let the thread that was left behind end */
  nap(0.2);
}

/* Energy counters go back to 0 at their range: what they counted stays. */
static void energy_is_unwrapped(void)
{
  static const char *const folders[] = {"/sys", "/sys/class", "/sys/class/powercap",
                                        "/sys/class/powercap/intel-rapl:0"};
  static const char *const files[] = {"name", "max_energy_range_uj", "energy_uj"};
  char path[PATH + 128];

  make_node();
  for (size_t i = 0; i < 4; i++) {
    snprintf(path, sizeof path, "%s%s", node, folders[i]);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
  }
  put("../sys/class/powercap/intel-rapl:0/name", "package-0\n");
  put("../sys/class/powercap/intel-rapl:0/max_energy_range_uj", "10000000\n");
  put("../sys/class/powercap/intel-rapl:0/energy_uj", "9000000\n");
  struct glia_sample_set *set = open_node(node);
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_rapl_package_joules_total"), 9.0);
  put("../sys/class/powercap/intel-rapl:0/energy_uj", "1500000\n");
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_rapl_package_joules_total"), 11.5);
  glia_sample_set_close(&set);
  for (size_t i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s%s/%s", node, folders[3], files[i]);
    remove(path);
  }
  for (size_t i = 4; i-- > 0;) {
    snprintf(path, sizeof path, "%s%s", node, folders[i]);
    remove(path);
  }
  remove_node();
}

TAP_MAIN("samplers", TAP(a_small_virtual_machine), TAP(many_cores_disks_and_links_in_another_order),
         TAP(a_node_of_a_cluster_with_sensors_and_fabrics),
         TAP(an_old_kernel_lacks_pressure_and_fields), TAP(a_source_that_hangs_holds_up_nothing),
         TAP(energy_is_unwrapped), TAP(a_node_without_disks_and_links_has_sums_of_zero),
         TAP(numbers_cut_short_are_missing), TAP(garbage_is_missing),
         TAP(an_empty_root_is_all_missing), TAP(a_root_that_is_no_folder_is_refused),
         TAP(the_row_is_as_wide_on_every_node), TAP(names_are_unique_and_described),
         TAP(files_are_read_anew), TAP(busy_shares_fold_over_cores),
         TAP(another_set_of_devices_is_missing_once),
         TAP(files_that_outgrow_their_buffer_do_no_harm), TAP(a_sampler_may_discover_its_metrics),
         TAP(a_sampler_that_fails_to_open_fails_the_set),
         TAP(this_machine_agrees_with_the_c_library), TAP(a_sample_neither_allocates_nor_opens),
         TAP(a_sample_reads_each_file_once), TAP(a_sample_is_cheap))
