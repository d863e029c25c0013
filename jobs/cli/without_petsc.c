/* What a run may ask of theory, curvature and solutions, in a program that was built without PETSc. */
#include "predict.h"
#include "theory_stop.h"
#include "watch.h"

glia_status theory_stop_plan(struct session *s, int64_t total_steps, struct theory_stop *out)
{
  (void)total_steps;
  *out = (struct theory_stop){.step = -1, .lo = -1, .hi = -1};
  (void)s;
  return GLIA_FAIL(GLIA_E_UNSUPPORTED, "stop: theory: this glia was built without PETSc and SLEPc");
}

glia_status predict_solution(struct glia_args *a)
{
  return GLIA_FAIL(GLIA_E_UNSUPPORTED,
                   "%s is a solution: this glia was built without PETSc and SLEPc", a->word[0]);
}

glia_status watch_open(const struct session *s, struct watch **out)
{
  *out = NULL;
  if (s->config.hessian_split == NULL) return GLIA_OK;
  return GLIA_FAIL(GLIA_E_UNSUPPORTED, "observe: this glia was built without PETSc and SLEPc");
}

glia_status watch_look(struct watch *w, const struct glia_step_info *info)
{
  (void)w;
  (void)info;
  return GLIA_OK;
}

int watch_values(const struct watch *w, const char *const **name, const double **value)
{
  (void)w;
  *name = NULL;
  *value = NULL;
  return 0;
}

double watch_took_s(const struct watch *w)
{
  (void)w;
  return 0.0;
}

void watch_close(struct watch **w) { *w = NULL; }
