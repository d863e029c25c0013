/* Sets of samplers: what a sample costs, sources that hang or fail, and this machine. */
#include "samplers_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

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

static void beside_sample(void *state, double *out) { out[0] = ((struct toy *)state)->next; }
static void beside_close(void *state) { CU_ASSERT_FALSE(*((struct toy *)state)->closed); }
static glia_status beside_open(void *state, const char *root)
{
  (void)root;
  return ((struct toy *)state)->next > 0.0 ? GLIA_OK : GLIA_E_ARGUMENT;
}

/* One source, two samplers: the second has the first's state, after it has sampled, and is closed before it. */
static void a_sampler_may_stand_beside_another(void)
{
  static const struct glia_sampler toy = {.name = "toy",
                                          .metrics = toy_metrics,
                                          .n_metrics = 2,
                                          .state_size = sizeof(struct toy),
                                          .open = toy_open,
                                          .sample = toy_sample,
                                          .close = toy_close};
  static const struct glia_sampler beside = {.name = "beside",
                                             .metrics = toy_metrics,
                                             .n_metrics = 1,
                                             .beside = &toy,
                                             .open = beside_open,
                                             .sample = beside_sample,
                                             .close = beside_close};
  const struct glia_sampler *const two[] = {&toy, &beside};
  struct glia_sample_set *set;

  toy_closed = false;
  CU_ASSERT_EQUAL_FATAL(glia_sample_set_open_with(two, 2, "/", &set), GLIA_OK);
  CU_ASSERT_EQUAL(glia_sample_set_count(set), 3);
  take(set);
  CU_ASSERT_EQUAL(row[2], row[1] + 1.0); /* the toy counts on after it wrote */
  glia_sample_set_close(&set);
  CU_ASSERT(toy_closed);
  CU_ASSERT_EQUAL(glia_sample_set_open_with(two + 1, 1, "/", &set), GLIA_E_ARGUMENT);
  CU_ASSERT_PTR_NULL(set);
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
  for (int i = 0; i < 130; i++) take(set); /* lists are read again with every sixtieth */
  CU_ASSERT_EQUAL(allocations, allocations_before);
  CU_ASSERT_EQUAL(opens, opens_before);
  glia_sample_set_close(&set);
}

/* Ten files. Each gives its text in one read; of the four that are large, stat, disks and links tell their end in another, and vmstat by
 * its last line, which the first sample learns. Each core's times come from the one reading of stat. */
