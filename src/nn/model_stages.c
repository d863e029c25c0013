/* Cutting a model into stages: by hand, or so that the dearest stage is cheapest. */
#include "glia_profile.h"
#include "nn_priv.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of one core: what a layer costs is compared with other layers alone. */
static const double flops_per_s = 3e10, bytes_per_s = 1e10;

int glia_model_layer_of(const struct glia_model *m, const char *scope)
{
  size_t longest = 0;
  int found = -1;

  if (strncmp(scope, "params/", 7) == 0) scope += 7;
  if (strcmp(scope, "loss") == 0) return m->n_layers;
  for (int i = 0; i < m->n_layers; i++) {
    const size_t n = strlen(m->layer[i].name);
    if (n < longest || strncmp(m->layer[i].name, scope, n) != 0 ||
        (scope[n] != '\0' && scope[n] != '.' && scope[n] != '/'))
      continue;
    longest = n;
    found = i;
  }
  return found;
}

int glia_model_stage_of(const void *self, const char *scope)
{
  const struct glia_model_cut *c = self;
  const int layer = glia_model_layer_of(c->model, scope);
  int stage = 0;

  if (layer < 0) return -1;
  while (stage < c->stages - 1 && c->first[stage + 1] <= layer) stage++;
  return stage;
}

int glia_model_part_of(const void *self, const char *scope)
{
  const struct glia_model *m = ((const struct glia_model_cut *)self)->model;
  const int layer = glia_model_layer_of(m, scope);
  int part = 0;

  if (layer < 0) return -1;
  while (part < m->n_modules - 1 && m->module[part].end <= layer) part++;
  return part;
}

glia_value glia_model_loss_sum(const struct glia_model *m) { return m->loss_sum; }

/* With modules: where one begins. */
static bool may_begin(const struct glia_model *m, int layer)
{
  bool begins = m->n_modules == 0 || layer == 0;

  for (int k = 0; k < m->n_modules; k++) begins |= m->module[k].end == layer;
  return begins;
}

static glia_status read_layer(const struct glia_model *m, const struct glia_yaml *at, int *out)
{
  if (at->kind != GLIA_YAML_SCALAR)
    return glia_yaml_error(at, "expected the name or number of a layer");
  for (*out = 0; *out < m->n_layers; ++*out)
    if (strcmp(m->layer[*out].name, at->text) == 0) return GLIA_OK;
  char *end;
  const long number = strtol(at->text, &end, 10);
  *out = (int)number;
  if (end == at->text || *end != '\0' || number < 0 || number >= m->n_layers)
    return glia_yaml_error(at, "no layer is '%.60s': layers are 0 (%s) to %d (%s)", at->text,
                           m->layer[0].name, m->n_layers - 1, m->layer[m->n_layers - 1].name);
  return GLIA_OK;
}

glia_status glia_model_cut_at(const struct glia_model *m, const struct glia_yaml *cuts, int stages,
                              struct glia_model_cut *out)
{
  int n = 0;

  *out = (struct glia_model_cut){.model = m, .stages = stages};
  if (cuts->kind == GLIA_YAML_SCALAR)
    return glia_yaml_error(cuts,
                           "found '%.40s', expected measured or a list of the first layers of all "
                           "stages but the first: %d for %d stages",
                           cuts->text, stages - 1, stages);
  if (cuts->kind != GLIA_YAML_LIST || cuts->n_children != stages - 1)
    return glia_yaml_error(cuts,
                           "%d stages need a list of %d layers, the first of each stage but the "
                           "first; found %d",
                           stages, stages - 1, cuts->kind == GLIA_YAML_LIST ? cuts->n_children : 0);
  for (const struct glia_yaml *c = cuts->child; c != NULL; c = c->next) {
    int layer = 0;
    GLIA_TRY(read_layer(m, c, &layer));
    if (!may_begin(m, layer) && may_begin(m, layer - 1)) layer--; /* detach stands before it */
    if (!may_begin(m, layer))
      return glia_yaml_error(
          c, "layer %s is inside a module of local learning: a stage begins with one",
          m->layer[layer].name);
    if (layer <= out->first[n])
      return glia_yaml_error(c,
                             "stage %d would begin with layer %d and stage %d with layer %d: "
                             "each needs a layer, in their order",
                             n, out->first[n], n + 1, layer);
    out->first[++n] = layer;
  }
  out->first[stages] = m->n_layers;
  return GLIA_OK;
}

glia_status glia_model_cut_balanced(const struct glia_model *m, const double *cost, int stages,
                                    struct glia_model_cut *out)
{
  const int n = m->n_layers;
  double *best = malloc((size_t)(stages + 1) * (size_t)(n + 1) * sizeof *best);
  int *from = malloc((size_t)(stages + 1) * (size_t)(n + 1) * sizeof *from);
  glia_status st = GLIA_OK;

