/* local: modules that learn by losses of their own, so that nothing goes backward from one to the next.
 *
 * The layers of a model are dealt out to units (a layer with weights and what follows it up to the next); the last linear layer, with
 * what only shapes its input, is the head. Of n units the first n - depth - 1 are local modules: each has an auxiliary network,
 * fresh layers shaped like a sample of the units that follow and a head, with the model's loss. The last depth + 1 units and the head
 * are one module, trained by backpropagation. depth 0: heads alone.
 *
 * Here: the rules, and what of the configuration is which. local_text.c writes the model with all that as the list of layers that
 * the chain reads; model_local.c takes the gradients.
 * Source: ma2024 (arXiv:2402.17318).  Departs: initial values are those of the layers; any layers in a sequence, not blocks alone. */
#include "local_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int glia_local_depth(int depth, double pyramid, int modules, int module)
{
  const double q = modules > 1 ? module * pyramid / (modules - 1) : 0.0;
  const double d = rint(depth * (1.0 - q) + q); /* half to even, as published */

  return d < 1.0 ? 1 : (int)d;
}

int glia_local_select(int units, int unit, int depth, int *out)
{
  const int behind = units - 1 - unit;
  int n = 0;

  for (int k = 1; k <= depth && depth < behind; k++)
    out[n++] = (int)rint(unit + (double)behind * k / depth);
  for (int k = 1; k <= behind && depth >= behind; k++) out[n++] = unit + k;
  return n;
}

/* What an item of the model says: kind, options, name. */
static glia_status read_item(struct nn_local_plan *p, const struct glia_yaml *node, int index)
{
  struct nn_item *i = &p->item[index];
  int digits = 2;

  *i = (struct nn_item){.node = node, .kind = node->kind == GLIA_YAML_SCALAR ? node->text : NULL};
  for (const struct glia_yaml *c = node->kind == GLIA_YAML_MAP ? node->child : NULL; c != NULL;
       c = c->next) {
    if (strcmp(c->key, "name") == 0 || strcmp(c->key, "from") == 0 ||
        strcmp(c->key, "transform") == 0)
      continue;
    i->kind = c->key;
    i->options = c;
  }
  if (i->kind == NULL) return glia_yaml_error(node, "expected a layer, or a map that names one");
  for (int last = (p->n_items - 1) / 100; last > 0 && digits < 9; last /= 10) digits++;
  snprintf(i->name, sizeof i->name, "%0*d-%.80s", digits, index, i->kind);
  const char *given = NULL;
  GLIA_TRY(glia_yaml_get_text(node, "name", &given));
  if (given != NULL) snprintf(i->name, sizeof i->name, "%.200s", given);
  return GLIA_OK;
}

static bool is_one_of(const char *kind, const char *const *list)
{
  for (; *list != NULL; list++)
    if (strcmp(kind, *list) == 0) return true;
  return false;
}

static bool begins_unit(const struct nn_item *i)
{
  return is_one_of(i->kind, (const char *const[]){"linear", "conv", "residual", "transformer_block",
                                                  "attention", "embedding", "patch_embedding",
                                                  "lstm", "gru", NULL});
}

static bool shapes_input_of_head(const struct nn_item *i)
{
  return is_one_of(i->kind, (const char *const[]){"global_avg_pool", "adaptive_avg_pool", "flatten",
                                                  "readout", NULL});
}

static glia_status find_head(struct nn_local_plan *p)
{
  int head = p->n_items - 1;

  while (head > 0 && !begins_unit(&p->item[head])) head--;
  if (strcmp(p->item[head].kind, "linear") != 0)
    return glia_yaml_error(p->at,
                           "every module needs a head: the model must end with linear, not with %s",
                           p->item[head].kind);
  p->classifier = head;
  while (head > 0 && shapes_input_of_head(&p->item[head - 1])) head--;
  p->head = head;
  return GLIA_OK;
}

