/* The model that local learning trains, as YAML: modules, auxiliary networks, losses. See local.c. */
#include "local_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How an auxiliary network copies a unit. */
struct copy {
  int64_t width, before; /* channels of the unit, and of what it reads; 0: not known */
  int stride;            /* 1 or 2 */
  bool pools;            /* a pooling layer makes its rows smaller */
  bool strided;          /* the stride has been placed */
};

/* ---- any node, in one line */

static void put_text(FILE *f, const struct glia_yaml *n)
{
  const bool bare = !n->quoted && n->text[0] != '\0' && strpbrk(n->text, ",[]{}#:\"'\n") == NULL;

  if (bare) {
    fputs(n->text, f);
    return;
  }
  fputc('"', f);
  for (const char *c = n->text; *c != '\0'; c++) {
    if (*c == '"' || *c == '\\') fputc('\\', f);
    if (*c == '\n')
      fputs("\\n", f);
    else
      fputc(*c, f);
  }
  fputc('"', f);
}

static void put_node(FILE *f, const struct glia_yaml *n)
{
  if (n == NULL || n->kind == GLIA_YAML_NULL) {
    fputs("null", f);
    return;
  }
  if (n->kind == GLIA_YAML_SCALAR) {
    put_text(f, n);
    return;
  }
  fputc(n->kind == GLIA_YAML_LIST ? '[' : '{', f);
  for (const struct glia_yaml *c = n->child; c != NULL; c = c->next) {
    if (n->kind == GLIA_YAML_MAP) fprintf(f, "%s: ", c->key);
    put_node(f, c);
    if (c->next != NULL) fputs(", ", f);
  }
  fputc(n->kind == GLIA_YAML_LIST ? ']' : '}', f);
}

/* ---- units */

static const struct glia_yaml *only_child(const struct glia_yaml *n, const char **kind)
{
  if (n->kind == GLIA_YAML_SCALAR) {
    *kind = n->text;
    return NULL;
  }
  for (const struct glia_yaml *c = n->child; c != NULL; c = c->next)
    if (strcmp(c->key, "name") != 0 && strcmp(c->key, "transform") != 0 &&
        strcmp(c->key, "from") != 0) {
      *kind = c->key;
      return c;
    }
  *kind = "";
  return NULL;
}

static const struct glia_yaml *body_of(const struct glia_yaml *residual)
{
  return residual != NULL && residual->kind == GLIA_YAML_MAP ? glia_yaml_get(residual, "body")
                                                             : residual;
}

static bool is_pool(const char *kind)
{
  return strcmp(kind, "max_pool") == 0 || strcmp(kind, "avg_pool") == 0;
}

/* Numbers that an item hands on along its channels, where it says so. */
static void look_at(const char *kind, const struct glia_yaml *options, int64_t *width, bool *pools)
{
  const struct glia_yaml *n = NULL;

  *pools |= is_pool(kind);
  if (strcmp(kind, "conv") == 0) n = glia_yaml_get(options, "channels");
  if (strcmp(kind, "linear") == 0)
    n = options != NULL && options->kind == GLIA_YAML_MAP ? glia_yaml_get(options, "units")
                                                          : options;
  if (n != NULL && n->kind == GLIA_YAML_SCALAR) *width = strtoll(n->text, NULL, 10);
  const struct glia_yaml *body = strcmp(kind, "residual") == 0 ? body_of(options) : NULL;
  for (const struct glia_yaml *c = body != NULL ? body->child : NULL; c != NULL; c = c->next) {
    const char *inner;
    const struct glia_yaml *inner_options = only_child(c, &inner);
    look_at(inner, inner_options, width, pools);
  }
}

static struct copy look_at_unit(const struct nn_local_plan *p, int unit)
{
  struct copy c = {.stride = 1};

  for (int i = p->first[unit]; i < p->first[unit + 1]; i++)
    look_at(p->item[i].kind, p->item[i].options, &c.width, &c.pools);
  return c;
}

static bool has_conv(const struct glia_yaml *list)
{
  for (const struct glia_yaml *c = list != NULL ? list->child : NULL; c != NULL; c = c->next) {
    const char *kind;
    only_child(c, &kind);
    if (strcmp(kind, "conv") == 0) return true;
  }
  return false;
}

