/* Nodes under their models, live; see glia_watch.h. */
#include "watch_priv.h"

#include "detect_priv.h"
#include "glia_intake.h"
#include "glia_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *glia_watch_kind_name(glia_watch_kind kind)
{
  static const char *const name[] = {"model", "peers", "silent"};

  return name[kind];
}

/* Names of models, each with its number. */
static glia_status name_models(struct glia_watch *w)
{
  struct glia_detector_info info;

  for (int i = 0; i < w->n_models; i++) {
    glia_detector_info(w->model[i], &info);
    GLIA_TRY(glia_names_add_(&w->by_node, info.node, i));
  }
  return GLIA_OK;
}

glia_status glia_watch_open(const char *models, struct glia_watch **out)
{
  struct glia_watch *w = calloc(1, sizeof *w);

  *out = NULL;
  GLIA_CHECK(w != NULL, GLIA_E_MEMORY, "no memory to watch nodes");
  glia_status st = GLIA_OK;
  if (models != NULL) st = glia_detectors_read(models, &w->n_models, &w->model);
  if (st == GLIA_OK) st = name_models(w);
  if (st != GLIA_OK) glia_watch_close(&w);
  *out = w;
  return st;
}

static void forget_names(struct watch_names *k)
{
  for (int i = 0; k->name != NULL && i < k->n; i++) free(k->name[i]);
  free(k->name);
  free(k);
}

void glia_watch_close(struct glia_watch **watch)
{
  struct glia_watch *w = *watch;

  if (w == NULL) return;
  for (int i = 0; i < w->n; i++) {
    struct watched *t = w->node[i];
    glia_detect_stream_close(&t->stream);
    free(t->metric);
    free(t->last);
    free(t->name);
    free(t);
  }
  glia_names_forget_(&w->by_node); /* whose names are the models' */
  glia_detectors_free(w->n_models, &w->model);
  for (int i = 0; i < w->n_names; i++) forget_names(w->names[i]);
  free(w->names);
  glia_watch_forget_peers_(w);
  free(w->node);
  free(w);
  *watch = NULL;
}

void glia_watch_tell(struct glia_watch *w,
                     void (*tell)(void *self, const struct glia_watch_alarm *alarm), void *self)
{
  w->tell = tell;
  w->self = self;
}

static struct glia_detector *model_of(const struct glia_watch *w, const char *name)
{
  const int64_t i = glia_names_find_(&w->by_node, name);

  return i >= 0 ? w->model[i] : NULL;
}

glia_status glia_watch_node(struct glia_watch *w, const char *name, int *out)
{
  struct watched **more = realloc(w->node, (size_t)(w->n + 1) * sizeof(struct watched *));

  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "node %s", name);
  w->node = more;
  struct watched *t = calloc(1, sizeof *t);
  GLIA_CHECK(t != NULL, GLIA_E_MEMORY, "node %s", name);
  t->name = strdup(name);
  if (t->name == NULL) {
    free(t);
    return GLIA_FAIL(GLIA_E_MEMORY, "node %s", name);
  }
  t->model = model_of(w, name);
  t->score = t->peer_score = (double)NAN;
  snprintf(t->reason, sizeof t->reason, "%s",
           t->model != NULL ? "no row of it yet" : "it has no model");
  if (t->model != NULL) {
    struct glia_detector_info info;
    glia_detector_info(t->model, &info);
    t->threshold = info.threshold;
    t->trained_until_ns = info.train_end_ns;
  }
  *out = w->n;
  w->node[w->n++] = t;
  return GLIA_OK;
}

/* Where the node says which jobs it runs. */
static void find_jobs(struct watched *t, int n, const char *const *name)
{
  t->n_jobs = 0;
  for (int i = 0; i < n && t->n_jobs < WATCH_JOBS; i++) {
    const size_t stem = strlen(name[i]) - 1; /* without its brace */
    if (strncmp(name[i], GLIA_INTAKE_JOB, strlen(GLIA_INTAKE_JOB)) != 0 ||
        strstr(name[i], GLIA_INTAKE_REST) != NULL)
      continue;
    t->job_column[t->n_jobs] = i;
    t->job_rest[t->n_jobs] = -1;
    for (int k = 0; k < n; k++)
      if (strncmp(name[k], name[i], stem) == 0 &&
          strcmp(name[k] + stem, "," GLIA_INTAKE_REST "}") == 0)
        t->job_rest[t->n_jobs] = k;
    t->n_jobs++;
  }
}

