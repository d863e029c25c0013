/* Rows read ahead: see prefetch_priv.h. */
#include "prefetch_priv.h"

#include "glia_cpus.h"
#include "glia_pages.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Units held: a step takes rows of at most two, and one or, where a unit is no more than a step, two more are read meanwhile. */
enum { WINDOWS = 3, DEPTH_MIN = 4, DEPTH_MAX = 64 };
static const size_t AHEAD_BYTES = (size_t)24 << 20;

/* Neighbouring positions of the run, at least a step's unless an epoch ends; of them, the rows of this process. */
struct unit {
  int64_t lo, hi;
  char **data;     /* [n_fields] rows */
  int64_t **place; /* [n_fields] where in them the i-th of ours lies */
};

struct glia_prefetch {
  struct glia_source *source;
  struct glia_order order;
  int64_t lo, hi; /* micro-batches of a step that are ours */
  int64_t end;    /* position at which reading ends */
  int n_fields;
  int *field;
  int64_t *row;  /* [unit_rows] */
  int64_t least; /* positions of a unit */
  int64_t unit_rows;
  int depth;
  struct unit unit[DEPTH_MAX];
  int64_t freed, filled; /* units, counted from the first */
  int64_t reached;       /* position up to which units are filled */
  int64_t current;       /* the step begun last */
  glia_status status;
  char message[512];
  pthread_t thread;
  bool started, quit;
  pthread_mutex_t mutex;
  pthread_cond_t more, room;
};

static size_t row_bytes(const struct glia_prefetch *p, int k)
{
  return glia_type_bytes(&p->source->field[p->field[k]].row);
}

/* Our rows before a position. */
static int64_t ours(const struct glia_prefetch *p, int64_t position)
{
  const int64_t b = p->order.micro_batch, in_step = position % p->order.batch;
  const int64_t lo = p->lo * b, hi = p->hi * b;

  return position / p->order.batch * (hi - lo) + (in_step < lo   ? 0
                                                  : in_step < hi ? in_step - lo
                                                                 : hi - lo);
}

/* The unit that begins at `lo`: whole windows of one epoch. */
static int64_t unit_end(const struct glia_prefetch *p, int64_t lo)
{
  const int64_t places = glia_order_steps(&p->order) * p->order.batch;
  const int64_t epoch_end = (lo / places + 1) * places;
  const int64_t most = epoch_end < p->end ? epoch_end : p->end;
  int64_t hi = lo;

  while (hi < most && hi - lo < p->least) hi = glia_order_together(&p->order, hi);
  return hi < most ? hi : most;
}

/* Read a unit. Neighbouring positions of ours are asked for step by step, or at once where all are ours. */
static glia_status fill(struct glia_prefetch *p, const struct unit *u)
{
  const int64_t batch = p->order.batch, b = p->order.micro_batch;
  const bool all = (p->hi - p->lo) * b == batch;
  int64_t n = 0;

  for (int64_t at = u->lo; at < u->hi;) {
    const int64_t step = at / batch * batch;
    const int64_t end = all || step + batch > u->hi ? u->hi : step + batch;
    const int64_t lo = all || at > step + p->lo * b ? at : step + p->lo * b;
    const int64_t hi = all || end < step + p->hi * b ? end : step + p->hi * b;
    if (lo < hi) glia_order_rows(&p->order, lo, hi - lo, p->row + n);
    n += lo < hi ? hi - lo : 0;
    at = end;
  }
  const int64_t epoch = u->lo / (glia_order_steps(&p->order) * batch);
  for (int k = 0; k < p->n_fields && n > 0; k++)
    GLIA_TRY(glia_source_read_anywhere(p->source, p->field[k], n, p->row, epoch, u->place[k],
                                       u->data[k]));
  return GLIA_OK;
}