static int item_of(const struct nn_local_plan *p, const char *name)
{
  char *end;

  for (int i = 0; i < p->n_items; i++)
    if (strcmp(p->item[i].name, name) == 0) return i;
  const long number = strtol(name, &end, 10);
  return end == name || *end != '\0' || number < 0 || number >= p->n_items ? -1 : (int)number;
}

/* `modules:` names the first layer of each unit but the first. */
static glia_status read_units(struct nn_local_plan *p, const struct glia_yaml *list)
{
  if (list->kind != GLIA_YAML_LIST)
    return glia_yaml_error(list, "expected a list: the first layer of each module but the first");
  p->first[p->n_units++] = 0;
  for (const struct glia_yaml *c = list->child; c != NULL; c = c->next) {
    const int i = c->kind == GLIA_YAML_SCALAR ? item_of(p, c->text) : -1;
    if (i < 0) return glia_yaml_error(c, "no layer of the model has that name or number");
    if (i <= p->first[p->n_units - 1] || i >= p->head)
      return glia_yaml_error(c, "layer %d cannot begin a module: expected %d to %d, in their order",
                             i, p->first[p->n_units - 1] + 1, p->head - 1);
    p->first[p->n_units++] = i;
  }
  return GLIA_OK;
}

static void find_units(struct nn_local_plan *p)
{
  bool weights = false;

  p->first[p->n_units++] = 0;
  for (int i = 0; i < p->head; i++) {
    if (!begins_unit(&p->item[i])) continue;
    if (weights) p->first[p->n_units++] = i;
    weights = true;
  }
}

/* A layer reads the one before it, fields of the data, or layers of its own module: any other way a gradient would get past. */
static glia_status check_from(const struct nn_local_plan *p, int index, int first)
{
  const struct glia_yaml *from = glia_yaml_get(p->item[index].node, "from");
  const struct glia_yaml *c = from != NULL && from->kind == GLIA_YAML_LIST ? from->child : from;

  for (; c != NULL; c = c == from ? NULL : c->next)
    for (int i = 0; i < first && c->kind == GLIA_YAML_SCALAR; i++)
      if (strcmp(c->text, p->item[i].name) == 0)
        return glia_yaml_error(c,
                               "%s reads %s of another module: local learning takes layers in a "
                               "sequence; put what skips into residual, or both into one module "
                               "(local.modules)",
                               p->item[index].name, c->text);
  return GLIA_OK;
}

static glia_status check_modules(const struct nn_local_plan *p)
{
  for (int k = 1; k < p->n_modules; k++) {
    const int end = k == p->n_modules - 1 ? p->n_items : p->first[k + 1];
    for (int i = p->first[k]; i < end; i++) GLIA_TRY(check_from(p, i, p->first[k]));
  }
  return GLIA_OK;
}

/* Width of a hidden layer in the place of the auxiliary layers: one for all modules, or of each. */
static glia_status read_hidden(struct nn_local_plan *p, const struct glia_yaml *node)
{
  if (node == NULL || node->kind == GLIA_YAML_NULL) return GLIA_OK;
  if (node->kind != GLIA_YAML_LIST) {
    int64_t width = 0;
    GLIA_TRY(glia_yaml_get_int(node, "", 1, INT32_MAX, &width));
    for (int k = 0; k < p->n_modules - 1; k++) p->hidden[k] = width;
    return GLIA_OK;
  }
  if (node->n_children != p->n_modules - 1)
    return glia_yaml_error(node, "%d numbers for %d local modules", node->n_children,
                           p->n_modules - 1);
  int k = 0;
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next)
    GLIA_TRY(glia_yaml_get_int(c, "", 1, INT32_MAX, &p->hidden[k++]));
  return GLIA_OK;
}

