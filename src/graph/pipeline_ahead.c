/* What lets a rank of local learning run ahead of those that read from it: see pipeline_ahead_priv.h. */
#include "pipeline_ahead_priv.h"

#include "engine_priv.h"
#include "glia_log.h"
#include "schedule_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ahead {
  const struct glia_stage *stage;
  struct glia_messenger *m;
  glia_ahead_finish finish;
  struct glia_engine *e;
  int first_handle, queue;
  char **copy;   /* [channels][queue] */
  int64_t *sent; /* [channels] */
  /* what is shared, by step: [ring] rows of all ranks */
  int n, ring;
  int64_t lag, begun, told;
  double *rows; /* [ring][ranks][n] */
  bool catching_up;
  size_t bytes;
};

int glia_ahead_handles_(const struct glia_stage *stage, const struct glia_schedule *s)
{
  return stage->n_channels * s->ahead + (int)(2 * glia_schedule_lag_(s) + 2) * 2 * s->ranks;
}

static int handle_of_row(const struct ahead *a, int64_t k, int peer, bool out)
{
  return a->first_handle + a->stage->n_channels * a->queue + (int)k * 2 * a->stage->cut.ranks +
         2 * peer + out;
}

static double *row_of(const struct ahead *a, int64_t k, int rank)
{
  return a->rows + ((size_t)k * (size_t)a->stage->cut.ranks + (size_t)rank) * (size_t)a->n;
}

/* Own numbers go to all, theirs are on their way. */
static glia_status begin_row(struct ahead *a, const double *own)
{
  const int64_t k = a->begun % a->ring;
  const size_t bytes = (size_t)a->n * sizeof *own;
  const int channel = a->stage->first_replica_channel + a->stage->n_states;

  for (int r = 0; r < a->m->size; r++)
    if (r != a->m->rank) GLIA_TRY(a->finish(a->e, handle_of_row(a, k, r, true), "wait to be read"));
  memcpy(row_of(a, k, a->m->rank), own, bytes);
  for (int r = 0; r < a->m->size; r++) {
    if (r == a->m->rank) continue;
    GLIA_TRY(a->m->send(a->m->self, handle_of_row(a, k, r, true), channel, r, bytes,
                        row_of(a, k, a->m->rank)));
    GLIA_TRY(a->m->receive(a->m->self, handle_of_row(a, k, r, false), channel, r, bytes,
                           row_of(a, k, r)));
    glia_pipeline_under_way_(a->e, handle_of_row(a, k, r, true));
    glia_pipeline_under_way_(a->e, handle_of_row(a, k, r, false));
  }
  a->begun++;
  return GLIA_OK;
}

/* In the place of the messenger's share: x becomes what the oldest step that was not told yet shared. */
static glia_status share_late(void *self, int n, double *x, void (*idle)(void *arg), void *arg)
{
  struct ahead *a = self;
  const int ranks = a->stage->cut.ranks;

  (void)idle;
  (void)arg;
  if (!a->catching_up) GLIA_TRY(begin_row(a, x + (size_t)a->m->rank * (size_t)n));
  if (!a->catching_up && a->begun <= a->lag) {
    for (int i = 0; i < ranks * n; i++) x[i] = (double)NAN;
    return GLIA_OK;
  }
  const int64_t k = a->told % a->ring;
  for (int r = 0; r < ranks; r++)
    if (r != a->m->rank)
      GLIA_TRY(a->finish(a->e, handle_of_row(a, k, r, false), "what stages share"));
  memcpy(x, row_of(a, k, 0), (size_t)ranks * (size_t)n * sizeof *x);
  a->told++;
  return GLIA_OK;
}

glia_status glia_ahead_send_(struct ahead *a, int i, const void *data)
{
  const struct channel *c = &a->stage->channel[i];
  const int64_t k = a->sent[i] % a->queue;
  const int handle = a->first_handle + i * a->queue + (int)k;
  char *copy = a->copy[i * a->queue + (int)k];

  GLIA_TRY(a->finish(a->e, handle, "a message to be taken"));
  memcpy(copy, data, c->bytes);
  GLIA_TRY(a->m->send(a->m->self, handle, c->index, c->peer, c->bytes, copy));
  glia_pipeline_under_way_(a->e, handle);
  a->sent[i]++;
  return GLIA_OK;
}

int64_t glia_ahead_owed_(const struct ahead *a) { return a->begun - a->told; }
bool glia_ahead_told_(const struct ahead *a) { return a->begun > a->lag; }
void glia_ahead_catch_up_(struct ahead *a, bool on) { a->catching_up = on; }
size_t glia_ahead_bytes_(const struct ahead *a) { return a->bytes; }

glia_status glia_ahead_create_(struct glia_engine *e, const struct glia_pipeline *how,
                               int first_handle, glia_ahead_finish finish, struct ahead **out)
{
  struct glia_stage *stage = how->stage;
  struct ahead *a = calloc(1, sizeof *a);

  *out = a;
  GLIA_CHECK(a != NULL, GLIA_E_MEMORY, "queues of messages");
  *a = (struct ahead){.stage = stage,
                      .m = how->messenger,
                      .finish = finish,
                      .e = e,
                      .first_handle = first_handle,
                      .queue = how->schedule->ahead,
                      .n = glia_stage_shared_(stage),
                      .lag = glia_schedule_lag_(how->schedule)};
  a->ring = (int)(2 * a->lag + 2);
  const size_t channels = (size_t)stage->n_channels, queue = (size_t)a->queue,
               numbers = (size_t)a->ring * (size_t)stage->cut.ranks * (size_t)a->n;
  a->copy = calloc(channels * queue + 1, sizeof *a->copy);
  a->sent = calloc(channels + 1, sizeof *a->sent);
  a->rows = calloc(numbers + 1, sizeof *a->rows);
  GLIA_CHECK(a->copy != NULL && a->sent != NULL && a->rows != NULL, GLIA_E_MEMORY,
             "queues of messages");
  a->bytes = numbers * sizeof *a->rows;
  for (size_t i = 0; i < channels; i++)
    for (size_t k = 0; k < queue && stage->channel[i].out; k++) {
      a->copy[i * queue + k] = malloc(stage->channel[i].bytes + 1);
      GLIA_CHECK(a->copy[i * queue + k] != NULL, GLIA_E_MEMORY, "a queue of %d messages", a->queue);
      a->bytes += stage->channel[i].bytes;
    }
  glia_stage_share_by_(stage, share_late, a);
  return GLIA_OK;
}

void glia_ahead_destroy_(struct ahead **ahead)
{
  struct ahead *a = *ahead;

  if (a == NULL) return;
  for (int i = 0; a->copy != NULL && i < a->stage->n_channels * a->queue; i++) free(a->copy[i]);
  free(a->copy);
  free(a->sent);
  free(a->rows);
  free(a);
  *ahead = NULL;
}
