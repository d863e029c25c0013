/* For the files of this room: how to write an operator. See README.md. */
#ifndef OP_PRIV_H
#define OP_PRIV_H

#include "glia_ops.h"

#include <tgmath.h>

/* All operators, by ops.def. */
#define X(name) extern const struct glia_op glia_op_##name##_;
#include "ops.def"
#undef X

/* Shape rules. */
GLIA_NODISCARD glia_status glia_infer_float_(const struct glia_graph *g,
                                             struct glia_node *n); /* float, same as inputs */
GLIA_NODISCARD glia_status glia_infer_same_(const struct glia_graph *g,
                                            struct glia_node *n); /* any type, same as inputs */

/* Forward rule of an elementwise operator from its reverse rule: its Jacobian is diagonal. */
glia_value glia_jvp_from_slope_(struct glia_graph *g, const struct glia_node *y,
                                const glia_value *t);

/* Batching rules. */
glia_value glia_vmap_elementwise_(struct glia_graph *g, const struct glia_node *y, int64_t size,
                                  const glia_value *in, const bool *batched);

/* x, repeated along a new axis 0 when it is not batched. */
glia_value glia_batched_(struct glia_graph *g, glia_value x, bool batched, int64_t size);

/* Add a one- or two-operand elementwise node, broadcasting and matching scalar constants. */
glia_value glia_unary_(struct glia_graph *g, const struct glia_op *op, glia_value x);
glia_value glia_binary_(struct glia_graph *g, const struct glia_op *op, glia_value a, glia_value b,
                        const struct glia_attr *attr);

/* Type of a value. */
const struct glia_type *glia_type_of_(const struct glia_graph *g, glia_value v);

/* Reference kernels for each float type: GLIA_UNARY(expr of x) defines reference_f32 and reference_f64 and
 * GLIA_FLOATS(reference) is the initialiser of .reference. <tgmath.h> picks expf or exp. */
#define GLIA_UNARY_ONE(T, suffix, ...)                                                             \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *c)                            \
  {                                                                                                \
    const T *X = c->in[0].data;                                                                    \
    T *Y = c->out.data;                                                                            \
    for (int64_t i = 0; i < c->out.n; i++) {                                                       \
      const T x = X[i];                                                                            \
      Y[i] = (T)(__VA_ARGS__);                                                                     \
    }                                                                                              \
  }
#define GLIA_UNARY(...)                                                                            \
  GLIA_UNARY_ONE(float, f32, __VA_ARGS__) GLIA_UNARY_ONE(double, f64, __VA_ARGS__)

#define GLIA_BINARY_ONE(T, suffix, ...)                                                            \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *c)                            \
  {                                                                                                \
    const T *A = c->in[0].data;                                                                    \
    const T *B = c->in[1].data;                                                                    \
    T *Y = c->out.data;                                                                            \
    for (int64_t i = 0; i < c->out.n; i++) {                                                       \
      const T a = A[i], b = B[i];                                                                  \
      Y[i] = (T)(__VA_ARGS__);                                                                     \
    }                                                                                              \
  }
#define GLIA_BINARY(...)                                                                           \
  GLIA_BINARY_ONE(float, f32, __VA_ARGS__) GLIA_BINARY_ONE(double, f64, __VA_ARGS__)

#define GLIA_FLOATS(name)                                                                          \
  {                                                                                                \
    [GLIA_F32] = name##_f32, [GLIA_F64] = name##_f64                                               \
  }

/* Any other kernel for both float types: GLIA_EACH_FLOAT(KERNEL) with #define KERNEL(T, suffix) ... */
#define GLIA_EACH_FLOAT(KERNEL) KERNEL(float, f32) KERNEL(double, f64)

#endif
