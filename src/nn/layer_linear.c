/* linear: y = x W^T + b with W [units, n], b [units].  Initial values of PyTorch: W and b uniform in +-1/sqrt(n), which is
 * Kaiming's rule with a = sqrt(5).  Source: he2015 (arXiv:1502.01852); glorot: glorot2010. */
#include "nn_priv.h"

#include <math.h>

enum { UNITS, BIAS, INIT };
enum { PYTORCH, GLOROT, ZEROS };

static const char *const inits[] = {"pytorch", "glorot", "zeros", NULL};

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  const struct glia_type *type = glia_value_type_(m, x[0]);
  const int64_t n = type->dim[1], units = (int64_t)l->v[UNITS];
  char text[128];

  (void)training;
  if (type->rank != 2)
    return glia_layer_error_(l,
                             "input has rows of shape %s, expected one axis: put flatten before it",
                             glia_row_text_(m, x[0], text, sizeof text));
  const double each = 1.0 / sqrt((double)n);
  const double both = sqrt(6.0 / ((double)n + (double)units));
  const double spread[] = {[PYTORCH] = each, [GLOROT] = both, [ZEROS] = 0.0};
  const int init = (int)l->v[INIT];
  const glia_value w = glia_layer_parameter_(m, l, "weight", 2, (int64_t[]){units, n},
                                             (struct nn_init){.spread = spread[init]});

  *y = glia_matmul(m->g, x[0], w, false, true);
  if (l->v[BIAS] != 0.0) {
    const struct nn_init of_bias = {.spread = init == PYTORCH ? each : 0.0};
    *y = glia_add(m->g, *y, glia_layer_parameter_(m, l, "bias", 1, &units, of_bias));
  }
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_linear_ = {
    .name = "linear",
    .source = "he2015",
    .min_in = 1,
    .max_in = 1,
    .shorthand = true,
    .option =
        (const struct nn_option[]){
            {.name = "units", .type = NN_COUNT, .lo = 1, .hi = INT32_MAX, .value = NAN},
            {.name = "bias", .type = NN_FLAG, .value = 1},
            {.name = "init", .type = NN_CHOICE, .words = inits, .value = PYTORCH},
            {.name = NULL},
        },
    .build = build,
};
