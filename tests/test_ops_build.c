/* What becomes of calls that build a graph: nodes that vanish, sums that get shorter, wrong shapes that are named. */
#include "by_hand.h"
#include "tap.h"

#include <string.h>

/* Columns of x [3, 2], of c [2] and of weights by row r [3]. */
static void what_does_not_vary_goes_behind_a_sum(void)
{
  const double xs[] = {1, 2, 3, 5, 7, 11}, cs[] = {2, -4}, rs[] = {1, 0, 10};
  const int64_t dim[] = {3, 2};
  const int down = 0;

  begin();
  const glia_value x = given(GLIA_F64, DIMS(3, 2), xs), c = given(GLIA_F64, DIMS(2), cs),
                   r = given(GLIA_F64, DIMS(3), rs);
  const glia_value wide = glia_broadcast(g, c, 2, dim, (int[]){-1, 0}),
                   tall = glia_broadcast(g, r, 2, dim, (int[]){0, -1});
  const glia_value sum = glia_reduce_sum(g, x, 1, &down, false);
  const glia_value scaled =
      glia_neg(g, glia_div(g, glia_mul(g, x, wide), glia_full(g, *type_of(x), 4.0)));
  const glia_value y = glia_reduce_sum(g, scaled, 1, &down, false);
  const struct glia_node *n = glia_graph_node(g, y); /* -(sum factor) */
  CU_ASSERT_STRING_EQUAL(n->op->name, "neg");
  CU_ASSERT(glia_graph_node(g, n->in[0])->in[0] == sum ||
            glia_graph_node(g, n->in[0])->in[1] == sum);
  EXPECT(y, -5.5, 18);
  EXPECT(glia_reduce_sum(g, glia_mul(g, x, tall), 1, &down, false), 71, 112);
  EXPECT(glia_reduce_sum(g, glia_div(g, wide, x), 1, &down, false), 2.0 + 2.0 / 3.0 + 2.0 / 7.0,
         -(4.0 / 2.0 + 4.0 / 5.0 + 4.0 / 11.0));
  end();
}

static void simple_nodes_vanish_at_birth(void)
{
  const double six[] = {1, 2, 3, 4, 5, 6};

  begin();
  const glia_value x = given(GLIA_F64, DIMS(2, 3), six), y = given(GLIA_F64, DIMS(2, 3), six);
  const glia_value zero = glia_constant(g, 0), one = glia_constant(g, 1),
                   minus = glia_constant(g, -1);
  CU_ASSERT(glia_neg(g, glia_neg(g, x)) == x);
  CU_ASSERT(glia_add(g, x, zero) == x && glia_add(g, zero, x) == x && glia_sub(g, x, zero) == x);
  CU_ASSERT(glia_mul(g, x, one) == x && glia_mul(g, one, x) == x && glia_div(g, x, one) == x);
  CU_ASSERT(glia_sub(g, zero, x) == glia_neg(g, x) && glia_mul(g, minus, x) == glia_neg(g, x));
  CU_ASSERT(glia_add(g, x, y) == glia_add(g, y, x) && glia_mul(g, x, y) == glia_mul(g, y, x));
  CU_ASSERT(glia_add(g, x, glia_neg(g, y)) == glia_sub(g, x, y));
  CU_ASSERT(glia_mul(g, glia_neg(g, x), glia_neg(g, y)) == glia_mul(g, x, y));
  CU_ASSERT(glia_reshape(g, glia_reshape(g, x, DIMS(6)), DIMS(2, 3)) == x);
  CU_ASSERT(glia_permute(g, glia_permute(g, x, (int[]){1, 0}), (int[]){1, 0}) == x);
  CU_ASSERT(glia_cast(g, x, GLIA_F64) == x);
  CU_ASSERT(glia_is_full(g, glia_broadcast_to(g, one, DIMS(2, 3)), NULL));
  CU_ASSERT(glia_broadcast(g, glia_broadcast(g, x, DIMS(2, 4, 3), (int[]){0, -1, 1}),
                           DIMS(5, 2, 4, 3), (int[]){-1, 0, 1, 2}) ==
            glia_broadcast(g, x, DIMS(5, 2, 4, 3), (int[]){-1, 0, -1, 1}));
  EXPECT(glia_reduce_sum(g, glia_full(g, *type_of(x), 0.5), -1, NULL, false), 3);
  CU_ASSERT(
      glia_is_full(g, glia_reduce_sum(g, glia_full(g, *type_of(x), 0.5), -1, NULL, false), NULL));
  CU_ASSERT(glia_reduce_sum(g, x, 0, NULL, false) == x);
  CU_ASSERT(glia_slice(g, x, (int64_t[]){0, 0}, (int64_t[]){2, 3}, (int64_t[]){1, 1}) == x);
  CU_ASSERT(glia_concat(g, 1, &x, 0) == x);
  CU_ASSERT(glia_pad(g, x, (int64_t[]){0, 0}, (int64_t[]){0, 0}, NULL) == x);
  CU_ASSERT(glia_select(g, glia_compare(g, GLIA_LT, x, y), x, x) == x);
  /* and these stay: they would hide a NaN or leave the domain */
  CU_ASSERT(!glia_is_full(g, glia_mul(g, x, zero), NULL) &&
            !glia_is_full(g, glia_sub(g, x, x), NULL));
  CU_ASSERT(glia_exp(g, glia_ln(g, x)) != x);
  end();
}

