/* The tree behind glia_yaml.h: what readers see, and the same links again for those who change it. */
#ifndef YAML_PRIV_H
#define YAML_PRIV_H

#include "glia_arena.h"
#include "glia_yaml.h"

enum {
  YAML_DEPTH_MAX = 64,
  YAML_KEY_MAX = 256,
  YAML_NODES_MAX = 1000000,
  YAML_BYTES_MAX = 16 << 20
};

struct yaml_node {
  struct glia_yaml seen; /* first, so that a node and what is seen of it share their address */
  struct yaml_node *parent;
  struct yaml_node *first;
  struct yaml_node *last;
  struct yaml_node *next;
};

/* Everything of a document lives in its arena and goes with it. */
struct glia_yaml_doc {
  struct glia_arena arena;
  struct yaml_node *root;
  int n_nodes;
};

/* A copy of text [n] with a final 0; NULL when there is no memory. */
char *yaml_copy(struct glia_yaml_doc *doc, const char *text, size_t n);

/* A node that stands nowhere yet. Errors: GLIA_E_MEMORY, GLIA_E_CONFIG (too many). */
glia_status yaml_new(struct glia_yaml_doc *doc, glia_yaml_kind kind, const char *file, int line,
                     struct yaml_node **out);

/* Put child behind the children of parent. */
void yaml_append(struct yaml_node *parent, struct yaml_node *child);

/* Distance from the root, which is 0. */
int yaml_depth(const struct yaml_node *node);

/* Parse text into nodes of doc. `in_override`: nodes get line 0, for they stand in no file. `depth` is that of the
 * place where the value will stand. */
glia_status yaml_parse(struct glia_yaml_doc *doc, const char *name, const char *text, size_t n,
                       bool in_override, int depth, struct yaml_node **out);

#endif
