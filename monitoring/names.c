/* Numbers by name, in a tree of the C library; see names_priv.h. */
#include "names_priv.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct named {
  const char *name;
  int64_t number;
};

static int by_name(const void *a, const void *b)
{
  return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

int64_t glia_names_find_(const struct glia_names *names, const char *name)
{
  const struct named key = {name, 0};
  void *found = tfind(&key, &names->tree, by_name);

  return found != NULL ? (*(struct named *const *)found)->number : -1;
}

glia_status glia_names_add_(struct glia_names *names, const char *name, int64_t number)
{
  struct named *e = malloc(sizeof *e);

  GLIA_CHECK(e != NULL, GLIA_E_MEMORY, "name %s", name);
  *e = (struct named){name, number};
  if (tsearch(e, &names->tree, by_name) == NULL) {
    free(e);
    return GLIA_FAIL(GLIA_E_MEMORY, "name %s", name);
  }
  return GLIA_OK;
}

void glia_names_forget_(struct glia_names *names)
{
  while (names->tree != NULL) {
    struct named *e = *(struct named **)names->tree;
    tdelete(e, &names->tree, by_name);
    free(e);
  }
}
