/* The order of a run: see glia_order.h. */
#include "glia_order.h"

#include "glia_random.h"

enum { WINDOW_KEPT = 16 }; /* chunks of a window whose numbers are kept; the default window has 8 */

int64_t glia_order_steps(const struct glia_order *o) { return (o->n + o->batch - 1) / o->batch; }

/* An epoch's order by chunks. Slots are places of chunks in that order; the short chunk of the file shifts what is behind it. */
struct by_chunks {
  uint64_t key;
  int64_t rows, chunks; /* of a whole chunk; in the file */
  int64_t short_slot;   /* where the last chunk of the file stands */
  int64_t missing;      /* rows by which it is shorter */
};

static int64_t slot_start(const struct by_chunks *c, int64_t slot)
{
  return slot * c->rows - (slot > c->short_slot ? c->missing : 0);
}

static int64_t slot_of(const struct by_chunks *c, int64_t place)
{
  if (place < slot_start(c, c->short_slot + 1)) {
    const int64_t slot = place / c->rows;
    return slot < c->short_slot ? slot : c->short_slot;
  }
  return (place + c->missing) / c->rows;
}

static struct by_chunks chunks_of(const struct glia_order *o, uint64_t key)
{
  struct by_chunks c = {
      .key = key, .rows = o->chunk_rows, .chunks = (o->n + o->chunk_rows - 1) / o->chunk_rows};

  c.short_slot = glia_random_unpermute(key, c.chunks, c.chunks - 1);
  c.missing = c.chunks * c.rows - o->n;
  return c;
}

/* Its chunks are looked up once, not once a row. */
struct window {
  uint64_t key;
  int64_t first;  /* slot */
  int64_t lo, hi; /* places */
  int64_t chunk[WINDOW_KEPT];
};

static void find_window(const struct glia_order *o, const struct by_chunks *c, int64_t number,
                        struct window *w)
{
  w->first = number * o->window;
  const int64_t behind = w->first + o->window < c->chunks ? w->first + o->window : c->chunks;
  w->lo = slot_start(c, w->first);
  w->hi = slot_start(c, behind);
  w->key = c->key ^ (uint64_t)(number + 1) * UINT64_C(0xd1342543de82ef95);
  for (int64_t i = 0; i < WINDOW_KEPT && w->first + i < behind; i++)
    w->chunk[i] = glia_random_permute(c->key, c->chunks, w->first + i);
}

/* Rows at places [p, p + n) of the epoch, all in one window. */
static void rows_of_window(const struct by_chunks *c, const struct window *w, int64_t p, int64_t n,
                           int64_t *row)
{
  glia_random_permute_range(w->key, w->hi - w->lo, p - w->lo, n, row);
  for (int64_t i = 0; i < n; i++) {
    const int64_t place = w->lo + row[i];
    const int64_t slot = slot_of(c, place);
    const int64_t chunk = slot - w->first < WINDOW_KEPT
                              ? w->chunk[slot - w->first]
                              : glia_random_permute(c->key, c->chunks, slot);
    row[i] = chunk * c->rows + place - slot_start(c, slot);
  }
}

static void rows_by_chunks(const struct glia_order *o, uint64_t key, int64_t p, int64_t n,
                           int64_t *row)
{
  const struct by_chunks c = chunks_of(o, key);
  struct window w;

  for (int64_t i = 0, m = 0; i < n; i += m) {
    find_window(o, &c, slot_of(&c, p + i) / o->window, &w);
    m = w.hi - (p + i) < n - i ? w.hi - (p + i) : n - i;
    rows_of_window(&c, &w, p + i, m, row + i);
  }
}

static uint64_t key_of(const struct glia_order *o, int64_t epoch)
{
  return glia_random_stream(o->seed + (uint64_t)epoch * UINT64_C(0x9e3779b97f4a7c15), "order");
}

void glia_order_rows(const struct glia_order *o, int64_t position, int64_t n, int64_t *row)
{
  const int64_t places = glia_order_steps(o) * o->batch; /* of an epoch */
  const uint64_t key = key_of(o, position / places);
  const int64_t p = position % places;
  const int64_t real = p + n <= o->n ? n : p < o->n ? o->n - p : 0; /* the rest is padding */

  if (o->shuffle && o->chunk_rows > 0)
    rows_by_chunks(o, key, p, real, row);
  else if (o->shuffle && real > 0)
    glia_random_permute_range(key, o->n, p, real, row);
  else
    for (int64_t i = 0; i < real; i++) row[i] = p + i;
  for (int64_t i = real; i < n; i++) row[i] = 0;
}

int64_t glia_order_together(const struct glia_order *o, int64_t position)
{
  const int64_t places = glia_order_steps(o) * o->batch;
  const int64_t epoch = position / places, p = position % places;

  if (!o->shuffle || o->chunk_rows == 0) return (position / o->batch + 1) * o->batch;
  if (p >= o->n) return (epoch + 1) * places;
  const struct by_chunks c = chunks_of(o, key_of(o, epoch));
  const int64_t behind = (slot_of(&c, p) / o->window + 1) * o->window;
  return epoch * places + slot_start(&c, behind < c.chunks ? behind : c.chunks);
}

void glia_order_fill(const struct glia_order *o, int64_t step, int64_t index, int64_t *row,
                     float *weight, int64_t *position)
{
  const int64_t steps = glia_order_steps(o);
  const int64_t first = step * o->batch + index * o->micro_batch;
  const int64_t place = step % steps * o->batch + index * o->micro_batch;

  glia_order_rows(o, first, o->micro_batch, row);
  for (int64_t i = 0; i < o->micro_batch; i++) {
    weight[i] = place + i >= o->n ? 0.0F : 1.0F;
    position[i] = first + i;
  }
}
