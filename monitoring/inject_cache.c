/* cache: a neighbour whose data lie all over the last cache, so that the job's are thrown out. */
#include "inject_priv.h"

#include <unistd.h>

/* Lines between looks at the clock: few, for each may be the first of its page. */
enum { LINE = 64, BURST = 256 };

/* The last cache, all threads together; 32 MiB where its size is not known. */
static int64_t default_size_bytes(void)
{
  const long l3 = sysconf(_SC_LEVEL3_CACHE_SIZE);

  return l3 > 0 ? l3 : 32 * (int64_t)(1 << 20);
}

/* Change a byte of lines in no order that a prefetcher knows. */
static void work(struct glia_inject_worker *worker)
{
  const size_t lines = worker->size_bytes / LINE;
  uint64_t bits = 88172645463325252u;

  while (!glia_inject_over_(worker)) {
    for (int i = 0; i < BURST; i++) {
      bits ^= bits << 13; /* xorshift64.  Source: marsaglia2003 (doi:10.18637/jss.v008.i14) */
      bits ^= bits >> 7;
      bits ^= bits << 17;
      volatile char *at = worker->memory + bits % lines * LINE;
      *at = (char)(*at + 1);
    }
    worker->bytes += 2.0 * LINE * BURST;
  }
}

const struct glia_injector glia_injector_cache_ = {
    .name = "cache",
    .help = "change lines all over the last cache, as a neighbour whose data throw out the job's",
    .default_size_bytes = default_size_bytes,
    .work = work,
};
