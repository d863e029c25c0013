/* leak: a program that asks for more and more memory and never gives it back. */
#include "inject_priv.h"

#include <string.h>
#include <time.h>

enum { CHUNK = 1024 * 1024 };
static const int64_t nap_ns = 20000000;

static int64_t now_ns(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* No more than the limit, which leaves seven eighths of what is free. */
static int64_t default_size_bytes(void) { return INT64_MAX; }

/* Touched at a steady rate, so that all of it is taken in the last tenth; kept until the end. */
static void work(struct glia_inject_worker *worker)
{
  const struct timespec nap = {.tv_nsec = nap_ns};
  const int64_t start_ns = now_ns();
  const double whole_ns = 0.9 * (double)(worker->deadline_ns - start_ns);
  size_t at = 0;

  while (!glia_inject_over_(worker)) {
    const double due = (double)(now_ns() - start_ns) / whole_ns * (double)worker->size_bytes;
    while (at < worker->size_bytes && (double)at < due && !glia_inject_over_(worker)) {
      const size_t n = worker->size_bytes - at < CHUNK ? worker->size_bytes - at : CHUNK;
      memset(worker->memory + at, 1, n);
      at += n;
      worker->bytes += (double)n;
    }
    clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
  }
}

const struct glia_injector glia_injector_leak_ = {
    .name = "leak",
    .help = "take more and more memory, as a program that never gives it back",
    .default_size_bytes = default_size_bytes,
    .work = work,
};
