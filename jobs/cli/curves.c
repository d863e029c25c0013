/* Curves for other programs: see curves.h. */
#include "curves.h"

#include "glia_log.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEADER "step,loss,rate,grad_norm,wall_s,time_s\n"

enum { LINE_BYTES = 512 };

static const double flush_period_s = 1.0;

static double clock_s(void)
{
  struct timespec t;

  clock_gettime(CLOCK_REALTIME, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Copy the rows up to first_step; a last line without its end is of a run that was killed. */
static glia_status keep_rows(FILE *from, const char *path, int64_t first_step, FILE *to)
{
  char line[LINE_BYTES];

  GLIA_CHECK(fgets(line, sizeof line, from) == NULL || strcmp(line, HEADER) == 0, GLIA_E_EXISTS,
             "%s: exists and holds other data than the curves of a run: choose another name", path);
  while (fgets(line, sizeof line, from) != NULL)
    if (strchr(line, '\n') != NULL && strtoll(line, NULL, 10) <= first_step) fputs(line, to);
  return GLIA_OK;
}

/* The file anew, with the rows that count, under its name at once. */
static glia_status open_csv(struct curves *c, const char *path, int64_t first_step)
{
  const size_t size = strlen(path) + 8;
  char *temp = malloc(size);
  glia_status st = GLIA_OK;

  GLIA_CHECK(temp != NULL, GLIA_E_MEMORY, "%s", path);
  snprintf(temp, size, "%s.tmp", path);
  FILE *from = fopen(path, "r");
  FILE *to = fopen(temp, "w");
  GLIA_CHECK_TO(out, st, to != NULL, GLIA_E_IO, "cannot write %s: %s", temp, strerror(errno));
  fputs(HEADER, to);
  if (from != NULL) GLIA_TRY_TO(out, st, keep_rows(from, path, first_step, to));
  GLIA_CHECK_TO(out, st, fflush(to) == 0 && rename(temp, path) == 0, GLIA_E_IO,
                "cannot write %s: %s", path, strerror(errno));
  c->csv = to;
  c->csv_path = path;
  to = NULL;
out:
  if (from != NULL) fclose(from);
  if (to != NULL) {
    fclose(to);
    remove(temp);
  }
  free(temp);
  return st;
}

glia_status curves_open(struct curves *c, const char *csv, const char *folder, int64_t first_step)
{
  *c = (struct curves){.flushed_s = glia_time_s()};
  if (csv != NULL) GLIA_TRY(open_csv(c, csv, first_step));
  if (folder != NULL) GLIA_TRY(glia_event_file_open(folder, first_step, &c->events));
  return GLIA_OK;
}

static void say_stopped(const char *path, const char *why)
{
  glia_log(GLIA_LOG_WARN, "train", "curves-stopped", "file=%s why=\"%s\"", path, why);
}

/* The run is worth more than its curves. */
static void flush(struct curves *c)
{
  if (c->csv != NULL && (fflush(c->csv) != 0 || ferror(c->csv) != 0)) {
    say_stopped(c->csv_path, strerror(errno));
    fclose(c->csv);
    c->csv = NULL;
  }
  if (c->events != NULL && glia_event_file_flush(c->events) != GLIA_OK) {
    say_stopped("events", glia_trace_message());
    if (glia_event_file_close(&c->events) != GLIA_OK) glia_trace_clear();
    glia_trace_clear();
  }
}

static void put_cell(FILE *f, double v)
{
  if (isfinite(v))
    fprintf(f, ",%.9g", v);
  else
    fputs(isnan(v) ? "," : v > 0.0 ? ",inf" : ",-inf", f);
}

void curves_step(struct curves *c, const struct glia_step_info *info)
{
  const double time_s = clock_s(), now_s = glia_time_s();

  if (c->csv != NULL) {
    fprintf(c->csv, "%lld", (long long)info->step);
    put_cell(c->csv, info->loss);
    put_cell(c->csv, info->rate);
    put_cell(c->csv, info->grad_norm);
    put_cell(c->csv, info->wall_s);
    fprintf(c->csv, ",%.6f\n", time_s);
  }
  if (c->events != NULL) {
    glia_event_file_scalar(c->events, info->step, time_s, "train/loss", info->loss);
    glia_event_file_scalar(c->events, info->step, time_s, "train/rate", info->rate);
    if (!isnan(info->grad_norm))
      glia_event_file_scalar(c->events, info->step, time_s, "train/grad_norm", info->grad_norm);
    glia_event_file_scalar(c->events, info->step, time_s, "time/step_s", info->wall_s);
  }
  if (now_s - c->flushed_s < flush_period_s) return;
  c->flushed_s = now_s;
  flush(c);
}

void curves_close(struct curves *c, int64_t step, const struct glia_eval_result *test)
{
  if (c->events != NULL && test != NULL) {
    glia_event_file_scalar(c->events, step, clock_s(), "test/loss", test->loss);
    if (!isnan(test->accuracy))
      glia_event_file_scalar(c->events, step, clock_s(), "test/accuracy", test->accuracy);
  }
  flush(c);
  if (c->csv != NULL && fclose(c->csv) != 0) say_stopped(c->csv_path, strerror(errno));
  if (glia_event_file_close(&c->events) != GLIA_OK) {
    say_stopped("events", glia_trace_message());
    glia_trace_clear();
  }
  *c = (struct curves){0};
}