/* A layer's weights stand second: their gradient travels while that of its input is computed. */
static void a_product_derives_its_second_factor_first(void)
{
  const double six[] = {1, 2, 3, 4, 5, 6};
  glia_value d[2];

  begin();
  const glia_value x = given(GLIA_F64, DIMS(2, 3), six), w = given(GLIA_F64, DIMS(3, 2), six);
  const glia_value y = glia_matmul(g, x, w, false, false);
  const glia_value loss = glia_reduce_sum(g, glia_mul(g, y, y), -1, NULL, false);
  glia_grad(g, loss, 2, (glia_value[]){x, w}, d);
  CU_ASSERT(d[1] < d[0]);
  end();
}

static void stop_gradient_stops(void)
{
  begin();
  const glia_value x = ROW(2, 3);
  EXPECT(gradient(glia_mul(g, x, glia_stop_gradient(g, x)), x), 2, 3);
  EXPECT(gradient(glia_mul(g, x, x), x), 4, 6);
  end();
}

/* Wrong calls, each on a graph of its own: what the message must name. */
static glia_value wrong(int which, glia_value x, glia_value y, glia_value i)
{
  switch (which) {
  case 0:
    return glia_add(g, x, y);
  case 1:
    return glia_matmul(g, x, y, false, false);
  case 2:
    return glia_concat(g, 2, (glia_value[]){x, y}, 0);
  case 3:
    return glia_reshape(g, x, DIMS(5, 4));
  case 4:
    return glia_broadcast_to(g, x, DIMS(5, 4));
  case 5:
    return glia_scatter_add(g, x, y, 3);
  case 6:
    return glia_gather(g, x, y);
  case 7:
    return glia_exp(g, i);
  case 8:
    return glia_add(g, x, glia_cast(g, x, GLIA_F32));
  case 9:
    return glia_reduce_sum(g, x, 1, (int[]){2}, false);
  case 10:
    return glia_slice(g, x, (int64_t[]){0, 0}, (int64_t[]){2, 4}, (int64_t[]){1, 1});
  case 11:
    return glia_permute(g, x, (int[]){0, 0});
  case 12:
    return glia_select(g, x, x, x);
  case 13:
    return glia_log_softmax(g, glia_reduce_sum(g, x, -1, NULL, false));
  case 14:
    return glia_reduce_sum(g, i, -1, NULL, false);
  case 15:
    return glia_compare(g, GLIA_LT, x, i);
  case 16:
    return glia_pad(g, x, (int64_t[]){0, -1}, (int64_t[]){0, 0}, NULL);
  case 17:
    return glia_argmax(g, i);
  default:
    return glia_one_hot(g, x, 3, GLIA_F32);
  }
}

static void wrong_shapes_are_named(void)
{
  static const char *const names[][3] = {
      {"add", "f64 [2, 3]", "f64 [4, 5]"},       {"matmul", "f64 [2, 3]", "f64 [4, 5]"},
      {"concat", "f64 [2, 3]", "f64 [4, 5]"},    {"reshape", "f64 [2, 3]", "f64 [5, 4]"},
      {"broadcast", "f64 [2, 3]", "f64 [5, 4]"}, {"scatter_add", "f64 [2, 3]", "f64 [4, 5]"},
      {"gather", "f64 [2, 3]", "f64 [4, 5]"},    {"exp", "i32", "cast"},
      {"add", "f64 [2, 3]", "f32 [2, 3]"},       {"reduce_sum", "f64 [2, 3]", "axis 2"},
      {"slice", "f64 [2, 3]", "0 to 4 by 1"},    {"permute", "f64 [2, 3]", "permutation"},
      {"select", "f64 [2, 3]", "f64 [2, 3]"},    {"log_softmax", "f64 []", "axis"},
      {"reduce_sum", "i32 [2, 3]", "float"},     {"compare", "f64 [2, 3]", "i32 [2, 3]"},
      {"pad", "f64 [2, 3]", "axis 1"},           {"argmax", "i32 [2, 3]", "float"},
      {"one_hot", "f64 [2, 3]", "integers"},
  };

  for (size_t k = 0; k < GLIA_COUNT(names); k++) {
    begin();
    const glia_value x = glia_input(g, "x", GLIA_PER_STEP, glia_type_make(GLIA_F64, DIMS(2, 3)));
    const glia_value y = glia_input(g, "y", GLIA_PER_STEP, glia_type_make(GLIA_F64, DIMS(4, 5)));
    const glia_value i = glia_input(g, "i", GLIA_PER_STEP, glia_type_make(GLIA_I32, DIMS(2, 3)));
    CU_ASSERT(wrong((int)k, x, y, i) == GLIA_NONE);
    CU_ASSERT(glia_graph_status(g) == GLIA_E_SHAPE);
    for (int n = 0; n < 3; n++) {
      const bool named = strstr(glia_trace_message(), names[k][n]) != NULL;
      if (!named) tap_note("\"%s\" does not name \"%s\"", glia_trace_message(), names[k][n]);
      CU_ASSERT(named);
    }
    /* every later call stays without a value */
    CU_ASSERT(glia_add(g, x, x) == GLIA_NONE && glia_exp(g, GLIA_NONE) == GLIA_NONE);
    glia_graph_destroy(&g);
  }
}

TAP_MAIN("ops as they are built", TAP(what_does_not_vary_goes_behind_a_sum),
         TAP(simple_nodes_vanish_at_birth), TAP(a_product_derives_its_second_factor_first),
         TAP(stop_gradient_stops), TAP(wrong_shapes_are_named))
