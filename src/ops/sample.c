/* Fresh inputs for the table test: declared by the operators' samples, filled by the test. */
#include "op_priv.h"

#include <stdio.h>

static glia_value fresh(struct glia_sample *s, glia_dtype dtype, int rank, const int64_t *dim)
{
  char name[32];

  if (s->n == GLIA_MAX_IN)
    return glia_graph_fail(s->g, GLIA_E_ARGUMENT, "a sample of more than %d inputs", GLIA_MAX_IN);
  snprintf(name, sizeof name, "x%d", s->n);
  return glia_input(s->g, name, GLIA_PER_STEP, glia_type_make(dtype, rank, dim));
}

glia_value glia_sample_away(struct glia_sample *s, int rank, const int64_t *dim, double lo,
                            double hi, double avoid, double gap)
{
  const glia_value x = fresh(s, s->dtype, rank, dim);

  if (x == GLIA_NONE) return x;
  s->in[s->n].value = x;
  s->in[s->n].lo = lo;
  s->in[s->n].hi = hi;
  s->in[s->n].avoid = avoid;
  s->in[s->n].gap = gap;
  s->in[s->n++].differentiable = true;
  return x;
}

glia_value glia_sample_real(struct glia_sample *s, int rank, const int64_t *dim, double lo,
                            double hi)
{
  return glia_sample_away(s, rank, dim, lo, hi, 0.0, 0.0);
}

glia_value glia_sample_int(struct glia_sample *s, glia_dtype dtype, int rank, const int64_t *dim,
                           int64_t lo, int64_t hi)
{
  const glia_value x = fresh(s, dtype, rank, dim);

  if (x == GLIA_NONE) return x;
  s->in[s->n].value = x;
  s->in[s->n].lo = (double)lo;
  s->in[s->n].hi = (double)hi;
  s->in[s->n].gap = 0.0;
  s->in[s->n++].differentiable = false;
  return x;
}
