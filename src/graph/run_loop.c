/* Running loops: bases of the body are set anew for each step, its two lists are run. Allocates nothing, cannot fail. */
#include "program_priv.h"

#include <string.h>

static char *address(char *const *bases, struct place at) { return bases[at.base] + at.offset; }

static bool is_read(const struct ref *r) { return r->at.base != BASE_COUNT; }

/* One run of a loop. */
struct turn {
  const struct loop *l;
  const struct unit *u;
  char *const *outer; /* bases of the list that the loop stands in */
  char **bases;       /* of the body */
  char *scratch;
};

static char *operand(const struct turn *t, int i) { return address(t->outer, t->u->in[i].at); }

/* Steps to run, before any stop test. */
static int64_t limit(const struct turn *t)
{
  int64_t n;

  if (t->l->count < 0) return t->l->steps;
  memcpy(&n, operand(t, t->l->count), sizeof n);
  return n < 0 ? 0 : n < t->l->steps ? n : t->l->steps;
}

static char *row(const struct turn *t, const struct ref *rows, size_t bytes, int64_t i)
{
  return address(t->outer, rows->at) + (size_t)i * bytes;
}

/* Step s of n works on row i, the one after it on row after (-1: there is none). */
static void set_bases(const struct turn *t, int64_t s, int64_t i, int64_t after)
{
  const struct loop *l = t->l;

  for (int j = 0; j < l->n_carries; j++) {
    const struct loop_carry *c = &l->carry[j];
    /* what a step begins with is where the step before left it */
    t->bases[c->in] = s > 0 ? t->bases[c->out] : operand(t, c->operand);
    if (c->kept && s == 0) {
      t->bases[c->in] = row(t, &c->history, c->bytes, i);
      memcpy(t->bases[c->in], operand(t, c->operand), c->bytes);
    }
    t->bases[c->out] = c->kept && after >= 0 ? row(t, &c->history, c->bytes, after)
                                             : t->scratch + c->buffer[s % 2];
  }
  for (int k = 0; k < l->n_rows_in; k++)
    t->bases[l->row_in[k].base] = operand(t, l->row_in[k].operand) + (size_t)i * l->row_in[k].bytes;
  for (int k = 0; k < l->n_rows_out; k++)
    t->bases[l->row_out[k].base] = row(t, &l->row_out[k].rows, l->row_out[k].bytes, i);
  for (int k = 0; k < l->n_sums; k++)
    t->bases[l->sum[k].base] =
        s > 0 ? t->scratch + l->sum[k].buffer : address(t->outer, l->sum[k].total.at);
}

static void add(const struct ref *to, void *total, const void *more)
{
  double *y = total;
  const double *x = more;
  float *y32 = total;
  const float *x32 = more;

  if (to->type->dtype == GLIA_F64)
    for (int64_t i = 0; i < to->n; i++) y[i] += x[i];
  else
    for (int64_t i = 0; i < to->n; i++) y32[i] += x32[i];
}

/* The first step's summands are the totals; later ones are added, in order. */
static void add_sums(const struct turn *t)
{
  for (int k = 0; k < t->l->n_sums; k++) {
    const struct loop_sum *s = &t->l->sum[k];
    add(&s->total, address(t->outer, s->total.at), t->scratch + s->buffer);
  }
}

/* Rows of steps that were not run, of ran in all. */
static void clear_rows(const struct turn *t, const struct ref *rows, size_t bytes, int64_t ran)
{
  memset(row(t, rows, bytes, ran), 0, (size_t)(t->l->steps - ran) * bytes);
}

static void finish(const struct turn *t, int64_t ran)
{
  const struct loop *l = t->l;

  for (int j = 0; j < l->n_carries; j++) {
    const struct loop_carry *c = &l->carry[j];
    if (is_read(&c->final))
      memcpy(address(t->outer, c->final.at), ran > 0 ? t->bases[c->out] : operand(t, c->operand),
             c->bytes);
    if (c->kept) clear_rows(t, &c->history, c->bytes, ran);
  }
  for (int k = 0; k < l->n_rows_out; k++)
    clear_rows(t, &l->row_out[k].rows, l->row_out[k].bytes, ran);
  for (int k = 0; k < l->n_sums && ran == 0; k++)
    memset(address(t->outer, l->sum[k].total.at), 0, glia_type_bytes(l->sum[k].total.type));
  if (is_read(&l->ran)) memcpy(address(t->outer, l->ran.at), &ran, sizeof ran);
}

void glia_run_loop_(const struct unit *u, char *const *bases, char *scratch)
{
  const struct loop *l = u->loop;
  const struct turn t = {l, u, bases, (char **)(void *)(scratch + l->bases_at), scratch};
  const int64_t n = limit(&t);
  bool stop = false;
  int64_t s = 0;

  t.bases[BASE_SHARED] = scratch + l->shared_at;
  t.bases[BASE_MICRO] = scratch + l->micro_at;
  for (int k = 0; k < l->n_captures; k++)
    t.bases[l->capture[k].base] = operand(&t, l->capture[k].operand);
  if (l->stops) t.bases[l->stop.base] = scratch + l->stop.offset;
  if (n > 0) glia_run_list_(&l->body->list[REGION_PROLOGUE], t.bases, scratch + l->scratch_at);
  for (; s < n && !stop; s++) {
    const int64_t i = l->reverse ? n - 1 - s : s, after = l->reverse ? i - 1 : i + 1;
    set_bases(&t, s, i, s + 1 < n ? after : -1);
    glia_run_list_(&l->body->list[REGION_MICRO], t.bases, scratch + l->scratch_at);
    if (s > 0) add_sums(&t);
    stop = l->stops && *(const uint8_t *)t.bases[l->stop.base] != 0;
  }
  finish(&t, s);
}
