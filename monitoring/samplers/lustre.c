/* lustre: work of the clients, summed over mounts; a server that hangs may block the reading for ever.
 * Source: the Lustre operations manual, llite.*.stats. */
#include "numbers.h"

#include <stdlib.h>

/* Name in the file, name of the metric; the first two have their sum of bytes in field 7. */
#define OPERATIONS(X)                                                                              \
  X("read_bytes", "read_bytes", "B", "read")                                                       \
  X("write_bytes", "write_bytes", "B", "written")                                                  \
  X("open", "opens", "1", "files opened")                                                          \
  X("close", "closes", "1", "files closed")                                                        \
  X("getattr", "getattrs", "1", "attributes asked for")                                            \
  X("fsync", "fsyncs", "1", "files synchronised")                                                  \
  X("create", "creates", "1", "files made")                                                        \
  X("unlink", "unlinks", "1", "files removed")                                                     \
  X("statfs", "statfs_calls", "1", "times that free space was asked for")

static const char *const keys[] = {
#define X(key, name, unit, help) key,
    OPERATIONS(X)
#undef X
};

static const struct glia_metric metrics[] = {
#define X(key, name, unit, help) {"glia_lustre_" name "_total", unit, GLIA_METRIC_COUNTER, help},
    OPERATIONS(X)
#undef X
};

enum { BYTES = 2 };

static const char *const patterns[] = {"proc/fs/lustre/llite/*/stats",
                                       "sys/kernel/debug/lustre/llite/*/stats"};

struct state {
  int n;
  struct glia_procfile *file; /* [n] */
};

static glia_status open_found(struct state *s, char **path)
{
  int n = 0;

  while (path != NULL && path[n] != NULL) n++;
  struct glia_procfile *more = realloc(s->file, (size_t)(s->n + n + 1) * sizeof *more);
  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "no memory for %d Lustre mounts", n);
  s->file = more;
  for (int i = 0; i < n; i++) GLIA_TRY(glia_procfile_open_(&s->file[s->n++], "", path[i]));
  return GLIA_OK;
}

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  for (size_t i = 0; i < GLIA_COUNT(patterns); i++) {
    char **path = glia_paths_find_(root, patterns[i]);
    const glia_status st = open_found(s, path);
    glia_paths_free_(path);
    GLIA_TRY(st);
  }
  return GLIA_OK;
}

/* "read_bytes 10 samples [bytes] 4096 1048576 5242880", "open 7 samples [regs]": count, least, most, sum. */
static void add(struct glia_procfile *f, double *sum)
{
  struct glia_span rest = glia_procfile_read_(f);
  struct glia_span line;

  while (glia_span_line_(&rest, &line)) {
    const int i = glia_span_find_(glia_span_word_(&line), keys, GLIA_COUNT(keys));
    if (i < 0) continue;
    const double count = glia_span_number_(&line);
    for (int k = 0; k < 4; k++) glia_span_word_(&line);
    sum[i] += i < BYTES ? glia_span_number_(&line) : count;
  }
}

/* An operation that never happened is not in the file: it is 0 where there is a mount. */
static void sample(void *state, double *out)
{
  struct state *s = state;
  double sum[GLIA_COUNT(metrics)] = {0};

  for (int i = 0; i < s->n; i++) add(&s->file[i], sum);
  for (size_t i = 0; s->n > 0 && i < GLIA_COUNT(metrics); i++) out[i] = sum[i];
}

static void close_all(void *state)
{
  struct state *s = state;

  for (int i = 0; i < s->n; i++) glia_procfile_close_(&s->file[i]);
  free(s->file);
}

const struct glia_sampler glia_sampler_lustre_ = {
    .name = "lustre",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .period_s = 10.0,
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