/* The last of them that runs; 0: none. */
static int64_t find_job(const struct watched *t)
{
  int64_t job = 0;

  for (int i = 0; i < t->n_jobs; i++) {
    const float number = t->last[t->job_column[i]];
    const float rest = t->job_rest[i] >= 0 ? t->last[t->job_rest[i]] : (float)NAN;
    if (number > 0.0F) job = (int64_t)((double)number + (isnan(rest) ? 0.0 : (double)rest));
  }
  return job;
}

/* Numbers are no measurements: nobody compares them. */
static void forget_numbers(struct watched *t)
{
  for (int i = 0; i < t->n_jobs; i++) {
    t->last[t->job_column[i]] = (float)NAN;
    if (t->job_rest[i] >= 0) t->last[t->job_rest[i]] = (float)NAN;
  }
}

static uint64_t hash_of(int n, const char *const *name)
{
  uint64_t hash = 14695981039346656037u; /* FNV-1a */

  for (int i = 0; i < n; i++)
    for (const char *p = name[i];; p++) {
      hash = (hash ^ (uint8_t)*p) * 1099511628211u;
      if (*p == '\0') break;
    }
  return hash;
}

static glia_status copy_names(int n, const char *const *name, struct watch_names **out)
{
  struct watch_names *k = calloc(1, sizeof *k);

  *out = k;
  GLIA_CHECK(k != NULL, GLIA_E_MEMORY, "%d names", n);
  *k = (struct watch_names){.n = n, .name = calloc((size_t)n + 1, sizeof *k->name)};
  bool whole = k->name != NULL;
  for (int i = 0; whole && i < n; i++) whole = (k->name[i] = strdup(name[i])) != NULL;
  if (whole) return GLIA_OK;
  forget_names(k);
  return GLIA_FAIL(GLIA_E_MEMORY, "%d names", n);
}

/* The node has other names: nobody may have had the old ones but this node. */
static void use_names(struct glia_watch *w, struct watched *t, struct watch_names *names)
{
  struct watch_names *old = t->names;

  names->users++;
  t->names = names;
  if (old == NULL || --old->users > 0) return;
  for (int i = 0; i < w->n_names; i++)
    if (w->names[i] == old) w->names[i] = w->names[--w->n_names];
  forget_names(old);
}

/* The node gets the copy of these names, made if there is none. */
static glia_status keep_names(struct glia_watch *w, struct watched *t, int n,
                              const char *const *name)
{
  const uint64_t hash = hash_of(n, name);
  struct watch_names *k = NULL;

  for (int i = 0; i < w->n_names; i++)
    if (w->names[i]->hash == hash && w->names[i]->n == n) {
      use_names(w, t, w->names[i]);
      return GLIA_OK;
    }
  struct watch_names **more = realloc(w->names, (size_t)(w->n_names + 1) * sizeof(*more));
  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%d names", n);
  w->names = more;
  GLIA_TRY(copy_names(n, name, &k));
  k->hash = hash;
  w->names[w->n_names++] = k;
  use_names(w, t, k);
  return GLIA_OK;
}

/* Where the metrics are that the model looks at; the stream was opened with these names. */
static glia_status find_metrics(struct watched *t, const struct glia_detector_info *info, int n,
                                const char *const *name)
{
  t->metric = calloc((size_t)info->n_columns + 1, sizeof *t->metric);
  GLIA_CHECK(t->metric != NULL, GLIA_E_MEMORY, "metrics of %s", t->name);
  t->n_metrics = info->n_columns;
  for (int j = 0; j < info->n_columns; j++)
    for (int i = 0; i < n; i++)
      if (strcmp(info->column[j].name, name[i]) == 0) t->metric[j].column = i;
  return GLIA_OK;
}

