/* bench io: rows of a generated data set as training reads them, beside a plain sequential read of the same file, in turns.
 *
 * Cached: the file lies in the page cache, so what is compared is work of one thread on memory, in time on the CPU, which other
 * programs do not stretch. Cold: its pages are given back before each reading (posix_fadvise), so that the disk is asked, in time
 * by the clock; what the host of a virtual machine caches stays. The first epoch is told apart (each round opens the file anew): it
 * brings the file into the page cache, and what turns out not to stay there is read past it in later ones. Then how long a small CNN waits for its rows:
 * once, for the first window, and in each step after.
 */
#include "bench.h"
#include "loop.h"

#include "glia_dataset.h"
#include "glia_log.h"
#include "glia_pages.h"
#include "glia_random.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROW = 3 * 32 * 32, BATCH = 256, UNITS = 3, ROUNDS = 5, BLOCK = 1 << 20 };
static const size_t CACHE_BYTES = (size_t)64 << 20;

enum state { CACHED, COLD, FIRST };

static const char *const state_names[] = {"cached, CPU time", "cold", "cold, first epoch"};

struct files {
  char plain[512], packed[512]; /* the same rows, contiguous and deflated */
  int64_t n;
};

/* Rows read ahead. */
struct ring {
  int64_t rows; /* of each of UNITS */
  int64_t *row, *place;
  unsigned char *x;
};

/* Pictures that pack about as well as photographs: slopes with some noise. */
static void make_row(int64_t i, unsigned char *row)
{
  const uint64_t r = glia_random_bits(11, 0, (uint64_t)i);
  uint64_t noise = r | 1;

  for (int k = 0; k < ROW; k++) {
    noise ^= noise << 13;
    noise ^= noise >> 7;
    noise ^= noise << 17;
    row[k] = (unsigned char)((r >> (k / 1024 * 8)) + (uint64_t)(k % 32 * 3 + k / 32 % 32) +
                             (noise & 15));
  }
}

static glia_status make_file(const char *path, int64_t n, bool packed)
{
  const struct glia_type tx = glia_type_make(GLIA_U8, 3, (int64_t[]){3, 32, 32});
  const struct glia_type ty = glia_type_make(GLIA_U8, 0, NULL);
  struct glia_dataset_writer *w = NULL;
  int x = 0, y = 0;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_dataset_create(path, true, &w));
  GLIA_TRY_TO(out, st, glia_dataset_define(w, "train/x", &tx, n, 1.0 / 255.0, 0.0, &x));
  GLIA_TRY_TO(out, st, glia_dataset_define(w, "train/y", &ty, n, 1.0, 0.0, &y));
  if (!packed) GLIA_TRY_TO(out, st, glia_dataset_plain(w, x));
  for (int64_t i = 0; i < n; i++) {
    unsigned char row[ROW];
    make_row(i, row);
    GLIA_TRY_TO(out, st, glia_dataset_append(w, x, 1, row));
    GLIA_TRY_TO(out, st, glia_dataset_append(w, y, 1, &(unsigned char){(unsigned char)(i % 10)}));
  }
  GLIA_TRY_TO(out, st, glia_dataset_commit(&w));
out:
  glia_dataset_abort(&w);
  return st;
}

static glia_status forget_pages(const char *path)
{
  const int fd = open(path, O_RDONLY | O_CLOEXEC);

  GLIA_CHECK(fd >= 0, GLIA_E_IO, "%s: %s", path, strerror(errno));
  fsync(fd);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  close(fd);
  return GLIA_OK;
}

/* Seconds by the clock, or of this thread on a CPU. */
static double seconds_now(bool cold) { return cold ? glia_time_s() : glia_cpu_s(); }

/* Seconds to read the file from its first to its last byte. */
static glia_status read_plainly(const char *path, bool cold, double *out_s)
{
  static char block[BLOCK];
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const double t0 = seconds_now(cold);
  ssize_t n = 0;

  GLIA_CHECK(fd >= 0, GLIA_E_IO, "%s: %s", path, strerror(errno));
  while ((n = read(fd, block, sizeof block)) > 0) {
  }
  *out_s = seconds_now(cold) - t0;
  close(fd);
  GLIA_CHECK(n == 0, GLIA_E_IO, "%s: %s", path, strerror(errno));
  return GLIA_OK;
}

