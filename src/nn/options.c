/* Options of layers, optimizers and rates by table, and the forms `kind` and `{kind: options}`. */
#include "nn_priv.h"

#include "glia_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One option from `key` of node ("" reads the node itself). */
static glia_status read_one(const struct glia_yaml *node, const char *key,
                            const struct nn_option *o, double *v)
{
  int64_t whole = 0;
  bool flag = *v != 0.0;
  int choice = 0;

  switch (o->type) {
  case NN_REAL:
    return glia_yaml_get_real(node, key, o->lo, o->hi, v);
  case NN_COUNT: {
    const double none = *v;
    whole = INT64_MIN;
    GLIA_TRY(glia_yaml_get_int(node, key, (int64_t)o->lo, (int64_t)o->hi, &whole));
    *v = whole == INT64_MIN ? none : (double)whole;
    return GLIA_OK;
  }
  case NN_FLAG:
    GLIA_TRY(glia_yaml_get_bool(node, key, &flag));
    *v = flag ? 1.0 : 0.0;
    return GLIA_OK;
  case NN_CHOICE:
    choice = (int)*v;
    GLIA_TRY(glia_yaml_get_choice(node, key, o->words, &choice));
    *v = choice;
    return GLIA_OK;
  }
  return GLIA_OK;
}

/* "takes one of p, q" for a scalar where a map is wanted. */
static glia_status refuse_scalar(const struct glia_yaml *node, const char *kind,
                                 const struct nn_option *option)
{
  char all[256] = "";
  size_t used = 0;

  for (; option->name != NULL && used < sizeof all; option++)
    used +=
        (size_t)snprintf(all + used, sizeof all - used, "%s%s", used > 0 ? ", " : "", option->name);
  return glia_yaml_error(node, "%s takes a map with %s", kind, all);
}

glia_status glia_options_read_(const struct glia_yaml *node, const struct glia_yaml *at,
                               const char *kind, const struct nn_option *option, bool shorthand,
                               double *v)
{
  static const struct nn_option none[] = {{.name = NULL}};
  const char *known[NN_MAX_OPTIONS + 1];
  int n = 0;

  if (option == NULL) option = none;
  for (; option[n].name != NULL; n++) {
    known[n] = option[n].name;
    v[n] = option[n].value;
  }
  known[n] = NULL;
  if (node != NULL && node->kind != GLIA_YAML_NULL) {
    const bool says_nothing = node->kind == GLIA_YAML_MAP && node->n_children == 0;
    if (n == 0 && !says_nothing) return glia_yaml_error(node, "%s takes no options", kind);
    if (node->kind == GLIA_YAML_SCALAR && shorthand) {
      GLIA_TRY(read_one(node, "", &option[0], &v[0]));
    } else {
      if (node->kind != GLIA_YAML_MAP) return refuse_scalar(node, kind, option);
      GLIA_TRY(glia_yaml_check_keys(node, known));
      for (int i = 0; i < n; i++) GLIA_TRY(read_one(node, option[i].name, &option[i], &v[i]));
    }
  }
  for (int i = 0; i < n; i++)
    if (isnan(v[i]))
      return glia_yaml_error(node != NULL ? node : at, "%s needs %s", kind, option[i].name);
  return GLIA_OK;
}

glia_status glia_options_read_beside_(const struct glia_yaml *node, const char *kind,
                                      const struct nn_option *option, const char *const *common,
                                      double *v)
{
  static const struct nn_option none[] = {{.name = NULL}};
  const char *known[NN_MAX_OPTIONS + 16];
  int n = 0, all = 0;

  if (option == NULL) option = none;
  for (; option[n].name != NULL; n++) {
    known[all++] = option[n].name;
    v[n] = option[n].value;
  }
  for (int i = 0; i < 15 && common[i] != NULL; i++) known[all++] = common[i];
  known[all] = NULL;
  if (node->kind == GLIA_YAML_MAP) {
    GLIA_TRY(glia_yaml_check_keys(node, known));
    for (int i = 0; i < n; i++) GLIA_TRY(read_one(node, option[i].name, &option[i], &v[i]));
  }
  for (int i = 0; i < n; i++)
    if (isnan(v[i])) return glia_yaml_error(node, "%s needs %s", kind, option[i].name);
  return GLIA_OK;
}

static int find(const char *const *names, const char *word)
{
  for (int i = 0; names[i] != NULL; i++)
    if (strcmp(names[i], word) == 0) return i;
  return -1;
}

/* A word that is neither a kind nor an extra key. */
static glia_status unknown(const struct glia_yaml *at, const char *what, const char *word,
                           const char *const *names, const char *const *extra)
{
  const char *known[64];
  char all[512] = "";
  size_t used = 0;
  int n = 0;

  for (int i = 0; names[i] != NULL && n < 63; i++) known[n++] = names[i];
  for (int i = 0; extra[i] != NULL && n < 63; i++) known[n++] = extra[i];
  known[n] = NULL;
  const char *nearest = glia_nearest(word, known);
  if (nearest != NULL)
    return glia_yaml_error(at, "unknown %s '%.60s': did you mean '%s'?", what, word, nearest);
  for (int i = 0; names[i] != NULL && used < sizeof all; i++)
    used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", used > 0 ? ", " : "", names[i]);
  return glia_yaml_error(at, "unknown %s '%.60s': expected one of %s", what, word, all);
}

glia_status glia_kind_read_(const struct glia_yaml *node, const char *what,
                            const char *const *names, const char *const *extra, int *index,
                            const struct glia_yaml **options, const struct glia_yaml **at)
{
  static const char *const nothing[] = {NULL};
  const struct glia_yaml *kind = NULL;

  if (extra == NULL) extra = nothing;
  *options = NULL;
  *at = node;
  if (node->kind == GLIA_YAML_SCALAR) {
    *index = find(names, node->text);
    return *index >= 0 ? GLIA_OK : unknown(node, what, node->text, names, nothing);
  }
  if (node->kind != GLIA_YAML_MAP)
    return glia_yaml_error(node, "expected a %s: its name, or {name: options}", what);
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next) {
    if (find(extra, c->key) >= 0) continue;
    if (find(names, c->key) < 0) return unknown(c, what, c->key, names, extra);
    if (kind != NULL)
      return glia_yaml_error(c, "two kinds of %s in one place: %s and %s (is a dash missing?)",
                             what, kind->key, c->key);
    kind = c;
  }
  if (kind == NULL)
    return glia_yaml_error(node, "no kind of %s here, as in {%s: ...}", what, names[0]);
  *index = find(names, kind->key);
  *options = *at = kind;
  return GLIA_OK;
}
