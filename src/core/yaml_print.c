/* Canonical text of a tree, by libyaml's emitter: block style, plain scalars where they mean the same. */
#include "yaml_priv.h"

#include "glia_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* Text that without quotes would be read as something else. */
static bool needs_quotes(const struct glia_yaml *node)
{
  static const char *const words[] = {"",     "~",    "null",  "Null",  "NULL", "true",
                                      "True", "TRUE", "false", "False", "FALSE"};
  int64_t whole;
  double r;

  if (!node->quoted) return false;
  for (size_t i = 0; i < GLIA_COUNT(words); i++)
    if (strcmp(node->text, words[i]) == 0) return true;
  return glia_parse_based(node->text, &whole) || glia_parse_real(node->text, &r);
}

/* libyaml takes unsigned char * that it only reads, without saying const. */
static int emit_text(yaml_emitter_t *em, const char *text, bool quotes)
{
  yaml_event_t e;
  const size_t n = strlen(text);
  unsigned char *copy = malloc(n + 1);

  if (copy == NULL) return 0;
  memcpy(copy, text, n + 1);
  const int ok = yaml_scalar_event_initialize(&e, NULL, NULL, copy, (int)n, 1, 1,
                                              quotes ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                                                     : YAML_PLAIN_SCALAR_STYLE);
  free(copy);
  return ok && yaml_emitter_emit(em, &e);
}

/* Depth is bounded by YAML_DEPTH_MAX, so recursion is too. */
static int emit_node(yaml_emitter_t *em, const struct glia_yaml *node)
{
  yaml_event_t e;

  if (node->kind == GLIA_YAML_NULL) return emit_text(em, "null", false);
  if (node->kind == GLIA_YAML_SCALAR) return emit_text(em, node->text, needs_quotes(node));
  const bool list = node->kind == GLIA_YAML_LIST;
  if (!(list ? yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE)
             : yaml_mapping_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE)) ||
      !yaml_emitter_emit(em, &e))
    return 0;
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next)
    if ((!list && !emit_text(em, c->key, false)) || !emit_node(em, c)) return 0;
  if (list)
    yaml_sequence_end_event_initialize(&e);
  else
    yaml_mapping_end_event_initialize(&e);
  return yaml_emitter_emit(em, &e);
}

static int emit_document(yaml_emitter_t *em, const struct glia_yaml *node)
{
  yaml_event_t e;

  return yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING) && yaml_emitter_emit(em, &e) &&
         yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1) &&
         yaml_emitter_emit(em, &e) && emit_node(em, node) &&
         yaml_document_end_event_initialize(&e, 1) && yaml_emitter_emit(em, &e) &&
         yaml_stream_end_event_initialize(&e) && yaml_emitter_emit(em, &e);
}

struct text {
  char *at;
  size_t used;
};

static int append(void *self, unsigned char *bytes, size_t n)
{
  struct text *t = self;
  char *more = realloc(t->at, t->used + n + 1);

  if (more == NULL) return 0;
  memcpy(more + t->used, bytes, n);
  t->at = more;
  t->used += n;
  t->at[t->used] = '\0';
  return 1;
}

glia_status glia_yaml_print(const struct glia_yaml *node, char **out)
{
  yaml_emitter_t em;
  struct text t = {0};

  *out = NULL;
  GLIA_CHECK(yaml_emitter_initialize(&em) == 1, GLIA_E_MEMORY,
             "no memory to print a configuration");
  yaml_emitter_set_output(&em, append, &t);
  yaml_emitter_set_width(&em, -1);
  yaml_emitter_set_unicode(&em, 1);
  const bool ok = emit_document(&em, node) != 0;
  yaml_emitter_delete(&em);
  if (!ok || t.at == NULL) {
    free(t.at);
    return GLIA_FAIL(GLIA_E_MEMORY, "no memory to print a configuration");
  }
  *out = t.at;
  return GLIA_OK;
}
