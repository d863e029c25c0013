/* Checkpoints in the background: what is copied is what is written, failures surface, a slow folder holds nobody, readers are let in. */
#include "glia_checkpoint_writer.h"
#include "glia_log.h"
#include "scratch.h"
#include "tap.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 5000 };

struct state {
  float w[N];
  double m[N];
};

static void list(struct state *s, struct glia_array a[2])
{
  a[0] = (struct glia_array){"params/w", glia_type_make(GLIA_F32, 1, (int64_t[]){N}), s->w};
  a[1] = (struct glia_array){"optimizer/m/w", glia_type_make(GLIA_F64, 1, (int64_t[]){N}), s->m};
}

static void fill(struct state *s, int64_t step)
{
  for (int i = 0; i < N; i++) {
    s->w[i] = (float)(step + i);
    s->m[i] = (double)(step * i);
  }
}

static struct glia_checkpoint_writer *start(const char *dir, const char *local, struct state *s,
                                            struct glia_array a[2])
{
  struct glia_checkpoint_writer *w = NULL;

  list(s, a);
  const struct glia_checkpoint_job job = {
      .dir = dir, .local = local, .keep = 2, .n = 2, .array = a, .config = "seed: 1\n"};
  CU_ASSERT_EQUAL_FATAL(glia_checkpoint_writer_create(&job, &w), GLIA_OK);
  return w;
}

static bool holds(const char *dir, int64_t step)
{
  struct glia_checkpoint *c = NULL;
  struct state *want = malloc(2 * sizeof *want);
  struct glia_array a[2];
  char *path = glia_checkpoint_path(dir, step);

  if (want == NULL || path == NULL) abort();
  fill(&want[0], step);
  memset(&want[1], 0, sizeof want[1]);
  list(&want[1], a);
  const bool good =
      glia_checkpoint_open(path, &c) == GLIA_OK && glia_checkpoint_read(c, 2, a, true) == GLIA_OK &&
      glia_checkpoint_step(c) == step && memcmp(&want[0], &want[1], sizeof *want) == 0;
  glia_checkpoint_close(&c);
  free(path);
  free(want);
  return good;
}

/* The state changes at once after begin returns; the file has the state of its step. */
static void the_copy_is_written_and_not_what_came_later(void)
{
  const char *dir = scratch("copy");
  static struct state s;
  struct glia_array a[2];
  struct glia_checkpoint_writer *w = start(dir, NULL, &s, a);
  int n = 0;
  int64_t *step = NULL;

  for (int64_t k = 1; k <= 6; k++) {
    fill(&s, k);
    CU_ASSERT_EQUAL(glia_checkpoint_writer_begin(w, k, false), GLIA_OK);
    fill(&s, -1);
  }
  CU_ASSERT_EQUAL(glia_checkpoint_writer_wait(w), GLIA_OK);
  const struct glia_checkpoint_cost cost = glia_checkpoint_writer_cost(w);
  CU_ASSERT(cost.written == 6 && cost.newest == 6 && cost.bytes == 6 * (int64_t)sizeof s);
  CU_ASSERT(cost.cpu_s > 0.0 && cost.stall_s >= cost.copy_s && cost.copy_s > 0.0);
  CU_ASSERT(!glia_checkpoint_writer_failed(w));
  CU_ASSERT(holds(dir, 5) && holds(dir, 6));
  CU_ASSERT_EQUAL(glia_checkpoint_list(dir, &n, &step), GLIA_OK);
  CU_ASSERT_EQUAL(n, 2);
  free(step);
  glia_checkpoint_writer_destroy(&w);
  CU_ASSERT_PTR_NULL(w);
  glia_checkpoint_writer_destroy(&w);
}

static void destroy_finishes_what_was_begun(void)
{
  static struct state s;
  struct glia_array a[2];
  struct glia_checkpoint_writer *w = start(scratch("end"), NULL, &s, a);

  fill(&s, 9);
  CU_ASSERT_EQUAL(glia_checkpoint_writer_begin(w, 9, true), GLIA_OK);
  glia_checkpoint_writer_destroy(&w);
  CU_ASSERT(holds(scratch("end"), 9));
}

static void a_local_level_is_copied_to_the_shared_folder(void)
{
  static struct state s;
  struct glia_array a[2];
  struct glia_checkpoint_writer *w = start(scratch("shared"), scratch("local"), &s, a);

  for (int64_t k = 1; k <= 3; k++) {
    fill(&s, k);
    CU_ASSERT_EQUAL(glia_checkpoint_writer_begin(w, k, false), GLIA_OK);
  }
  CU_ASSERT_EQUAL(glia_checkpoint_writer_wait(w), GLIA_OK);
  CU_ASSERT(holds(scratch("local"), 3) && holds(scratch("shared"), 3));
  CU_ASSERT(!scratch_exists(scratch("local/step-0000000001.h5")));
  glia_checkpoint_writer_destroy(&w);
}

