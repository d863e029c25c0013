/* Steps of a tile program that one kernel of several results runs: operands are read once, and what lies between need not be written.
 *
 * Loads between them move before, sums behind; where that would not be the same program, steps stay as they are. */
#include "program_priv.h"

#include <string.h>

enum { MOST_STEPS = 24 }; /* from the first joined to the last */

static bool same_operand(const struct tile_operand *a, const struct tile_operand *b)
{
  if (a->reg >= 0 || b->reg >= 0) return a->reg == b->reg;
  return a->at.base == b->at.base && a->at.offset == b->at.offset;
}

static bool reads(const struct tile_step *s, const struct tile_operand *o)
{
  for (int k = 0; k < s->n_in; k++)
    if (same_operand(&s->in[k], o)) return true;
  return false;
}

/* Whether a register is one number, all over a tile. */
static bool is_steady(const struct tile_step *step, int n_steps, const struct tile_operand *o)
{
  for (int i = 0; i < n_steps; i++) {
    const struct tile_step *s = &step[i];
    if (o->reg < 0 || s->out.reg != o->reg || !(s->once || s->steady)) continue;
    bool one = s->steady || s->kind == TILE_OP; /* done once: a number that the group knows */
    if (s->kind == TILE_BROADCAST && s->once) {
      one = true;
      for (int a = 0; a < s->rank; a++) one = one && s->stride[a] == 0;
    }
    return one;
  }
  return false;
}

/* Steps that run in turn, and where they stand. */
struct row {
  int n, at[GLIA_TURN_MOST];
  struct glia_in_turn turn[GLIA_TURN_MOST];
};

/* The last of the row that reads what its j-th makes. */
static int last_reader(const struct tile_step *step, int n_steps, const struct row *r, int j)
{
  const struct tile_operand *out = &step[r->at[j]].out;
  int last = j;

  if (out->reg < 0) return GLIA_TURN_MOST;
  for (int i = r->at[j] + 1; i < n_steps; i++) {
    if (reads(&step[i], out)) {
      int m = j + 1;
      while (m < r->n && r->at[m] != i) m++;
      if (m >= r->n) return GLIA_TURN_MOST;
      last = m;
    }
    if (step[i].out.reg == out->reg) break;
  }
  return last;
}

/* Operators from step[0] on, with loads and sums between them left out. */
static void find_row(const struct tile_step *step, int n_steps, struct row *r)
{
  r->n = 0;
  for (int i = 0; i < n_steps && i < MOST_STEPS && r->n < GLIA_TURN_MOST; i++) {
    const struct tile_step *s = &step[i];
    if (s->kind == TILE_STORE) break;
    if (s->kind != TILE_OP || s->once) continue;
    struct glia_in_turn *t = &r->turn[r->n];
    *t = (struct glia_in_turn){
        .name = s->name, .dtype = s->dtype, .which = s->attr->i[0], .n_in = s->n_in};
    for (int k = 0; k < s->n_in; k++) {
      t->from[k] = -1;
      for (int j = 0; j < r->n; j++)
        if (same_operand(&s->in[k], &step[r->at[j]].out)) t->from[k] = j;
      /* another has come to stand there since: not one of the row. That is a load, and may_join would refuse the row too, but only for
       * where loads go */
      for (int q = t->from[k] >= 0 ? r->at[t->from[k]] + 1 : i; q < i; q++)
        if (same_operand(&s->in[k], &step[q].out)) t->from[k] = -1;
    }
    r->at[r->n++] = i;
  }
  for (int j = 0; j < r->n; j++) r->turn[j].last = last_reader(step, n_steps, r, j);
}

/* Whether the first n of the row may run as one, with loads before them and sums behind. */
static bool may_join(const struct tile_step *step, const struct row *r, int n)
{
  const int end = r->at[n - 1];

  for (int q = 0; q < end; q++) {
    const struct tile_step *s = &step[q];
    for (int e = 0; e < q; e++) /* a load: nobody before it has its register */
      if (s->kind == TILE_BROADCAST && !step[e].once &&
          (step[e].out.reg == s->out.reg || reads(&step[e], &s->out)))
        return false;
    /* a sum: what it takes is left alone. No test has a graph in which it is not: that depends on which registers are free */
    for (int e = q + 1; e <= end; e++)
      if (s->kind == TILE_SUM && same_operand(&step[e].out, &s->in[0])) return false;
  }
  for (int a = 0; a < n;
       a++) /* an element must not stand where another one, of another size, is still to be read */
    for (int b = 0; b < n; b++)
      for (int k = 0; k < step[r->at[b]].n_in; k++) {
        const struct tile_operand *out = &step[r->at[a]].out, *in = &step[r->at[b]].in[k];
        if (out->reg >= 0 && out->reg == in->reg &&
            glia_dtype_size(out->type->dtype) != glia_dtype_size(in->type->dtype) &&
            r->turn[b].from[k] != a)
          return false;
      }
  return true;
}

/* Steps up to the n-th of the row in the order: what is done once, loads, the row, sums. Returns where the row begins. */
static int reorder(struct tile_step *step, const struct row *r, int n)
{
  struct tile_step was[MOST_STEPS];
  const int count = r->at[n - 1] + 1;
  int to = 0, begin = 0;

  memcpy(was, step, (size_t)count * sizeof *was);
  for (int turn = 0; turn < 3; turn++) {
    if (turn == 1) begin = to;
    for (int i = 0; i < count; i++) {
      const struct tile_step *s = &was[i];
      const int mine = s->once || s->kind == TILE_BROADCAST ? 0 : s->kind == TILE_OP ? 1 : 2;
      if (mine == turn) step[to++] = *s;
    }
  }
  return begin;
}

/* The row's operands as its kernel wants them. */
static void take_over(struct tile_step *row, const struct glia_joined *j)
{
  for (int i = 0; i < j->n; i++) {
    struct tile_step *s = &row[i];
    if (j->exchanged[i]) {
      const struct tile_operand o = s->in[s->n_in - 1];
      s->in[s->n_in - 1] = s->in[s->n_in - 2];
      s->in[s->n_in - 2] = o;
    }
    for (int k = 0; k < s->n_in; k++) s->in[k].single = j->single[i][k];
  }
  row[0].n_joined = j->n;
  row[0].joined = j->run;
}

/* Steady loads whose number is all that anybody reads. */
static void find_single(struct tile_step *step, int n_steps)
{
  for (int i = 0; i < n_steps; i++) {
    bool single = step[i].steady;
    for (int q = 0; q < n_steps && single; q++)
      for (int k = 0; k < step[q].n_in; k++)
        if (step[q].in[k].reg == step[i].out.reg) single = single && step[q].in[k].single;
    step[i].single = single;
  }
}

void glia_join_steps_(const struct glia_kernels *kernels, struct tile_step *step, int n_steps)
{
  struct row r;
  struct glia_joined j;

  if (kernels == NULL || kernels->join == NULL) return;
  for (int i = 0; i < n_steps; i++) {
    if (step[i].kind != TILE_OP || step[i].once) continue;
    find_row(step + i, n_steps - i, &r);
    for (int k = 0; k < r.n; k++)
      for (int o = 0; o < r.turn[k].n_in; o++)
        r.turn[k].steady[o] = is_steady(step, n_steps, &step[i + r.at[k]].in[o]);
    memset(&j, 0, sizeof j);
    if (!kernels->join(r.n, r.turn, &j) || !may_join(step + i, &r, j.n)) continue;
    take_over(step + i + reorder(step + i, &r, j.n), &j);
    i += r.at[j.n - 1];
  }
  find_single(step, n_steps);
}
