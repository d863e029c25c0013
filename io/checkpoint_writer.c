/* Checkpoints in the background; see glia_checkpoint_writer.h. */
#include "bulk_priv.h"
#include "checkpoint_priv.h"
#include "glia_checkpoint_writer.h"
#include "glia_cpus.h"
#include "glia_log.h"
#include "glia_pages.h"
#include "tempfile_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TRACE_BYTES = 4096, COPY_BYTES = 1 << 20 };

struct glia_checkpoint_writer {
  struct glia_checkpoint_job job;
  double limit_s;
  char *block;              /* the copy of all arrays */
  struct glia_array *array; /* [n] pointing into it */
  int64_t bytes;
  pthread_t thread;
  atomic_bool failed;
  pthread_mutex_t mutex; /* guards what follows */
  pthread_cond_t changed;
  bool full; /* the copy holds what is not yet written */
  bool busy; /* the thread works */
  bool quit;
  bool gone; /* the thread has ended */
  int64_t step;
  bool whole_hashes;
  double begun_s;
  glia_status status; /* of the first failure */
  char trace[TRACE_BYTES];
  struct glia_checkpoint_cost cost;
};

/* Arrays begin at pages: so large ones can be written past the page cache. */
static size_t aligned(size_t n)
{
  return (n + GLIA_BULK_PAGE_BYTES - 1) / GLIA_BULK_PAGE_BYTES * GLIA_BULK_PAGE_BYTES;
}

static glia_status copy_bytes(int from, int to, const char *name, char *buffer)
{
  for (;;) {
    const ssize_t n = read(from, buffer, COPY_BYTES);
    if (n < 0 && errno == EINTR) continue;
    GLIA_CHECK(n >= 0, GLIA_E_IO, "cannot read %s: %s", name, strerror(errno));
    if (n == 0) return GLIA_OK;
    for (ssize_t done = 0; done < n;) {
      errno = ENOSPC; /* what a short write means */
      const ssize_t k = write(to, buffer + done, (size_t)(n - done));
      if (k < 0 && errno == EINTR) continue;
      GLIA_CHECK(k > 0, GLIA_E_IO, "cannot write a copy of %s: %s", name, strerror(errno));
      done += k;
    }
  }
}

/* A file of the local folder, to the shared one: whole or not at all there too. */
static glia_status copy_file(const char *from, const char *to)
{
  struct glia_tempfile temp = {.fd = -1};
  const int fd = open(from, O_RDONLY | O_CLOEXEC);
  char *buffer = malloc(COPY_BYTES);
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, fd >= 0, GLIA_E_IO, "%s: %s", from, strerror(errno));
  GLIA_CHECK_TO(out, st, buffer != NULL, GLIA_E_MEMORY, "a copy of %s", from);
  GLIA_TRY_TO(out, st, glia_tempfile_begin_(&temp, to, true));
  GLIA_CHECK_TO(out, st, ftruncate(temp.fd, 0) == 0, GLIA_E_IO, "cannot write %s: %s", to,
                strerror(errno));
  GLIA_TRY_TO(out, st, copy_bytes(fd, temp.fd, from, buffer));
  GLIA_TRY_TO(out, st, glia_tempfile_commit_(&temp));
out:
  glia_tempfile_abort_(&temp);
  if (fd >= 0) close(fd);
  free(buffer);
  return st;
}

/* The copy may be used again. */
static void release(struct glia_checkpoint_writer *w)
{
  pthread_mutex_lock(&w->mutex);
  w->full = false;
  pthread_cond_broadcast(&w->changed);
  pthread_mutex_unlock(&w->mutex);
}

static glia_status put(struct glia_checkpoint_writer *w, const char *dir, int64_t step,
                       bool whole_hashes)
{
  return glia_checkpoint_put_(dir,
                              &(struct glia_checkpoint_content){.step = step,
                                                                .n = w->job.n,
                                                                .array = w->array,
                                                                .config = w->job.config,
                                                                .n_attributes = w->job.n_attributes,
                                                                .attribute = w->job.attribute,
                                                                .whole_hashes = whole_hashes});
}

static glia_status write_local(struct glia_checkpoint_writer *w, int64_t step, bool whole_hashes)
{
  GLIA_TRY(put(w, w->job.local, step, whole_hashes));
  return glia_checkpoint_prune(w->job.local, w->job.keep);
}

static glia_status copy_to_shared(struct glia_checkpoint_writer *w, int64_t step)
{
  char *from = glia_checkpoint_path(w->job.local, step);
  char *to = glia_checkpoint_path(w->job.dir, step);
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, from != NULL && to != NULL, GLIA_E_MEMORY, "the name of a file");
  GLIA_TRY_TO(out, st, glia_make_folder_(w->job.dir));
  st = copy_file(from, to);
