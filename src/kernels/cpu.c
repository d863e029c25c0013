/* The level of kernels: by the CPU, lowered by GLIA_CPU. */
#include "cpu_priv.h"

#include "glia_kernels.h"
#include "glia_status.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"plain", "avx2", "avx512"};

static atomic_int most = GLIA_CPU_AVX512; /* others' CPUs have it, too */

enum glia_cpu glia_cpu_best_(void)
{
#ifdef __x86_64__
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return GLIA_CPU_PLAIN;
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? GLIA_CPU_AVX512
                                                                                 : GLIA_CPU_AVX2;
#else
  return GLIA_CPU_PLAIN;
#endif
}

/* What GLIA_CPU names; -1 when it is no level. */
static int wished(const char *wish)
{
  for (int i = 0; i < (int)GLIA_COUNT(names); i++)
    if (strcmp(wish, names[i]) == 0) return i;
  return -1;
}

enum glia_cpu glia_cpu_(void)
{
  const char *wish = getenv("GLIA_CPU");
  const int here = (int)glia_cpu_best_(), allowed = atomic_load(&most);
  const int level = wish != NULL ? wished(wish) : -1;

  const int lowest = level >= 0 && level < here ? level : here;
  return (enum glia_cpu)(lowest < allowed ? lowest : allowed);
}

void glia_cpu_lower_(enum glia_cpu to) { atomic_store(&most, (int)to); }

glia_status glia_kernels_check(void)
{
  const char *wish = getenv("GLIA_CPU");

  if (wish == NULL) return GLIA_OK;
  const int level = wished(wish), here = (int)glia_cpu_best_();
  if (level < 0)
    return GLIA_FAIL(GLIA_E_CONFIG, "GLIA_CPU is '%s': expected plain, avx2 or avx512", wish);
  if (level > here)
    return GLIA_FAIL(GLIA_E_UNSUPPORTED, "GLIA_CPU is %s, and this CPU has %s at best", wish,
                     names[here]);
  return GLIA_OK;
}
