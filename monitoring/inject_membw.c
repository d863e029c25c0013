/* membw: a neighbour that takes the memory bandwidth from the job. */
#include "inject_priv.h"

#include <string.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024 };

/* Twice the last cache, so that hardly anything is found there again; 256 MiB where its size is not known. */
static int64_t default_size_bytes(void)
{
  const long l3 = sysconf(_SC_LEVEL3_CACHE_SIZE);

  return l3 > 0 ? 2 * (int64_t)l3 : 256 * (int64_t)(1 << 20);
}

/* Length of the piece of [0, n) that starts at `at`. */
static size_t piece(size_t n, size_t at) { return n - at < CHUNK ? n - at : CHUNK; }

/* Get the pages, near this core; then copy one half to the other, round and round. */
static void work(struct glia_inject_worker *worker)
{
  const size_t half = worker->size_bytes / 2;
  size_t n;

  for (size_t at = 0; at < worker->size_bytes && !glia_inject_over_(worker); at += n) {
    n = piece(worker->size_bytes, at);
    memset(worker->memory + at, 1, n);
    worker->bytes += (double)n;
  }
  for (size_t at = 0; !glia_inject_over_(worker); at = at + n < half ? at + n : 0) {
    n = piece(half, at);
    memcpy(worker->memory + half + at, worker->memory + at, n);
    worker->bytes += 2.0 * (double)n;
  }
}

const struct glia_injector glia_injector_membw_ = {
    .name = "membw",
    .help = "stream through memory, as a neighbour that takes the bandwidth",
    .default_size_bytes = default_size_bytes,
    .work = work,
};
