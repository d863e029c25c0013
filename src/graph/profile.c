/* See glia_profile.h. */
#include "glia_profile.h"
#include "program_priv.h"

#include <string.h>

static const char *const region_name[REGIONS] = {"prologue", "micro-batch", "epilogue",
                                                 "constants"};

enum { TIMED_REGIONS = 3 }; /* constants run before anybody could ask */

/* Arrays that a unit has counted already. */
struct seen {
  int n;
  struct place at[GROUP_MAX * (TILE_MOST + 1)];
};

static bool is_seen(const struct seen *s, struct place at)
{
  for (int i = 0; i < s->n; i++)
    if (s->at[i].base == at.base && s->at[i].offset == at.offset) return true;
  return false;
}

static double once(struct seen *s, struct place at, const struct glia_type *type)
{
  if (type == NULL || is_seen(s, at) || s->n == (int)GLIA_COUNT(s->at)) return 0.0;
  s->at[s->n++] = at;
  return (double)glia_type_bytes(type);
}

/* The steps of a group that run nearly always: where there is a flag, those for when it holds. */
static const struct tile_step *steps_of(const struct unit *u, int *n)
{
  *n = u->held != NULL ? u->n_held : u->n_steps;
  return u->held != NULL ? u->held : u->step;
}

/* What a group reads back of what its tile has just written is in the first cache. */
static double bytes_of(const struct unit *u)
{
  struct seen in = {0}, out = {0};
  double bytes = 0.0;
  int n_steps;
  const struct tile_step *step = steps_of(u, &n_steps);

  for (int i = 0; i < n_steps; i++) {
    const struct tile_step *s = &step[i];
    for (int k = 0; k < s->n_in; k++)
      if (s->in[k].reg < 0 && !is_seen(&out, s->in[k].at))
        bytes += once(&in, s->in[k].at, s->in[k].type);
    if (s->out.reg < 0) bytes += once(&out, s->out.at, s->out.type);
  }
  for (int i = 0; i < u->n_in; i++) bytes += once(&in, u->in[i].at, u->in[i].type);
  return u->step == NULL && u->out.type != NULL ? bytes + (double)glia_type_bytes(u->out.type)
                                                : bytes;
}

static struct glia_unit_info info_of(const struct glia_program *p, const struct compiled *c,
                                     const struct unit *u, region r)
{
  struct glia_unit_info info = {.entry = c->entry->name,
                                .region = region_name[r],
                                .kernel = u->name,
                                .scope = u->node != NULL ? glia_scope_of(p->g, u->node->id) : NULL,
                                .node = u->node,
                                .members = u->step != NULL || u->run != NULL || u->loop != NULL ||
                                           u->external != NULL,
                                .bytes = bytes_of(u)};

  if (u->step == NULL) return info;
  int n_steps;
  const struct tile_step *step = steps_of(u, &n_steps);
  info.members = 0;
  for (int i = 0; i < n_steps; i++)
    info.members += step[i].kind == TILE_OP || step[i].kind == TILE_SUM;
  return info;
}

int glia_program_units(const struct glia_program *p, const char *entry, int most,
                       struct glia_unit_info *out)
{
  int n = 0;

  for (int i = 0; i < p->n_entries; i++) {
    const struct compiled *c = &p->entry[i];
    if (strcmp(c->entry->name, entry) != 0) continue;
    for (int r = 0; r < TIMED_REGIONS; r++)
      for (int u = 0; u < c->list[r].n; u++, n++)
        if (n < most) out[n] = info_of(p, c, &c->list[r].unit[u], (region)r);
  }
  return n;
}

static const struct unit *unit_of(const struct compiled *c, int place)
{
  for (int r = 0; r < TIMED_REGIONS; place -= c->list[r++].n)
    if (place < c->list[r].n) return &c->list[r].unit[place];
  return NULL;
}

int glia_program_unit_operators(const struct glia_program *p, const char *entry, int unit, int most,
                                const struct glia_op **out, int64_t *elements)
{
  const struct unit *u = NULL;
  int n = 0;

  for (int i = 0; i < p->n_entries; i++)
    if (strcmp(p->entry[i].entry->name, entry) == 0) u = unit_of(&p->entry[i], unit);
  if (u == NULL || u->step == NULL) return 0;
  *elements = u->n;
  int n_steps;
  const struct tile_step *step = steps_of(u, &n_steps);
  for (int i = 0; i < n_steps; i++) {
    if (step[i].op == NULL) continue;
    if (n < most) out[n] = step[i].op;
    n++;
  }
  return n;
}