  *out = (struct glia_model_cut){.model = m, .stages = stages};
  GLIA_CHECK_TO(out, st, best != NULL && from != NULL, GLIA_E_MEMORY, "%d stages", stages);
  GLIA_CHECK_TO(out, st, stages <= n && stages <= GLIA_MODEL_MAX_STAGES, GLIA_E_CONFIG,
                "%d stages for a model of %d layers: parallel.stages (times chunks) at most %d",
                stages, n, n < GLIA_MODEL_MAX_STAGES ? n : GLIA_MODEL_MAX_STAGES);
  GLIA_CHECK_TO(out, st, m->n_modules == 0 || stages <= m->n_modules, GLIA_E_CONFIG,
                "%d stages for %d modules of local learning: parallel.stages at most %d", stages,
                m->n_modules, m->n_modules);
  /* best[s][k]: the dearest of s stages over the first k layers */
  for (int i = 0; i < (stages + 1) * (n + 1); i++) best[i] = DBL_MAX;
  best[0] = 0.0;
  for (int s = 1; s <= stages; s++)
    for (int k = s; k <= n; k++) {
      double own = k == n ? cost[n] : 0.0;
      for (int j = k - 1; j >= s - 1; j--) {
        own += cost[j];
        const double most = fmax(own, best[(s - 1) * (n + 1) + j]);
        if (most >= best[s * (n + 1) + k] || !may_begin(m, j)) continue;
        best[s * (n + 1) + k] = most;
        from[s * (n + 1) + k] = j;
      }
    }
  for (int s = stages, k = n; s >= 1; s--) {
    out->first[s] = k;
    k = from[s * (n + 1) + k];
  }
  out->first[0] = 0;
out:
  free(best);
  free(from);
  return st;
}

/* Operations of a product of arrays: of a matrix product M N K each array has the product of two of the three, a convolution that
 * many times the size of its kernel. The same for derivatives, which permute the three. */
static double product_flops(const struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_type *type[3] = {&glia_graph_node(g, n->in[0])->type,
                                     &glia_graph_node(g, n->in[1])->type, &n->type};
  const bool conv = strcmp(n->op->name, "conv") == 0;
  double product = 1.0, kernel = DBL_MAX, batch = 1.0;

  for (int i = 0; i < 3; i++) {
    double places = 1.0;
    product *= (double)glia_type_count(type[i]);
    for (int k = 2; k < type[i]->rank; k++) places *= (double)type[i]->dim[k];
    if (places < kernel) kernel = places;
  }
  for (int k = 0; !conv && k < n->type.rank - 2; k++) batch *= (double)n->type.dim[k];
  return 2.0 * sqrt(product / batch) * (conv ? sqrt(kernel) : 1.0);
}

static double node_cost(const struct glia_graph *g, const struct glia_node *n)
{
  double bytes = (double)glia_type_bytes(&n->type), flops = 0.0;

  if (n->op->view || n->n_in == 0) return 0.0;
  for (int i = 0; i < n->n_in; i++)
    bytes += (double)glia_type_bytes(&glia_graph_node(g, n->in[i])->type);
  flops = n->op->flops_per_element * (double)glia_type_count(&n->type);
  if (strcmp(n->op->name, "conv") == 0 || strcmp(n->op->name, "matmul") == 0)
    flops = product_flops(g, n);
  return flops / flops_per_s + bytes / bytes_per_s;
}

struct glia_budget glia_model_budget(const struct glia_model *m, size_t bytes)
{
  return (struct glia_budget){"train", m->loss_sum, bytes, node_cost};
}

void glia_model_cost(const struct glia_model *m, double *cost)
{
  const int32_t n = glia_graph_size(m->g);
  struct glia_entry *const *entry;
  const int n_entries = glia_graph_entries(m->g, &entry);
  bool *alive = calloc((size_t)n + 1, sizeof *alive);

  memset(cost, 0, ((size_t)m->n_layers + 1) * sizeof *cost);
  if (alive == NULL) return;
  for (int e = 0; e < n_entries; e++)
    for (int i = 0; i < entry[e]->n_writes; i++) alive[entry[e]->write[i].value] = true;
  for (int32_t v = n - 1; v >= 0; v--) {
    const struct glia_node *node = glia_graph_node(m->g, v);
    const char *scope = glia_scope_of(m->g, v);
    if (!alive[v]) continue;
    for (int i = 0; i < node->n_in; i++) alive[node->in[i]] = true;
    /* what a parameter's own scope has runs once per step */
    const int layer =
        scope != NULL && strncmp(scope, "params/", 7) != 0 ? glia_model_layer_of(m, scope) : -1;
    if (layer >= 0) cost[layer] += node_cost(m->g, node);
  }
  free(alive);
}

double glia_model_imbalance(const struct glia_model_cut *cut, const double *cost, double *out)
{
  double most = 0.0, all = 0.0;

  for (int s = 0; s < cut->stages; s++) {
    out[s] = s == cut->stages - 1 ? cost[cut->model->n_layers] : 0.0;
    for (int i = cut->first[s]; i < cut->first[s + 1]; i++) out[s] += cost[i];
    all += out[s];
    if (out[s] > most) most = out[s];
  }
  return all > 0.0 ? most * cut->stages / all - 1.0 : 0.0;
}