static char warning[1024];

static void catch_warning(void *self, glia_log_level level, const char *line)
{
  (void)self;
  if (level == GLIA_LOG_WARN) snprintf(warning, sizeof warning, "%s", line);
}

static void without_its_local_folder_it_goes_on(void)
{
  static struct state s;
  struct glia_array a[2];

  scratch_spill(scratch("a-file"), "x", 1);
  struct glia_checkpoint_writer *w = start(scratch("alone"), scratch("a-file/local"), &s, a);
  fill(&s, 4);
  glia_log_set_sink(catch_warning, NULL);
  CU_ASSERT_EQUAL(glia_checkpoint_writer_begin(w, 4, false), GLIA_OK);
  CU_ASSERT_EQUAL(glia_checkpoint_writer_wait(w), GLIA_OK);
  glia_log_set_sink(NULL, NULL);
  CU_ASSERT_PTR_NOT_NULL(strstr(warning, "local-checkpoint-failed"));
  CU_ASSERT_EQUAL(glia_checkpoint_writer_cost(w).local_failed, 1);
  CU_ASSERT(holds(scratch("alone"), 4));
  glia_checkpoint_writer_destroy(&w);
}

/* A file size limit stands for a full disk; it is of the process, and lifted again. */
static void a_failure_surfaces_at_the_next_call(void)
{
  static struct state s;
  struct glia_array a[2];
  struct rlimit was;
  struct glia_checkpoint_writer *w = start(scratch("full"), NULL, &s, a);

  fill(&s, 1);
  CU_ASSERT_EQUAL(glia_checkpoint_writer_begin(w, 1, false), GLIA_OK);
  CU_ASSERT_EQUAL(glia_checkpoint_writer_wait(w), GLIA_OK);
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &was);
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){8000, was.rlim_max});
  CU_ASSERT_EQUAL(glia_checkpoint_writer_begin(w, 2, false), GLIA_OK);
  while (!glia_checkpoint_writer_failed(w)) usleep(1000);
  setrlimit(RLIMIT_FSIZE, &was);
  glia_trace_clear();
  CU_ASSERT_EQUAL(glia_checkpoint_writer_begin(w, 3, false), GLIA_E_IO);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "File too large"));
  CU_ASSERT_EQUAL(glia_checkpoint_writer_wait(w), GLIA_E_IO);
  glia_checkpoint_writer_destroy(&w);
  CU_ASSERT(holds(scratch("full"), 1));
  CU_ASSERT(!scratch_exists(scratch("full/step-0000000002.h5.tmp")));
}

/* A child that locks each of `n` files as soon as it has its name, as readers of HDF5 do; ends with 1 when one was locked against it. */
static pid_t lock_as_they_appear(int n)
{
  const pid_t pid = fork();

  if (pid != 0) return pid;
  alarm(60);
  for (int step = 1; step <= n; step++) {
    char path[600];
    int fd = -1;
    snprintf(path, sizeof path, "%s/step-%010d.h5", scratch("readers"), step);
    while ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) sched_yield();
    if (flock(fd, LOCK_SH | LOCK_NB) != 0) _exit(1);
    close(fd);
  }
  _exit(0);
}

static void a_file_with_its_name_lets_readers_in(void)
{
  enum { FILES = 40 };
  static struct state s;
  struct glia_array a[2];
  int status = -1;

  CU_ASSERT_EQUAL_FATAL(mkdir(scratch("readers"), 0777), 0);
  const pid_t reader = lock_as_they_appear(FILES);
  CU_ASSERT_FATAL(reader > 0);
  list(&s, a);
  for (int step = 1; step <= FILES; step++) {
    fill(&s, step);
    CU_ASSERT_EQUAL(glia_checkpoint_write(scratch("readers"), step, 2, a, "seed: 1\n", 0, NULL),
                    GLIA_OK);
  }
  CU_ASSERT_EQUAL(waitpid(reader, &status, 0), reader);
  CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TAP_MAIN("checkpoint_writer", TAP(the_copy_is_written_and_not_what_came_later),
         TAP(destroy_finishes_what_was_begun), TAP(a_local_level_is_copied_to_the_shared_folder),
         TAP(without_its_local_folder_it_goes_on), TAP(a_failure_surfaces_at_the_next_call),
         TAP(a_file_with_its_name_lets_readers_in))