static void *read_ahead(void *self)
{
  struct glia_prefetch *p = self;
  bool over = false;

  glia_cpus_roam();
  for (int64_t at = p->reached; at < p->end && !over; at = p->reached) {
    struct unit *u = &p->unit[p->filled % p->depth];
    pthread_mutex_lock(&p->mutex);
    while (!p->quit && p->filled - p->freed >= p->depth) pthread_cond_wait(&p->room, &p->mutex);
    over = p->quit;
    pthread_mutex_unlock(&p->mutex);
    if (over) break;
    u->lo = at;
    u->hi = unit_end(p, at);
    const glia_status st = fill(p, u);
    pthread_mutex_lock(&p->mutex);
    p->status = st;
    if (st == GLIA_OK) {
      p->filled++;
      p->reached = u->hi;
    } else {
      snprintf(p->message, sizeof p->message, "%s", glia_trace_message());
    }
    over = p->quit || st != GLIA_OK;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->mutex);
  }
  return NULL;
}

/* How many units of how many rows. Shuffled by chunks, windows are whole, since of a part of one all chunks would be read. */
static glia_status plan(struct glia_prefetch *p, int64_t memory_bytes)
{
  const struct glia_order *o = &p->order;
  const int64_t window = o->shuffle && o->chunk_rows > 0 ? o->window * o->chunk_rows : 0;
  const int64_t share = (p->hi - p->lo) * o->micro_batch;
  const int64_t said = memory_bytes > 0 ? memory_bytes : GLIA_SOURCE_MEMORY_BYTES;
  const int64_t limit = said > (int64_t)AHEAD_BYTES ? said : (int64_t)AHEAD_BYTES;
  int64_t bytes = 1;

  p->least = window > o->batch ? window : o->batch;
  for (int k = 0; k < p->n_fields; k++) bytes += (int64_t)row_bytes(p, k);
  const double rows = (double)p->least * (double)share / (double)o->batch;
  const int least = p->least >= 2 * o->batch ? WINDOWS : DEPTH_MIN;
  const double need = least * rows * (double)bytes;
  GLIA_CHECK(window <= o->batch || need <= (double)limit, GLIA_E_ARGUMENT,
             "%s: %d windows of %lld chunks of %lld rows need %.0f MiB, data.memory is %.0f MiB%s; "
             "take a smaller data.window or more data.memory",
             p->source->name, least, (long long)o->window, (long long)o->chunk_rows, need / 0x1p20,
             (double)said / 0x1p20, said < limit ? " (24 MiB are granted anyway)" : "");
  const double depth = (double)AHEAD_BYTES / (rows * (double)bytes + 1.0);
  p->depth = depth < least ? least : depth > DEPTH_MAX ? DEPTH_MAX : (int)depth;
  p->unit_rows = ours(p, p->least + window + o->batch);
  return GLIA_OK;
}

static glia_status allocate(struct glia_prefetch *p)
{
  p->row = malloc((size_t)p->unit_rows * sizeof *p->row + 1);
  GLIA_CHECK(p->row != NULL, GLIA_E_MEMORY, "rows read ahead");
  for (int d = 0; d < p->depth; d++) {
    p->unit[d].data = calloc((size_t)p->n_fields + 1, sizeof *p->unit[d].data);
    p->unit[d].place = calloc((size_t)p->n_fields + 1, sizeof *p->unit[d].place);
    GLIA_CHECK(p->unit[d].data != NULL && p->unit[d].place != NULL, GLIA_E_MEMORY,
               "rows read ahead");
    for (int k = 0; k < p->n_fields; k++) {
      p->unit[d].data[k] = glia_pages_allocate((size_t)p->unit_rows * row_bytes(p, k));
      p->unit[d].place[k] = malloc((size_t)p->unit_rows * sizeof **p->unit[d].place + 1);
      GLIA_CHECK(p->unit[d].data[k] != NULL && p->unit[d].place[k] != NULL, GLIA_E_MEMORY,
                 "rows read ahead: %zu bytes", (size_t)p->unit_rows * row_bytes(p, k));
    }
  }
  return GLIA_OK;
}

static glia_status start(struct glia_prefetch *p, const int *field, int64_t memory_bytes)
{
  p->field = malloc(((size_t)p->n_fields + 1) * sizeof *p->field);
  GLIA_CHECK(p->field != NULL, GLIA_E_MEMORY, "%d fields", p->n_fields);
  memcpy(p->field, field, (size_t)p->n_fields * sizeof *field);
  GLIA_TRY(plan(p, memory_bytes));
  GLIA_TRY(allocate(p));
  if (p->hi <= p->lo) return GLIA_OK;
  p->started = pthread_create(&p->thread, NULL, read_ahead, p) == 0;
  GLIA_CHECK(p->started, GLIA_E_MEMORY, "a thread that reads ahead");
  return GLIA_OK;
}