/* Seconds to read epoch `epoch` of x as the thread that reads ahead does: a step at a time or, by chunks, a window, into a ring. */
static glia_status read_epoch(struct glia_source *s, bool shuffle, int64_t epoch, bool cold,
                              struct ring *r, double *out_s)
{
  const int64_t chunk = shuffle ? glia_source_chunk(s) : 0;
  const struct glia_order o = {1, s->n, BATCH, BATCH, shuffle, chunk, GLIA_TRAIN_WINDOW};
  const int64_t places = glia_order_steps(&o) * BATCH, first = epoch * places;
  const int field = glia_source_field(s, "x");
  const double t0 = seconds_now(cold);

  for (int64_t at = first, to = 0, unit = 0; at < first + s->n; at = to, unit++) {
    to = glia_order_together(&o, at);
    const int64_t n = to < first + s->n ? to - at : first + s->n - at;
    glia_order_rows(&o, at, n, r->row);
    GLIA_TRY(glia_source_read_anywhere(s, field, n, r->row, epoch, r->place,
                                       r->x + (size_t)(unit % UNITS * r->rows) * ROW));
  }
  *out_s = seconds_now(cold) - t0;
  return GLIA_OK;
}

static glia_status forget_pages_if(bool cold, const char *path)
{
  return cold ? forget_pages(path) : GLIA_OK;
}

/* Rounds of both, each first in turn. One is not counted: memory of either side is touched once in a run, not once an epoch. */
static glia_status read_both(const char *path, struct glia_source **s, bool shuffle,
                             enum state state, int rounds, double *ours, double *theirs)
{
  const int64_t unit = shuffle ? GLIA_TRAIN_WINDOW * glia_source_chunk(*s) : BATCH;
  const bool cold = state != CACHED;
  struct ring r = {.rows = unit,
                   .row = malloc((size_t)unit * sizeof *r.row),
                   .place = malloc((size_t)unit * sizeof *r.place),
                   .x = glia_pages_allocate((size_t)(UNITS * unit) * ROW)};
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, r.row != NULL && r.place != NULL && r.x != NULL, GLIA_E_MEMORY,
                "rows read ahead");
  for (int i = -1; i < rounds; i++) {
    double t = 0.0, o = 0.0;
    if (state == FIRST) {
      glia_source_close(s);
      GLIA_TRY_TO(out, st, glia_dataset_open(path, "train", CACHE_BYTES, s));
    }
    for (int turn = 0; turn < 2; turn++) {
      GLIA_TRY_TO(out, st, forget_pages_if(cold, path));
      if ((turn + i) % 2 == 0)
        GLIA_TRY_TO(out, st, read_plainly(path, cold, &t));
      else
        GLIA_TRY_TO(out, st, read_epoch(*s, shuffle, i + 1, cold, &r, &o));
    }
    if (i < 0) continue;
    theirs[i] = t;
    ours[i] = o;
  }
out:
  free(r.row);
  free(r.place);
  free(r.x);
  return st;
}

static glia_status compare(struct bench_report *r, const struct files *f, bool packed, bool shuffle,
                           enum state state)
{
  const char *path = packed ? f->packed : f->plain;
  const double bytes = (double)f->n * ROW;
  const int rounds = bytes > 1e9 ? 3 : ROUNDS;
  double ours[ROUNDS], theirs[ROUNDS];
  struct glia_source *source = NULL;
  char what[64];

  snprintf(what, sizeof what, "%s, %s, %s", packed ? "packed" : "plain",
           shuffle ? "by chunks" : "in order", state_names[state]);
  r->progress(r->self, what);
  GLIA_TRY(glia_dataset_open(path, "train", CACHE_BYTES, &source));
  const glia_status st = read_both(path, &source, shuffle, state, rounds, ours, theirs);
  glia_source_close(&source);
  GLIA_TRY(st);
  const double s = bench_median(ours, rounds), t = bench_median(theirs, rounds);
  bench_add(r, "MB/s", 1e-6 * bytes / s, "plain read", 1e-6 * bytes / t, (double)NAN, "%s", what);
  bench_add(r, "rows/s", (double)f->n / s, NULL, (double)NAN, (double)NAN, "%s", what);
  return GLIA_OK;
}

static const char cnn_text[] =
    "seed: 1\n"
    "data: {file: none, batch: 64, micro_batch: 64, shuffle: chunks}\n"
    "model: [conv: {channels: 16, kernel: 3, padding: same}, relu, max_pool: 2,\n"
    "        conv: {channels: 32, kernel: 3, padding: same}, relu, max_pool: 2, flatten, linear: "
    "10]\n"
    "loss: cross_entropy\n"
    "optimizer: {adam: {lr: 1e-3}}\n"
    "max_steps: 120\n";

