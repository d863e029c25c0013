/* Equations as text: parsed, printed, parsed again, differentiated, evaluated. */
#include "fuzz.h"
#include "glia_expr.h"

#include <stdlib.h>
#include <string.h>

void fuzz_pde(const uint8_t *data, size_t size)
{
  static const char *const coord[] = {"t", "x", "y"}, *const unknown[] = {"u", "h_re"};
  static const char *const parameter[] = {"nu"};
  const struct glia_expr_names names = {.n_coords = 3,
                                        .n_unknowns = 2,
                                        .n_parameters = 1,
                                        .coord = coord,
                                        .unknown = unknown,
                                        .parameter = parameter};
  static const double at[3] = {0.5, 0.25, -1.0}, nu = 0.1;
  struct glia_expr_pool *p;
  struct glia_expr_fault fault;
  static char out[1 << 16];
  int e, again;
  char *text = malloc(size + 1);

  if (text == NULL || glia_expr_pool_create(&p) != GLIA_OK) abort();
  memcpy(text, data, size);
  text[size] = '\0';
  if (glia_expr_parse(p, &names, text, true, &e, &fault) == GLIA_OK) {
    glia_expr_print(p, &names, e, out, sizeof out);
    /* what fits is the same expression again, unless folding met a number that is none */
    if (strlen(out) < GLIA_EXPR_TEXT && strstr(out, "inf") == NULL && strstr(out, "nan") == NULL &&
        glia_expr_parse(p, &names, out, true, &again, NULL) == GLIA_OK && again != e)
      abort();
    (void)glia_expr_value(p, e, &(struct glia_expr_values){.coord = at, .parameter = &nu});
    e = glia_expr_derive(p, e, 1);
    if (e != GLIA_EXPR_NONE) e = glia_expr_derive(p, e, 0);
  } else if (fault.column < 0 || (size_t)fault.column > strlen(text))
    abort();
  glia_expr_pool_destroy(&p);
  free(text);
}
