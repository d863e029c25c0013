/* A sweep: a training YAML with lists of values becomes a study whose variants are all their combinations. */
#include "study_priv.h"

#include "glia_train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AXES_MAX = 16, SEEDS_DEFAULT = 3, QUICK_SEEDS = 2, NAME_MAX_BYTES = 200 };

struct axis {
  const struct glia_yaml *values; /* a list; its key is the dotted path */
  const char *label;              /* last word of the path, or all of it where two axes end alike */
};

struct sweep {
  struct glia_arena *arena;
  int n_axes;
  struct axis axis[AXES_MAX];
  int64_t seeds, variants;
};

static glia_status cell(struct study_cell *c)
{
  struct glia_source *none = NULL;

  return study_train(c, &none, NULL);
}

/* A value in YAML's flow style, as an override wants it. Depth is bounded by the parser's. */
static void print_flow(FILE *f, const struct glia_yaml *node)
{
  if (node->kind == GLIA_YAML_NULL) {
    fputs("null", f);
  } else if (node->kind == GLIA_YAML_SCALAR && !node->quoted) {
    fputs(node->text, f);
  } else if (node->kind == GLIA_YAML_SCALAR) {
    fputc('\'', f);
    for (const char *at = node->text; *at != '\0'; at++) {
      if (*at == '\'') fputc('\'', f);
      fputc(*at, f);
    }
    fputc('\'', f);
  } else {
    const bool map = node->kind == GLIA_YAML_MAP;
    fputc(map ? '{' : '[', f);
    for (const struct glia_yaml *c = node->child; c != NULL; c = c->next) {
      if (map) fprintf(f, "'%s': ", c->key);
      print_flow(f, c);
      if (c->next != NULL) fputs(", ", f);
    }
    fputc(map ? '}' : ']', f);
  }
}

/* "prefix=value" in the arena. */
static glia_status assignment(struct glia_arena *a, const char *prefix,
                              const struct glia_yaml *value, const char **out)
{
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);

  *out = NULL;
  if (f != NULL) {
    fprintf(f, "%s=", prefix);
    print_flow(f, value);
    if (fclose(f) == 0) *out = glia_arena_text(a, text);
  }
  free(text);
  GLIA_CHECK(*out != NULL, GLIA_E_MEMORY, "a value of %s", prefix);
  return GLIA_OK;
}

static const char *last_word(const char *path)
{
  const char *dot = strrchr(path, '.');

  return dot != NULL ? dot + 1 : path;
}

static void label_axes(struct sweep *s)
{
  for (int i = 0; i < s->n_axes; i++) {
    s->axis[i].label = last_word(s->axis[i].values->key);
    for (int k = 0; k < s->n_axes; k++)
      if (k != i && strcmp(last_word(s->axis[k].values->key), s->axis[i].label) == 0)
        s->axis[i].label = s->axis[i].values->key;
  }
}

static glia_status read_axes(struct sweep *s, const struct glia_yaml *sweep)
{
  s->seeds = SEEDS_DEFAULT;
  s->variants = 1;
  GLIA_TRY(glia_yaml_get_int(sweep, "seeds", 1, STUDY_SEEDS_MAX, &s->seeds));
  for (const struct glia_yaml *k = sweep->child; k != NULL; k = k->next) {
    if (strcmp(k->key, "seeds") == 0) continue;
    if (strcmp(k->key, "seed") == 0)
      return glia_yaml_error(k, "seeds are counted from the run's seed: give seeds: N");
    if (k->kind != GLIA_YAML_LIST || k->n_children == 0)
      return glia_yaml_error(k, "expected a list of values, as in optimizer.adam.lr: [1e-2, 1e-3]");
    if (s->n_axes == AXES_MAX) return glia_yaml_error(k, "at most %d keys can be swept", AXES_MAX);
    s->axis[s->n_axes++].values = k;
    s->variants *= k->n_children;
    if (s->variants > STUDY_ROWS_MAX)
      return glia_yaml_error(k, "more than %d combinations", STUDY_ROWS_MAX);
  }
  if (s->n_axes == 0)
    return glia_yaml_error(sweep, "expected keys with lists of values, as in "
                                  "sweep: {optimizer.adam.lr: [1e-2, 1e-3], seeds: 3}");
  label_axes(s);
  return GLIA_OK;
}