glia_status glia_watch_columns(struct glia_watch *w, int node, int n, const char *const *name)
{
  struct watched *t = w->node[node];
  struct glia_detector_info info;
  float *last = realloc(t->last, ((size_t)n + 1) * sizeof *last);

  GLIA_CHECK(last != NULL, GLIA_E_MEMORY, "%d columns of %s", n, t->name);
  t->last = last;
  t->last_ns = 0;
  t->n_columns = n;
  GLIA_TRY(keep_names(w, t, n, name));
  find_jobs(t, n, name);
  if (t->model == NULL || t->stream != NULL) return GLIA_OK; /* columns keep their places */
  const glia_status st = glia_detect_stream_open(t->model, n, name, &t->stream);
  if (st == GLIA_E_MEMORY) return st;
  if (st == GLIA_OK) t->n_least = n;
  if (st != GLIA_OK) {
    snprintf(t->reason, sizeof t->reason, "%s", glia_trace_message());
    glia_trace_clear();
    return GLIA_OK;
  }
  glia_detector_info(t->model, &info);
  GLIA_TRY(find_metrics(t, &info, n, name));
  t->unknown_metrics = n - info.n_columns;
  for (int j = info.n_columns; j < info.n_all; j++) /* those it knows and leaves out */
    for (int i = 0; i < n; i++) t->unknown_metrics -= strcmp(info.column[j].name, name[i]) == 0;
  t->reason[0] = '\0';
  return GLIA_OK;
}

/* ---- alarms */

/* "node_load1 12 (expected 1.5 1); ..." */
static void describe(const struct glia_detect_alarm *a, char *out, size_t size)
{
  size_t used = 0;

  out[0] = '\0';
  for (int i = 0; i < a->n_causes && i < 3 && used < size; i++)
    used +=
        (size_t)snprintf(out + used, size - used, "%s%s %.4g, expected %.4g %s", i > 0 ? "; " : "",
                         a->cause[i].metric, a->cause[i].observed, a->cause[i].expected,
                         strcmp(a->cause[i].unit, "1") == 0 ? "" : a->cause[i].unit);
}

static void fill(const struct watched *t, glia_watch_kind kind, struct glia_watch_alarm *out)
{
  *out = (struct glia_watch_alarm){.node = t->name,
                                   .kind = kind,
                                   .active = t->active[kind],
                                   .start_ns = t->since_ns[kind],
                                   .end_ns = t->active[kind] ? 0 : t->until_ns[kind],
                                   .score = kind == GLIA_WATCH_MODEL ? t->peak : t->peer_score,
                                   .threshold =
                                       kind == GLIA_WATCH_MODEL ? t->threshold : WATCH_PEERS_ODD,
                                   .job = kind == GLIA_WATCH_PEERS ? t->job : 0,
                                   .text = t->text[kind]};
  if (kind == GLIA_WATCH_SILENT) out->score = out->threshold = (double)NAN;
}

void glia_watch_set_(struct glia_watch *w, struct watched *t, glia_watch_kind kind, bool active,
                     int64_t since_ns, int64_t now_ns)
{
  struct glia_watch_alarm alarm;

  if (active == t->active[kind]) return;
  t->active[kind] = active;
  if (active) {
    t->raised[kind]++;
    t->since_ns[kind] = since_ns;
  } else {
    t->until_ns[kind] = now_ns;
  }
  fill(t, kind, &alarm);
  if (w->tell != NULL) w->tell(w->self, &alarm);
}

