/* What an injector is. One file and one line in injectors.def each. */
#ifndef GLIA_INJECT_PRIV_H
#define GLIA_INJECT_PRIV_H

#include "glia_inject.h"

#include <stdatomic.h>

/* One thread's share of the work. */
struct glia_inject_worker {
  const struct glia_injector *injector;
  const atomic_bool *over;
  int64_t deadline_ns; /* monotonic */
  char *memory;        /* [size_bytes], not yet touched; NULL for kinds without */
  size_t size_bytes;
  double bytes;     /* out: read and written */
  atomic_int error; /* out: errno of what kept it from working at all */
};

struct glia_injector {
  const char *name;
  const char *help;
  const char *hint; /* what it needs, for when it cannot work; NULL: nothing */
  /* Memory that suits this kind on this machine; NULL: it needs none. */
  int64_t (*default_size_bytes)(void);
  /* Work until glia_inject_over_ says so; ask it every millisecond or so. Cannot fail. */
  void (*work)(struct glia_inject_worker *worker);
  /* Kinds that are no work but a setting, in place of work: change it, wait, put it back. */
  glia_status (*run)(const struct glia_inject_options *options, struct glia_inject_result *result);
};

/* What this process may still take, in bytes: what the machine has free, or less where a memory cgroup of its own or one above it
 * (v1 or v2) has less room. root: NULL, or a folder with proc/self/cgroup and sys/fs/cgroup below it. */
int64_t glia_inject_room_(const char *root, int64_t free_bytes);

bool glia_inject_over_(const struct glia_inject_worker *worker);

int64_t glia_inject_now_ns_(void); /* monotonic */

/* Wait for a moment; true when stop says so. stop may be NULL. */
bool glia_inject_nap_(int (*stop)(void));

#endif
