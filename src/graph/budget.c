/* A program whose micro-batches fit into so many bytes: which forward values are computed again. Why so: docs/adr/0050.
 *
 * Values that the backward pass reads are dropped one by one: always the one with most bytes times time in memory by the work of all that
 * would be computed together with it (after Kirisame et al., kirisame2021; segments as in chen2016 come of it where layers are alike).
 * Their order does not depend on the budget; as few of them as fit, by the memory plan itself, are dropped. A function of graph,
 * kernel table and budget: nothing is timed.
 */
#include "again_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
  TRIES = 16, /* plans at even distances among all that drop more and more */
  CLOSER = 5, /* between the first one that fits and the one before it */
  SMALL = 256 /* what is so many times smaller than the largest candidate stays */
};

struct candidate {
  glia_value v;
  double bytes, life, score;
};

struct choice {
  struct again a;
  bool *stays;  /* [values] in memory where nothing is dropped */
  bool *copied; /* [values] by what was dropped so far */
  int32_t *stamp, now;
  int32_t *first, *reader; /* readers of value v: reader[first[v]] ... */
  glia_value *stack;
  int n;
  struct candidate *candidate; /* in the order of dropping, once it is known */
};

static void fini(struct choice *c)
{
  glia_again_end_(&c->a);
  free(c->stays);
  free(c->copied);
  free(c->stamp);
  free(c->first);
  free(c->reader);
  free(c->stack);
  free(c->candidate);
}

static glia_status list_readers(struct choice *c)
{
  const struct glia_graph *g = c->a.g;
  int32_t all = 0;

  for (int32_t v = 0; v < g->n; v++) all += g->node[v]->n_in;
  c->first = calloc((size_t)g->n + 2, sizeof *c->first);
  c->reader = calloc((size_t)all + 1, sizeof *c->reader);
  GLIA_CHECK(c->first != NULL && c->reader != NULL, GLIA_E_MEMORY, "readers of %d values", g->n);
  for (int32_t v = 0; v < g->n; v++)
    for (int i = 0; i < g->node[v]->n_in; i++) c->first[g->node[v]->in[i] + 2]++;
  for (int32_t v = 2; v <= g->n + 1; v++) c->first[v] += c->first[v - 1];
  for (int32_t v = 0; v < g->n; v++)
    for (int i = 0; i < g->node[v]->n_in; i++) c->reader[c->first[g->node[v]->in[i] + 1]++] = v;
  return GLIA_OK;
}

/* Forward values that the backward pass reads, through views and broadcasts. */
static void find_read_late(const struct choice *c, bool *late)
{
  const struct glia_graph *g = c->a.g;

  for (int32_t v = 0; v < g->n; v++)
    for (int i = 0; c->a.late[v] && i < g->node[v]->n_in; i++) {
      glia_value r = glia_viewed_(g, g->node[v]->in[i]);
      late[r] = true;
      if (g->node[r]->op->broadcast) late[glia_viewed_(g, g->node[r]->in[0])] = true;
    }
}

/* Of the arrays of a program that keeps all: those that may be dropped. */
static void find_candidates(struct choice *c, const struct compiled *p, const bool *late)
{
  double largest = 0.0;

  for (int i = 0; i < p->n_values; i++) {
    const struct value_place *x = &p->value[i];
    const bool may =
        x->base == BASE_MICRO && c->a.forward[x->v] && glia_may_run_again_(c->a.g, x->v);
    if (may && late[x->v])
      c->candidate[c->n++] = (struct candidate){x->v, (double)x->bytes, x->last - x->first, 0.0};
    if (may && late[x->v] && (double)x->bytes > largest) largest = (double)x->bytes;
  }
  for (int i = 0; i < p->n_values; i++)
    if (p->value[i].base == BASE_MICRO)
      c->stays[p->value[i].v] = late[p->value[i].v] || (double)p->value[i].bytes * SMALL <= largest;
  for (int i = 0; i < c->n;)
    if (c->candidate[i].bytes * SMALL <= largest)
      c->candidate[i] = c->candidate[--c->n];
    else
      i++;
}

/* Plan number k: what is kept when the first k candidates are dropped. */
static void keep(struct choice *c, int k)
{
  const struct glia_graph *g = c->a.g;

  for (int32_t v = 0; v < g->n; v++) c->a.kept[v] = c->stays[v] || !glia_may_run_again_(g, v);
  for (int i = 0; i < k; i++) c->a.kept[c->candidate[i].v] = false;
  for (int32_t v = 0; v < g->n; v++)
    if (g->node[v]->op->view) c->a.kept[v] = c->a.kept[g->node[v]->in[0]];
}

