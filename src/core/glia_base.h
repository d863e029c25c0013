/* What every header needs: visibility, result checking, extents. */
#ifndef GLIA_BASE_H
#define GLIA_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GLIA_API          __attribute__((visibility("default")))
#define GLIA_NODISCARD    __attribute__((warn_unused_result))
#define GLIA_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define GLIA_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define GLIA_MISSING      ((float)NAN) /* a metric that could not be read; include <math.h> */

/* Loops of ours that matter are compiled for several CPUs in one binary; the linker picks at start.
 * Only arithmetic that IEEE 754 defines exactly may stand in them, so that the choice cannot change bits. */
#ifdef GLIA_HAVE_TARGET_CLONES
#define GLIA_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define GLIA_CLONES
#endif

#endif
