/* bench checkpoint: what a checkpoint every 50 steps costs a run of ten million parameters (784-2048-2048-2048-10, Adam, batch 256),
 * as a part of the time of its steps: the stall of the loop and the CPU time of the thread. On a busy machine 150 steps take many
 * minutes: past a minute the run ends when it has a checkpoint. Beside it the same file written
 * while the loop waits, and copies of slices, which say what writing by all ranks instead of a leader could save. */
#include "bench.h"
#include "loop.h"

#include "glia_checkpoint_writer.h"
#include "glia_log.h"
#include "glia_random.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 1024, IN = 784, BATCH = 256, EVERY = 50, ROUNDS = 3, COPIES = 5 };

static const char config_text[] = "seed: 1\n"
                                  "data: {file: none, batch: 256, micro_batch: 256}\n"
                                  "model: [linear: 2048, relu, linear: 2048, relu, linear: 2048, "
                                  "relu, linear: 10]\n"
                                  "loss: cross_entropy\n"
                                  "optimizer: {adam: {lr: 1e-4}}\n"
                                  "max_steps: 150\n";

static const double LIMIT_S = 60.0;

struct run {
  const struct bench_report *report;
  double start_s;
  struct loop loop;
  float *x;
  uint8_t *y;
  int n;
  struct glia_array *array;
  int64_t bytes;
  struct glia_checkpoint_writer *writer;
  char dir[64];
};

static void remove_folder(const char *dir)
{
  DIR *d = opendir(dir);
  char path[400];

  for (const struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
    snprintf(path, sizeof path, "%s/%.250s", dir, e->d_name);
    if (e->d_name[0] != '.') unlink(path);
  }
  if (d != NULL) closedir(d);
  rmdir(dir);
}

static void close_run(struct run *w)
{
  glia_checkpoint_writer_destroy(&w->writer);
  loop_close(&w->loop);
  free(w->array);
  free(w->x);
  free(w->y);
  if (w->dir[0] != '\0') remove_folder(w->dir);
}

static glia_status open_data(struct run *w, struct glia_source **out)
{
  const struct glia_field field[2] = {{"x", glia_type_make(GLIA_F32, 1, (int64_t[]){IN}), 1.0, 0.0},
                                      {"y", glia_type_make(GLIA_U8, 0, NULL), 1.0, 0.0}};

  w->x = malloc(sizeof *w->x * ROWS * IN);
  w->y = malloc(ROWS);
  GLIA_CHECK(w->x != NULL && w->y != NULL, GLIA_E_MEMORY, "%d rows", ROWS);
  for (size_t i = 0; i < (size_t)ROWS * IN; i++) w->x[i] = (float)glia_random_uniform(7, 0, i);
  for (size_t i = 0; i < ROWS; i++) w->y[i] = (uint8_t)(glia_random_bits(7, 1, i) % 10);
  return glia_source_from_memory("bench", ROWS, 2, field, (const void *const[]){w->x, w->y}, out);
}

static glia_status open_model(struct run *w)
{
  struct glia_source *source = NULL;
  const struct glia_state *state;

  GLIA_TRY(open_data(w, &source));
  GLIA_TRY(loop_open(&w->loop, config_text, &source));
  w->n = glia_graph_states(glia_model_graph(w->loop.model), &state);
  w->array = calloc((size_t)w->n + 1, sizeof *w->array);
  GLIA_CHECK(w->array != NULL, GLIA_E_MEMORY, "%d arrays", w->n);
  for (int i = 0; i < w->n; i++) {
    w->array[i] =
        (struct glia_array){state[i].path, state[i].type, glia_engine_state(w->loop.engine, i)};
    w->bytes += (int64_t)glia_type_bytes(&w->array[i].type);
  }
  return GLIA_OK;
}

/* The folder is beside the program's current one: a disk, where /tmp may be memory. */
static glia_status open_writer(struct run *w)
{
  strcpy(w->dir, "bench-checkpoint-XXXXXX");
  if (mkdtemp(w->dir) == NULL) {
    w->dir[0] = '\0';
    return GLIA_FAIL(GLIA_E_IO, "cannot make a folder for checkpoints here");
  }
  const struct glia_checkpoint_job job = {
      .dir = w->dir, .keep = 2, .n = w->n, .array = w->array, .config = config_text};
  return glia_checkpoint_writer_create(&job, &w->writer);
}

