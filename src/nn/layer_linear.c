/* linear: y = x W^T + b with W [units, n], b [units]; last_axis: for each place of rows [..., n].  Initial values of PyTorch: W and b uniform in +-1/sqrt(n), which is
 * Kaiming's rule with a = sqrt(5).  Source: he2015 (arXiv:1502.01852); glorot: glorot2010. */
#include "nn_priv.h"

#include <math.h>

enum { UNITS, BIAS, INIT, LAST_AXIS };
enum { PYTORCH, GLOROT, ZEROS };

static const char *const inits[] = {"pytorch", "glorot", "zeros", NULL};

/* Of a network by itself: Glorot's normal, and layers that see the inputs turn all over them. */
static void smooth_start(const struct glia_model *m, const struct nn_layer *l, int64_t n,
                         int64_t units, struct nn_init *weight, struct nn_init *bias)
{
  const bool first = l->in[0] < 0;
  const double sd = (first ? m->gain : 1.0) * sqrt(2.0 / ((double)n + (double)units));

  *weight = (struct nn_init){.normal = sd};
  *bias = (struct nn_init){.normal = first ? sd : 0.0};
}

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  const struct glia_type *type = glia_value_type_(m, x[0]);
  const bool last = l->v[LAST_AXIS] != 0.0;
  const int64_t n = type->dim[type->rank - 1], units = (int64_t)l->v[UNITS];
  const int init = (int)l->v[INIT];
  char text[128];

  (void)training;
  if (type->rank < 2 || (type->rank > 2 && !last))
    return glia_layer_error_(
        l,
        "input has rows of shape %s, expected one axis: put flatten before it, "
        "or say last_axis: true",
        glia_row_text_(m, x[0], text, sizeof text));
  struct nn_init of_weight[] = {
      [PYTORCH] = glia_uniform_(n), [GLOROT] = glia_glorot_(n, units), [ZEROS] = {0}};
  struct nn_init of_bias = init == PYTORCH ? of_weight[PYTORCH] : of_weight[ZEROS];
  if (m->smooth && init == PYTORCH) smooth_start(m, l, n, units, &of_weight[PYTORCH], &of_bias);
  *y = glia_dense_(m, l, "", x[0], units, of_weight[init], l->v[BIAS] != 0.0 ? &of_bias : NULL);
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
            {.name = "last_axis", .type = NN_FLAG, .value = 0},
            {.name = NULL},
        },
    .build = build,
};
