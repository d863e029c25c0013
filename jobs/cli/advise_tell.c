/* What --plan prints: see advise.h. */
#include "advise_priv.h"

#include "glia_agree.h"
#include "glia_log.h"

/* Times of tasks by rank, forward of its stages, then backward. */
static json_t *tasks_json(const struct advisor *a, int way)
{
  const struct plan *p = &a->plan[way];
  json_t *rows = json_array();

  for (int r = 0; a->way[way].kind >= 0 && r < a->way[way].stages; r++) {
    json_t *row = json_array();
    for (int k = 0; k < p->schedule->segments; k++)
      json_array_append_new(row, glia_json_real(p->cost[r * p->schedule->segments + k]));
    json_array_append_new(rows, row);
  }
  return rows;
}

static json_t *advice_json(const struct advisor *a, int way)
{
  static const char *const from[] = {"layers", "stages", "run"};
  const struct advice *c = &a->way[way];

  return json_pack("{s:s, s:i, s:i, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "name", c->name, "groups",
                   c->groups, "stages", c->stages, "cuts",
                   json_loads(c->kind < 0 ? "[]" : c->cuts, 0, NULL), "tasks_s", tasks_json(a, way),
                   "measured", from[c->from], "step_s", glia_json_real(c->step_s), "bubble",
                   glia_json_real(c->bubble), "memory_bytes", glia_json_real(c->memory_bytes),
                   "sent_bytes", glia_json_real(c->stage_bytes + c->sum_bytes));
}

/* Those that cannot be, are left out of the JSON, each with a line that says why. stages: those with stages alone. Returns the fastest
 * one; -1: none. */
static int tell(struct glia_args *args, const struct advisor *a, bool stages, json_t *rows)
{
  int best = -1;

  glia_cli_print(args, "\n%-34s %12s %8s %14s %14s\n", "predicted", "ms a step", "bubble",
                 "MiB a rank", "MiB sent");
  for (int i = 0; i < a->n; i++) {
    const struct advice *c = &a->way[i];
    if (stages && c->kind < 0) continue;
    if (c->why_not[0] != '\0') {
      glia_cli_print(args, "%-34s %s\n", c->name, c->why_not);
      continue;
    }
    if (best < 0 || c->step_s < a->way[best].step_s) best = i;
    glia_cli_print(args, "%-34s %12.2f %7.1f%% %14.2f %14.2f%s\n", c->name, 1e3 * c->step_s,
                   1e2 * c->bubble, c->memory_bytes / 1048576.0,
                   (c->stage_bytes + c->sum_bytes) / 1048576.0,
                   c->from == ADVISE_RUN ? "  measured: run for some steps" : "");
    json_array_append_new(rows, advice_json(a, i));
  }
  return best;
}

static glia_status predict(struct session *s, int ranks, bool stages, struct advisor **a)
{
  GLIA_TRY(advisor_open(s, ranks, a));
  for (int i = 0; i < (*a)->n; i++)
    if (!stages || (*a)->way[i].kind >= 0) GLIA_TRY(advisor_time(*a, i, false));
  return GLIA_OK;
}

/* The model of a session again, as modules that learn alone. */
static glia_status open_local(const struct session *s, int depth, struct session *l)
{
  char local[32];
  const char *const override[] = {local, "clip_norm=null"};

  *l = (struct session){.comm = s->comm, .once_per_node = true};
  snprintf(local, sizeof local, "local={depth: %d}", depth);
  glia_status st = glia_agree(s->comm, session_configure_text(l, "local learning", s->config_text,
                                                              (int)GLIA_COUNT(override), override));
  l->config.binding = GLIA_BINDING_NONE; /* as the session that it stands beside */
  if (st == GLIA_OK) st = session_build(l);
  return st;
}

/* The same model as modules that learn alone: other weights, so it is told beside the rest. Auxiliary networks as deep as the model has
 * layers for, at most ADVISE_DEPTH, and less where there would be fewer modules than ranks need. Why not, where it cannot. */
static json_t *advise_local(struct session *s, struct glia_args *args, int ranks)
{
  struct session l;
  struct advisor *a = NULL;
  json_t *rows = json_array();
  int depth = ADVISE_DEPTH;

  if (glia_model_modules(s->model) > 0) return rows;
  glia_status st = open_local(s, depth, &l);
  while (depth > 0 && (st == GLIA_OK ? !advisor_fits(ranks, glia_model_modules(l.model))
                                     : st == GLIA_E_CONFIG)) { /* too short? */
    glia_trace_clear();
    l.comm = NULL; /* the other session's */
    session_close(&l);
    st = open_local(s, --depth, &l);
  }
  if (st == GLIA_OK) st = predict(&l, ranks, true, &a);
  if (st != GLIA_OK) {
    /* No error of this model: it has too few layers for modules on so many ranks. Anything else is told. */
    if (depth > 0)
      glia_log(GLIA_LOG_INFO, "plan", "no-local-learning", "reason=\"%s\"", glia_trace_message());
    glia_trace_clear();
  } else {
    glia_cli_print(args, "\nwith local: {depth: %d}, which trains other weights", depth);
    (void)tell(args, a, true, rows);
  }
  for (size_t i = 0; i < json_array_size(rows); i++)
    json_object_set_new(json_array_get(rows, i), "depth", json_integer(depth));
  advisor_close(&a);
  l.comm = NULL;
  session_close(&l);
  return rows;
}

glia_status advise(struct session *s, struct glia_args *args, int ranks, json_t **out)
{
  const int size = glia_comm_size(s->comm);
  struct advisor *a = NULL;

  *out = NULL;
  if (ranks == 0) ranks = size > 1 ? size : 2;
  const glia_status st = predict(s, ranks, false, &a);
  if (st != GLIA_OK) {
    advisor_close(&a);
    return st;
  }
  json_t *rows = json_array();
  const int best = tell(args, a, false, rows);
  const struct advise_basis *b = advisor_basis(a);
  glia_cli_print(args,
                 "fastest: %s (measured: %.3f ms a micro-batch, %.3f ms adding it to others, %.3f "
                 "ms the end of "
                 "a step, messages %.0f us and %.2f GB/s%s, sums of gradients %.3f ms%s)\n",
                 a->way[best].name, 1e3 * b->micro_s, 1e3 * b->join_s, 1e3 * (b->end_s + b->rest_s),
                 1e6 * b->latency_s, b->bytes_per_s / 1e9, b->assumed ? ", assumed" : "",
                 1e3 * b->sums_s, ranks == size ? "" : "; every rank is taken to have a core");
  json_t *local = advise_local(s, args, ranks);
  *out = json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "ranks", ranks, "micro_batch_s",
                   glia_json_real(b->micro_s), "end_s", glia_json_real(b->end_s), "latency_s",
                   glia_json_real(b->latency_s), "bytes_per_s", glia_json_real(b->bytes_per_s),
                   "sums_s", glia_json_real(b->sums_s), "recommended", a->way[best].name,
                   "candidates", rows, "local_learning", local);
  advisor_close(&a);
  return GLIA_OK;
}