static void reach(struct choice *c, glia_value v, int32_t *top)
{
  if (c->stamp[v] == c->now) return;
  c->stamp[v] = c->now;
  c->stack[(*top)++] = v;
}

/* What would be computed again together with v: what it needs, and those that need it. mark: from now on it is. */
static double work_with(struct choice *c, glia_value v, bool mark)
{
  const struct again *a = &c->a;
  int32_t top = 0;
  double work = 0.0;

  c->now++;
  reach(c, v, &top);
  while (top > 0) {
    const glia_value u = c->stack[--top];
    work += a->work[u];
    c->copied[u] |= mark;
    for (int i = 0; i < a->g->node[u]->n_in; i++) {
      const glia_value w = a->g->node[u]->in[i];
      if (a->micro[w] && a->forward[w] && !a->kept[w]) reach(c, w, &top);
    }
    for (int32_t i = c->first[u]; i < c->first[u + 1]; i++)
      if (c->copied[c->reader[i]]) reach(c, c->reader[i], &top);
  }
  return work;
}

static double score(struct choice *c, const struct candidate *x)
{
  const double work = work_with(c, x->v, false);

  return x->bytes * x->life / (work > 0.0 ? work : 1e-30);
}

static bool before(const struct candidate *x, const struct candidate *y)
{
  return x->score > y->score || (x->score >= y->score && x->v < y->v);
}

/* Scores only fall as more is dropped, so one that is still the best when it is counted anew is the best. */
static void put_in_order(struct choice *c)
{
  keep(c, 0);
  for (int i = 0; i < c->n; i++) c->candidate[i].score = score(c, &c->candidate[i]);
  for (int done = 0; done < c->n; done++) {
    for (bool sure = false; !sure;) {
      int best = done;
      for (int i = done + 1; i < c->n; i++)
        if (before(&c->candidate[i], &c->candidate[best])) best = i;
      const struct candidate x = c->candidate[best];
      c->candidate[best] = c->candidate[done];
      c->candidate[done] = x;
      c->candidate[done].score = score(c, &x);
      sure = true;
      for (int i = done + 1; i < c->n && sure; i++)
        sure = before(&c->candidate[done], &c->candidate[i]);
    }
    const glia_value v = c->candidate[done].v;
    c->a.kept[v] = false;
    for (int32_t u = v + 1; u < c->a.g->n; u++)
      if (c->a.g->node[u]->op->view) c->a.kept[u] = c->a.kept[c->a.g->node[u]->in[0]];
    work_with(c, v, true);
  }
}

static glia_status choose(struct choice *c, const struct glia_program *all, int entry)
{
  const size_t n = (size_t)c->a.g->n + 1;
  bool *late = calloc(n, sizeof *late);

  c->stays = calloc(n, sizeof *c->stays);
  c->copied = calloc(n, sizeof *c->copied);
  c->stamp = calloc(n, sizeof *c->stamp);
  c->stack = calloc(n, sizeof *c->stack);
  c->candidate = calloc(n, sizeof *c->candidate);
  if (late == NULL || c->stays == NULL || c->copied == NULL || c->stamp == NULL ||
      c->stack == NULL || c->candidate == NULL) {
    free(late);
    return GLIA_FAIL(GLIA_E_MEMORY, "what may be computed again of %d values", c->a.g->n);
  }
  find_read_late(c, late);
  find_candidates(c, &all->entry[entry], late);
  free(late);
  GLIA_TRY(list_readers(c));
  put_in_order(c);
  return GLIA_OK;
}

/* What is asked for, and the best that was found. */
struct search {
  const struct glia_kernels *kernels;
  size_t bucket_bytes;
  const struct glia_budget *budget;
  size_t least;
  struct glia_program *found;
};

static size_t micro_bytes(const struct glia_program *p)
{
  size_t most = 0;

  for (int e = 0; e < p->n_entries; e++)
    if (p->entry[e].micro_bytes > most) most = p->entry[e].micro_bytes;
  return most;
}

/* Plan number k; *fits: it is the one found. */
static glia_status attempt(struct choice *c, int k, struct search *s, bool *fits)
{
  struct glia_graph *g = NULL;
  struct glia_program *p = NULL;
  int8_t **segment = NULL;

  *fits = false;
  keep(c, k);
  GLIA_TRY(glia_again_make_(&c->a, &g, &segment));
  const glia_status st = glia_program_compile_segments_(
      g, s->kernels, s->bucket_bytes, c->a.segments, (const int8_t *const *)segment, &p);
  glia_free_segments_(c->a.g->n_entries, &segment);
  if (st != GLIA_OK) {
    glia_graph_destroy(&g);
    return st;
  }
  p->segment = NULL; /* it was read */
  p->own = g;
  const size_t bytes = micro_bytes(p);
  *fits = bytes <= s->budget->bytes;
  if (*fits || (s->budget->bytes == 0 && bytes < s->least)) {
    glia_program_destroy(&s->found);
    s->found = p;
  } else {
    glia_program_destroy(&p);
  }
  if (bytes < s->least) s->least = bytes;
  return GLIA_OK;
}

