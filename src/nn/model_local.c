/* Modules that learn by losses of their own, as the graph sees them: see local.c.
 *
 * A module's loss and gradients are appended behind its layers, before those of the next one: nodes run in that order, so only one
 * module's activations are in memory at a time. */
#include "glia_stage.h"
#include "nn_priv.h"

#include <stdlib.h>
#include <string.h>

glia_status glia_local_read_(struct glia_model *m, const struct glia_yaml *config,
                             const struct glia_yaml **of_model)
{
  char *text = NULL;
  int end = 0, k = 0;

  *of_model = config;
  GLIA_TRY(glia_local_expand(config, &text));
  if (text == NULL) return GLIA_OK;
  const glia_status st =
      glia_yaml_parse_text("the model with its auxiliary networks", text, strlen(text), &m->local);
  free(text);
  GLIA_TRY(st);
  *of_model = glia_yaml_root(m->local);
  const struct glia_yaml *sizes = glia_yaml_get(*of_model, "modules");
  m->n_modules = sizes->n_children;
  m->module = glia_arena_take(&m->arena, (size_t)m->n_modules, sizeof *m->module);
  GLIA_CHECK(m->module != NULL, GLIA_E_MEMORY, "%d modules", m->n_modules);
  for (const struct glia_yaml *c = sizes->child; c != NULL; c = c->next, k++) {
    int64_t n = 0;
    GLIA_TRY(glia_yaml_get_int(c, "", 1, INT32_MAX, &n));
    end += (int)n;
    m->module[k] = (struct nn_module){.end = end, .sum = GLIA_NONE};
  }
  return GLIA_OK;
}

/* Gradients of the module's loss, of a micro-batch, by its own parameters. */
static glia_status differentiate(struct glia_model *m, int k)
{
  const int first = k > 0 ? m->module[k - 1].parameters_end : 0, n = m->n_parameters - first;
  glia_value *p = glia_arena_take(&m->arena, 2 * (size_t)n + 1, sizeof *p);

  GLIA_CHECK(p != NULL, GLIA_E_MEMORY, "gradients");
  for (int i = 0; i < n; i++) p[i] = m->parameter[first + i].value;
  glia_grad(m->g, m->module[k].sum, n, p, p + n);
  for (int i = 0; i < n; i++) m->parameter[first + i].gradient = p[n + i];
  m->module[k].parameters_end = m->n_parameters;
  return glia_graph_status(m->g);
}

glia_status glia_module_end_(struct glia_model *m, int n_layers)
{
  const int k = m->modules_built;

  if (k == m->n_modules || m->module[k].end != n_layers) return GLIA_OK;
  const bool last = k == m->n_modules - 1;
  GLIA_TRY(glia_module_loss_(m, last ? 0 : 1 + k, n_layers, &m->module[k].sum));
  GLIA_TRY(differentiate(m, k));
  m->modules_built++;
  return GLIA_OK;
}

int glia_model_modules(const struct glia_model *m) { return m->n_modules; }

int glia_model_module_end(const struct glia_model *m, int module) { return m->module[module].end; }

glia_status glia_model_compile(const struct glia_model *m, const struct glia_kernels *kernels,
                               size_t bucket_bytes, struct glia_program **out)
{
  const struct glia_model_cut all = {.model = m, .stages = 1, .first = {0, m->n_layers}};
  const struct glia_cut cut = {.ranks = 1,
                               .chunks = 1,
                               .stage_of = glia_model_stage_of,
                               .self = &all,
                               .loss = GLIA_NONE,
                               .parts = m->n_modules,
                               .part_of = glia_model_part_of};

  return m->n_modules == 0 ? glia_program_compile_buckets(m->g, kernels, bucket_bytes, out)
                           : glia_parts_compile(m->g, &cut, kernels, bucket_bytes, out);
}

glia_status glia_model_compile_within(const struct glia_model *m,
                                      const struct glia_kernels *kernels, size_t bucket_bytes,
                                      size_t bytes, struct glia_program **out)
{
  const struct glia_budget budget = glia_model_budget(m, bytes);

  *out = NULL;
  GLIA_CHECK(m->n_modules == 0, GLIA_E_UNSUPPORTED,
             "local learning has one module's values in memory: a budget does not go with it");
  return glia_program_compile_within(m->g, kernels, bucket_bytes, &budget, out);
}
