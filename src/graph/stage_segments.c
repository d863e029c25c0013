/* Which segment of a rank each value of an entry point belongs to, and with it what travels between which segments. */
#include "glia_profile.h"
#include "program_priv.h"
#include "stage_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NO_SUM = -1, MANY_SUMS = -2 };

static void pass_on(const struct plan *p, const struct glia_node *n, const struct leads *own,
                    struct leads *all)
{
  const bool backward = !p->forward[n->id];

  for (int i = 0; i < n->n_in; i++) {
    struct leads *u = &all[n->in[i]];
    if (!p->micro[n->in[i]]) continue;
    if (own->segment < u->segment) u->segment = own->segment;
    if (!backward) continue;
    u->back |= own->back;
    if (own->sum == NO_SUM) continue;
    u->sum = u->sum == NO_SUM || u->sum == own->sum ? own->sum : MANY_SUMS;
  }
}

/* Weights: what leads to one sum alone, and to nobody else. */
static int kind_of(const struct plan *p, glia_value v, const struct leads *own)
{
  if (p->forward[v]) return SEGMENT_FORWARD;
  return p->cut.split && !own->back && own->sum >= 0 ? SEGMENT_WEIGHTS : SEGMENT_BACKWARD;
}

/* A bias's gradient of one row is a view, made wherever it is read; where sums alone read it, that is with what it is a view of. */
static bool only_summed(const struct plan *p, glia_value v, const struct leads *own)
{
  return own->segment == NO_SEGMENT && !p->forward[v] && p->home[v] >= 0;
}

void glia_plan_segments_(const struct plan *p, int entry, int rank, struct leads *all)
{
  for (int32_t v = 0; v < p->n; v++) all[v] = (struct leads){NO_SEGMENT, false, NO_SUM};
  for (int i = 0; i < p->n_crossings; i++)
    if (p->crossing[i].from == rank && !p->forward[p->crossing[i].v])
      all[p->crossing[i].v].back = true;
  for (int32_t v = p->n - 1; v >= 0; v--) {
    const struct glia_node *n = p->g->node[v];
    if (!glia_plan_needs_(p, entry, rank, v)) continue;
    if (n->op == &glia_op_batch_sum_) {
      struct leads *u = &all[n->in[0]];
      u->sum = u->sum == NO_SUM ? v : MANY_SUMS;
    }
    if (!p->micro[v]) continue;
    const bool placed = p->pinned[v] || only_summed(p, v, &all[v]);
    if (placed && p->cut.parts > 0)
      all[v].segment = p->part[v] > 0 ? p->part[v] : 0;
    else if (placed)
      all[v].segment =
          (int8_t)glia_segment_of_(&p->cut, kind_of(p, v, &all[v]), p->home[v] / p->cut.ranks);
    else if (all[v].segment == NO_SEGMENT)
      all[v].segment = 0;
    pass_on(p, n, &all[v], all);
  }
  for (int32_t v = 0; v < p->n; v++) /* results are made with their node */
    if (p->g->node[v]->op == &glia_op_result_ && all[p->g->node[v]->in[0]].segment != NO_SEGMENT)
      all[v].segment = all[p->g->node[v]->in[0]].segment;
}

static void name(const struct plan *p, glia_value v, struct glia_message *m)
{
  const char *scope = glia_scope_of(p->g, v);

  snprintf(m->what, sizeof m->what, "%s %s", p->forward[v] ? "the value of" : "a gradient of",
           scope != NULL ? scope : p->g->node[v]->op->name);
}

/* Both ends of what crosses in an entry point; what nobody reads there is no message of it. */
static glia_status list_messages(struct glia_stage *s, const struct plan *p, int entry,
                                 struct leads *all)
{
  struct glia_message *list = glia_arena_take(&s->arena, (size_t)p->n_crossings + 1, sizeof *list);
  int n = 0;

  GLIA_CHECK(list != NULL, GLIA_E_MEMORY, "messages");
  for (int r = 0; r < s->cut.ranks; r++) {
    glia_plan_segments_(p, entry, r, all);
    for (int i = 0; i < p->n_crossings; i++) {
      if (p->crossing[i].from == r) list[i].made = all[p->crossing[i].v].segment;
      if (p->crossing[i].to == r) list[i].read = all[p->crossing[i].v].segment;
    }
  }
  for (int i = 0; i < p->n_crossings; i++) {
    const struct crossing *c = &p->crossing[i];
    if (list[i].read == NO_SEGMENT) continue;
    list[n] = (struct glia_message){.channel = i,
                                    .from = c->from,
                                    .to = c->to,
                                    .made = list[i].made,
                                    .read = list[i].read,
                                    .bytes = glia_type_bytes(&p->g->node[c->v]->type)};
    name(p, c->v, &list[n++]);
  }
  s->message[entry] = list;
  s->n_messages[entry] = n;
  return GLIA_OK;
}

glia_status glia_stage_list_messages_(struct glia_stage *s, const struct plan *p)
{
  const size_t entries = (size_t)s->entries + 1;
  struct leads *all = malloc(((size_t)p->n + 1) * sizeof *all);
  glia_status st = GLIA_OK;

  s->message = glia_arena_take(&s->arena, entries, sizeof *s->message);
  s->n_messages = glia_arena_take(&s->arena, entries, sizeof *s->n_messages);
  if (all == NULL || s->message == NULL || s->n_messages == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "messages");
  for (int e = 0; e < s->entries && st == GLIA_OK; e++) st = list_messages(s, p, e, all);
  free(all);
  return st;
}

int glia_stage_messages(const struct glia_stage *s, const char *entry,
                        const struct glia_message **out)
{
  *out = NULL;
  for (int e = 0; e < s->entries; e++) {
    if (strcmp(s->whole->entry[e]->name, entry) != 0) continue;
    *out = s->message[e];
    return s->n_messages[e];
  }
  return 0;
}
