/* Rows read ahead: see prefetch_priv.h. */
#include "prefetch_priv.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Steps held: the one that runs and those ahead. A set shuffled by chunks needs several chunks at once where a window begins, and few
 * in between: what is read ahead must last that long. */
enum { DEPTH_MIN = 4, DEPTH_MAX = 64 };
static const size_t AHEAD_BYTES = (size_t)32 << 20;

struct slot {
  int64_t step;  /* -1: none */
  int64_t ready; /* micro-batches filled, from lo on */
  char **data;   /* [n_fields] rows of micro-batches [lo, hi) */
  glia_status status;
  char message[512];
};

struct glia_prefetch {
  struct glia_source *source;
  struct glia_order order;
  int64_t lo, hi, first, last;
  int n_fields;
  int *field;
  int64_t *row, *position;
  float *weight;
  int depth;
  struct slot slot[DEPTH_MAX];
  int64_t current; /* the step begun last */
  pthread_t thread;
  bool started, quit;
  pthread_mutex_t mutex;
  pthread_cond_t filled, emptied;
};

static size_t micro_bytes(const struct glia_prefetch *p, int k)
{
  return (size_t)p->order.micro_batch * glia_type_bytes(&p->source->field[p->field[k]].row);
}

static glia_status fill_one(struct glia_prefetch *p, struct slot *s, int64_t index)
{
  glia_order_fill(&p->order, s->step, index, p->row, p->weight, p->position);
  for (int k = 0; k < p->n_fields; k++)
    GLIA_TRY(glia_source_read(p->source, p->field[k], p->order.micro_batch, p->row,
                              s->step / glia_order_steps(&p->order),
                              s->data[k] + (size_t)(index - p->lo) * micro_bytes(p, k)));
  return GLIA_OK;
}

/* Fill a slot micro-batch by micro-batch; the reader of the first need not wait for the last. */
static void fill(struct glia_prefetch *p, struct slot *s)
{
  for (int64_t i = p->lo; i < p->hi; i++) {
    const glia_status st = fill_one(p, s, i);
    pthread_mutex_lock(&p->mutex);
    if (st == GLIA_OK) s->ready++;
    if (st != GLIA_OK) {
      s->status = st;
      snprintf(s->message, sizeof s->message, "%s", glia_trace_message());
    }
    const bool over = p->quit || st != GLIA_OK;
    pthread_cond_broadcast(&p->filled);
    pthread_mutex_unlock(&p->mutex);
    if (over) return;
  }
}

static void *read_ahead(void *self)
{
  struct glia_prefetch *p = self;

  for (int64_t step = p->first; step < p->last; step++) {
    struct slot *s = &p->slot[step % p->depth];
    pthread_mutex_lock(&p->mutex);
    while (!p->quit && step >= p->current + p->depth) pthread_cond_wait(&p->emptied, &p->mutex);
    const bool quit = p->quit;
    s->step = step;
    s->ready = 0;
    s->status = GLIA_OK;
    pthread_mutex_unlock(&p->mutex);
    if (quit) break;
    fill(p, s);
  }
  return NULL;
}

