/* Configurations of glia pinn (first byte even) and glia discover: read, or refused. Files that they name are not opened here. */
#include "fuzz.h"

#include "glia_discover.h"

#include <stdlib.h>
#include <string.h>

#ifdef GLIA_HAVE_PETSC

static void problem(const struct glia_yaml *root)
{
  struct glia_problem p;

  if (glia_problem_read(root, &p) == GLIA_OK && (p.n_unknowns < 1 || p.ansatz[0] == GLIA_EXPR_NONE))
    abort();
  glia_problem_fini(&p);
}

static void discovery(const struct glia_yaml *root)
{
  struct glia_discovery d;

  if (glia_discovery_read(root, &d) == GLIA_OK && (d.n_hidden < 1 || d.p.data.file == NULL))
    abort();
  glia_discovery_fini(&d);
}

void fuzz_discover(const uint8_t *data, size_t size)
{
  struct glia_yaml_doc *doc = NULL;

  if (size < 1) return;
  if (glia_yaml_parse_text("fuzz", (const char *)data + 1, size - 1, &doc) != GLIA_OK) return;
  (data[0] % 2 == 0 ? problem : discovery)(glia_yaml_root(doc));
  glia_yaml_destroy(&doc);
}

#else
void fuzz_discover(const uint8_t *data, size_t size)
{
  (void)data;
  (void)size;
}
#endif
