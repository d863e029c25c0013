/* cast: y = x as another element type. bf16 is the nearest one; integers wrap; a float to an integer truncates and saturates, a NaN gives 0;
 * to bool is x != 0. The derivative passes between floats. */
#include "op_priv.h"

/* attr.i[0]: element type of the result */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  n->type = *glia_type_of_(g, n->in[0]);
  GLIA_CHECK(n->attr.i[0] >= 0 && n->attr.i[0] < GLIA_DTYPE_COUNT_, GLIA_E_ARGUMENT,
             "cast to an unknown element type");
  n->type.dtype = (glia_dtype)n->attr.i[0];
  return GLIA_OK;
}

/* Whether the first type holds all numbers of the second. */
static bool holds(glia_dtype wide, glia_dtype narrow)
{
  if (narrow == GLIA_BF16) return wide == GLIA_F32 || wide == GLIA_F64;
  return narrow == GLIA_F32 && wide == GLIA_F64;
}

/* Same type; and float32 -> float64 -> any is float32 -> any: the first step loses nothing. */
static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_node *x = glia_graph_node(g, n->in[0]);

  if (x->type.dtype == n->type.dtype) return x->id;
  if (x->op != &glia_op_cast_) return GLIA_NONE;
  return holds(x->type.dtype, glia_type_of_(g, x->in[0])->dtype)
             ? glia_cast(g, x->in[0], n->type.dtype)
             : GLIA_NONE;
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_dtype from = glia_type_of_(g, y->in[0])->dtype;

  if (glia_dtype_is_float(from) && glia_dtype_is_float(y->type.dtype))
    dx[0] = glia_cast(g, dy, from);
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  return glia_dtype_is_float(y->type.dtype) ? glia_cast(g, t[0], y->type.dtype) : GLIA_NONE;
}

/* A float as an integer in lo .. hi; `above` is the first float past hi. */
static int64_t truncated(double x, int64_t lo, int64_t hi, double above)
{
  if (isnan(x)) return 0;
  return x <= (double)lo ? lo : x >= above ? hi : (int64_t)x;
}

#define TO_f32(x)          ((float)(x))
#define TO_f64(x)          ((double)(x))
#define TO_bool(x)         ((uint8_t)((x) != 0))
#define TO_bf16(x)         _Generic((x), float : glia_bf16_round, default : glia_bf16_round_f64)(x)
#define FROM_FLOAT_f32(x)  TO_f32(x)
#define FROM_FLOAT_f64(x)  TO_f64(x)
#define FROM_FLOAT_i32(x)  ((int32_t)truncated((double)(x), INT32_MIN, INT32_MAX, 0x1p31))
#define FROM_FLOAT_i64(x)  truncated((double)(x), INT64_MIN, INT64_MAX, 0x1p63)
#define FROM_FLOAT_i8(x)   ((int8_t)truncated((double)(x), INT8_MIN, INT8_MAX, 0x1p7))
#define FROM_FLOAT_u8(x)   ((uint8_t)truncated((double)(x), 0, UINT8_MAX, 0x1p8))
#define FROM_FLOAT_bool(x) TO_bool(x)
#define FROM_FLOAT_bf16(x) TO_bf16(x)
#define FROM_INT_f32(x)    TO_f32(x)
#define FROM_INT_f64(x)    TO_f64(x)
#define FROM_INT_i32(x)    ((int32_t)(x))
#define FROM_INT_i64(x)    ((int64_t)(x))
#define FROM_INT_i8(x)     ((int8_t)(x))
#define FROM_INT_u8(x)     ((uint8_t)(x))
#define FROM_INT_bool(x)   TO_bool(x)
#define FROM_INT_bf16(x)   glia_bf16_round_f64((double)(x))
#define AS_IT_IS(x)        (x)

#define LOOP(NAME, T, convert, READ)                                                               \
  case GLIA_##NAME: {                                                                              \
    T *y = c->out.data;                                                                            \
    const int64_t n = c->out.n;                                                                    \
    for (int64_t i = 0; i < n; i++) y[i] = convert(READ(x[i]));                                    \
    break;                                                                                         \
  }
#define KERNEL(FROM, READ, S, suffix)                                                              \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *c)                            \
  {                                                                                                \
    const S *x = c->in[0].data;                                                                    \
    switch (c->out.type->dtype) {                                                                  \
      LOOP(F32, float, FROM##_f32, READ)                                                           \
      LOOP(F64, double, FROM##_f64, READ)                                                          \
      LOOP(I32, int32_t, FROM##_i32, READ)                                                         \
      LOOP(I64, int64_t, FROM##_i64, READ)                                                         \
      LOOP(I8, int8_t, FROM##_i8, READ)                                                            \
      LOOP(U8, uint8_t, FROM##_u8, READ)                                                           \
      LOOP(BOOL, uint8_t, FROM##_bool, READ)                                                       \
      LOOP(BF16, uint16_t, FROM##_bf16, READ)                                                      \
    default:                                                                                       \
      break;                                                                                       \
    }                                                                                              \
  }
KERNEL(FROM_FLOAT, AS_IT_IS, float, f32)
KERNEL(FROM_FLOAT, AS_IT_IS, double, f64)
KERNEL(FROM_INT, AS_IT_IS, int32_t, i32)
KERNEL(FROM_INT, AS_IT_IS, int64_t, i64)
KERNEL(FROM_INT, AS_IT_IS, int8_t, i8)
KERNEL(FROM_INT, AS_IT_IS, uint8_t, u8)
KERNEL(FROM_INT, AS_IT_IS, uint8_t, bool)
KERNEL(FROM_FLOAT, glia_bf16_wide, uint16_t, bf16)

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t dim[] = {3, 5};

  switch (k) {
  case 0:
    return glia_cast(s->g, glia_sample_real(s, 2, dim, -2.0, 2.0),
                     s->dtype == GLIA_F32 ? GLIA_F64 : GLIA_F32);
  case 1:
    return glia_cast(s->g, glia_sample_int(s, GLIA_I32, 2, dim, -9, 9), s->dtype);
  case 2:
    return glia_cast(s->g, glia_sample_real(s, 2, dim, -9.0, 9.0), GLIA_I32);
  case 3:
    return s->dtype == GLIA_BF16
               ? GLIA_NONE
               : glia_cast(s->g, glia_sample_real(s, 2, dim, -2.0, 2.0), GLIA_BF16);
  default:
    return GLIA_NONE;
  }
}

const struct glia_op glia_op_cast_ = {
    .name = "cast",
    .n_in = 1,
    .elementwise = true,
    .infer = infer,
    .simplify = simplify,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = glia_vmap_elementwise_,
    .reference =
        {
#define X(NAME, name, ctype, bytes, is_float) [GLIA_##NAME] = reference_##name,
            GLIA_DTYPE_LIST(X) GLIA_STORAGE_LIST(X)
#undef X
        },
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_cast(struct glia_graph *g, glia_value x, glia_dtype dtype)
{
  const struct glia_attr attr = {.i = {dtype}};

  return x == GLIA_NONE ? GLIA_NONE : glia_node_add(g, &glia_op_cast_, 1, &x, &attr);
}