out:
  free(from);
  free(to);
  return st;
}

/* One checkpoint to where it belongs. */
static glia_status write_one(struct glia_checkpoint_writer *w, int64_t step, bool whole_hashes)
{
  bool local = w->job.local != NULL;

  if (local && write_local(w, step, whole_hashes) != GLIA_OK) {
    glia_log(GLIA_LOG_WARN, "io", "local-checkpoint-failed",
             "step=%" PRId64 " why=\"%s\" note=\"written to %s alone\"", step, glia_trace_message(),
             w->job.dir);
    pthread_mutex_lock(&w->mutex);
    w->cost.local_failed++;
    pthread_mutex_unlock(&w->mutex);
    local = false;
  }
  if (local) {
    release(w);
    GLIA_TRY(copy_to_shared(w, step));
  } else {
    GLIA_TRY(put(w, w->job.dir, step, whole_hashes));
    release(w);
  }
  return glia_checkpoint_prune(w->job.dir, w->job.keep);
}

/* Under the mutex: what came of a write. */
static void note(struct glia_checkpoint_writer *w, int64_t step, double begun_s, glia_status st)
{
  const double took_s = glia_time_s() - begun_s;

  if (st == GLIA_OK) {
    w->cost.written++;
    w->cost.newest = step;
    w->cost.bytes += w->bytes;
    if (took_s > w->cost.slowest_s) w->cost.slowest_s = took_s;
    glia_log(GLIA_LOG_DEBUG, "io", "checkpoint-write",
             "step=%" PRId64 " size_bytes=%" PRId64 " took_s=%.3f", step, w->bytes, took_s);
  } else if (w->status == GLIA_OK) {
    w->status = st;
    memcpy(w->trace, glia_trace(), strnlen(glia_trace(), TRACE_BYTES - 1) + 1);
    w->trace[TRACE_BYTES - 1] = '\0';
    atomic_store(&w->failed, true);
  }
  w->cost.cpu_s = glia_cpu_s();
}

static void *work(void *self)
{
  struct glia_checkpoint_writer *w = self;

  glia_cpus_roam();
  pthread_mutex_lock(&w->mutex);
  for (;;) {
    while (!w->full && !w->quit) pthread_cond_wait(&w->changed, &w->mutex);
    if (!w->full) break;
    const int64_t step = w->step;
    const bool whole_hashes = w->whole_hashes;
    const double begun_s = w->begun_s;
    w->busy = true;
    pthread_mutex_unlock(&w->mutex);
    const glia_status st = write_one(w, step, whole_hashes);
    pthread_mutex_lock(&w->mutex);
    note(w, step, begun_s, st);
    if (w->step == step) w->full = false; /* a write that failed still held the copy */
    w->busy = false;
    pthread_cond_broadcast(&w->changed);
  }
  w->gone = true;
  pthread_cond_broadcast(&w->changed);
  pthread_mutex_unlock(&w->mutex);
  return NULL;
}

/* Under the mutex: wait until *flag is false (or true, as wanted); false when the limit passes. */
static bool wait_until(struct glia_checkpoint_writer *w, const bool *flag, bool wanted)
{
  struct timespec until;

  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += (time_t)w->limit_s;
  while (*flag != wanted)
    if (pthread_cond_timedwait(&w->changed, &w->mutex, &until) == ETIMEDOUT) return false;
  return true;
}

/* Under the mutex. */
static glia_status standing(struct glia_checkpoint_writer *w, bool in_time)
{
  if (!in_time)
    return GLIA_FAIL(GLIA_E_IO,
                     "the checkpoint of step %" PRId64 " is not in %s after %.0f s: does the file "
                     "system answer? (GLIA_STALL_ABORT_S sets the limit)",
                     w->step, w->job.dir, w->limit_s);
  if (w->status != GLIA_OK) glia_trace_set(w->trace);
  return w->status;
}

glia_status glia_checkpoint_writer_begin(struct glia_checkpoint_writer *w, int64_t step,
                                         bool whole_hashes)
{
  const double t0 = glia_time_s();

  pthread_mutex_lock(&w->mutex);
  const glia_status st = standing(w, wait_until(w, &w->full, false));
  if (st == GLIA_OK) {
    const double t1 = glia_time_s();
    for (int i = 0; i < w->job.n; i++)
      memcpy(w->array[i].data, w->job.array[i].data, glia_type_bytes(&w->array[i].type));
    w->step = step;
    w->whole_hashes = whole_hashes;
    w->begun_s = glia_time_s();
    w->full = true;
    w->cost.copy_s += w->begun_s - t1;
    w->cost.stall_s += w->begun_s - t0;
    pthread_cond_broadcast(&w->changed);
  }
  pthread_mutex_unlock(&w->mutex);
  return st;
}