/* What a run from the cold file waits for: once for its first rows, and then in its steps. */
struct waits {
  struct loop loop;
  double first_s;  /* for the rows of the first step */
  double begun_s;  /* when that was done */
  double fraction; /* of the time of the other steps */
  double step_s;
};

static glia_status after_step(void *self, const struct glia_step_info *info, glia_action *action)
{
  struct waits *w = self;

  (void)action;
  if (info->step != 1) return GLIA_OK;
  w->first_s = glia_engine_worker(w->loop.engine, 0).input_s;
  w->begun_s = glia_time_s();
  return GLIA_OK;
}

static glia_status train_cnn(struct waits *w, const char *path)
{
  const struct glia_observer observer = {w, after_step, NULL, NULL};
  struct glia_source *source = NULL;
  struct glia_train_result result;

  GLIA_TRY(forget_pages(path));
  GLIA_TRY(glia_dataset_open(path, "train", CACHE_BYTES, &source));
  GLIA_TRY(loop_open(&w->loop, cnn_text, &source));
  GLIA_TRY(loop_run(&w->loop, &observer, &result));
  const double rest_s = glia_time_s() - w->begun_s;
  w->fraction = (glia_engine_worker(w->loop.engine, 0).input_s - w->first_s) / rest_s;
  w->step_s = rest_s / (double)(result.steps - 1);
  return GLIA_OK;
}

static glia_status exposed_wait(struct bench_report *r, const char *path, const char *name)
{
  static const double limit = 0.02;
  double wait[3], step_s[3], first_s[3];

  r->progress(r->self, name);
  for (int i = 0; i < 3; i++) {
    struct waits w = {0};
    const glia_status st = train_cnn(&w, path);
    loop_close(&w.loop);
    GLIA_TRY(st);
    wait[i] = w.fraction;
    step_s[i] = w.step_s;
    first_s[i] = w.first_s;
  }
  const double w = bench_median(wait, 3);
  struct bench_row *row = bench_add(r, "% of step", 100.0 * w, "limit", 100.0 * limit, (double)NAN,
                                    "%s, %.1f ms steps", name, 1e3 * bench_median(step_s, 3));
  if (row != NULL) row->ratio = limit / w; /* less is better */
  bench_add(r, "ms", 1e3 * bench_median(first_s, 3), NULL, (double)NAN, (double)NAN,
            "%s once, for the first window", name);
  return GLIA_OK;
}

static glia_status measure(struct bench_report *r, struct files *f)
{
  r->progress(r->self, "writing");
  GLIA_TRY(make_file(f->plain, f->n, false));
  GLIA_TRY(make_file(f->packed, f->n, true));
  GLIA_TRY(compare(r, f, false, false, CACHED));
  GLIA_TRY(compare(r, f, false, true, CACHED));
  GLIA_TRY(compare(r, f, false, false, COLD));
  GLIA_TRY(compare(r, f, false, true, COLD));
  GLIA_TRY(compare(r, f, false, true, FIRST));
  GLIA_TRY(compare(r, f, true, false, COLD));
  GLIA_TRY(compare(r, f, true, true, COLD));
  GLIA_TRY(exposed_wait(r, f->plain, "CNN waits, plain"));
  return exposed_wait(r, f->packed, "CNN waits, packed");
}

static glia_status run(struct bench_report *r, double seconds)
{
  const char *tmp = getenv("TMPDIR");
  const int64_t size = r->size_bytes > 0 ? r->size_bytes : (int64_t)256 << 20;
  struct files f = {.n = size / ROW};

  (void)seconds;
  GLIA_CHECK(f.n >= BATCH, GLIA_E_ARGUMENT, "a size of %lld bytes is less than one batch",
             (long long)size);
  tmp = tmp != NULL ? tmp : "/tmp";
  snprintf(f.plain, sizeof f.plain, "%.400s/glia-bench-%ld-plain.h5", tmp, (long)getpid());
  snprintf(f.packed, sizeof f.packed, "%.400s/glia-bench-%ld-packed.h5", tmp, (long)getpid());
  const glia_status st = measure(r, &f);
  unlink(f.plain);
  unlink(f.packed);
  return st;
}

const struct bench bench_io_ = {
    .name = "io",
    .what = "rows of a data set (--size) as training reads them, against a plain read of the file",
    .run = run,
};