static void a_sample_reads_each_file_once(void)
{
#ifdef GLIA_SANITIZED
  TAP_SKIP("reads are not counted under the sanitizer");
#endif
  char path[PATH];

  snprintf(path, sizeof path, "%s/tests/nodes/big", getenv("srcdir"));
  struct glia_sample_set *set;
  CU_ASSERT_EQUAL_FATAL(glia_sample_set_open_detailed(path, &set), GLIA_OK);
  take(set);
  reads = 0;
  take(set);
  CU_ASSERT_EQUAL(reads, 7 + 2 * 3);
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

static atomic_int at_hand_readings;
static pthread_t at_hand_thread;
static double at_hand_costs_s;

static glia_status at_hand_open(void *state, const char *root)
{
  (void)state;
  (void)root;
  return GLIA_OK;
}
static void at_hand_sample(void *state, double *out)
{
  (void)state;
  at_hand_thread = pthread_self();
  struct timespec t;
  double begin_s = -1.0, now_s;
  do {
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    now_s = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    if (begin_s < 0.0) begin_s = now_s;
  } while (now_s - begin_s < at_hand_costs_s);
  const int n = atomic_fetch_add(&at_hand_readings, 1) + 1;
  if (n < 3) out[0] = (double)n;
}

/* What the kernel makes from memory is read by who takes the row, when its period is over. */
static void a_source_at_hand_is_read_along_with_a_row(void)
{
  static const struct glia_sampler source = {.name = "at_hand",
                                             .metrics = toy_metrics,
                                             .n_metrics = 1,
                                             .period_s = 0.2,
                                             .at_hand = true,
                                             .open = at_hand_open,
                                             .sample = at_hand_sample,
                                             .close = hang_close};
  const struct glia_sampler *one[] = {&source};
  struct glia_sample_set *set = NULL;
  double first_s;

  CU_ASSERT_EQUAL_FATAL(glia_sample_set_open_with(one, 1, "/", &set), GLIA_OK);
  glia_sample_set_leave_slow(set);
  take(set);
  CU_ASSERT(at_hand_readings == 0 && isnan(row[0]) && isnan(row[1]));
  CU_ASSERT_EQUAL_FATAL(glia_sample_set_start(set), GLIA_OK);
  take(set);
  first_s = row[0];
  CU_ASSERT(row[1] == 1.0 && fabs(first_s - seconds()) < 60.0);
  CU_ASSERT(pthread_equal(at_hand_thread, pthread_self()));
  for (int i = 0; i < 1000 && row[1] == 1.0;
       i++) { /* its values stand, with the time when they were read */
    CU_ASSERT_EQUAL(row[0], first_s);
    nap(0.002);
    take(set);
  }
  CU_ASSERT(row[1] == 2.0 && row[0] - first_s >= 0.9 * 0.2 && at_hand_readings == 2);
  for (int i = 0; i < 1000 && !isnan(row[1]); i++) nap(0.002), take(set);
  CU_ASSERT(isnan(row[0]) && isnan(row[1])); /* gone */
  glia_sample_set_close(&set);
  /* One that takes 3 ms is read once here, and then by a thread. */
  at_hand_readings = 0;
  at_hand_costs_s = 3e-3;
  CU_ASSERT_EQUAL_FATAL(glia_sample_set_open_with(one, 1, "/", &set), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_sample_set_start(set), GLIA_OK);
  for (int i = 0; i < 5000 && at_hand_readings < 2; i++) nap(0.002);
  CU_ASSERT(at_hand_readings >= 2);
  glia_sample_set_close(&set);
  CU_ASSERT_FALSE(pthread_equal(at_hand_thread, pthread_self()));
}

static void make_folder(const char *root, const char *path)
{
  char full[PATH];

  snprintf(full, sizeof full, "%s/%s", root, path);
  for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')) != NULL; *at++ = '/') {
    *at = '\0';
    (void)mkdir(full, 0700);
  }
  CU_ASSERT_EQUAL(mkdir(full, 0700), 0);
}

/* A job is seen with the next reading where SLURM's daemon was there before, and within a minute of readings where it was not. */
static void jobs_come_where_the_batch_system_is(void)
{
  char root[PATH], command[PATH + 16];
  const char *tmp = getenv("TMPDIR");
  struct glia_sample_set *set;

  snprintf(root, sizeof root, "%s/glia-jobs-XXXXXX", tmp != NULL ? tmp : "/tmp");
  CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
  make_folder(root, "sys/fs/cgroup/system.slice/cron.service");
  set = open_node(root);
  take(set);
  CU_ASSERT_EQUAL(value(set, "glia_jobs"), 0.0);
  make_folder(root, "sys/fs/cgroup/system.slice/slurmstepd.scope/job_71");
  for (int i = 1; i < 12; i++) take(set);
  CU_ASSERT_EQUAL(value(set, "glia_jobs"), 0.0);
  take(set);
  CU_ASSERT(value(set, "glia_jobs") == 1.0 && value(set, "glia_job_id{slot=\"0\"}") == 71.0);
  make_folder(root, "sys/fs/cgroup/system.slice/slurmstepd.scope/job_72");
  take(set);
  CU_ASSERT(value(set, "glia_jobs") == 2.0 && value(set, "glia_job_id{slot=\"1\"}") == 72.0);
  glia_sample_set_close(&set);
  snprintf(command, sizeof command, "rm -r %s", root);
  CU_ASSERT_EQUAL(system(command), 0);
}

TAP_MAIN("sample_set", TAP(jobs_come_where_the_batch_system_is),
         TAP(a_source_at_hand_is_read_along_with_a_row), TAP(a_source_that_hangs_holds_up_nothing),
         TAP(a_sampler_may_discover_its_metrics), TAP(a_sampler_that_fails_to_open_fails_the_set),
         TAP(a_sampler_may_stand_beside_another), TAP(this_machine_agrees_with_the_c_library),
         TAP(a_sample_neither_allocates_nor_opens), TAP(a_sample_reads_each_file_once),
         TAP(a_sample_is_cheap))
