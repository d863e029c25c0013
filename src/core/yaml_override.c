/* "model.1.linear=64": one value of a tree replaced from the command line. */
#include "yaml_priv.h"

#include "glia_text.h"

#include <stdlib.h>
#include <string.h>

/* The name in "a.b.c=value" under work. */
struct step {
  const char *assignment;
  const char *name; /* this part of the path, 0-terminated */
};

static struct yaml_node *child_by_key(struct yaml_node *map, const char *key)
{
  struct yaml_node *c = map->first;

  while (c != NULL && strcmp(c->seen.key, key) != 0) c = c->next;
  return c;
}

static struct yaml_node *child_by_index(struct yaml_node *list, int64_t index)
{
  struct yaml_node *c = list->first;

  while (c != NULL && index-- > 0) c = c->next;
  return c;
}

/* What stands at `step` below `node`; an absent key, or the item behind the last, is made. */
static glia_status descend(struct glia_yaml_doc *doc, struct yaml_node *node,
                           const struct step *step, struct yaml_node **out)
{
  int64_t index = 0;

  if (node->seen.kind == GLIA_YAML_NULL) node->seen.kind = GLIA_YAML_MAP;
  if (node->seen.kind == GLIA_YAML_LIST) {
    GLIA_CHECK(glia_parse_int(step->name, &index) && index >= 0 && index <= node->seen.n_children,
               GLIA_E_CONFIG, "%s: found '%s' where a list of %d items wants a number from 0",
               step->assignment, step->name, node->seen.n_children);
    *out = child_by_index(node, index);
  } else if (node->seen.kind == GLIA_YAML_MAP) {
    *out = child_by_key(node, step->name);
  } else {
    return GLIA_FAIL(GLIA_E_CONFIG, "%s: nothing stands below '%s', so '%s' has no place",
                     step->assignment, node->seen.text, step->name);
  }
  if (*out != NULL) return GLIA_OK;

  GLIA_TRY(yaml_new(doc, GLIA_YAML_NULL, step->assignment, 0, out));
  if (node->seen.kind == GLIA_YAML_MAP) {
    const size_t n = strlen(step->name);
    GLIA_CHECK(n <= YAML_KEY_MAX, GLIA_E_CONFIG, "%s: a key is longer than %d bytes",
               step->assignment, (int)YAML_KEY_MAX);
    (*out)->seen.key = yaml_copy(doc, step->name, n);
    GLIA_CHECK((*out)->seen.key != NULL, GLIA_E_MEMORY, "%s: no memory", step->assignment);
  }
  yaml_append(node, *out);
  return GLIA_OK;
}

/* Let `node` be what `value` is, where it stands. */
static void replace(struct yaml_node *node, const struct yaml_node *value)
{
  node->seen.kind = value->seen.kind;
  node->seen.quoted = value->seen.quoted;
  node->seen.line = value->seen.line;
  node->seen.file = value->seen.file;
  node->seen.text = value->seen.text;
  node->seen.child = value->seen.child;
  node->seen.n_children = value->seen.n_children;
  node->first = value->first;
  node->last = value->last;
  for (struct yaml_node *c = node->first; c != NULL; c = c->next) {
    c->parent = node;
    c->seen.parent = &node->seen;
  }
}

glia_status glia_yaml_override(struct glia_yaml_doc *doc, const char *assignment)
{
  const char *equals = strchr(assignment, '=');
  struct yaml_node *node = doc->root;
  struct yaml_node *value = NULL;
  int depth = 0;

  GLIA_CHECK(equals != NULL && equals != assignment, GLIA_E_CONFIG,
             "%s: expected key=value, such as optimizer.adam.lr=1e-3", assignment);
  const char *kept = yaml_copy(doc, assignment, strlen(assignment));
  char *path = yaml_copy(doc, assignment, (size_t)(equals - assignment));
  GLIA_CHECK(kept != NULL && path != NULL, GLIA_E_MEMORY, "%s: no memory", assignment);

  /* The value first: a malformed one must leave the tree as it was. */
  for (const char *c = path; *c != '\0'; c++) depth += *c == '.';
  depth++;
  GLIA_CHECK(depth < YAML_DEPTH_MAX, GLIA_E_CONFIG, "%s: deeper than %d levels", assignment,
             (int)YAML_DEPTH_MAX);
  GLIA_TRY(yaml_parse(doc, kept, equals + 1, strlen(equals + 1), true, depth, &value));

  for (char *name = path; name != NULL;) {
    char *dot = strchr(name, '.');
    if (dot != NULL) *dot = '\0';
    GLIA_CHECK(*name != '\0', GLIA_E_CONFIG, "%s: a name is missing beside a point", assignment);
    const struct step step = {.assignment = kept, .name = name};
    GLIA_TRY(descend(doc, node, &step, &node));
    name = dot != NULL ? dot + 1 : NULL;
  }
  replace(node, value);
  return GLIA_OK;
}
