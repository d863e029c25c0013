/* Timelines as files: see timeline.h. */
#include "timeline.h"

#include "glia_agree.h"
#include "glia_clock.h"
#include "glia_file.h"
#include "glia_log.h"
#include "glia_timeline.h"
#include "glia_whole_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRACE_EVENTS = 1 << 17 }; /* per thread: some 6 MB */

struct writer {
  FILE *f;
  int rank, track; /* track: the last one that was named */
  int64_t flights;
  double offset_s;
};

static double microseconds(const struct writer *w, double s) { return 1e6 * (s + w->offset_s); }

/* Names of kernels and threads are plain words. */
static void put_name(FILE *f, const char *name)
{
  for (; *name != '\0'; name++)
    if (*name >= ' ' && *name != '"' && *name != '\\') fputc(*name, f);
}

static void put_head(const struct writer *w, const char *phase, const struct glia_event *e,
                     double at_s, int track)
{
  fprintf(w->f, ",\n{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f,\"cat\":\"%s\",\"name\":\"",
          phase, w->rank, track, microseconds(w, at_s), glia_event_kind_name(e->kind));
  put_name(w->f, e->name);
  fprintf(w->f, "\"");
}

static void put_event(void *self, int track, const char *thread, const struct glia_event *e)
{
  struct writer *w = self;

  if (track != w->track) {
    w->track = track;
    fprintf(w->f,
            ",\n{\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"name\":\"thread_name\",\"args\":{\"name\":\"",
            w->rank, track);
    put_name(w->f, thread);
    fprintf(w->f, "\"}}");
  }
  if (e->kind == GLIA_EVENT_FLIGHT) { /* not nested in what the thread does: a lane of its own */
    const long long id = (long long)w->rank << 32 | w->flights++;
    put_head(w, "b", e, e->start_s, track);
    fprintf(w->f, ",\"id\":%lld,\"args\":{\"n\":%lld}}", id, (long long)e->arg);
    put_head(w, "e", e, e->end_s, track);
    fprintf(w->f, ",\"id\":%lld}", id);
    return;
  }
  put_head(w, "X", e, e->start_s, track);
  fprintf(w->f, ",\"dur\":%.3f", 1e6 * (e->end_s - e->start_s));
  if (e->cpu_s >= 0.0) fprintf(w->f, ",\"tdur\":%.3f", 1e6 * e->cpu_s);
  if (e->arg >= 0) fprintf(w->f, ",\"args\":{\"n\":%lld}", (long long)e->arg);
  fprintf(w->f, "}");
}

/* This rank's events as text; the caller frees. */
static glia_status own_events(struct glia_comm *c, double offset_s, char **out)
{
  struct writer w = {.rank = glia_comm_rank(c), .track = -1, .offset_s = offset_s};
  size_t size = 0;

  *out = NULL;
  w.f = open_memstream(out, &size);
  GLIA_CHECK(w.f != NULL, GLIA_E_MEMORY, "a timeline");
  fprintf(
      w.f,
      "{\"ph\":\"M\",\"pid\":%d,\"name\":\"process_name\",\"args\":{\"name\":\"rank %d (%s)\"}}",
      w.rank, w.rank, glia_comm_host(c, w.rank));
  glia_timeline_read(SIZE_MAX, put_event, &w);
  GLIA_CHECK(fclose(w.f) == 0, GLIA_E_MEMORY, "a timeline");
  return GLIA_OK;
}

static glia_status write_file(const char *path, int n, char *const *part)
{
  struct glia_whole_file w;

  GLIA_TRY(glia_whole_open(path, &w));
  fprintf(w.f, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
  for (int r = 0; r < n; r++) fprintf(w.f, "%s%s", r > 0 ? ",\n" : "", part[r]);
  fprintf(w.f, "\n]}\n");
  return glia_whole_close(&w);
}

glia_status timeline_open(struct glia_comm *c, const char *path)
{
  glia_timeline_record(TRACE_EVENTS, true, false);
  return glia_agree(c, glia_comm_rank(c) == 0 ? glia_file_may_make(path, true) : GLIA_OK);
}

glia_status timeline_write(struct glia_comm *c, const char *path)
{
  double offset_s, error_s;
  char *own = NULL, **all = NULL;
  glia_status st;

  GLIA_TRY(glia_comm_clock(c, &offset_s, &error_s));
  if (glia_timeline_lost() > 0)
    glia_log(GLIA_LOG_WARN, "train", "trace-cut", "rank=%d lost_events=%lld kept=\"the last\"",
             glia_comm_rank(c), (long long)glia_timeline_lost());
  GLIA_TRY_TO(done, st, glia_agree(c, own_events(c, offset_s, &own)));
  GLIA_TRY_TO(done, st, glia_comm_gather_text(c, own, 0, &all));
  GLIA_TRY_TO(done, st, glia_comm_reduce_f64(c, GLIA_COMM_MAX, &error_s, 1));
  st = glia_comm_rank(c) == 0 ? write_file(path, glia_comm_size(c), all) : GLIA_OK;
  GLIA_TRY_TO(done, st, glia_agree(c, st));
  if (glia_comm_rank(c) == 0)
    glia_log(GLIA_LOG_INFO, "train", "trace", "file=\"%s\" clock_error_s=%.2g", path, error_s);

done:
  free(own);
  free(all);
  return st;
}

struct dump {
  FILE *f;
  double now_s;
};

static void put_line(void *self, int track, const char *thread, const struct glia_event *e)
{
  const struct dump *d = self;

  (void)track;
  fprintf(d->f, "%12.6f s ago  %-14s %-9s %-24s n=%-6lld took_s=%.6f\n", d->now_s - e->start_s,
          thread, glia_event_kind_name(e->kind), e->name, (long long)e->arg, e->end_s - e->start_s);
}

void timeline_dump(int rank)
{
  const char *dir = getenv("GLIA_STALL_DIR");
  struct dump d = {.now_s = glia_time_s()};
  char path[4096];

  snprintf(path, sizeof path, "%s/glia-stall-rank-%d.txt", dir != NULL ? dir : ".", rank);
  d.f = fopen(path, "w");
  if (d.f != NULL) glia_timeline_read(256, put_line, &d);
  if (d.f == NULL || fclose(d.f) != 0) {
    glia_log(GLIA_LOG_WARN, "mpi", "stall-events", "file=\"%s\" why=\"%s\"", path, strerror(errno));
    return;
  }
  glia_log(GLIA_LOG_WARN, "mpi", "stall-events", "file=\"%s\" kept=\"the last 256 of each thread\"",
           path);
}