/* Of the rest of the configuration what would make modules wait for each other, or means nothing with several losses. */
static glia_status check_rest(const struct nn_local_plan *p, const struct glia_yaml *config)
{
  const struct glia_yaml *clip = glia_yaml_get(config, "clip_norm");
  const struct glia_yaml *loss = glia_yaml_get(config, "loss");
  const char *of = NULL;

  if (clip != NULL && clip->kind != GLIA_YAML_NULL)
    return glia_yaml_error(clip, "the norm of all gradients would make modules wait for each "
                                 "other: leave clip_norm out, or local");
  if (loss == NULL || (loss->kind == GLIA_YAML_LIST && loss->n_children != 1))
    return glia_yaml_error(loss != NULL ? loss : config,
                           "local takes one loss, which every module gets");
  if (loss->kind == GLIA_YAML_LIST) loss = loss->child;
  GLIA_TRY(glia_yaml_get_text(loss->kind == GLIA_YAML_MAP ? loss : NULL, "of", &of));
  if (of != NULL && strcmp(of, p->item[p->n_items - 1].name) != 0)
    return glia_yaml_error(loss, "with local the loss is of the last layer, not of %.60s", of);
  return GLIA_OK;
}

static glia_status read_plan(struct nn_local_plan *p, const struct glia_yaml *config)
{
  static const char *const keys[] = {"depth", "pyramid", "modules", "hidden", NULL};
  const struct glia_yaml *units = glia_yaml_get(p->at, "modules"),
                         *model = glia_yaml_get(config, "model");
  int64_t depth = 2;
  int index = 0;

  if (p->at->kind != GLIA_YAML_MAP)
    return glia_yaml_error(p->at, "expected a map, as in local: {depth: 2}");
  GLIA_TRY(glia_yaml_check_keys(p->at, keys));
  GLIA_TRY(glia_yaml_get_int(p->at, "depth", 0, NN_LOCAL_MOST, &depth));
  GLIA_TRY(glia_yaml_get_real(p->at, "pyramid", 0.0, 1.0, &p->pyramid));
  p->depth = (int)depth;
  for (const struct glia_yaml *c = model->child; c != NULL; c = c->next)
    GLIA_TRY(read_item(p, c, index++));
  GLIA_TRY(find_head(p));
  if (units != NULL && units->kind != GLIA_YAML_NULL)
    GLIA_TRY(read_units(p, units));
  else
    find_units(p);
  p->first[p->n_units] = p->head;
  p->n_modules = p->n_units - p->depth;
  if (p->n_modules < 2)
    return glia_yaml_error(p->at,
                           "depth: %d trains the last %d of %d units together, so there is no "
                           "local module: at most %d",
                           p->depth, p->depth + 1, p->n_units, p->n_units - 2);
  GLIA_TRY(read_hidden(p, glia_yaml_get(p->at, "hidden")));
  GLIA_TRY(check_modules(p));
  return check_rest(p, config);
}

glia_status glia_local_expand(const struct glia_yaml *config, char **out)
{
  const struct glia_yaml *model = glia_yaml_get(config, "model");
  struct nn_local_plan p = {.at = glia_yaml_get(config, "local"), .pyramid = 0.5};

  *out = NULL;
  if (p.at == NULL || p.at->kind == GLIA_YAML_NULL) return GLIA_OK;
  if (model == NULL || model->kind != GLIA_YAML_LIST || model->n_children == 0)
    return glia_yaml_error(config, "model is missing: a list of layers");
  p.n_items = model->n_children;
  struct glia_arena arena = {0};
  const size_t n = (size_t)p.n_items + 2;
  p.item = glia_arena_take(&arena, n, sizeof *p.item);
  p.first = glia_arena_take(&arena, n, sizeof *p.first);
  p.hidden = glia_arena_take(&arena, n, sizeof *p.hidden);
  glia_status st = GLIA_OK;
  GLIA_CHECK_TO(out, st, p.item != NULL && p.first != NULL && p.hidden != NULL, GLIA_E_MEMORY,
                "a model of %d layers", p.n_items);
  GLIA_TRY_TO(out, st, read_plan(&p, config));
  st = glia_local_write_(&p, config, out);
out:
  glia_arena_fini(&arena);
  return st;
}
