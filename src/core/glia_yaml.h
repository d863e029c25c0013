/* YAML 1.2 core schema as a tree that remembers where each word stood.
 *
 * Anchors, tags and several documents in one file are refused; a duplicate key is an error. Scalars stay text; the readers
 * below convert them and say file, line, what was found and what was expected. `1e-3` is a number (YAML 1.1 would say text).
 */
#ifndef GLIA_YAML_H
#define GLIA_YAML_H

#include "glia_status.h"

typedef enum { GLIA_YAML_NULL, GLIA_YAML_SCALAR, GLIA_YAML_LIST, GLIA_YAML_MAP } glia_yaml_kind;

struct glia_yaml_doc; /* owns all nodes */

struct glia_yaml {
  glia_yaml_kind kind;
  bool quoted;                    /* a quoted scalar is text, never a number, bool or null */
  int line;                       /* 1-based; 0 for nodes made by an override */
  const char *key;                /* in its parent map, else NULL */
  const char *text;               /* scalars */
  const char *file;               /* as given to the parser, or "key=value" for overrides */
  const struct glia_yaml *parent; /* NULL at the root */
  const struct glia_yaml *child;  /* first child of lists and maps */
  const struct glia_yaml *next;   /* next sibling */
  int n_children;
};

/** Parse a file of at most 16 MiB, 64 levels and a million nodes; an empty one is a null root.
 *  Errors: GLIA_E_MISSING, GLIA_E_IO, GLIA_E_CONFIG (with file and line). Ownership: *out is yours to destroy. */
GLIA_API GLIA_NODISCARD glia_status glia_yaml_parse_file(const char *path,
                                                         struct glia_yaml_doc **out);

/** Parse text [n bytes]; name stands for the file in messages. */
GLIA_API GLIA_NODISCARD glia_status glia_yaml_parse_text(const char *name, const char *text,
                                                         size_t n, struct glia_yaml_doc **out);

/** Root node. Ownership: borrowed until the document is destroyed. */
GLIA_API const struct glia_yaml *glia_yaml_root(const struct glia_yaml_doc *doc);

/** Apply "a.b.c=value" (value in YAML flow syntax): sets or adds the key at that path; list items are addressed by number.
 *  A path that does not exist yet is made (so an unknown key is found later, by the reader that checks keys). */
GLIA_API GLIA_NODISCARD glia_status glia_yaml_override(struct glia_yaml_doc *doc,
                                                       const char *assignment);

/** Canonical text of a node: block style, same for equal trees whatever the original layout. The caller frees with free(). */
GLIA_API GLIA_NODISCARD glia_status glia_yaml_print(const struct glia_yaml *node, char **out);

GLIA_API void glia_yaml_destroy(struct glia_yaml_doc **doc);

/** Child of a map by key, or NULL (also when node is NULL or no map). */
GLIA_API const struct glia_yaml *glia_yaml_get(const struct glia_yaml *node, const char *key);

/** Refuse keys of a map that are not in the list (NULL-terminated), naming the nearest known one. NULL node is fine. */
GLIA_API GLIA_NODISCARD glia_status glia_yaml_check_keys(const struct glia_yaml *node,
                                                         const char *const *known);

/** An error at a node: GLIA_E_CONFIG with "file:line: path.of.key: text". */
GLIA_API GLIA_NODISCARD glia_status glia_yaml_error(const struct glia_yaml *node,
                                                    const char *format, ...) GLIA_PRINTF(2, 3);

/* Typed readers of child `key` of a map. Missing or null child (or NULL map): *out keeps its value (the default).
 * A present child of another kind or out of [lo, hi] is GLIA_E_CONFIG, and so is a number that is not finite. An empty key reads `node` itself. */
GLIA_API GLIA_NODISCARD glia_status glia_yaml_get_int(const struct glia_yaml *node, const char *key,
                                                      int64_t lo, int64_t hi, int64_t *out);
GLIA_API GLIA_NODISCARD glia_status glia_yaml_get_real(const struct glia_yaml *node,
                                                       const char *key, double lo, double hi,
                                                       double *out);
GLIA_API GLIA_NODISCARD glia_status glia_yaml_get_bool(const struct glia_yaml *node,
                                                       const char *key, bool *out);
/** Text; borrowed from the document. */
GLIA_API GLIA_NODISCARD glia_status glia_yaml_get_text(const struct glia_yaml *node,
                                                       const char *key, const char **out);
/** One of `names` (NULL-terminated); *out is its index. The error names the nearest. */
GLIA_API GLIA_NODISCARD glia_status glia_yaml_get_choice(const struct glia_yaml *node,
                                                         const char *key, const char *const *names,
                                                         int *out);
/** Seconds: 90, 5m, 2h, 1-00:00:00. */
GLIA_API GLIA_NODISCARD glia_status glia_yaml_get_duration(const struct glia_yaml *node,
                                                           const char *key, double *out_s);

/** Bytes: 4096, 64KiB, 1.5GiB. */
GLIA_API GLIA_NODISCARD glia_status glia_yaml_get_size(const struct glia_yaml *node,
                                                       const char *key, int64_t *out_bytes);

#endif