/* Metrics that its model looks at go and come back: all must be there for the node to be watched. */
static void look_for_metrics(struct glia_watch *w, struct watched *t, int64_t time_ns)
{
  bool changed = false;
  const struct watch_metric *first = NULL;

  for (struct watch_metric *m = t->metric; m < t->metric + t->n_metrics; m++) {
    const bool there = isfinite(t->last[m->column]);
    if (there != m->gone)
      m->rows = 0;
    else if (m->rows++ == 0)
      m->since_ns = time_ns;
    if (m->rows >= GLIA_GONE_ROWS &&
        (there || 1e-9 * (double)(time_ns - m->since_ns) >= GLIA_GONE_S)) {
      m->gone = !there;
      m->rows = 0;
      t->n_gone += m->gone ? 1 : -1;
      changed = true;
    }
    if (m->gone && first == NULL) first = m;
  }
  if (!changed) return;
  t->reason[0] = '\0';
  if (t->n_gone == 0) return;
  t->score = (double)NAN;
  glia_watch_set_(w, t, GLIA_WATCH_MODEL, false, 0, time_ns); /* nobody can tell any longer */
  snprintf(t->reason, sizeof t->reason, "%d of the %d metrics of its model are gone: %s%s",
           t->n_gone, t->n_metrics, t->names->name[first->column], t->n_gone > 1 ? ", ..." : "");
}

/* By the model, from its last row: was it? */
static bool score_row(struct glia_watch *w, struct watched *t, int64_t time_ns)
{
  const bool on = glia_detect_stream_push(t->stream, time_ns, t->last);

  t->score = glia_detect_stream_score(t->stream);
  const bool scored = !isnan(t->score);
  t->scored += scored;
  if (!on && !t->active[GLIA_WATCH_MODEL]) return scored;
  if (on) {
    const struct glia_detect_alarm *a = glia_detect_stream_alarm(t->stream);
    t->peak = a->peak;
    describe(a, t->text[GLIA_WATCH_MODEL], sizeof t->text[0]);
    glia_watch_set_(w, t, GLIA_WATCH_MODEL, true, a->start_ns, time_ns);
  } else {
    glia_watch_set_(w, t, GLIA_WATCH_MODEL, false, 0, time_ns);
  }
  return scored;
}

bool glia_watch_row(struct glia_watch *w, int node, int64_t time_ns, int64_t n, const float *row)
{
  struct watched *t = w->node[node];
  bool scored = false;

  for (int64_t i = 0; i < t->n_columns; i++) t->last[i] = i < n ? row[i] : (float)NAN;
  t->last_ns = time_ns;
  t->job = find_job(t);
  if (t->stream != NULL && n >= t->n_least) { /* else it lacks what the model looks at */
    look_for_metrics(w, t, time_ns);
    if (t->n_gone == 0) scored = score_row(w, t, time_ns);
  }
  forget_numbers(t);
  return scored;
}

void glia_watch_silent(struct glia_watch *w, int node, bool silent, int64_t now_ns)
{
  struct watched *t = w->node[node];

  snprintf(t->text[GLIA_WATCH_SILENT], sizeof t->text[0], "nothing comes from it");
  glia_watch_set_(w, t, GLIA_WATCH_SILENT, silent, now_ns, now_ns);
}

void glia_watch_state(const struct glia_watch *w, int node, struct glia_watch_state *out)
{
  const struct watched *t = w->node[node];

  *out = (struct glia_watch_state){
      .watched = glia_watch_scored_(t),
      .reason = t->reason,
      .score = t->score,
      .threshold = t->model != NULL ? t->threshold : (double)NAN,
      .peer_score = t->peer_score,
      .peers = t->peers,
      .trained_until_ns = t->trained_until_ns,
      .unknown_metrics = t->unknown_metrics,
      .scored = t->scored,
      .stolen = t->stream != NULL ? glia_detect_stream_stolen(t->stream) : 0};
  memcpy(out->active, t->active, sizeof out->active);
  memcpy(out->raised, t->raised, sizeof out->raised);
  memcpy(out->since_ns, t->since_ns, sizeof out->since_ns);
}

void glia_watch_active(struct glia_watch *w,
                       void (*each)(void *self, const struct glia_watch_alarm *alarm), void *self)
{
  struct glia_watch_alarm alarm;

  for (int i = 0; i < w->n; i++)
    for (int k = 0; k < GLIA_WATCH_KINDS; k++) {
      if (!w->node[i]->active[k]) continue;
      fill(w->node[i], (glia_watch_kind)k, &alarm);
      each(self, &alarm);
    }
}