/* Combination i: the last axis runs fastest. */
static glia_status make_variant(const struct sweep *s, int64_t i, struct study_variant *out)
{
  const char **set = glia_arena_take(s->arena, (size_t)s->n_axes + 1, sizeof *set);
  char name[NAME_MAX_BYTES] = "";
  int64_t rest = i;

  GLIA_CHECK(set != NULL, GLIA_E_MEMORY, "a sweep of %lld", (long long)s->variants);
  for (int a = s->n_axes - 1; a >= 0; a--) {
    const struct glia_yaml *value = s->axis[a].values->child;
    for (int64_t k = rest % s->axis[a].values->n_children; k > 0; k--) value = value->next;
    rest /= s->axis[a].values->n_children;
    GLIA_TRY(assignment(s->arena, s->axis[a].values->key, value, &set[a]));
  }
  for (int a = 0; a < s->n_axes; a++) {
    const size_t used = strlen(name);
    snprintf(name + used, sizeof name - used, "%s%s%s", a > 0 ? " " : "", s->axis[a].label,
             strchr(set[a], '='));
  }
  *out = (struct study_variant){glia_arena_text(s->arena, name), "", set};
  GLIA_CHECK(out->name != NULL, GLIA_E_MEMORY, "a sweep of %lld", (long long)s->variants);
  return GLIA_OK;
}

/* Two combinations whose names were cut alike, or a value given twice. */
static glia_status check_names(const struct study_variant *v, int64_t n, const struct glia_yaml *at)
{
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < i; k++)
      if (strcmp(v[i].name, v[k].name) == 0)
        return glia_yaml_error(at, "two combinations are called '%.60s'", v[i].name);
  return GLIA_OK;
}

/* What a run measures, by what it may have; measures that no cell has are left out of what is shown. */
static const struct study_measure measures[] = {
    {"accuracy", "1", "share of test rows whose largest output is their label"},
    {"test_loss", "", "mean loss on the test rows"},
    {"train_loss", "", "mean training loss of the last epoch"},
    {0},
};

static glia_status make_study(struct sweep *s, const struct glia_yaml *root, const char *path,
                              struct glia_study *out)
{
  const struct glia_yaml *sweep = glia_yaml_get(root, "sweep");
  int64_t seed = 1;

  GLIA_TRY(glia_yaml_get_int(root, "seed", 0, INT64_MAX - STUDY_SEEDS_MAX, &seed));
  GLIA_TRY(read_axes(s, sweep));
  struct study_variant *v = glia_arena_take(s->arena, (size_t)s->variants + 1, sizeof *v);
  GLIA_CHECK(v != NULL, GLIA_E_MEMORY, "a sweep of %lld", (long long)s->variants);
  for (int64_t i = 0; i < s->variants; i++) GLIA_TRY(make_variant(s, i, &v[i]));
  GLIA_TRY(check_names(v, s->variants, sweep));
  *out = (struct glia_study){.name = glia_arena_text(s->arena, path),
                             .title = "a sweep",
                             .version = 1,
                             .variant = v,
                             .measure = measures,
                             .baseline = v[0].name,
                             .first_seed = seed,
                             .seeds = s->seeds,
                             .quick_seeds = s->seeds < QUICK_SEEDS ? s->seeds : QUICK_SEEDS,
                             .cell = cell};
  GLIA_CHECK(out->name != NULL, GLIA_E_MEMORY, "%s", path);
  return GLIA_OK;
}

/* The configuration without its sweep, so that a longer list of values finds its finished cells again. It must be one that
 * could run by itself: found out before the first cell. */
static glia_status read_base(struct glia_yaml_doc *doc, struct glia_arena *a,
                             struct glia_study *out, const char **data)
{
  struct glia_train_config c;
  char *text;

  GLIA_TRY(glia_yaml_override(doc, "sweep=null"));
  GLIA_TRY(glia_train_config_read(glia_yaml_root(doc), &c));
  GLIA_TRY(glia_yaml_print(glia_yaml_root(doc), &text));
  out->config = glia_arena_text(a, text);
  free(text);
  *data = glia_arena_text(a, c.data_file);
  GLIA_CHECK(*data != NULL && out->config != NULL, GLIA_E_MEMORY, "a configuration");
  return GLIA_OK;
}

glia_status study_sweep(struct glia_arena *a, const char *path, int n_overrides,
                        const char *const *override, struct glia_study *out, const char **data)
{
  struct sweep s = {.arena = a};
  struct glia_yaml_doc *doc;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_yaml_parse_file(path, &doc));
  for (int i = 0; i < n_overrides && st == GLIA_OK; i++) st = glia_yaml_override(doc, override[i]);
  const struct glia_yaml *sweep = glia_yaml_get(glia_yaml_root(doc), "sweep");
  if (st == GLIA_OK && (sweep == NULL || sweep->kind != GLIA_YAML_MAP))
    st = glia_yaml_error(glia_yaml_root(doc), "no sweep: is given; expected "
                                              "sweep: {optimizer.adam.lr: [1e-2, 1e-3], seeds: 3}");
  if (st == GLIA_OK) st = make_study(&s, glia_yaml_root(doc), path, out);
  if (st == GLIA_OK) st = read_base(doc, a, out, data);
  glia_yaml_destroy(&doc);
  return st;
}
