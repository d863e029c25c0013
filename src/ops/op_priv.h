/* For the files of this room: how to write an operator. See README.md. */
#ifndef OP_PRIV_H
#define OP_PRIV_H

#include "glia_bf16.h"
#include "glia_ops.h"
#include "real_priv.h"

#include <tgmath.h>

/* All operators, by ops.def. */
#define X(name) extern const struct glia_op glia_op_##name##_;
#include "ops.def"
#undef X

/* The leaves, and the door to the epilogue: defined in graph/. */
extern const struct glia_op glia_op_input_, glia_op_state_, glia_op_full_, glia_op_batch_sum_;

/* Type of a value. */
const struct glia_type *glia_type_of_(const struct glia_graph *g, glia_value v);

enum { GLIA_TEXT_ = 128 }; /* room for a type in a message */

/* Shape rules. */
GLIA_NODISCARD glia_status glia_infer_float_(const struct glia_graph *g,
                                             struct glia_node *n); /* float, same as inputs */
GLIA_NODISCARD glia_status glia_infer_same_(const struct glia_graph *g,
                                            struct glia_node *n); /* any type, same as inputs */

/* Forward rule of an elementwise operator from its reverse rule: its Jacobian is diagonal. */
glia_value glia_jvp_from_slope_(struct glia_graph *g, const struct glia_node *y,
                                const glia_value *t);

/* Batching rules: of elementwise operators, and of those of one operand that know its last axes only. */
glia_value glia_vmap_elementwise_(struct glia_graph *g, const struct glia_node *y, int64_t size,
                                  const glia_value *in, const bool *batched);
glia_value glia_vmap_leading_(struct glia_graph *g, const struct glia_node *y, int64_t size,
                              const glia_value *in, const bool *batched);

/* x, repeated along a new axis 0 when it is not batched. */
glia_value glia_batched_(struct glia_graph *g, glia_value x, bool batched, int64_t size);

/* x [a, b, ...] as [a b, ...], and x [size b, ...] as [size, b, ...]: batches below one another. */
glia_value glia_merge_(struct glia_graph *g, glia_value x);
glia_value glia_split_(struct glia_graph *g, glia_value x, int64_t size);

/* Add a one- or two-operand elementwise node, broadcasting and matching scalar constants. */
glia_value glia_unary_(struct glia_graph *g, const struct glia_op *op, glia_value x);
glia_value glia_binary_(struct glia_graph *g, const struct glia_op *op, glia_value a, glia_value b,
                        const struct glia_attr *attr);

/* Bring in [n] to one shape; from in[first] on scalar constants take the element type of the others. False on failure. */
bool glia_together_(struct glia_graph *g, const char *name, int n, int first, glia_value *in);

/* Row-major strides of a type, in elements. */
void glia_strides_(const struct glia_type *t, int64_t *stride);

/* Copy an array of extents dim [rank] between strides (in elements, 0 = repeat) of elements of 1, 2, 4 or 8 bytes. */
void glia_copy_(int rank, const int64_t *dim, size_t size, void *y, const int64_t *to,
                const void *x, const int64_t *from);

/* The sum of two values, if both are pads without rows between whose rows lie side by side along one axis: a pad of their concatenation, or
 * no pad at all; else GLIA_NONE. */
glia_value glia_joined_pads_(struct glia_graph *g, const struct glia_node *a,
                             const struct glia_node *b);

/* Indices: the types that may be one, the i-th of an operand, and those of batched rows [size, n] that lie below one
 * another: index [size, ...] + n b, or -1 where it is outside 0 .. n - 1. */
bool glia_is_index_(glia_dtype t);
int64_t glia_index_(const struct glia_operand *index, int64_t i);
glia_value glia_stacked_index_(struct glia_graph *g, glia_value index, int64_t n);

/* Reference kernels for each float type: GLIA_UNARY(expr of x) defines reference_f32 and reference_f64 and
 * GLIA_FLOATS(reference) is the initialiser of .reference. <tgmath.h> picks sinf or sin; GLIA_EXP, GLIA_LN and GLIA_TANH
 * (real_priv.h) are faster than the C library for float32. */
#define GLIA_UNARY_ONE(T, suffix, ...)                                                             \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *c)                            \
  {                                                                                                \
    const T *X = c->in[0].data;                                                                    \
    T *Y = c->out.data;                                                                            \
    const int64_t n = c->out.n; /* a store to Y might change c */                                  \
    for (int64_t i = 0; i < n; i++) {                                                              \
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
    const int64_t n = c->out.n; /* a store to Y might change c */                                  \
    for (int64_t i = 0; i < n; i++) {                                                              \
      const T a = A[i], b = B[i];                                                                  \
      Y[i] = (T)(__VA_ARGS__);                                                                     \
    }                                                                                              \
  }
#define GLIA_BINARY(...)                                                                           \
  GLIA_BINARY_ONE(float, f32, __VA_ARGS__) GLIA_BINARY_ONE(double, f64, __VA_ARGS__)

/* Initialisers of .reference: a kernel for each float type; for each type (name_f32, name_i64, ...); one for all,
 * which looks at no element. */
#define GLIA_FLOATS(name)                                                                          \
  {                                                                                                \
    [GLIA_F32] = name##_f32, [GLIA_F64] = name##_f64                                               \
  }

#define GLIA_EVERY_TYPE(name)                                                                      \
  {                                                                                                \
    [GLIA_F32] = name##_f32, [GLIA_F64] = name##_f64, [GLIA_I32] = name##_i32,                     \
    [GLIA_I64] = name##_i64, [GLIA_I8] = name##_i8, [GLIA_U8] = name##_u8,                         \
    [GLIA_BOOL] = name##_bool                                                                      \
  }
#define GLIA_ANY_TYPE(name)                                                                        \
  {                                                                                                \
    [GLIA_F32] = name, [GLIA_F64] = name, [GLIA_I32] = name, [GLIA_I64] = name, [GLIA_I8] = name,  \
    [GLIA_U8] = name, [GLIA_BOOL] = name, [GLIA_BF16] = name                                       \
  }

/* Any other kernel for both float types: GLIA_EACH_FLOAT(KERNEL) with #define KERNEL(T, suffix) ... */
#define GLIA_EACH_FLOAT(KERNEL) KERNEL(float, f32) KERNEL(double, f64)

#endif
