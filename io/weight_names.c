/* Names of a model's arrays in weights of others: see glia_weights.h. */
#include "glia_text.h"
#include "glia_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "params/01-linear/weight" -> "01-linear/weight" */
static const char *below(const char *path)
{
  const char *slash = strchr(path, '/');

  return slash != NULL ? slash + 1 : path;
}

/* The part of `name` behind `key` where key is the name itself ("") or a layer of it ("/weight"); NULL: neither. */
static const char *rest_of(const char *name, const char *key)
{
  const size_t n = strlen(key);

  return strncmp(name, key, n) == 0 && (name[n] == '/' || name[n] == '\0') ? name + n : NULL;
}

glia_status glia_weights_name(const struct glia_yaml *names, const char *path, char *out,
                              size_t size)
{
  const char *name = below(path), *rest = name, *theirs = "";

  for (const struct glia_yaml *c = names != NULL ? names->child : NULL; c != NULL; c = c->next) {
    const char *r = rest_of(name, c->key);
    if (r == NULL || strlen(r) >= strlen(rest)) continue; /* the longest key counts */
    if (c->kind != GLIA_YAML_SCALAR) return glia_yaml_error(c, "expected a name");
    rest = r;
    theirs = c->text;
  }
  const int n = snprintf(out, size, "%s%s", theirs, rest);
  GLIA_CHECK(n > 0 && (size_t)n < size, GLIA_E_ARGUMENT, "a name of %d bytes", n);
  for (char *p = out + strlen(theirs); *p != '\0'; p++)
    if (*p == '/') *p = '.';
  return GLIA_OK;
}

glia_status glia_weights_check_names(const struct glia_yaml *names, int n,
                                     const struct glia_array *array)
{
  if (names == NULL || names->kind == GLIA_YAML_NULL) return GLIA_OK;
  if (names->kind != GLIA_YAML_MAP)
    return glia_yaml_error(names, "expected a map of our names to theirs, such as 01-linear: fc1");
  const char **known = calloc((size_t)n + 1, sizeof *known);
  GLIA_CHECK(known != NULL, GLIA_E_MEMORY, "%d names", n);
  for (int i = 0; i < n; i++) known[i] = below(array[i].path);
  glia_status st = GLIA_OK;
  for (const struct glia_yaml *c = names->child; c != NULL && st == GLIA_OK; c = c->next) {
    bool used = false;
    for (int i = 0; i < n && !used; i++) used = rest_of(known[i], c->key) != NULL;
    const char *near = used ? NULL : glia_nearest(c->key, known);
    if (!used)
      st = glia_yaml_error(c, "the model has no layer or array '%s'%s%s%s; the first is %s", c->key,
                           near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
                           near != NULL ? "'?" : "", n > 0 ? known[0] : "none");
  }
  free(known);
  return st;
}

static glia_status read_one(struct glia_weights *w, const char *path, const struct glia_yaml *names,
                            const struct glia_array *a)
{
  const struct glia_weight *list;
  char name[1024], has[128], wants[128];
  int i = glia_weights_find(w, a->path); /* a checkpoint of ours */

  GLIA_TRY(glia_weights_name(names, a->path, name, sizeof name));
  if (i < 0 || names != NULL) i = glia_weights_find(w, name);
  if (i < 0) i = glia_weights_find(w, below(a->path));
  const int n = glia_weights_list(w, &list);
  GLIA_CHECK(
      i >= 0, GLIA_E_MISSING,
      "%s has no '%s' for %s; it holds %d arrays, the first is '%s': names: maps ours to theirs",
      path, name, below(a->path), n, n > 0 ? list[0].name : "");
  GLIA_CHECK(glia_type_same_shape(&list[i].type, &a->type), GLIA_E_SHAPE,
             "%s: %s is %s, the model's %s is %s", path, list[i].name,
             glia_type_text(&list[i].type, has, sizeof has), below(a->path),
             glia_type_text(&a->type, wants, sizeof wants));
  return glia_weights_read(w, i, a->type.dtype, a->data);
}

glia_status glia_weights_take(const char *path, const struct glia_yaml *names, int n,
                              const struct glia_array *array)
{
  struct glia_weights *w = NULL;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_weights_check_names(names, n, array));
  GLIA_TRY(glia_weights_open(path, &w));
  for (int i = 0; i < n && st == GLIA_OK; i++) st = read_one(w, path, names, &array[i]);
  glia_weights_close(&w);
  return st;
}
