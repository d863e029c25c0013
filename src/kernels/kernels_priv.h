/* The picks of single operators; see glia_kernels.h. */
#ifndef KERNELS_PRIV_H
#define KERNELS_PRIV_H

#include "cpu_priv.h"
#include "glia_conv.h"
#include "glia_kernels.h"
#include "glia_pause.h"

/* What the table says. */
enum {
#define TUNE(name, value) GLIA_TUNE_##name = (value),
#include "tuning.def"
#undef TUNE
};

/* Kernels that run a node `conv`, out [GLIA_MOST_CANDIDATES], the table's pick first; returns how many. */
enum { GLIA_MOST_CANDIDATES = 4 };
int glia_conv_candidates_(const struct glia_graph *g, const struct glia_node *n,
                          struct glia_kernel_choice *out);

/* What they add to the level's name: " conv:avx512,winograd", " conv:avx2,winograd" or "". */
const char *glia_conv_level_(void);

/* The same without columns. */
bool glia_conv_direct_pick_(const struct glia_conv *c, glia_dtype dtype,
                            struct glia_kernel_choice *out);
/* The adjoint by weights, channels last. */
bool glia_conv_weight_pick_(const struct glia_conv *c, glia_dtype dtype,
                            struct glia_kernel_choice *out);

/* Windows of 3 x 3 with fewer products; and whether the table takes it where there are others. */
bool glia_conv_winograd_pays_(const struct glia_conv *c);
bool glia_conv_winograd_pick_(const struct glia_conv *c, glia_dtype dtype,
                              struct glia_kernel_choice *out);

/* c [m, n] = a [m, k] b [k, n], or added to c; n whole vectors of 16, a's element (i, p) at i a_row + p a_col. No scratch: for b that
 * stays in the first cache; AVX-512. */
void glia_gemm_small_f32_(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                          int64_t a_col, const float *b, int64_t ldb, float *c, int64_t ldc,
                          bool add);

/* The same on AVX2: n whole vectors of 8. */
void glia_gemm_small_8_f32_(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                            int64_t a_col, const float *b, int64_t ldb, float *c, int64_t ldc,
                            bool add);

/* Products of floats on CPUs with AVX-512 or AVX2; and what they add to the level's name: " gemm:avx512", " gemm:avx2" or "". */
bool glia_gemm_pick_(glia_dtype dtype, struct glia_kernel_choice *out);
const char *glia_gemm_level_(void);

/* What glia_kernels_level says, once it was called. */
extern char glia_level_[64];

/* Chains of elementwise nodes; see struct glia_kernels. */
int glia_fuse_(const struct glia_graph *g, const struct glia_node *n, int from,
               struct glia_fused *out);
bool glia_join_(int n, const struct glia_in_turn *turn, struct glia_joined *out);

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
