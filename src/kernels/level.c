/* The level that products run on: which it is, and going down to that of other CPUs. */
#include "cpu_priv.h"
#include "kernels_priv.h"

#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CORE_BYTES = 24 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
char glia_level_[64];

static void describe(void)
{
  snprintf(glia_level_, sizeof glia_level_, "openblas:%s%s%s", openblas_get_corename(),
           glia_conv_level_(), glia_gemm_level_());
}

static void set_up(void)
{
  openblas_set_num_threads(1);
  describe();
}

const char *glia_kernels_level(void)
{
  pthread_once(&once, set_up);
  return glia_level_;
}

/* OpenBLAS's cores for x86-64, lowest first: a CPU that runs one runs those before it. Cores of a branch of their own, such as Bulldozer with
 * its FMA4, are not here. */
static const struct {
  const char *name;
  enum glia_cpu needs;
} cores[] = {{"Prescott", GLIA_CPU_PLAIN},       {"Core2", GLIA_CPU_PLAIN},
             {"Penryn", GLIA_CPU_PLAIN},         {"Dunnington", GLIA_CPU_PLAIN},
             {"Nehalem", GLIA_CPU_PLAIN},        {"Sandybridge", GLIA_CPU_PLAIN},
             {"Haswell", GLIA_CPU_AVX2},         {"Zen", GLIA_CPU_AVX2},
             {"SkylakeX", GLIA_CPU_AVX512},      {"Cooperlake", GLIA_CPU_AVX512},
             {"SapphireRapids", GLIA_CPU_AVX512}};

static int core_of(const char *name, size_t length)
{
  for (int i = 0; i < (int)GLIA_COUNT(cores); i++)
    if (strlen(cores[i].name) == length && strncasecmp(cores[i].name, name, length) == 0) return i;
  return -1;
}

glia_status glia_kernels_isa_of(const char *text, struct glia_kernels_isa *out)
{
  static const char blas[] = "openblas:";
  const char *name = strncmp(text, blas, sizeof blas - 1) == 0 ? text + sizeof blas - 1 : "";

  out->core = core_of(name, strcspn(name, " "));
  out->cpu = strstr(text, " gemm:avx512") != NULL ? GLIA_CPU_AVX512
             : strstr(text, " gemm:avx2") != NULL ? GLIA_CPU_AVX2
                                                  : GLIA_CPU_PLAIN;
  GLIA_CHECK(out->core >= 0, GLIA_E_UNSUPPORTED,
             "the kernel level %s is none that others can be lowered to", text);
  return GLIA_OK;
}

static bool ours; /* OPENBLAS_CORETYPE is what was set here, not by whoever started the program */

/* OpenBLAS looks for its core when it is loaded; that it can look again is not in its headers, and absent where it was built for one CPU. */
static glia_status choose_core(const char *name)
{
  void (*quit)(void), (*init)(void);
  char was[CORE_BYTES];

  snprintf(was, sizeof was, "%s", openblas_get_corename());
  if (strcasecmp(was, name) == 0) return GLIA_OK;
  *(void **)&quit = dlsym(RTLD_DEFAULT, "gotoblas_dynamic_quit");
  *(void **)&init = dlsym(RTLD_DEFAULT, "gotoblas_dynamic_init");
  GLIA_CHECK(quit != NULL && init != NULL, GLIA_E_UNSUPPORTED,
             "this OpenBLAS was built for one kind of CPU (%s)", was);
  ours = ours || getenv("OPENBLAS_CORETYPE") == NULL;
  for (int i = 0; i < 2; i++) {
    setenv("OPENBLAS_CORETYPE", i == 0 ? name : was, 1);
    quit();
    init();
    if (i == 0 && strcasecmp(openblas_get_corename(), name) == 0) return GLIA_OK;
  }
  return GLIA_FAIL(GLIA_E_UNSUPPORTED, "this OpenBLAS has no kernels for %s", name);
}

glia_status glia_kernels_lower(const struct glia_kernels_isa *to)
{
  struct glia_kernels_isa here;

  GLIA_TRY(glia_kernels_isa_of(glia_kernels_level(), &here));
  GLIA_CHECK(to->core >= 0 && to->core < (int)GLIA_COUNT(cores) && to->cpu >= 0, GLIA_E_ARGUMENT,
             "a kernel level of %d, %d", to->cpu, to->core);
  /* up as well, to what another CPU prefers; not among those with AVX-512, of which later ones have more than GLIA_CPU tells apart */
  const bool free = (ours || getenv("OPENBLAS_CORETYPE") == NULL) &&
                    cores[to->core].needs <= GLIA_CPU_AVX2 &&
                    cores[to->core].needs <= glia_cpu_best_();
  GLIA_CHECK(to->cpu <= here.cpu && (to->core <= here.core || free), GLIA_E_UNSUPPORTED,
             "this process is at %s, by its CPU, GLIA_CPU or OPENBLAS_CORETYPE", glia_level_);
  GLIA_TRY(choose_core(cores[to->core].name));
  glia_cpu_lower_((enum glia_cpu)to->cpu);
  describe();
  return GLIA_OK;
}
