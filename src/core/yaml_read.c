/* Typed reading of a tree: what was found, what was expected, and where. */
#include "glia_text.h"
#include "yaml_priv.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 512, TEXT_BYTES = 1024 };

/* "model.1.linear", from the root down; cut at the front when it is too long. */
static const char *path_of(const struct glia_yaml *node, char out[PATH_BYTES])
{
  char *at = out + PATH_BYTES - 1;

  *at = '\0';
  for (; node->parent != NULL; node = node->parent) {
    char number[16];
    const char *name = node->key;
    if (name == NULL) {
      int index = 0;
      for (const struct glia_yaml *c = node->parent->child; c != node; c = c->next) index++;
      snprintf(number, sizeof number, "%d", index);
      name = number;
    }
    const size_t n = strlen(name);
    if ((size_t)(at - out) < n + 1) break;
    if (*at != '\0') *--at = '.';
    at -= n;
    memcpy(at, name, n);
  }
  return at;
}

glia_status glia_yaml_error(const struct glia_yaml *node, const char *format, ...)
{
  char path[PATH_BYTES];
  char text[TEXT_BYTES];
  va_list args;

  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  const char *where = path_of(node, path);
  const char *colon = *where != '\0' ? ": " : "";
  if (node->line > 0)
    return GLIA_FAIL(GLIA_E_CONFIG, "%s:%d: %s%s%s", node->file, node->line, where, colon, text);
  return GLIA_FAIL(GLIA_E_CONFIG, "%s: %s%s%s", node->file, where, colon, text);
}

/* What a node is, for messages. */
static const char *found(const struct glia_yaml *node, char *out, size_t size)
{
  switch (node->kind) {
  case GLIA_YAML_NULL:
    snprintf(out, size, "nothing");
    break;
  case GLIA_YAML_SCALAR:
    snprintf(out, size, node->quoted ? "the text \"%.60s\"" : "'%.60s'", node->text);
    break;
  case GLIA_YAML_LIST:
    snprintf(out, size, "a list of %d", node->n_children);
    break;
  case GLIA_YAML_MAP:
    snprintf(out, size, "a map of %d", node->n_children);
    break;
  }
  return out;
}

const struct glia_yaml *glia_yaml_get(const struct glia_yaml *node, const char *key)
{
  if (node == NULL || node->kind != GLIA_YAML_MAP) return NULL;
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next)
    if (strcmp(c->key, key) == 0) return c;
  return NULL;
}

/* "a, b, c" of a NULL-terminated list. */
static const char *join(const char *const *words, char *out, size_t size)
{
  size_t used = 0;

  out[0] = '\0';
  for (; *words != NULL && used < size; words++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", *words);
  return out;
}

/* Refuse a word that is not in the list. */
static glia_status unknown(const struct glia_yaml *node, const char *what, const char *word,
                           const char *const *known)
{
  char all[TEXT_BYTES / 2];
  const char *nearest = glia_nearest(word, known);

  if (nearest != NULL)
    return glia_yaml_error(node, "unknown %s '%.60s': did you mean '%s'?", what, word, nearest);
  return glia_yaml_error(node, "unknown %s '%.60s': expected one of %s", what, word,
                         join(known, all, sizeof all));
}

glia_status glia_yaml_check_keys(const struct glia_yaml *node, const char *const *known)
{
  char what[96];

  if (node == NULL || node->kind == GLIA_YAML_NULL) return GLIA_OK;
  if (node->kind != GLIA_YAML_MAP)
    return glia_yaml_error(node, "found %s, expected a map", found(node, what, sizeof what));
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next) {
    const char *const *k = known;
    while (*k != NULL && strcmp(*k, c->key) != 0) k++;
    if (*k == NULL) return unknown(c, "key", c->key, known);
  }
  return GLIA_OK;
}

/* The node to read, or NULL when the default stands. */
static const struct glia_yaml *pick(const struct glia_yaml *node, const char *key)
{
  const struct glia_yaml *c = *key == '\0' ? node : glia_yaml_get(node, key);

  return c == NULL || c->kind == GLIA_YAML_NULL ? NULL : c;
}

/* Whole numbers are numbers in whatever base. */
static bool parse_number(const char *text, double *out)
{
  int64_t whole = 0;

  if (!glia_parse_based(text, &whole)) return glia_parse_real(text, out);
  *out = (double)whole;
  return true;
}

static glia_status expected(const struct glia_yaml *node, const char *what)
{
  char text[96];
  double r;
  const bool unquote =
      node->kind == GLIA_YAML_SCALAR && node->quoted && parse_number(node->text, &r);

  return glia_yaml_error(node, "found %s, expected %s%s", found(node, text, sizeof text), what,
                         unquote ? ": take the quotes away" : "");
}

