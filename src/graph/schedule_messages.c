/* What travels while a table is run: along the chain of stages until the messages of a cut are known, and the proof with those. */
#include "schedule_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct glia_schedule *s, int kind, int from, int to)
{
  const struct glia_cut shape = glia_schedule_shape_(s);
  const bool one = s->ahead > 0; /* segment */
  struct glia_message *m = &s->message[s->n_messages];

  *m = (struct glia_message){.channel = s->n_messages++,
                             .from = from % s->ranks,
                             .to = to % s->ranks,
                             .made = one ? 0 : glia_segment_of_(&shape, kind, from / s->ranks),
                             .read = one ? 0 : glia_segment_of_(&shape, kind, to / s->ranks)};
  snprintf(m->what, sizeof m->what, "%s stage %d",
           kind == SEGMENT_FORWARD ? "the values of" : "the gradients of", from);
}

glia_status glia_schedule_chain_(struct glia_schedule *s)
{
  const int stages = s->ranks * s->chunks;

  s->message = calloc((size_t)stages * 2, sizeof *s->message);
  GLIA_CHECK(s->message != NULL, GLIA_E_MEMORY, "a schedule");
  for (int i = 0; i + 1 < stages && s->ranks > 1; i++) {
    add(s, SEGMENT_FORWARD, i, i + 1);
    if (s->ahead == 0) add(s, SEGMENT_BACKWARD, i + 1, i);
  }
  return GLIA_OK;
}

/* Micro-batches of a group: as many as all ranks have memory for. */
static int64_t group_of(const struct glia_schedule *s)
{
  int64_t most = s->ranks;

  for (int r = 0; r < s->ranks; r++)
    if (s->row[r].slots < most) most = s->row[r].slots;
  return most < 1 || s->chunks == 1 ? 1 : most;
}

struct glia_task glia_schedule_forward(const struct glia_schedule *s, int64_t n, int64_t k)
{
  const int64_t width = group_of(s), first = k / (width * s->chunks) * width;
  const int64_t group = n - first < width ? n - first : width, at = k - first * s->chunks;

  return (struct glia_task){(int16_t)(at / group), (int32_t)(first + at % group)};
}

/* A table of what runs forward alone: n micro-batches. */
static glia_status forward_table(const struct glia_schedule *s, int n, struct glia_schedule *out)
{
  *out = *s;
  out->segments = s->chunks;
  out->micro_batches = n;
  out->row = calloc((size_t)s->ranks, sizeof *out->row);
  GLIA_CHECK(out->row != NULL, GLIA_E_MEMORY, "a schedule");
  for (int r = 0; r < s->ranks; r++) {
    const int tasks = n * out->segments;
    out->row[r] =
        (struct glia_schedule_row){tasks, calloc((size_t)tasks + 1, sizeof(struct glia_task)),
                                   s->row[r].slots > 0 ? s->row[r].slots : 1};
    GLIA_CHECK(out->row[r].task != NULL, GLIA_E_MEMORY, "a schedule");
    for (int k = 0; k < tasks; k++) out->row[r].task[k] = glia_schedule_forward(s, n, k);
  }
  return GLIA_OK;
}

/* Groups of micro-batches go one like the other: as many as pass twice through what is in memory, and any number left over. */
static glia_status check_forward(const struct glia_schedule *s, struct glia_message *message,
                                 int n_messages)
{
  struct glia_schedule_play play;
  glia_status st = GLIA_OK;
  int slots = 1;

  for (int r = 0; r < s->ranks; r++)
    if (s->row[r].slots > slots) slots = s->row[r].slots;
  for (int left = 0; left < (s->chunks > 1 ? s->ranks : 1) && st == GLIA_OK; left++) {
    struct glia_schedule table;
    st = forward_table(s, 2 * (slots + s->ranks) / s->ranks * s->ranks + left, &table);
    table.message = message;
    table.n_messages = n_messages;
    if (st == GLIA_OK) st = glia_schedule_play_(&table, 1, &play);
    for (int r = 0; table.row != NULL && r < s->ranks; r++) free(table.row[r].task);
    free(table.row);
  }
  return st;
}

int64_t glia_schedule_lag_(const struct glia_schedule *s)
{
  const int64_t most = (int64_t)s->ahead * (s->ranks - 1);

  return s->micro_batches > 0 ? (most + s->micro_batches - 1) / s->micro_batches + 1 : 1;
}

glia_status glia_schedule_prove(const struct glia_schedule *s, struct glia_schedule_play *out)
{
  return glia_schedule_play_(s, s->ahead > 0 ? (int)glia_schedule_lag_(s) + 2 : 1, out);
}

glia_status glia_schedule_bind(struct glia_schedule *s, const struct glia_stage *stage)
{
  const struct glia_graph *g = stage->whole;
  struct glia_schedule_play play;

  GLIA_CHECK(s->ranks == stage->cut.ranks && (s->ahead > 0) == (stage->cut.parts > 0) &&
                 (s->ahead > 0 || s->segments == stage->segments),
             GLIA_E_ARGUMENT, "a schedule of %d ranks and %d segments for a cut of %d and %d",
             s->ranks, s->segments, stage->cut.ranks, stage->segments);
  for (int e = 0; e < g->n_entries; e++) {
    const size_t n = (size_t)stage->n_messages[e];
    if (g->entry[e]->n_writes == 0) continue;
    struct glia_message *own = calloc(n + 1, sizeof *own);
    GLIA_CHECK(own != NULL, GLIA_E_MEMORY, "messages");
    memcpy(own, stage->message[e], n * sizeof *own);
    free(s->message);
    s->message = own;
    s->n_messages = (int)n;
    s->parts = stage->segments;
    s->entry = e;
    GLIA_TRY(glia_schedule_prove(s, &play));
  }
  for (int e = 0; e < g->n_entries; e++)
    if (g->entry[e]->n_writes == 0)
      GLIA_TRY(check_forward(s, stage->message[e], stage->n_messages[e]));
  return GLIA_OK;
}

glia_status glia_schedule_messages_(const struct glia_schedule *s)
{
  const int segments = s->ahead > 0 ? s->parts : s->segments;

  for (int k = 0; k < s->n_messages; k++) {
    const struct glia_message *m = &s->message[k];
    GLIA_CHECK(m->from >= 0 && m->from < s->ranks && m->to >= 0 && m->to < s->ranks &&
                   m->made >= 0 && m->made < segments && m->read >= 0 && m->read < segments,
               GLIA_E_ARGUMENT,
               "%s: %s goes from segment %d of rank %d to segment %d of rank %d, of %d and %d",
               s->name, m->what, m->made, m->from, m->read, m->to, segments, s->ranks);
    GLIA_CHECK(m->expected >= 0 && m->expected <= m->read, GLIA_E_ARGUMENT,
               "%s: %s is expected in front of segment %d, and read by segment %d", s->name,
               m->what, m->expected, m->read);
  }
  return GLIA_OK;
}
