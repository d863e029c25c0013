/* Compiling entry points: the stages in order, and what came of them. */
#include "program_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static glia_status lay_out(struct glia_program *p)
{
  const struct glia_graph *g = p->g;

  p->state_offset = glia_arena_take(&p->arena, (size_t)g->n_states + 1, sizeof *p->state_offset);
  p->input_offset = glia_arena_take(&p->arena, (size_t)g->n_inputs + 1, sizeof *p->input_offset);
  GLIA_CHECK(p->state_offset != NULL && p->input_offset != NULL, GLIA_E_MEMORY,
             "layout of %d states", g->n_states);
  for (int i = 0; i < g->n_states; i++) {
    p->state_offset[i] = p->state_bytes;
    p->state_bytes += glia_round_up_(glia_type_bytes(&g->state[i].type));
  }
  for (int i = 0; i < g->n_inputs; i++) {
    if (g->input[i].per != GLIA_PER_STEP) continue;
    p->input_offset[i] = p->input_bytes;
    p->input_bytes += glia_round_up_(glia_type_bytes(&g->input[i].type));
  }
  return GLIA_OK;
}

glia_status glia_compile_(struct glia_program *p, const struct glia_graph *g,
                          const struct glia_body *body, const struct glia_entry *entry,
                          struct compiled *c)
{
  const size_t n = (size_t)g->n + 1;
  struct compiler k = {.p = p, .g = g, .c = c, .body = body, .n = g->n};
  glia_status st = GLIA_OK;

  c->entry = entry;
  c->segments = body == NULL ? p->segments : 1;
  c->segment_end = glia_arena_take(&p->arena, (size_t)c->segments, sizeof *c->segment_end);
  if (body == NULL && p->segment != NULL) k.segment = p->segment[c - p->entry];
  k.region = glia_arena_take(&p->arena, n, sizeof *k.region);
  k.phase = glia_arena_take(&p->arena, n, sizeof *k.phase);
  k.summand = glia_arena_take(&p->arena, n, sizeof *k.summand);
  k.root = glia_arena_take(&p->arena, n, sizeof *k.root);
  k.unit = glia_arena_take(&p->arena, n, sizeof *k.unit);
  k.stored = glia_arena_take(&p->arena, n, sizeof *k.stored);
  k.place = glia_arena_take(&p->arena, n, sizeof *k.place);
  GLIA_CHECK_TO(out, st,
                k.region != NULL && k.root != NULL && k.unit != NULL && k.stored != NULL &&
                    k.place != NULL && k.phase != NULL && k.summand != NULL &&
                    c->segment_end != NULL,
                GLIA_E_MEMORY, "compiling %d nodes", k.n);
  GLIA_TRY_TO(out, st, glia_compile_regions_(&k));
  GLIA_TRY_TO(out, st, glia_compile_units_(&k));
  GLIA_TRY_TO(out, st, glia_compile_buckets_(&k));
  GLIA_TRY_TO(out, st, glia_compile_memory_(&k));
  GLIA_TRY_TO(out, st, glia_compile_calls_(&k));
  if (body == NULL) glia_compile_together_(c);
  if (body == NULL) GLIA_TRY_TO(out, st, glia_compile_sharing_(p, c));
out:
  for (int32_t u = 0; k.u != NULL && u < k.n_units; u++) free(k.u[u].dep);
  free(k.u);
  return st;
}

glia_status glia_program_compile(const struct glia_graph *g, const struct glia_kernels *kernels,
                                 struct glia_program **out)
{
  return glia_program_compile_buckets(g, kernels, GLIA_BUCKET_BYTES, out);
}

glia_status glia_program_compile_buckets(const struct glia_graph *g,
                                         const struct glia_kernels *kernels, size_t bucket_bytes,
                                         struct glia_program **out)
{
  return glia_program_compile_segments_(g, kernels, bucket_bytes, 1, NULL, out);
}

glia_status glia_program_compile_segments_(const struct glia_graph *g,
                                           const struct glia_kernels *kernels, size_t bucket_bytes,
                                           int segments, const int8_t *const *segment,
                                           struct glia_program **out)
{
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_TRY(glia_graph_status(g));
  struct glia_program *p = calloc(1, sizeof *p);
  GLIA_CHECK(p != NULL, GLIA_E_MEMORY, "a program");
  p->g = g;
  p->budgeted = -1;
  p->kernels = kernels;
  p->bucket_bytes = bucket_bytes;
  p->segments = segments;
  p->segment = segment;
  GLIA_TRY_TO(fail, st, lay_out(p));
  p->entry = glia_arena_take(&p->arena, (size_t)g->n_entries, sizeof *p->entry);
  GLIA_CHECK_TO(fail, st, p->entry != NULL, GLIA_E_MEMORY, "%d entry points", g->n_entries);
  for (int i = 0; i < g->n_entries; i++) {
    p->n_entries = i + 1;
    GLIA_TRY_TO(fail, st, glia_compile_(p, g, NULL, g->entry[i], &p->entry[i]));
  }
  *out = p;
  return GLIA_OK;
fail:
  glia_program_destroy(&p);
  return st;
}

void glia_program_destroy(struct glia_program **p)
{
  if (p == NULL || *p == NULL) return;
  glia_arena_fini(&(*p)->arena);
  glia_graph_destroy(&(*p)->own);
  free(*p);
  *p = NULL;
}

static const struct compiled *find(const struct glia_program *p, const char *entry)
{
  for (int i = 0; i < p->n_entries; i++)
    if (strcmp(p->entry[i].entry->name, entry) == 0) return &p->entry[i];
  return NULL;
}

bool glia_program_info(const struct glia_program *p, const char *entry,
                       struct glia_program_info *out)
{
  const struct compiled *c = find(p, entry);

