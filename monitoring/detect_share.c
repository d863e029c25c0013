/* A detector of the combined kind from the rank that trained it to all ranks; see glia_detect.h. One walk over its parts writes them to
 * a message, or makes them from it. */
#include "detect_priv.h"
#include "glia_agree.h"

#include <stdlib.h>
#include <string.h>

struct wire {
  char *data;
  size_t size; /* of the message */
  size_t at;   /* read or written so far */
  bool reading;
  bool failed; /* no memory: nothing more moves */
};

static void move(struct wire *w, void *part, size_t bytes)
{
  if (w->failed || bytes == 0) return;
  if (w->reading) {
    memcpy(part, w->data + w->at, bytes);
    w->at += bytes;
    return;
  }
  if (w->at + bytes > w->size) {
    const size_t size = 2 * (w->at + bytes);
    char *larger = realloc(w->data, size);
    if (larger == NULL) {
      w->failed = true;
      return;
    }
    w->data = larger;
    w->size = size;
  }
  memcpy(w->data + w->at, part, bytes);
  w->at += bytes;
}

/* An array of its own memory, which is made when reading; what came along as its address is the sender's. Returns it, NULL for a failure. */
static void *move_block(struct wire *w, void *part, size_t bytes)
{
  if (w->failed) return w->reading ? NULL : part;
  if (w->reading) part = calloc(bytes + 1, 1);
  w->failed = w->reading && part == NULL;
  move(w, part, bytes);
  return part;
}

static char *move_text(struct wire *w, const char *text)
{
  size_t bytes = w->reading || w->failed ? 0 : strlen(text) + 1;

  move(w, &bytes, sizeof bytes);
  return move_block(w, (void *)(uintptr_t)text, bytes);
}

static void move_columns(struct wire *w, struct glia_columns *c)
{
  int counts[2] = {c->n, c->n_all};

  move(w, counts, sizeof counts);
  move(w, &c->level_s, sizeof c->level_s);
  c->n = counts[0];
  const size_t n = (size_t)c->n;
  c->column = move_block(w, c->column, (size_t)counts[1] * sizeof *c->column);
  c->n_all = c->column != NULL ? counts[1] : 0;
  for (int j = 0; j < c->n_all; j++) {
    struct glia_detect_column *k = &c->column[j];
    char reason[16] = "";
    if (!w->reading && k->dropped != NULL) strncpy(reason, k->dropped, sizeof reason - 1);
    k->name = move_text(w, k->name);
    k->unit = move_text(w, k->unit);
    move(w, reason, sizeof reason);
    if (w->reading) k->dropped = reason[0] != '\0' ? glia_columns_reason_(reason) : NULL;
  }
  c->relative = move_block(w, c->relative, n * sizeof *c->relative);
  c->logarithmic = move_block(w, c->logarithmic, n * sizeof *c->logarithmic);
  c->median = move_block(w, c->median, n * sizeof *c->median);
  c->centre = move_block(w, c->centre, n * sizeof *c->centre);
  c->scale = move_block(w, c->scale, n * sizeof *c->scale);
  c->lo = move_block(w, c->lo, n * sizeof *c->lo);
  c->hi = move_block(w, c->hi, n * sizeof *c->hi);
}

static void move_parameters(struct wire *w, struct glia_detector *d)
{
  int n = d->n_parameters;

  move(w, &n, sizeof n);
  d->parameter = move_block(w, d->parameter, (size_t)n * sizeof *d->parameter);
  d->n_parameters = d->parameter != NULL ? n : 0;
  for (int i = 0; i < d->n_parameters; i++) {
    struct glia_array *a = &d->parameter[i];
    a->path = move_text(w, a->path);
    a->data = move_block(w, a->data, glia_type_bytes(&a->type));
  }
}

static void move_detector(struct wire *w, struct glia_detector *d)
{
  struct glia_detect_options o = d->options;

  o.warm = NULL;
  o.progress = NULL;
  o.self = NULL;
  o.stop = NULL;
  move(w, &o, sizeof o);
  if (w->reading) d->options = o;
  d->node = move_text(w, d->node);
  d->config = move_text(w, d->config);
  move_columns(w, &d->columns);
  d->spread = move_block(w, d->spread, (size_t)d->columns.n * sizeof *d->spread);
  move(w, &d->threshold, sizeof d->threshold);
  move(w, &d->flag, sizeof d->flag);
  move(w, &d->max_error_p95, sizeof d->max_error_p95);
  move(w, &d->train_loss, sizeof d->train_loss);
  move(w, &d->rows_train, sizeof d->rows_train);
  move(w, &d->rows_valid, sizeof d->rows_valid);
  move(w, &d->train_begin_ns, sizeof d->train_begin_ns);
  move(w, &d->train_end_ns, sizeof d->train_end_ns);
  move(w, &d->lags, sizeof d->lags);
  move(w, &d->tail, sizeof d->tail);
  move_parameters(w, d);
}

/* What a rank without the detector makes of the message. */
static glia_status receive(struct wire *w, struct glia_detector **out)
{
  struct glia_detector *d = calloc(1, sizeof *d);

  *out = d;
  GLIA_CHECK(d != NULL, GLIA_E_MEMORY, "no memory for a detector");
  w->reading = true;
  w->at = 0;
  move_detector(w, d);
  GLIA_CHECK(!w->failed, GLIA_E_MEMORY, "no memory for a detector of %zu bytes", w->size);
  return glia_combined_bind_(d);
}

glia_status glia_detector_share(struct glia_comm *comm, int owner, struct glia_detector **d)
{
  const bool mine = glia_comm_rank(comm) == owner;
  struct wire w = {0};
  glia_status st = GLIA_OK;

  if (mine && (*d)->mix == NULL)
    st = GLIA_FAIL(GLIA_E_UNSUPPORTED, "node %s: only models of the kind combined", (*d)->node);
  if (mine && st == GLIA_OK) {
    move_detector(&w, *d);
    w.size = w.at;
    if (w.failed) st = GLIA_FAIL(GLIA_E_MEMORY, "node %s", (*d)->node);
  }
  GLIA_TRY_TO(out, st, glia_agree(comm, st));
  GLIA_TRY_TO(out, st, glia_comm_bcast(comm, &w.size, sizeof w.size, owner));
  if (!mine) {
    w.data = malloc(w.size);
    if (w.data == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "no memory for %zu bytes", w.size);
  }
  GLIA_TRY_TO(out, st, glia_agree(comm, st));
  GLIA_TRY_TO(out, st, glia_comm_bcast(comm, w.data, w.size, owner));
  if (!mine) st = receive(&w, d);
  st = glia_agree(comm, st);
out:
  if (st != GLIA_OK && !mine) glia_detector_destroy(d);
  free(w.data);
  return st;
}
