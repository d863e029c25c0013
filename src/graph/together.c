/* Last stage: which units of the epilogue its workers may share out, tile by tile of groups and unit by unit, with no wait in between.
 *
 * A run of neighbours in the list, none of which touches memory that another writes. Groups are elementwise, so whoever computes a
 * tile computes the same bits: the number of workers is no input here, and does not matter. */
#include "program_priv.h"

enum {
  MOST_TOUCHED = 4 * GROUP_MAX, /* arrays of a unit; those with more stay alone */
  LEAST_WORTH = 16384 /* elements: below it, starting the others costs more than it saves */
};

struct touched {
  int n;
  struct {
    struct place at;
    size_t bytes;
    bool write, whole; /* whole: not at the element that is computed */
  } array[MOST_TOUCHED];
};

static bool add(struct touched *t, struct place at, const struct glia_type *type, bool write,
                bool whole)
{
  if (t->n == MOST_TOUCHED) return false;
  t->array[t->n].at = at;
  t->array[t->n].bytes = glia_type_bytes(type);
  t->array[t->n].write = write;
  t->array[t->n++].whole = whole;
  return true;
}

/* What a unit reads and writes; false: too much, or of its own kind (a loop, a call-back). */
static bool touch(const struct unit *u, struct touched *t)
{
  bool fits = u->loop == NULL && u->external == NULL;

  t->n = 0;
  for (int i = 0; i < u->n_steps; i++) {
    const struct tile_step *s = &u->step[i];
    for (int k = 0; k < s->n_in; k++)
      if (s->in[k].reg < 0)
        fits = fits && add(t, s->in[k].at, s->in[k].type, false, s->kind == TILE_BROADCAST);
    if (s->out.reg < 0) fits = fits && add(t, s->out.at, s->out.type, true, false);
  }
  if (u->step != NULL) return fits;
  for (int i = 0; i < u->n_in; i++) fits = fits && add(t, u->in[i].at, u->in[i].type, false, true);
  return fits && add(t, u->out.at, u->out.type, true, true);
}

static bool overlap(const struct touched *a, int i, const struct touched *b, int j)
{
  return a->array[i].at.base == b->array[j].at.base &&
         a->array[i].at.offset < b->array[j].at.offset + b->array[j].bytes &&
         b->array[j].at.offset < a->array[i].at.offset + a->array[i].bytes;
}

/* Whether tiles of one group may run in any order: what it writes it reads only at the same element. */
static bool tiles_apart(const struct touched *t)
{
  for (int i = 0; i < t->n; i++)
    for (int j = 0; t->array[i].write && j < t->n; j++)
      if (j != i && overlap(t, i, t, j) &&
          (t->array[j].whole || t->array[i].at.offset != t->array[j].at.offset ||
           t->array[i].bytes != t->array[j].bytes))
        return false;
  return true;
}

static bool apart(const struct touched *a, const struct touched *b)
{
  for (int i = 0; i < a->n; i++)
    for (int j = 0; j < b->n; j++)
      if ((a->array[i].write || b->array[j].write) && overlap(a, i, b, j)) return false;
  return true;
}

static bool fits_alone(const struct unit *u, struct touched *t)
{
  return touch(u, t) && (u->step == NULL || tiles_apart(t));
}

/* Units from `first` on, before `end`, that run together. */
static int run_of(const struct list *list, int first, int end)
{
  struct touched one, other;
  int n = 0;

  for (; first + n < end; n++) {
    const struct unit *u = &list->unit[first + n];
    if (u->need > list->unit[first].need || !fits_alone(u, &one)) break;
    bool fits = true;
    for (int i = 0; i < n && fits; i++)
      fits = touch(&list->unit[first + i], &other) && apart(&one, &other);
    if (!fits) break;
  }
  return n;
}

void glia_compile_together_(struct compiled *c)
{
  const struct list *list = &c->list[REGION_EPILOGUE];
  int phase = 0;

  for (int i = 0, n; i < list->n; i += n) {
    int64_t worth = 0;
    while (phase < c->phases && c->end[REGION_EPILOGUE][phase] <= i) phase++;
    n = run_of(list, i, phase < c->phases ? c->end[REGION_EPILOGUE][phase] : list->n);
    for (int k = i; k < i + n; k++)
      worth += list->unit[k].step != NULL       ? list->unit[k].n
               : glia_by_block_(&list->unit[k]) ? list->unit[k].in[0].n
                                                : 0;
    list->unit[i].together = worth >= LEAST_WORTH ? n : 0;
    if (list->unit[i].together == 0) n = 1;
  }
}