  if (c == NULL) return false;
  const bool budgeted = p->budgeted >= 0 && c == &p->entry[p->budgeted];
  *out = (struct glia_program_info){
      .nodes = c->nodes,
      .units = {c->list[REGION_PROLOGUE].n, c->list[REGION_MICRO].n, c->list[REGION_EPILOGUE].n},
      .groups = c->groups,
      .state_bytes = p->state_bytes,
      .shared_bytes = c->shared_bytes,
      .micro_bytes = c->micro_bytes,
      .micro_lower_bound = c->micro_lower_bound,
      .scratch_bytes = c->scratch_bytes,
      .sums_bytes = c->sums_bytes,
      .phases = c->phases,
      .kept_bytes = budgeted ? p->kept_bytes : c->micro_bytes,
      .extra_work = budgeted ? p->extra_work : 0.0,
  };
  return true;
}

static void print_place(FILE *f, struct place p)
{
  static const char *const base_name[] = {"constant", "input", "state", "shared",
                                          "micro",    "sums",  "total"};

  if (p.base < BASE_COUNT)
    fprintf(f, " %s+%zu", base_name[p.base], p.offset);
  else if (p.base >= BASE_ARGUMENT)
    fprintf(f, " argument %d", p.base - BASE_ARGUMENT);
  else
    fputs(" -", f);
}

static void print_steps(FILE *f, const struct tile_step *step, int n, int indent)
{
  for (int i = 0; i < n; i++) {
    const struct tile_step *s = &step[i];
    fprintf(f, "%*s  %s", indent, "",
            s->kind == TILE_BROADCAST ? "broadcast"
            : s->kind == TILE_STORE   ? "store"
            : s->kind == TILE_SUM     ? "sum"
                                      : "op");
    for (int j = 0; j < s->n_in; j++)
      if (s->in[j].reg >= 0)
        fprintf(f, " r%d", s->in[j].reg);
      else
        print_place(f, s->in[j].at);
    fputs(" ->", f);
    if (s->out.reg >= 0)
      fprintf(f, " r%d%s", s->out.reg, s->once ? " (once)" : "");
    else
      print_place(f, s->out.at);
    if (s->n_joined > 0) fprintf(f, " (with those behind it, %d in all)", s->n_joined);
    fputc('\n', f);
  }
}

static void print_group(FILE *f, const struct unit *u, int indent)
{
  fprintf(f, "%*sgroup of %lld elements, %d registers\n", indent, "", (long long)u->n, u->n_regs);
  print_steps(f, u->step, u->n_steps, indent);
  if (u->held == NULL) return;
  fprintf(f, "%*swhere it holds:", indent, "");
  print_place(f, u->guard);
  fputc('\n', f);
  print_steps(f, u->held, u->n_held, indent);
}

static void print_list(FILE *f, const char *name, const struct list *list, int indent);

static void print_loop(FILE *f, const struct unit *u, int indent)
{
  fprintf(f, "%*s%s of %lld steps, %zu bytes\n", indent, "", u->name, (long long)u->loop->steps,
          u->scratch_bytes);
  print_list(f, "once", &u->loop->body->list[REGION_PROLOGUE], indent + 2);
  print_list(f, "every step", &u->loop->body->list[REGION_MICRO], indent + 2);
}

static void print_unit(FILE *f, const struct unit *u, int indent)
{
  char type[128];

  if (u->step != NULL) {
    print_group(f, u, indent);
    return;
  }
  if (u->loop != NULL) {
    print_loop(f, u, indent);
    return;
  }
  fprintf(f, "%*s%s %s", indent, "", u->name, glia_type_text(u->out.type, type, sizeof type));
  for (int i = 0; i < u->n_in; i++) print_place(f, u->in[i].at);
  fputs(" ->", f);
  print_place(f, u->out.at);
  fputc('\n', f);
}

static void print_list(FILE *f, const char *name, const struct list *list, int indent)
{
  fprintf(f, "%*s%s: %d units\n", indent, "", name, list->n);
  for (int i = 0; i < list->n; i++) print_unit(f, &list->unit[i], indent + 2);
}

glia_status glia_program_print(const struct glia_program *p, const char *entry, char **out)
{
  static const char *const region_name[REGIONS] = {"prologue", "micro-batch", "epilogue",
                                                   "constants"};
  const struct compiled *c = find(p, entry);
  size_t size;

  *out = NULL;
  GLIA_CHECK(c != NULL, GLIA_E_MISSING, "no entry point %s", entry);
  FILE *f = open_memstream(out, &size);
  GLIA_CHECK(f != NULL, GLIA_E_MEMORY, "listing of %s", entry);
  fprintf(f,
          "entry point %s: %d nodes, %zu bytes shared, %zu bytes a worker (at least %zu), %zu "
          "bytes of sums\n",
          entry, c->nodes, c->shared_bytes, c->micro_bytes, c->micro_lower_bound, c->sums_bytes);
  for (int r = 0; r < REGIONS; r++) print_list(f, region_name[r], &c->list[r], 0);
  GLIA_CHECK(fclose(f) == 0, GLIA_E_MEMORY, "listing of %s", entry);
  return GLIA_OK;
}

int glia_program_buckets(const struct glia_program *p, const char *entry, int most,
                         struct glia_bucket *out)
{
  for (int i = 0; i < p->n_entries; i++) {
    const struct compiled *c = &p->entry[i];
    if (strcmp(c->entry->name, entry) != 0) continue;
    for (int b = 0; b < c->n_buckets && b < most; b++)
      out[b] = (struct glia_bucket){b, c->bucket[b].dtype, c->bucket[b].n};
    return c->n_buckets;
  }
  return 0;
}