/* The first plan that fits, among some and then closer by. */
static glia_status search(struct choice *c, struct search *s)
{
  int below = 0, above = 0;
  bool fits = false;

  for (int i = 1; i <= TRIES && !fits; i++) {
    const int k = (int)((int64_t)c->n * i / TRIES);
    if (k == above) continue;
    below = above;
    above = k;
    GLIA_TRY(attempt(c, k, s, &fits));
  }
  if (!fits) return GLIA_OK;
  for (int i = 0; i < CLOSER && above - below > 1; i++) {
    const int k = below + (above - below) / 2;
    GLIA_TRY(attempt(c, k, s, &fits));
    *(fits ? &above : &below) = k;
  }
  return GLIA_OK;
}

static int entry_of(const struct glia_graph *g, const char *name)
{
  for (int e = 0; e < g->n_entries; e++)
    if (strcmp(g->entry[e]->name, name) == 0) return e;
  return -1;
}

/* What it came to. Where nothing was found or needed, all is kept. */
static void finish(struct glia_program *all, int entry, const struct glia_budget *budget,
                   struct glia_program **found)
{
  const double work = glia_work_of_(all->g, entry, budget->work);

  if (*found == NULL) *found = all;
  const double now = glia_work_of_((*found)->g, entry, budget->work);
  (*found)->budgeted = entry;
  (*found)->kept_bytes = all->entry[entry].micro_bytes;
  (*found)->extra_work = work != 0.0 ? now / work - 1.0 : 0.0; /* NaN without memory to tell */
}

glia_status glia_compile_within_(const struct glia_graph *g, const struct glia_kernels *kernels,
                                 size_t bucket_bytes, int segments, int chunks,
                                 const int8_t *const *segment, const struct glia_budget *budget,
                                 struct glia_program **out)
{
  const int entry = entry_of(g, budget->entry);
  struct glia_program *all = NULL;
  struct choice c = {0};

  *out = NULL;
  GLIA_CHECK(entry >= 0, GLIA_E_MISSING, "no entry point %s", budget->entry);
  GLIA_TRY(glia_program_compile_segments_(g, kernels, bucket_bytes, segments, segment, &all));
  struct search s = {kernels, bucket_bytes, budget, micro_bytes(all), NULL};
  const size_t before = s.least;
  glia_status st = GLIA_OK;
  if (before > budget->bytes)
    st = glia_again_begin_(g, entry, budget->loss, segments, chunks, segment, budget->work, &c.a);
  if (st == GLIA_OK && before > budget->bytes) st = choose(&c, all, entry);
  if (st == GLIA_OK && before > budget->bytes) st = search(&c, &s);
  if (st == GLIA_OK && s.found == NULL && budget->bytes > 0 && before > budget->bytes)
    st = GLIA_FAIL(
        GLIA_E_CONFIG,
        "parallel.memory: %zu bytes are too few for a micro-batch on this rank: computing "
        "values again brings it from %zu down to %zu, and fewer rows in micro_batch "
        "further",
        budget->bytes, before, s.least);
  if (st == GLIA_OK) finish(all, entry, budget, &s.found);
  fini(&c);
  if (s.found != all) glia_program_destroy(&all);
  if (st != GLIA_OK) glia_program_destroy(&s.found);
  *out = s.found;
  return st;
}

glia_status glia_program_compile_within(const struct glia_graph *g,
                                        const struct glia_kernels *kernels, size_t bucket_bytes,
                                        const struct glia_budget *budget, struct glia_program **out)
{
  *out = NULL;
  GLIA_TRY(glia_graph_status(g));
  GLIA_CHECK(budget->entry != NULL && budget->work != NULL, GLIA_E_ARGUMENT,
             "a budget without an entry point or without the work of an operator");
  GLIA_CHECK(budget->loss >= 0 && budget->loss < g->n, GLIA_E_ARGUMENT,
             "a budget whose loss is value %d of %d", (int)budget->loss, (int)g->n);
  return glia_compile_within_(g, kernels, bucket_bytes, 1, 0, NULL, budget, out);
}
