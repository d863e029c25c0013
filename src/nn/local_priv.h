/* Local learning while the configuration is read: see local.c. */
#ifndef LOCAL_PRIV_H
#define LOCAL_PRIV_H

#include "nn_priv.h"

enum { NN_LOCAL_MOST = 64 }; /* depth */

struct nn_item {
  const struct glia_yaml *node, *options; /* options: NULL for a bare kind */
  const char *kind;
  char name[256];
};

struct nn_local_plan {
  const struct glia_yaml *at; /* `local` */
  int depth;
  double pyramid;
  int n_items;
  struct nn_item *item;
  int head, classifier; /* items: where the head begins; its linear layer */
  int n_units, n_modules;
  int *first;      /* [n_units + 1] item that begins each unit; modules but the last are one unit */
  int64_t *hidden; /* [n_modules - 1] 0: none */
};

/** The model with its auxiliary networks and losses as YAML: keys model, loss, and modules, the number of layers of each.
 *  The caller frees *out with free(). Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status glia_local_write_(const struct nn_local_plan *p,
                                             const struct glia_yaml *config, char **out);

#endif