glia_status glia_checkpoint_writer_wait(struct glia_checkpoint_writer *w)
{
  pthread_mutex_lock(&w->mutex);
  const bool in_time = wait_until(w, &w->full, false) && wait_until(w, &w->busy, false);
  const glia_status st = standing(w, in_time);
  pthread_mutex_unlock(&w->mutex);
  return st;
}

bool glia_checkpoint_writer_failed(const struct glia_checkpoint_writer *w)
{
  return atomic_load(&w->failed);
}

struct glia_checkpoint_cost glia_checkpoint_writer_cost(struct glia_checkpoint_writer *w)
{
  pthread_mutex_lock(&w->mutex);
  const struct glia_checkpoint_cost cost = w->cost;
  pthread_mutex_unlock(&w->mutex);
  return cost;
}

static double limit_from_environment(void)
{
  const char *text = getenv("GLIA_STALL_ABORT_S");
  const double v = text != NULL ? strtod(text, NULL) : 0.0;

  return v >= 1.0 && v < 1e9 ? v : 300.0;
}

/* The copy's memory is touched now: a step must not meet its page faults. */
static glia_status get_memory(struct glia_checkpoint_writer *w)
{
  size_t all = 0;

  for (int i = 0; i < w->job.n; i++) all += aligned(glia_type_bytes(&w->job.array[i].type));
  w->block = glia_pages_allocate(all);
  w->array = calloc((size_t)w->job.n + 1, sizeof *w->array);
  GLIA_CHECK(w->block != NULL && w->array != NULL, GLIA_E_MEMORY,
             "%zu bytes for a copy of the state, of which checkpoints are written", all);
  memset(w->block, 0, all);
  char *at = w->block;
  for (int i = 0; i < w->job.n; i++) {
    w->array[i] = w->job.array[i];
    w->array[i].data = at;
    w->bytes += (int64_t)glia_type_bytes(&w->array[i].type);
    at += aligned(glia_type_bytes(&w->array[i].type));
  }
  return GLIA_OK;
}

/* Signals are for the program's own threads. */
static glia_status start_thread(struct glia_checkpoint_writer *w)
{
  pthread_condattr_t attribute;
  sigset_t all, before;

  pthread_mutex_init(&w->mutex, NULL);
  pthread_condattr_init(&attribute);
  pthread_condattr_setclock(&attribute, CLOCK_MONOTONIC);
  pthread_cond_init(&w->changed, &attribute);
  pthread_condattr_destroy(&attribute);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(&w->thread, NULL, work, w);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error == 0) return GLIA_OK;
  pthread_cond_destroy(&w->changed);
  pthread_mutex_destroy(&w->mutex);
  return GLIA_FAIL(GLIA_E_INTERNAL, "no thread for checkpoints: %s", strerror(error));
}

static void forget(struct glia_checkpoint_writer *w)
{
  free(w->block);
  free(w->array);
  free(w);
}

glia_status glia_checkpoint_writer_create(const struct glia_checkpoint_job *job,
                                          struct glia_checkpoint_writer **out)
{
  struct glia_checkpoint_writer *w = calloc(1, sizeof *w);
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(w != NULL, GLIA_E_MEMORY, "%s", job->dir);
  w->job = *job;
  w->limit_s = limit_from_environment();
  w->cost.newest = -1;
  GLIA_TRY_TO(fail, st, get_memory(w));
  GLIA_TRY_TO(fail, st, start_thread(w));
  *out = w;
  return GLIA_OK;
fail:
  forget(w);
  return st;
}

void glia_checkpoint_writer_destroy(struct glia_checkpoint_writer **pw)
{
  struct glia_checkpoint_writer *w = pw != NULL ? *pw : NULL;

  if (w == NULL) return;
  *pw = NULL;
  pthread_mutex_lock(&w->mutex);
  w->quit = true;
  pthread_cond_broadcast(&w->changed);
  const bool gone = wait_until(w, &w->gone, true);
  pthread_mutex_unlock(&w->mutex);
  if (!gone) {
    pthread_detach(w->thread); /* and keeps what it still reads */
    return;
  }
  pthread_join(w->thread, NULL);
  pthread_cond_destroy(&w->changed);
  pthread_mutex_destroy(&w->mutex);
  forget(w);
}
