/* embedding: a row of `weight` [count, size] for each whole number of the input, zeros for one outside 0 .. count - 1; initial
 * values of PyTorch: standard normal (std 1). */
#include "nn_priv.h"

#include <math.h>

enum { COUNT, SIZE, STD };

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  const int64_t dim[] = {(int64_t)l->v[COUNT], (int64_t)l->v[SIZE]};

  (void)training;
  *y = glia_gather(
      m->g, glia_layer_parameter_(m, l, "weight", 2, dim, (struct nn_init){.normal = l->v[STD]}),
      glia_cast(m->g, x[0], GLIA_I32));
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_embedding_ = {
    .name = "embedding",
    .rough = "it reads whole numbers",
    .min_in = 1,
    .max_in = 1,
    .option =
        (const struct nn_option[]){
            {.name = "count", .type = NN_COUNT, .lo = 1, .hi = 1 << 24, .value = NAN},
            {.name = "size", .type = NN_COUNT, .lo = 1, .hi = INT32_MAX, .value = NAN},
            {.name = "std", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1.0},
            {.name = NULL},
        },
    .build = build,
};