/* ---- copies: `kind: options` of an item */

static void put_conv(FILE *f, const struct glia_yaml *options, struct copy *c)
{
  const int stride = c->pools || c->strided ? 1 : c->stride;

  c->strided = true;
  fputs("conv: {", f);
  for (const struct glia_yaml *o = options != NULL ? options->child : NULL; o != NULL;
       o = o->next) {
    if (strcmp(o->key, "stride") == 0) continue;
    fprintf(f, "%s: ", o->key);
    put_node(f, o);
    fputs(", ", f);
  }
  fprintf(f, "stride: %d}", stride);
}

static void put_copy(FILE *f, const char *kind, const struct glia_yaml *options, struct copy *c);

static void put_residual(FILE *f, const struct glia_yaml *options, struct copy *c)
{
  const struct glia_yaml *body = body_of(options);
  const int stride = c->pools || c->strided ? 1 : c->stride;

  fputs("residual: {body: [", f);
  for (const struct glia_yaml *o = body != NULL ? body->child : NULL; o != NULL; o = o->next) {
    const char *kind;
    const struct glia_yaml *inner = only_child(o, &kind);
    fputc('{', f);
    put_copy(f, kind, inner, c);
    fprintf(f, "}%s", o->next != NULL ? ", " : "");
  }
  fputc(']', f);
  if (has_conv(body) && (stride != 1 || c->width != c->before))
    fprintf(f,
            ", shortcut: [{conv: {channels: %lld, kernel: 1, stride: %d, bias: false}}, "
            "batch_norm]",
            (long long)c->width, stride);
  else if (!has_conv(body) && c->width > 0 && c->width != c->before)
    fprintf(f, ", shortcut: [{linear: %lld}]", (long long)c->width);
  fputc('}', f);
}

static void put_copy(FILE *f, const char *kind, const struct glia_yaml *options, struct copy *c)
{
  if (strcmp(kind, "conv") == 0)
    put_conv(f, options, c);
  else if (strcmp(kind, "residual") == 0)
    put_residual(f, options, c);
  else {
    fprintf(f, "%s: ", kind);
    put_node(f, options);
  }
}

/* ---- modules */

/* A layer of the model, under the name that it has there. */
static void put_item(FILE *f, const struct nn_item *i)
{
  fprintf(f, "  - {%s: ", i->kind);
  put_node(f, i->options);
  fprintf(f, ", name: \"%s\"", i->name);
  for (const struct glia_yaml *c = i->node->kind == GLIA_YAML_MAP ? i->node->child : NULL;
       c != NULL; c = c->next) {
    if (c == i->options || strcmp(c->key, "name") == 0) continue;
    fprintf(f, ", %s: ", c->key);
    put_node(f, c);
  }
  fputs("}\n", f);
}

/* While an auxiliary network is written. */
struct network {
  FILE *f;
  int module, n; /* layers of it so far */
  char name[300];
};

static void begin(struct network *w, const char *kind)
{
  snprintf(w->name, sizeof w->name, "aux%02d.%02d-%.80s", w->module, w->n++, kind);
  fputs("  - {", w->f);
}

static void end(const struct network *w) { fprintf(w->f, ", name: \"%s\"}\n", w->name); }

static void put_unit(const struct nn_local_plan *p, struct network *w, int unit, struct copy *c)
{
  for (int i = p->first[unit]; i < p->first[unit + 1]; i++) {
    const struct nn_item *item = &p->item[i];
    if (is_pool(item->kind) && c->stride == 1) continue;
    begin(w, item->kind);
    put_copy(w->f, item->kind, item->options, c);
    end(w);
  }
}

