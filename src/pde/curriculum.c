/* Curricula: easier problems solved first. A stage is the same text with one of its constants at another value, or with points up to
 * some t alone, and a network of its own that takes over the weights: so conditions made exact, scales and rounded kinks are those of
 * the stage, and no fit has to know that there are stages. See solve_priv.h.
 */
#include "solve_priv.h"

#include "glia_agree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 40 };

/* A number, or a formula of constants. */
static glia_status number(const struct glia_problem *p, const struct glia_yaml *node, double *out)
{
  const struct glia_expr_names names = {
      .n_constants = p->n_constants, .constant = p->constant, .constant_value = p->constant_value};
  struct glia_expr_fault fault = {0};
  int e;

  if (node->kind != GLIA_YAML_SCALAR) return glia_yaml_error(node, "expected a number");
  if (glia_expr_parse(p->pool, &names, node->text, false, &e, &fault) != GLIA_OK)
    return glia_yaml_error(node, "column %d: %s", fault.column + 1, fault.text);
  *out = glia_expr_at(p->pool, e)->number;
  if (!isfinite(*out)) return glia_yaml_error(node, "'%s' is not a finite number", node->text);
  return GLIA_OK;
}

static glia_status read_values(const struct glia_problem *p, const struct glia_yaml *list,
                               struct glia_curriculum *c)
{
  double before = c->time ? p->lo[p->time] : 0.0;

  if (list->kind != GLIA_YAML_LIST || list->n_children < 1 || list->n_children > GLIA_SOLVE_STAGES)
    return glia_yaml_error(list, "expected the values of 1 to %d stages, as in [0.1, 0.03]",
                           GLIA_SOLVE_STAGES);
  for (const struct glia_yaml *v = list->child; v != NULL; v = v->next) {
    double *value = &c->value[c->n++];
    GLIA_TRY(number(p, v, value));
    if (c->time && !(*value > before && *value < c->own))
      return glia_yaml_error(v, "stages see more and more of t, between %g and %g: found %g",
                             before, c->own, *value);
    if (c->time) before = *value;
  }
  return GLIA_OK;
}

static double own_value(const struct glia_problem *p, const char *name)
{
  for (int i = 0; i < p->n_constants; i++)
    if (strcmp(p->constant[i], name) == 0) return p->constant_value[i];
  return p->hi[p->time];
}

glia_status glia_curriculum_read_(const struct glia_yaml *root, const struct glia_problem *p,
                                  struct glia_solve_config *config)
{
  const struct glia_yaml *node = glia_yaml_get(root, "curriculum"), *list = NULL;
  const char *known[GLIA_PDE_CONSTANTS + 3] = {NULL};
  struct glia_curriculum *c = &config->curriculum;
  int n = 0;

  if (node == NULL || node->kind == GLIA_YAML_NULL) return GLIA_OK;
  *c = (struct glia_curriculum){.root = root, .steps = STEPS};
  for (; n < p->n_constants; n++) known[n] = p->constant[n];
  if (p->time >= 0) known[n++] = "t";
  known[n] = "steps";
  GLIA_TRY(glia_yaml_check_keys(node, known));
  GLIA_TRY(glia_yaml_get_int(node, "steps", 1, 10000000, &c->steps));
  for (const struct glia_yaml *k = node->child; k != NULL; k = k->next) {
    if (strcmp(k->key, "steps") == 0) continue;
    if (list != NULL)
      return glia_yaml_error(k, "one constant or t has stages; '%s' has them", list->key);
    list = k;
  }
  if (list == NULL)
    return glia_yaml_error(node, "expected a constant, or t, with the values of its stages, as in "
                                 "{nu: [0.1, 0.03], steps: 40}");
  c->name = list->key;
  c->time = p->time >= 0 && strcmp(c->name, "t") == 0;
  c->own = own_value(p, c->name);
  GLIA_TRY(read_values(p, list, c));
  if (config->steps > 0 && config->steps <= c->n * c->steps)
    return glia_yaml_error(
        node,
        "%d stage%s of %lld steps at most could leave none of %lld (steps) for the "
        "problem itself",
        c->n, c->n > 1 ? "s" : "", (long long)c->steps, (long long)config->steps);
  return GLIA_OK;
}

