/* Curvature while a run goes on: see watch.h. */
#include "watch.h"

#include "glia_agree.h"
#include "glia_augment.h"
#include "glia_dataset.h"
#include "glia_hessian.h"
#include "glia_log.h"
#include "glia_petsc.h"
#include "inspect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PROBES = 4 };
static const size_t cache_bytes = (size_t)64 << 20;

struct watch {
  const struct session *of;
  struct session s;         /* the second network */
  struct glia_source *rows; /* of the split */
  struct glia_source first; /* its first rows */
  struct glia_curvature *c;
  struct glia_curvature_top top;
  int n;
  char text[WATCH_MAX][24];
  const char *name[WATCH_MAX];
  double value[WATCH_MAX], took_s;
};

static glia_status open_rows(struct watch *w)
{
  const struct glia_train_config *c = &w->s.config;

  GLIA_TRY(glia_dataset_open(c->data_file, w->of->config.hessian_split, cache_bytes, &w->rows));
  GLIA_TRY(glia_augment_source(glia_yaml_get(glia_yaml_root(w->s.doc), "data"), c->seed, false,
                               &w->rows));
  GLIA_CHECK(w->rows->n > 0, GLIA_E_DATA, "%s has no rows to observe", w->rows->name);
  w->first = *w->rows;
  if (w->first.n > w->of->config.hessian_rows) w->first.n = w->of->config.hessian_rows;
  return GLIA_OK;
}

static glia_status build(struct watch *w)
{
  static const char *const override[] = {"dtype=f64", "observe=null"};
  const struct session *of = w->of;

  GLIA_TRY(glia_comm_split(of->comm, 0, glia_comm_rank(of->comm), &w->s.comm));
  w->s.extend = glia_curvature_extend;
  w->s.train = of->train; /* borrowed: for its fields */
  w->s.test = of->test;
  GLIA_TRY(session_configure_text(&w->s, "observe", of->config_text, (int)GLIA_COUNT(override),
                                  override));
  GLIA_TRY(session_build(&w->s));
  GLIA_TRY(glia_agree(w->s.comm, open_rows(w)));
  const struct glia_curvature_job job = {.model = w->s.model,
                                         .engine = w->s.engine,
                                         .source = &w->first,
                                         .micro_batch = w->s.config.micro_batch,
                                         .micro_batches = w->s.eval_micro_batches,
                                         .meeting = &w->s.meeting};
  GLIA_TRY(glia_agree(w->s.comm, glia_curvature_open(&job, &w->c)));
  return glia_petsc_begin(w->s.comm);
}

glia_status watch_open(const struct session *s, struct watch **out)
{
  const int k = (int)s->config.hessian_top;

  *out = NULL;
  if (s->config.hessian_split == NULL) return GLIA_OK;
  struct watch *w = calloc(1, sizeof *w);
  GLIA_TRY(glia_agree(s->comm, w != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "an observer")));
  *out = w;
  w->of = s;
  w->n = k + 2;
  for (int i = 0; i < w->n; i++) {
    snprintf(w->text[i], sizeof w->text[i], "hessian_%d", i + 1);
    w->name[i] = w->text[i];
    w->value[i] = (double)NAN;
  }
  w->name[k] = "hessian_trace";
  w->name[k + 1] = "hessian_trace_error";
  return build(w);
}

/* Parameters and what layers keep, as numbers of float64. */
static void take(struct watch *w)
{
  for (int i = 0; i < w->s.n_arrays; i++) {
    const struct glia_array *to = &w->s.array[i];
    const struct glia_array *from = NULL;
    if (strncmp(to->path, "params/", 7) != 0 && strncmp(to->path, "state/", 6) != 0) continue;
    for (int k = 0; k < w->of->n_arrays && from == NULL; k++)
      if (strcmp(w->of->array[k].path, to->path) == 0) from = &w->of->array[k];
    if (from == NULL) continue;
    if (from->type.dtype == to->type.dtype) {
      memcpy(to->data, from->data, glia_type_bytes(&to->type));
      continue;
    }
    for (int64_t e = 0; e < glia_type_count(&to->type); e++)
      ((double *)to->data)[e] = inspect_number(from->data, from->type.dtype, e);
  }
}

static glia_status look(struct watch *w, int64_t step)
{
  const int k = w->n - 2;
  struct glia_curvature_density d;

  take(w);
  GLIA_TRY(glia_curvature_top(w->c, GLIA_CURVATURE_HESSIAN, k, &w->top));
  const glia_status st =
      glia_curvature_density(w->c, GLIA_CURVATURE_HESSIAN, &w->top, PROBES, 1, (uint64_t)step, &d);
  glia_curvature_top_free(&w->top);
  GLIA_TRY(st);
  for (int i = 0; i < k; i++) w->value[i] = i < w->top.found ? w->top.value[i] : (double)NAN;
  w->value[k] = d.trace;
  w->value[k + 1] = d.trace_error;
  glia_curvature_density_free(&d);
  return GLIA_OK;
}

glia_status watch_look(struct watch *w, const struct glia_step_info *info)
{
  if (w == NULL) return GLIA_OK;
  w->took_s = 0.0;
  if (info->step % info->steps_per_epoch != 0 && info->step != info->total_steps) return GLIA_OK;
  const double t0 = glia_time_s();
  GLIA_TRY(look(w, info->step));
  w->took_s = glia_time_s() - t0;
  if (glia_comm_rank(w->s.comm) == 0)
    glia_log(GLIA_LOG_INFO, "train", "hessian",
             "step=%lld largest=%.6g trace=%.6g trace_error=%.2g products=%lld took_s=%.2f",
             (long long)info->step, w->value[0], w->value[w->n - 2], w->value[w->n - 1],
             (long long)w->top.products, w->took_s);
  return GLIA_OK;
}

int watch_values(const struct watch *w, const char *const **name, const double **value)
{
  *name = w != NULL ? w->name : NULL;
  *value = w != NULL ? w->value : NULL;
  return w != NULL ? w->n : 0;
}

double watch_took_s(const struct watch *w) { return w != NULL ? w->took_s : 0.0; }

void watch_close(struct watch **w)
{
  if (*w == NULL) return;
  glia_curvature_close(&(*w)->c);
  glia_source_close(&(*w)->rows);
  (*w)->s.train = (*w)->s.test = NULL;
  session_close(&(*w)->s);
  glia_petsc_end();
  free(*w);
  *w = NULL;
}