glia_status glia_yaml_get_int(const struct glia_yaml *node, const char *key, int64_t lo, int64_t hi,
                              int64_t *out)
{
  const struct glia_yaml *c = pick(node, key);
  int64_t v = 0;
  double r = 0.0;

  if (c == NULL) return GLIA_OK;
  if (c->kind != GLIA_YAML_SCALAR || c->quoted) return expected(c, "a whole number");
  if (!glia_parse_int(c->text, &v) && !glia_parse_based(c->text, &v)) {
    /* 1e6 is a whole number too */
    if (!glia_parse_real(c->text, &r) || !(fabs(r) <= 0x1p53) || floor(r) != r)
      return expected(c, "a whole number");
    v = (int64_t)r;
  }
  if (v < lo && hi == INT64_MAX)
    return glia_yaml_error(c, "found %lld, expected at least %lld", (long long)v, (long long)lo);
  if (v < lo || v > hi)
    return glia_yaml_error(c, "found %lld, expected %lld to %lld", (long long)v, (long long)lo,
                           (long long)hi);
  *out = v;
  return GLIA_OK;
}

glia_status glia_yaml_get_real(const struct glia_yaml *node, const char *key, double lo, double hi,
                               double *out)
{
  const struct glia_yaml *c = pick(node, key);
  double v = 0.0;

  if (c == NULL) return GLIA_OK;
  if (c->kind != GLIA_YAML_SCALAR || c->quoted || !parse_number(c->text, &v))
    return expected(c, "a number");
  if (!isfinite(v) || v < lo || v > hi) {
    const bool open = (double)(float)hi != hi && hi == nextafter((double)(float)hi, lo);
    const char *finite = isfinite(v) ? "" : "a finite number of ";
    if (isinf(lo)) return expected(c, "a finite number");
    if (isinf(hi))
      return glia_yaml_error(c, "found %s, expected %sat least %g", c->text, finite, lo);
    return glia_yaml_error(c, "found %s, expected %g to %s%g", c->text, lo,
                           open ? "less than " : "", hi);
  }
  *out = v;
  return GLIA_OK;
}

glia_status glia_yaml_get_bool(const struct glia_yaml *node, const char *key, bool *out)
{
  static const char *const words[] = {"false", "true", "False", "True", "FALSE", "TRUE"};
  const struct glia_yaml *c = pick(node, key);

  if (c == NULL) return GLIA_OK;
  if (c->kind == GLIA_YAML_SCALAR && !c->quoted)
    for (size_t i = 0; i < GLIA_COUNT(words); i++)
      if (strcmp(c->text, words[i]) == 0) {
        *out = i % 2 == 1;
        return GLIA_OK;
      }
  return expected(c, "true or false");
}

glia_status glia_yaml_get_text(const struct glia_yaml *node, const char *key, const char **out)
{
  const struct glia_yaml *c = pick(node, key);

  if (c == NULL) return GLIA_OK;
  if (c->kind != GLIA_YAML_SCALAR) return expected(c, "text");
  *out = c->text;
  return GLIA_OK;
}

glia_status glia_yaml_get_choice(const struct glia_yaml *node, const char *key,
                                 const char *const *names, int *out)
{
  const struct glia_yaml *c = pick(node, key);
  char all[TEXT_BYTES / 2];
  char what[TEXT_BYTES / 2 + 16];

  if (c == NULL) return GLIA_OK;
  if (c->kind != GLIA_YAML_SCALAR) {
    snprintf(what, sizeof what, "one of %s", join(names, all, sizeof all));
    return expected(c, what);
  }
  for (int i = 0; names[i] != NULL; i++)
    if (strcmp(names[i], c->text) == 0) {
      *out = i;
      return GLIA_OK;
    }
  return unknown(c, "value", c->text, names);
}

glia_status glia_yaml_get_duration(const struct glia_yaml *node, const char *key, double *out_s)
{
  const struct glia_yaml *c = pick(node, key);

  if (c == NULL) return GLIA_OK;
  if (c->kind != GLIA_YAML_SCALAR || glia_parse_duration(c->text, out_s) != GLIA_OK)
    return expected(c, "a duration such as 90, 5m, 2h or 1-00:00:00");
  return GLIA_OK;
}

glia_status glia_yaml_get_size(const struct glia_yaml *node, const char *key, int64_t *out_bytes)
{
  const struct glia_yaml *c = pick(node, key);

  if (c == NULL) return GLIA_OK;
  if (c->kind != GLIA_YAML_SCALAR || glia_parse_size(c->text, out_bytes) != GLIA_OK)
    return expected(c, "a size such as 4096, 64KiB or 1.5GiB");
  return GLIA_OK;
}
