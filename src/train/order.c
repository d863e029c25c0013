/* The order of a run: see glia_order.h. */
#include "glia_order.h"

#include "glia_random.h"

int64_t glia_order_steps(const struct glia_order *o) { return (o->n + o->batch - 1) / o->batch; }

void glia_order_fill(const struct glia_order *o, int64_t step, int64_t index, int64_t *row,
                     float *weight, int64_t *position)
{
  const int64_t steps = glia_order_steps(o);
  const int64_t epoch = step / steps;
  const int64_t first = (step % steps) * o->batch + index * o->micro_batch;
  const uint64_t key =
      glia_random_stream(o->seed + (uint64_t)epoch * UINT64_C(0x9e3779b97f4a7c15), "order");

  for (int64_t i = 0; i < o->micro_batch; i++) {
    const int64_t p = first + i;
    row[i] = p >= o->n ? 0 : o->shuffle ? glia_random_permute(key, o->n, p) : p;
    weight[i] = p >= o->n ? 0.0F : 1.0F;
    position[i] = epoch * steps * o->batch + p;
  }
}