/* Fresh layers like units of the sample: rows are halved once for every doubling of the channels. */
static void put_sample(const struct nn_local_plan *p, struct network *w, int depth)
{
  int chosen[NN_LOCAL_MOST];
  const int n = glia_local_select(p->n_units, w->module, depth, chosen);
  int64_t before = look_at_unit(p, w->module).width;
  double carry = 0.0;

  for (int k = 0; k < n; k++) {
    struct copy c = look_at_unit(p, chosen[k]);
    c.before = before;
    if (c.width > 0 && before > 0) carry += log2((double)c.width / (double)before);
    if (carry >= 1.0) {
      c.stride = 2;
      carry -= 1.0;
    }
    put_unit(p, w, chosen[k], &c);
    before = c.width;
  }
}

static void put_head(const struct nn_local_plan *p, struct network *w, bool norm)
{
  for (int i = p->head; i < p->n_items; i++) {
    const struct nn_item *item = &p->item[i];
    if (i == p->classifier && norm) {
      begin(w, "batch_norm");
      fputs("batch_norm: null", w->f);
      end(w);
    }
    if (i == p->classifier && p->hidden[w->module] > 0) {
      begin(w, "linear");
      fprintf(w->f, "linear: %lld", (long long)p->hidden[w->module]);
      end(w);
      begin(w, "relu");
      fputs("relu: null", w->f);
      end(w);
    }
    begin(w, item->kind);
    fprintf(w->f, "%s: ", item->kind);
    put_node(w->f, item->options);
    end(w);
  }
}

static void put_auxiliary(const struct nn_local_plan *p, struct network *w)
{
  const bool layers = p->depth > 0 && p->hidden[w->module] == 0;
  const int depth = glia_local_depth(p->depth, p->pyramid, p->n_modules - 1, w->module);

  if (layers) put_sample(p, w, depth);
  put_head(p, w, layers && depth <= 1);
}

static void put_loss(FILE *f, const struct glia_yaml *config, const char *of, bool train_only)
{
  const struct glia_yaml *loss = glia_yaml_get(config, "loss");

  if (loss->kind == GLIA_YAML_LIST) loss = loss->child;
  fprintf(f, "  - {of: \"%s\"", of);
  if (loss->kind == GLIA_YAML_SCALAR) {
    fputs(", name: ", f);
    put_text(f, loss);
  }
  for (const struct glia_yaml *c = loss->kind == GLIA_YAML_MAP ? loss->child : NULL; c != NULL;
       c = c->next) {
    if (strcmp(c->key, "of") == 0) continue;
    fprintf(f, ", %s: ", c->key);
    put_node(f, c);
  }
  fprintf(f, "%s}\n", train_only ? ", train_only: true" : "");
}

glia_status glia_local_write_(const struct nn_local_plan *p, const struct glia_yaml *config,
                              char **out)
{
  char *losses = NULL, *modules = NULL;
  size_t size, losses_size, modules_size;
  FILE *f = open_memstream(out, &size), *l = open_memstream(&losses, &losses_size),
       *m = open_memstream(&modules, &modules_size);
  bool good = f != NULL && l != NULL && m != NULL;

  if (good) {
    fputs("model:\n", f);
    put_loss(l, config, p->item[p->n_items - 1].name, false);
    for (int k = 0; k < p->n_modules; k++) {
      const bool last = k == p->n_modules - 1;
      struct network w = {.f = f, .module = k};
      const int from = p->first[k], to = last ? p->n_items : p->first[k + 1];
      if (k > 0)
        fprintf(f, "  - {detach: null, name: detach%02d, from: [\"%s\"]}\n", k,
                p->item[from - 1].name);
      for (int i = from; i < to; i++) put_item(f, &p->item[i]);
      if (!last) put_auxiliary(p, &w);
      if (!last) put_loss(l, config, w.name, true);
      fprintf(m, "%s%d", k > 0 ? ", " : "", (k > 0) + to - from + w.n);
    }
  }
  if (l != NULL) good = fclose(l) == 0 && good;
  if (m != NULL) good = fclose(m) == 0 && good;
  if (good) fprintf(f, "loss:\n%smodules: [%s]\n", losses, modules);
  if (f != NULL) good = fclose(f) == 0 && good;
  free(losses);
  free(modules);
  if (good) return GLIA_OK;
  free(*out);
  *out = NULL;
  return GLIA_FAIL(GLIA_E_MEMORY, "the text of a model");
}
