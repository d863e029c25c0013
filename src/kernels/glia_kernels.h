/* Which kernel runs a node: a pure function of the node and the CPU's kernel level, never of a timing. */
#ifndef GLIA_KERNELS_H
#define GLIA_KERNELS_H

#include "glia_program.h"

/** The kernels of this build: BLAS for products, reference kernels for what is not listed. BLAS is set to one thread: workers are
 *  the parallelism, and one thread per product keeps the bits. Ownership: borrowed for ever. */
GLIA_API const struct glia_kernels *glia_kernels_default(void);

/** Kernels other than the reference that run a node `matmul` or `conv`, the table's pick (src/kernels/tuning.def) first; out [most].
 *  Returns how many: 0 for other nodes. */
GLIA_API int glia_kernels_candidates(const struct glia_graph *g, const struct glia_node *n,
                                     int most, struct glia_kernel_choice *out);

/** Name of the CPU kernel level that products run on, e.g. "openblas:SkylakeX": same level and build, same bits. */
GLIA_API const char *glia_kernels_level(void);

/* What such a level stands for, as numbers: of several CPUs the least of each runs on all of them. */
struct glia_kernels_isa {
  int cpu;  /* 0 plain, 1 avx2, 2 avx512: as GLIA_CPU */
  int core; /* place of OpenBLAS's core among those that have an order */
};

/** The numbers of a level. Errors: GLIA_E_UNSUPPORTED: its core has no place in that order (out->core -1), as on other than x86-64. */
GLIA_API GLIA_NODISCARD glia_status glia_kernels_isa_of(const char *level,
                                                        struct glia_kernels_isa *out);

/** Let this process go down to the level of another CPU: bits are that one's from here on. For a program's start: kernels that were
 *  picked before stay as they are, and no other thread may call BLAS meanwhile. Sets OPENBLAS_CORETYPE for child processes.
 *
 *  Errors: GLIA_E_UNSUPPORTED: this CPU, or OpenBLAS as it was built, cannot; nothing has changed. */
GLIA_API GLIA_NODISCARD glia_status glia_kernels_lower(const struct glia_kernels_isa *to);

/** GLIA_OK unless the environment's GLIA_CPU, which lowers that level, is none (GLIA_E_CONFIG) or higher than this CPU's
 *  (GLIA_E_UNSUPPORTED); kernels then go by the CPU. For a program's start. */
GLIA_API GLIA_NODISCARD glia_status glia_kernels_check(void);

/** One square product of n on one thread by the default kernels, for benches: a, b, c [n, n] f32. */
GLIA_API void glia_kernels_gemm_f32(int n, const float *a, const float *b, float *c);

#endif