/* The problem of a stage, or why there is none. */
static glia_status stage_of(const struct glia_solver *s, int number, bool checked,
                            struct glia_problem *out)
{
  const struct glia_curriculum *c = &s->config.curriculum;
  const struct glia_problem_stage stage = {c->name, c->value[number]};
  const glia_status st = glia_problem_read_stage(c->root, &stage, checked, out);
  char why[512];

  if (st == GLIA_OK) return GLIA_OK;
  snprintf(why, sizeof why, "%s", glia_trace_message());
  return GLIA_FAIL(st, "curriculum: with %s = %g: %s", c->name, c->value[number], why);
}

glia_status glia_curriculum_check_(const struct glia_solver *s)
{
  const struct glia_curriculum *c = &s->config.curriculum;
  struct glia_problem *p = c->n > 0 ? calloc(1, sizeof *p) : NULL;
  int64_t own, weights = 0;
  glia_status st = glia_pinn_weights(s->own.problem, &s->config.network, &own);

  if (c->n > 0 && p == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "a problem");
  for (int k = 0; k < c->n && st == GLIA_OK; k++) {
    st = stage_of(s, k, true, p);
    if (st == GLIA_OK) st = glia_pinn_weights(p, &s->config.network, &weights);
    if (st == GLIA_OK && weights != own)
      st =
          GLIA_FAIL(GLIA_E_CONFIG,
                    "curriculum: with %s = %g the network has other inputs (kinks or corners) than "
                    "the problem's own: its weights cannot be taken over",
                    c->name, c->value[k]);
    glia_problem_fini(p);
  }
  free(p);
  return st;
}

void glia_curriculum_leave_(struct glia_solver *s)
{
  if (s->easier != NULL) {
    glia_pinn_destroy(&s->now.pinn);
    glia_problem_fini(s->easier);
    free(s->easier);
    s->easier = NULL;
  }
  s->now = s->own;
  s->cloud.pinn = s->own.pinn;
}

glia_status glia_curriculum_enter_(struct glia_solver *s, int number, int64_t since)
{
  const struct glia_curriculum *c = &s->config.curriculum;
  glia_status st = GLIA_OK;

  glia_curriculum_leave_(s);
  s->stage = (struct glia_solve_stage){c->n,    number,  since,
                                       c->name, c->time, number < c->n ? c->value[number] : c->own};
  if (number == c->n) return GLIA_OK;
  s->easier = calloc(1, sizeof *s->easier);
  if (s->easier == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "a problem");
  else
    st = stage_of(s, number, false, s->easier);
  s->now = (struct glia_posed_){s->easier, NULL};
  GLIA_TRY(glia_agree(s->comm, st));
  GLIA_TRY(glia_pinn_create(s->easier, &s->config.network, s->rows != NULL, s->most, s->comm,
                            &s->now.pinn));
  s->cloud.pinn = s->now.pinn;
  return GLIA_OK;
}

/* A fit that had no stages, or was through with them, goes on with the problem itself. */
glia_status glia_curriculum_resume_(const struct glia_solver *s,
                                    const struct glia_solve_stage *stage, bool resumed, int *number,
                                    int64_t *since)
{
  const struct glia_curriculum *c = &s->config.curriculum;

  *number = resumed ? c->n : 0;
  *since = resumed ? stage->since : 0;
  if (!resumed || stage->number == stage->of) return GLIA_OK;
  GLIA_CHECK(stage->number < c->n && c->value[stage->number] == stage->value, GLIA_E_CONFIG,
             "the fit that goes on stands in stage %d of %d, at %g: curriculum has no such stage",
             stage->number + 1, stage->of, stage->value);
  *number = stage->number;
  return GLIA_OK;
}
