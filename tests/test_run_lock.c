/* The lock of a run folder: one owner; the dead are replaced, the dying waited for, the living respected. */
#include "glia_log.h"
#include "glia_run_lock.h"
#include "scratch.h"
#include "tap.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static void a_folder_has_one_owner(void)
{
  struct glia_run_lock *a = NULL;
  struct glia_run_lock *b = NULL;
  char pid[32];
  char host[128] = "";

  gethostname(host, sizeof host - 1);
  snprintf(pid, sizeof pid, "process %ld on ", (long)getpid());
  CU_ASSERT_EQUAL_FATAL(glia_run_lock_acquire(scratch("new/run"), 0.0, &a), GLIA_OK);
  CU_ASSERT_EQUAL(glia_run_lock_acquire(scratch("new/run"), 0.0, &b), GLIA_E_BUSY);
  CU_ASSERT_PTR_NULL(b);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), pid));
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), host));
  glia_run_lock_release(&a);
  CU_ASSERT(a == NULL && !scratch_exists(scratch("new/run/.lock")));
  CU_ASSERT_EQUAL(glia_run_lock_acquire(scratch("new/run"), 0.0, &b), GLIA_OK);
  glia_run_lock_release(&b);
  glia_run_lock_release(&b);
}

/* A child that takes the lock and then sleeps; returns when it has it. */
static pid_t owner(const char *dir, bool orphan)
{
  int ready[2];
  pid_t pid = 0;

  if (pipe(ready) != 0) abort();
  const pid_t child = fork();
  if (child == 0) {
    struct glia_run_lock *l = NULL;
    pid_t out = getpid();
    if (orphan && fork() > 0) { /* the middle one: a launcher that is gone soon after */
      struct timespec t = {.tv_nsec = 200 * 1000 * 1000};
      nanosleep(&t, NULL);
      _exit(0);
    }
    out = getpid();
    if (glia_run_lock_acquire(dir, 5.0, &l) != GLIA_OK) out = -1;
    if (write(ready[1], &out, sizeof out) != sizeof out) _exit(1);
    alarm(orphan ? 2 : 30); /* a dying one ends by itself */
    for (;;) pause();
  }
  if (read(ready[0], &pid, sizeof pid) != sizeof pid) pid = -1;
  close(ready[0]);
  close(ready[1]);
  if (orphan) waitpid(child, NULL, 0);
  return pid;
}

static void a_living_owner_is_respected_within_seconds(void)
{
  struct glia_run_lock *l = NULL;
  char name[32];
  const pid_t pid = owner(scratch("alive"), false);
  const double start_s = glia_time_s();

  CU_ASSERT_FATAL(pid > 0);
  snprintf(name, sizeof name, "process %ld ", (long)pid);
  CU_ASSERT_EQUAL(glia_run_lock_acquire(scratch("alive"), 10.0, &l), GLIA_E_BUSY);
  CU_ASSERT(glia_time_s() - start_s < 5.0);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), name));
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  CU_ASSERT(scratch_exists(scratch("alive/.lock"))); /* it died without cleaning up */
  CU_ASSERT_EQUAL(glia_run_lock_acquire(scratch("alive"), 0.0, &l), GLIA_OK);
  glia_run_lock_release(&l);
}

static void a_dying_owner_is_waited_for(void)
{
  struct glia_run_lock *l = NULL;
  const double start_s = glia_time_s();
  const pid_t pid = owner(scratch("dying"), true);

  CU_ASSERT_FATAL(pid > 0);
  CU_ASSERT_EQUAL(glia_run_lock_acquire(scratch("dying"), 10.0, &l), GLIA_OK);
  CU_ASSERT(glia_time_s() - start_s > 1.0);
  glia_run_lock_release(&l);
}

static void the_lock_of_another_host_is_explained(void)
{
  static const char text[] = "host=elsewhere pid=17 parent=1 job=42 since=2026-01-31T12:00:00Z\n";
  struct glia_run_lock *l = NULL;

  unsetenv("SLURM_JOB_ID");
  CU_ASSERT_EQUAL_FATAL(mkdir(scratch("remote"), 0777), 0);
  scratch_spill(scratch("remote/.lock"), text, strlen(text));
  CU_ASSERT_EQUAL(glia_run_lock_acquire(scratch("remote"), 10.0, &l), GLIA_E_BUSY);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "process 17 on elsewhere (job 42"));
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "remove "));
  setenv("SLURM_JOB_ID", "42", 1); /* the same job, started again here */
  CU_ASSERT_EQUAL(glia_run_lock_acquire(scratch("remote"), 0.0, &l), GLIA_OK);
  glia_run_lock_release(&l);
  unsetenv("SLURM_JOB_ID");
}

static void a_damaged_lock_without_owner_is_taken(void)
{
  struct glia_run_lock *l = NULL;

  CU_ASSERT_EQUAL_FATAL(mkdir(scratch("odd"), 0777), 0);
  scratch_spill(scratch("odd/.lock"), "\0\xff nonsense", 11);
  CU_ASSERT_EQUAL(glia_run_lock_acquire(scratch("odd"), 0.0, &l), GLIA_OK);
  glia_run_lock_release(&l);
  scratch_spill(scratch("plain"), "x", 1);
  CU_ASSERT_EQUAL(glia_run_lock_acquire(scratch("plain/run"), 0.0, &l), GLIA_E_IO);
}

TAP_MAIN("run_lock", TAP(a_folder_has_one_owner), TAP(a_living_owner_is_respected_within_seconds),
         TAP(a_dying_owner_is_waited_for), TAP(the_lock_of_another_host_is_explained),
         TAP(a_damaged_lock_without_owner_is_taken))