static glia_status allocate(struct glia_prefetch *p, const int *field)
{
  const size_t rows = (size_t)p->order.micro_batch, n = (size_t)(p->hi - p->lo);
  size_t step_bytes = 1;

  p->field = malloc(((size_t)p->n_fields + 1) * sizeof *p->field);
  p->row = malloc(rows * sizeof *p->row);
  p->position = malloc(rows * sizeof *p->position);
  p->weight = malloc(rows * sizeof *p->weight);
  GLIA_CHECK(p->field != NULL && p->row != NULL && p->position != NULL && p->weight != NULL,
             GLIA_E_MEMORY, "rows of a micro-batch");
  memcpy(p->field, field, (size_t)p->n_fields * sizeof *field);
  for (int k = 0; k < p->n_fields; k++) step_bytes += n * micro_bytes(p, k);
  const size_t depth = AHEAD_BYTES / step_bytes;
  p->depth = depth < DEPTH_MIN ? DEPTH_MIN : depth > DEPTH_MAX ? DEPTH_MAX : (int)depth;
  for (int d = 0; d < p->depth; d++) {
    p->slot[d].step = -1;
    p->slot[d].data = calloc((size_t)p->n_fields + 1, sizeof *p->slot[d].data);
    GLIA_CHECK(p->slot[d].data != NULL, GLIA_E_MEMORY, "rows read ahead");
    for (int k = 0; k < p->n_fields; k++) {
      p->slot[d].data[k] = malloc(n * micro_bytes(p, k) + 1);
      GLIA_CHECK(p->slot[d].data[k] != NULL, GLIA_E_MEMORY, "rows read ahead: %zu bytes",
                 n * micro_bytes(p, k));
    }
  }
  return GLIA_OK;
}

glia_status glia_prefetch_create_(struct glia_source *source, const struct glia_order *order,
                                  int64_t lo, int64_t hi, int n_fields, const int *field,
                                  int64_t first, int64_t last, struct glia_prefetch **out)
{
  struct glia_prefetch *p = calloc(1, sizeof *p);

  *out = NULL;
  GLIA_CHECK(p != NULL, GLIA_E_MEMORY, "rows read ahead");
  p->source = source;
  p->order = *order;
  p->lo = lo;
  p->hi = hi;
  p->first = p->current = first;
  p->last = last;
  p->n_fields = n_fields;
  pthread_mutex_init(&p->mutex, NULL);
  pthread_cond_init(&p->filled, NULL);
  pthread_cond_init(&p->emptied, NULL);
  glia_status st = allocate(p, field);
  if (st == GLIA_OK && hi > lo) {
    p->started = pthread_create(&p->thread, NULL, read_ahead, p) == 0;
    if (!p->started) st = GLIA_FAIL(GLIA_E_MEMORY, "a thread that reads ahead");
  }
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
  pthread_cond_signal(&p->emptied);
  pthread_mutex_unlock(&p->mutex);
}

glia_status glia_prefetch_take_(struct glia_prefetch *p, int64_t index, int k, void *out)
{
  const int64_t wanted = index - p->lo;

  GLIA_CHECK(wanted >= 0 && index < p->hi, GLIA_E_INTERNAL, "micro-batch %lld was not read ahead",
             (long long)index);
  pthread_mutex_lock(&p->mutex);
  const struct slot *s = &p->slot[p->current % p->depth];
  while (!(s->step == p->current && (s->ready > wanted || s->status != GLIA_OK)))
    pthread_cond_wait(&p->filled, &p->mutex);
  const bool have = s->ready > wanted;
  pthread_mutex_unlock(&p->mutex);
  if (!have) return GLIA_FAIL(s->status, "%s", s->message);
  memcpy(out, s->data[k] + (size_t)wanted * micro_bytes(p, k), micro_bytes(p, k));
  return GLIA_OK;
}

void glia_prefetch_destroy_(struct glia_prefetch **pp)
{
  if (*pp == NULL) return;
  struct glia_prefetch *p = *pp;
  pthread_mutex_lock(&p->mutex);
  p->quit = true;
  pthread_cond_signal(&p->emptied);
  pthread_mutex_unlock(&p->mutex);
  if (p->started) pthread_join(p->thread, NULL);
  for (int d = 0; d < p->depth; d++) {
    for (int k = 0; k < p->n_fields && p->slot[d].data != NULL; k++) free(p->slot[d].data[k]);
    free(p->slot[d].data);
  }
  pthread_mutex_destroy(&p->mutex);
  pthread_cond_destroy(&p->filled);
  pthread_cond_destroy(&p->emptied);
  free(p->field);
  free(p->row);
  free(p->position);
  free(p->weight);
  free(p);
  *pp = NULL;
}
