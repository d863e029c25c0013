/* vmstat: what the memory manager had to do.  Source: proc(5), /proc/vmstat. */
#include "numbers.h"

/* Events since boot, named as in the file; about 30 of its 200 lines. */
#define EVENTS(X)                                                                                  \
  X("pgpgin", "KiB", "read from disks")                                                            \
  X("pgpgout", "KiB", "written to disks")                                                          \
  X("pswpin", "1", "pages brought back from swap")                                                 \
  X("pswpout", "1", "pages sent to swap")                                                          \
  X("pgfault", "1", "page faults")                                                                 \
  X("pgmajfault", "1", "page faults that had to wait for a disk")                                  \
  X("pgfree", "1", "pages freed")                                                                  \
  X("pgactivate", "1", "pages found to be in use")                                                 \
  X("pgdeactivate", "1", "pages found to be out of use")                                           \
  X("pgscan_kswapd", "1", "pages looked at for reclaim in the background")                         \
  X("pgscan_direct", "1", "pages looked at for reclaim while a program waits")                     \
  X("pgsteal_kswapd", "1", "pages reclaimed in the background")                                    \
  X("pgsteal_direct", "1", "pages reclaimed while a program waits")                                \
  X("allocstall_normal", "1", "requests for memory that had to wait for reclaim")                  \
  X("allocstall_movable", "1", "requests for movable memory that had to wait for reclaim")         \
  X("workingset_refault_anon", "1", "pages of programs needed again soon after they were swapped") \
  X("workingset_refault_file", "1", "pages of files needed again soon after they were dropped")    \
  X("oom_kill", "1", "programs killed for want of memory")                                         \
  X("drop_pagecache", "1", "times that somebody dropped the cache by hand")                        \
  X("pgmigrate_success", "1", "pages moved to another place")                                      \
  X("numa_hit", "1", "pages taken from the wanted NUMA node")                                      \
  X("numa_miss", "1", "pages taken from another NUMA node than wanted")                            \
  X("numa_local", "1", "pages taken from the NUMA node of the program")                            \
  X("numa_other", "1", "pages taken from another NUMA node than the program's")                    \
  X("numa_hint_faults", "1", "faults that tell who uses which page")                               \
  X("numa_pages_migrated", "1", "pages moved nearer to their program")                             \
  X("compact_stall", "1", "requests for huge pages that had to wait for compaction")               \
  X("compact_fail", "1", "compactions that gave nothing")                                          \
  X("thp_fault_alloc", "1", "huge pages given on a fault")                                         \
  X("thp_fault_fallback", "1", "huge pages wanted on a fault and not to be had")                   \
  X("thp_split_page", "1", "huge pages split")

static const char *const keys[] = {
#define X(key, unit, help) key,
    EVENTS(X)
#undef X
};

static const struct glia_metric metrics[] = {
#define X(key, unit, help) {"node_vmstat_" key, unit, GLIA_METRIC_COUNTER, help},
    EVENTS(X)
#undef X
};

struct state {
  struct glia_procfile file;
};

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  return glia_procfile_open_(&s->file, root, "proc/vmstat");
}

static void sample(void *state, double *out)
{
  struct state *s = state;

  glia_named_read_(&s->file, keys, GLIA_COUNT(keys), NULL, 1.0, out);
}

static void close_all(void *state)
{
  struct state *s = state;

  glia_procfile_close_(&s->file);
}

const struct glia_sampler glia_sampler_vmstat_ = {
    .name = "vmstat",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
