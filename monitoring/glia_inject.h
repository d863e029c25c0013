/* Faults on this node, to prove that detection works: bounded in time and size, gone when the process is. */
#ifndef GLIA_INJECT_H
#define GLIA_INJECT_H

#include "glia_status.h"

struct glia_injector; /* one kind of fault; a line in injectors.def */

struct glia_inject_options {
  double duration_s; /* up to a day */
  int threads;       /* 0: one per core that this process may use; more is refused */
  int64_t
      size_bytes; /* memory to work on, 0: what suits the kind; more than 1/8 of what is free, on the machine and in the process's cgroup, is refused */
  int (*stop)(void); /* asked now and then: anything but 0 ends the fault; NULL: never */
  const char *root;  /* governor: change the sys below it, not that of /; NULL: / */
};

/** What was done; valid also when it failed. */
struct glia_inject_result {
  double wall_s;
  double cpu_s; /* of all threads */
  int threads;
  int64_t size_bytes; /* memory worked on; 0 where the kind uses none */
  double bytes_per_s; /* read and written; 0 likewise */
  int policies;       /* governor: how many were changed; 0 otherwise */
  bool stopped;       /* stop said so */
};

/** The i-th kind of fault, NULL past the last. */
GLIA_API const struct glia_injector *glia_injector_get(int i);

/** Find a kind by name. Errors: GLIA_E_USAGE, naming the nearest one. */
GLIA_API GLIA_NODISCARD glia_status glia_injector_find(const char *name,
                                                       const struct glia_injector **out);

GLIA_API const char *glia_injector_name(const struct glia_injector *injector);
GLIA_API const char *glia_injector_help(const struct glia_injector *injector);

/** Cause the fault and return when it is over. stop is asked at least every 50 ms. Most kinds are threads of this process, each of
 *  which watches the clock by itself; no process, file or setting is left behind, however this one ends. governor changes a setting,
 *  that of the policies all of whose cores this process may use, and starts a process that puts it back when this one ends, is
 *  killed, or lets the time pass. Killing both at the same instant, as the end of a job's cgroup does, leaves the setting.
 *
 *  result  may be NULL
 *
 *  Errors: GLIA_E_ARGUMENT (duration, threads, size, root), GLIA_E_MEMORY, GLIA_E_UNSUPPORTED (no governor to set), GLIA_E_BUSY (another
 *  injection has changed governors and not put them back yet),
 *  GLIA_E_IO (io or network cannot work here; a governor may not be set, or it could not be put back, which the message says).
 */
GLIA_API GLIA_NODISCARD glia_status glia_inject_run(const struct glia_injector *injector,
                                                    const struct glia_inject_options *options,
                                                    struct glia_inject_result *result);

#endif
