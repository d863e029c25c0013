/* The picks of single operators; see glia_kernels.h. */
#ifndef KERNELS_PRIV_H
#define KERNELS_PRIV_H

#include "glia_conv.h"
#include "glia_kernels.h"
#include "glia_pause.h"

/* Products that a convolution is made of, for a node `conv`; false: the reference kernel. */
bool glia_conv_pick_(const struct glia_graph *g, const struct glia_node *n,
                     struct glia_kernel_choice *out);

/* The same without columns; and whether this CPU has it. */
bool glia_conv_direct_pick_(const struct glia_conv *c, glia_dtype dtype,
                            struct glia_kernel_choice *out);
bool glia_conv_direct_here_(void);
/* The adjoint by weights, channels last. */
bool glia_conv_weight_pick_(const struct glia_conv *c, glia_dtype dtype,
                            struct glia_kernel_choice *out);

/* Products of floats on CPUs with AVX-512; and whether this is one. */
bool glia_gemm_pick_(glia_dtype dtype, struct glia_kernel_choice *out);
bool glia_gemm_here_(void);

/* Chains of elementwise nodes. */
bool glia_fuse_(const struct glia_graph *g, const struct glia_node *n, struct glia_fused *out);

/* Parts of max pooling. */
bool glia_pool_pick_(const struct glia_graph *g, const struct glia_node *n,
                     struct glia_kernel_choice *out);

/* FFTW, for a node `fft`; LAPACK, for the operators of dense linear algebra: false for any other node. */
bool glia_fft_pick_(const struct glia_graph *g, const struct glia_node *n,
                    struct glia_kernel_choice *out);
bool glia_dense_pick_(const struct glia_graph *g, const struct glia_node *n,
                      struct glia_kernel_choice *out);

/* Products of int8, for a node `matmul` of such. */
bool glia_int8_pick_(const struct glia_graph *g, const struct glia_node *n,
                     struct glia_kernel_choice *out);

#endif
