/* Numbers of things by their names, each found in as many comparisons as the logarithm of how many there are. */
#ifndef GLIA_NAMES_PRIV_H
#define GLIA_NAMES_PRIV_H

#include "glia_status.h"

#include <stdint.h>

struct glia_names {
  void *tree;
};

/* Number of `name`; -1: none. */
int64_t glia_names_find_(const struct glia_names *names, const char *name);
/* A name that is not there yet. It is borrowed: it stays where it is until all are forgotten. GLIA_E_MEMORY. */
glia_status glia_names_add_(struct glia_names *names, const char *name, int64_t number);
void glia_names_forget_(struct glia_names *names);

#endif