glia_status glia_prefetch_create_(struct glia_source *source, const struct glia_order *order,
                                  int64_t lo, int64_t hi, int n_fields, const int *field,
                                  int64_t first, int64_t last, int64_t memory_bytes,
                                  struct glia_prefetch **out)
{
  struct glia_prefetch *p = calloc(1, sizeof *p);

  *out = NULL;
  GLIA_CHECK(p != NULL, GLIA_E_MEMORY, "rows read ahead");
  p->source = source;
  p->order = *order;
  p->lo = lo;
  p->hi = hi;
  p->current = first;
  p->reached = first * order->batch;
  p->end = last * order->batch;
  p->n_fields = n_fields;
  pthread_mutex_init(&p->mutex, NULL);
  pthread_cond_init(&p->more, NULL);
  pthread_cond_init(&p->room, NULL);
  const glia_status st = start(p, field, memory_bytes);
  if (st != GLIA_OK) {
    glia_prefetch_destroy_(&p);
    return st;
  }
  *out = p;
  return GLIA_OK;
}

void glia_prefetch_begin_(struct glia_prefetch *p, int64_t step)
{
  pthread_mutex_lock(&p->mutex);
  p->current = step;
  while (p->freed < p->filled && p->unit[p->freed % p->depth].hi <= step * p->order.batch)
    p->freed++;
  pthread_cond_signal(&p->room);
  pthread_mutex_unlock(&p->mutex);
}

/* Copy the part of positions [lo, hi) that the unit holds. */
static void copy(const struct glia_prefetch *p, const struct unit *u, int k, int64_t lo, int64_t hi,
                 char *out)
{
  const int64_t from = u->lo > lo ? u->lo : lo, to = u->hi < hi ? u->hi : hi;
  const size_t bytes = row_bytes(p, k);
  const int64_t *place = u->place[k];

  if (from >= to) return;
  place += ours(p, from) - ours(p, u->lo);
  out += (size_t)(from - lo) * bytes;
  for (int64_t i = 0; i < to - from; i++)
    memcpy(out + (size_t)i * bytes, u->data[k] + (size_t)place[i] * bytes, bytes);
}

glia_status glia_prefetch_take_(struct glia_prefetch *p, int64_t index, int k, void *out)
{
  const int64_t lo = p->current * p->order.batch + index * p->order.micro_batch;
  const int64_t hi = lo + p->order.micro_batch;

  GLIA_CHECK(index >= p->lo && index < p->hi, GLIA_E_INTERNAL,
             "micro-batch %lld was not read ahead", (long long)index);
  pthread_mutex_lock(&p->mutex);
  while (p->reached < hi && p->status == GLIA_OK) pthread_cond_wait(&p->more, &p->mutex);
  const bool have = p->reached >= hi;
  const int64_t freed = p->freed, filled = p->filled;
  pthread_mutex_unlock(&p->mutex);
  if (!have) return GLIA_FAIL(p->status, "%s", p->message);
  for (int64_t i = freed; i < filled && p->unit[i % p->depth].lo < hi; i++)
    copy(p, &p->unit[i % p->depth], k, lo, hi, out);
  return GLIA_OK;
}

void glia_prefetch_destroy_(struct glia_prefetch **pp)
{
  struct glia_prefetch *p = *pp;

  if (p == NULL) return;
  pthread_mutex_lock(&p->mutex);
  p->quit = true;
  pthread_cond_signal(&p->room);
  pthread_mutex_unlock(&p->mutex);
  if (p->started) pthread_join(p->thread, NULL);
  for (int d = 0; d < DEPTH_MAX; d++) {
    for (int k = 0; k < p->n_fields && p->unit[d].data != NULL; k++) free(p->unit[d].data[k]);
    for (int k = 0; k < p->n_fields && p->unit[d].place != NULL; k++) free(p->unit[d].place[k]);
    free(p->unit[d].data);
    free(p->unit[d].place);
  }
  pthread_mutex_destroy(&p->mutex);
  pthread_cond_destroy(&p->more);
  pthread_cond_destroy(&p->room);
  free(p->field);
  free(p->row);
  free(p);
  *pp = NULL;
}
