/* bf16: how numbers get into 16 bits, and how derivatives go through what is stored in it. */
#include "glia_bf16.h"
#include "glia_control.h"
#include "glia_ops.h"
#include "glia_random.h"
#include "ref/interpret.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>

/* 2^16 bf16 go to float32 and back; what lies between two goes to the nearer, halfway to the even one; draws between them give
 * the number itself on average: within 5 standard errors of 4,096 draws. */
static void bf16_rounds_to_the_nearest_and_draws_to_the_mean(void)
{
  int wrong = 0;

  for (uint32_t b = 0; b < 65536; b++) {
    const float v = glia_bf16_wide((uint16_t)b);
    wrong += isnan(v) ? !isnan(glia_bf16_wide(glia_bf16_round(v))) : glia_bf16_round(v) != b;
    if ((b & 0x7fff) >= 0x7f7f) continue;
    const double next = (double)glia_bf16_wide((uint16_t)(b + 1)),
                 middle = 0.5 * ((double)v + next);
    const uint16_t even = (uint16_t)(b % 2 == 0 ? b : b + 1);
    wrong += glia_bf16_round((float)middle) != even || glia_bf16_round_f64(middle) != even;
    wrong += glia_bf16_round_f64(nextafter(middle, (double)v)) != b;
    wrong += glia_bf16_round_f64(nextafter(middle, next)) != b + 1;
  }
  CU_ASSERT_EQUAL(wrong, 0);
  for (int i = 0; i < 8; i++) {
    const float x = 1.0F + 0x1p-7F * ((float)i + 0.3F) / 8.0F;
    double sum = 0.0;
    for (int k = 0; k < 4096; k++)
      sum += (double)glia_bf16_wide(
          glia_bf16_draw(x, (float)glia_random_uniform(5, (uint64_t)i, (uint64_t)k)));
    CU_ASSERT_DOUBLE_EQUAL(sum / 4096.0, (double)x, 5.0 * 0x1p-8 / 64.0);
  }
}

/* Through bf16 and a square twice: the value is that of rounded numbers, the derivatives those of float32. Reverse mode reads
 * the stored numbers, not float32 kept beside them. */
static void stored_values_carry_derivatives(void)
{
  struct glia_graph *g;
  const struct glia_type type = glia_type_make(GLIA_F32, 1, (int64_t[]){64});
  glia_value dx, ddx;
  float x[64];
  void *data[] = {x};

  for (int i = 0; i < 64; i++) x[i] = (float)glia_random_uniform(9, 1, (uint64_t)i);
  if (glia_graph_new(&g) != GLIA_OK) abort();
  const glia_value in = glia_input(g, "x", GLIA_PER_STEP, type);
  const glia_value s = glia_through_bf16(g, in);
  const glia_value y = glia_reduce_sum(g, glia_mul(g, s, glia_mul(g, s, s)), -1, NULL, false);
  glia_grad(g, y, 1, &in, &dx);
  glia_grad(g, glia_reduce_sum(g, dx, -1, NULL, false), 1, &in, &ddx);
  CU_ASSERT_EQUAL_FATAL(glia_graph_status(g), GLIA_OK);
  struct interpretation p = interpret(g, data, NULL, 3, (glia_value[]){s, dx, ddx});
  for (int i = 0; i < 64; i++) {
    const float r = glia_bf16_wide(glia_bf16_round(x[i]));
    CU_ASSERT_EQUAL(((const float *)p.at[s])[i], r);
    CU_ASSERT_DOUBLE_EQUAL(((const float *)p.at[dx])[i], 3.0F * r * r, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(((const float *)p.at[ddx])[i], 6.0F * r, 2e-6);
  }
  bool wide = false; /* does what reverse mode made read the first widening? */
  for (glia_value v = y + 1; v <= dx; v++)
    for (int i = 0; i < glia_graph_node(g, v)->n_in; i++) wide |= glia_graph_node(g, v)->in[i] == s;
  CU_ASSERT_FALSE(wide);
  interpretation_free(&p);

  /* by casts alone a cotangent is bf16 too: 3 + 1/512 twice, each rounded to 3, and added */
  const glia_value b = glia_cast(g, in, GLIA_BF16), c = glia_constant(g, 3.0 + 1.0 / 512);
  const glia_value twice =
      glia_add(g, glia_mul(g, glia_cast(g, b, GLIA_F32), c),
               glia_cast(g, glia_mul(g, glia_cast(g, b, GLIA_F64), c), GLIA_F32));
  glia_grad(g, glia_reduce_sum(g, twice, -1, NULL, false), 1, &in, &dx);
  CU_ASSERT_EQUAL_FATAL(glia_graph_status(g), GLIA_OK);
  p = interpret(g, data, NULL, 1, &dx);
  CU_ASSERT_EQUAL(((const float *)p.at[dx])[0], 6.0F);
  interpretation_free(&p);
  glia_graph_destroy(&g);
}

TAP_MAIN("bf16", TAP(bf16_rounds_to_the_nearest_and_draws_to_the_mean),
         TAP(stored_values_carry_derivatives))
