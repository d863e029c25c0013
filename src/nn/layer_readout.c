/* readout: rows [places, size] as [size]: mean, sum or largest over the places; with a mask [places] over those where it is not 0. A row
 * without any is 0. So graphs and texts of several lengths become vectors that padding does not change. */
#include "nn_priv.h"

#include <math.h>

enum { HOW };
enum { MEAN, SUM, LARGEST };

static const char *const hows[] = {"mean", "sum", "max", NULL};

/* bool [b, places, size] */
static glia_status counted(struct glia_model *m, const struct nn_layer *l, glia_value mask,
                           const struct glia_type *x, glia_value *out)
{
  const struct glia_type *type = glia_value_type_(m, mask);

  if (type->rank != 2 || type->dim[1] != x->dim[1])
    return glia_layer_error_(l, "the mask has another number of places than the input");
  const glia_value column = glia_reshape(m->g, mask, 3, (int64_t[]){x->dim[0], x->dim[1], 1});
  *out = glia_compare(m->g, GLIA_NE, glia_broadcast_to(m->g, column, 3, x->dim),
                      glia_constant(m->g, 0.0));
  return GLIA_OK;
}

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  struct glia_graph *g = m->g;
  const struct glia_type type = *glia_value_type_(m, x[0]);
  const int places = 1, how = (int)l->v[HOW];
  const glia_value one = glia_full(g, type, 1.0), zero = glia_full(g, type, 0.0);
  glia_value there = GLIA_NONE;

  (void)training;
  if (type.rank != 3) return glia_layer_error_(l, "input has no rows [places, size]");
  if (m->smooth && how == LARGEST) return glia_layer_error_(l, "the largest has kinks");
  if (l->n_in == 2)
    GLIA_TRY(counted(m, l, x[1], &type, &there));
  else
    there = glia_compare(g, GLIA_GT, one, zero);
  const glia_value n = glia_reduce_sum(g, glia_select(g, there, one, zero), 1, &places, false);
  if (how == LARGEST) {
    const glia_value least = glia_full(g, type, -(double)INFINITY);
    const glia_value most =
        glia_reduce_max(g, glia_select(g, there, x[0], least), 1, &places, false);
    const glia_value some = glia_compare(g, GLIA_GT, n, glia_constant(g, 0.0));
    *y = glia_select(g, some, most, glia_constant(g, 0.0));
    return GLIA_OK;
  }
  *y = glia_reduce_sum(g, glia_select(g, there, x[0], zero), 1, &places, false);
  if (how == MEAN) *y = glia_div(g, *y, glia_max(g, n, glia_constant(g, 1.0)));
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_readout_ = {
    .name = "readout",
    .min_in = 1,
    .max_in = 2,
    .shorthand = true,
    .option =
        (const struct nn_option[]){
            {.name = "how", .type = NN_CHOICE, .words = hows, .value = MEAN},
            {.name = NULL},
        },
    .build = build,
};