static glia_status after_step(void *self, const struct glia_step_info *info, glia_action *action)
{
  struct run *w = self;
  char what[64];

  if (info->step == 1) w->start_s = glia_time_s();
  if (info->step % EVERY == 0) {
    *action = GLIA_CHECKPOINT;
    snprintf(what, sizeof what, "step %lld", (long long)info->step);
    w->report->progress(w->report->self, what);
  } else if (info->step > EVERY && glia_time_s() - w->start_s > LIMIT_S) {
    *action = GLIA_STOP; /* one rank: a clock may decide */
  }
  return GLIA_OK;
}

static glia_status checkpoint(void *self, int64_t step)
{
  return glia_checkpoint_writer_begin(((struct run *)self)->writer, step, false);
}

/* The copy of one of `ranks` equal slices, in seconds. */
static double copy_of_slice(const struct run *w, char *to, int ranks)
{
  const double t0 = glia_time_s();

  for (int i = 0; i < w->n; i++) {
    const size_t part = glia_type_bytes(&w->array[i].type) / (size_t)ranks;
    memcpy(to, w->array[i].data, part);
    to += part;
  }
  return glia_time_s() - t0;
}

static glia_status compare_slices(struct bench_report *r, const struct run *w, double step_s)
{
  double whole[COPIES], half[COPIES];
  char *room = malloc((size_t)w->bytes);

  GLIA_CHECK(room != NULL, GLIA_E_MEMORY, "%lld bytes", (long long)w->bytes);
  memset(room, 0, (size_t)w->bytes);
  for (int i = 0; i < COPIES; i++) {
    whole[i] = copy_of_slice(w, room, 1);
    half[i] = copy_of_slice(w, room, 2);
  }
  free(room);
  const double a = bench_median(whole, COPIES), b = bench_median(half, COPIES);
  struct bench_row *row =
      bench_add(r, "1", a / (EVERY * step_s), "two ranks that copy halves", b / (EVERY * step_s),
                NAN, "stall of a leader that copies all, of step time");
  if (row != NULL) row->ratio = b / a; /* less is better */
  return GLIA_OK;
}

static glia_status measure(struct bench_report *r, struct run *w, double seconds)
{
  const struct glia_observer observer = {w, after_step, checkpoint, NULL};
  struct glia_train_result result;
  double waited[ROUNDS];

  (void)seconds; /* a checkpoint needs its 50 steps */
  GLIA_TRY(loop_run(&w->loop, &observer, &result));
  GLIA_TRY(glia_checkpoint_writer_wait(w->writer));
  const struct glia_checkpoint_cost c = glia_checkpoint_writer_cost(w->writer);
  const double step_s = (result.wall_s - c.stall_s) / (double)result.steps;
  const double background = (c.stall_s + c.cpu_s) / ((double)c.written * EVERY * step_s);
  for (int i = 0; i < ROUNDS; i++) {
    const double t0 = glia_time_s();
    GLIA_TRY(glia_checkpoint_write(w->dir, 1000 + i, w->n, w->array, config_text, 0, NULL));
    waited[i] = glia_time_s() - t0;
  }
  const double sync = bench_median(waited, ROUNDS) / (EVERY * step_s);
  struct bench_row *row = bench_add(r, "1", background, "written while the loop waits", sync, NAN,
                                    "cost of a checkpoint every %d steps, of step time", EVERY);
  if (row != NULL) row->ratio = sync / background; /* less is better */
  bench_add(r, "ms", 1e3 * step_s, NULL, NAN, NAN, "step without checkpoints");
  bench_add(r, "ms", 1e3 * c.stall_s / (double)c.written, NULL, NAN, NAN,
            "stall of the loop, a checkpoint");
  bench_add(r, "ms", 1e3 * c.cpu_s / (double)c.written, NULL, NAN, NAN,
            "CPU time of the thread, a checkpoint of %.0f MB", 1e-6 * (double)w->bytes);
  return compare_slices(r, w, step_s);
}

static glia_status run(struct bench_report *r, double seconds)
{
  struct run w = {.report = r};
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(out, st, open_model(&w));
  GLIA_TRY_TO(out, st, open_writer(&w));
  st = measure(r, &w, seconds);
out:
  close_run(&w);
  return st;
}

const struct bench bench_checkpoint_ = {
    .name = "checkpoint",
    .what = "checkpoints in the background beside training",
    .run = run,
};
