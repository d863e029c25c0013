/* meminfo: where the memory is.  Source: proc(5), /proc/meminfo. */
#include "numbers.h"

/* Key in the file, name as node_exporter spells it, help. Amounts are in kB = 1024 bytes. */
#define AMOUNTS(X)                                                                                 \
  X("MemTotal", "MemTotal", "usable memory")                                                       \
  X("MemFree", "MemFree", "memory that nobody uses")                                               \
  X("MemAvailable", "MemAvailable", "memory that programs can get without swapping")               \
  X("Buffers", "Buffers", "cache of raw disk blocks")                                              \
  X("Cached", "Cached", "cache of files, shared memory included")                                  \
  X("SwapCached", "SwapCached", "memory that is also in swap")                                     \
  X("Active", "Active", "memory used lately")                                                      \
  X("Inactive", "Inactive", "memory to be reclaimed first")                                        \
  X("Active(anon)", "Active_anon", "memory of programs used lately")                               \
  X("Inactive(anon)", "Inactive_anon", "memory of programs to be swapped first")                   \
  X("Active(file)", "Active_file", "cache used lately")                                            \
  X("Inactive(file)", "Inactive_file", "cache to be dropped first")                                \
  X("Unevictable", "Unevictable", "memory that cannot be reclaimed")                               \
  X("Mlocked", "Mlocked", "memory locked by programs")                                             \
  X("SwapTotal", "SwapTotal", "swap space")                                                        \
  X("SwapFree", "SwapFree", "swap space that nobody uses")                                         \
  X("Dirty", "Dirty", "cache waiting to be written")                                               \
  X("Writeback", "Writeback", "cache being written")                                               \
  X("AnonPages", "AnonPages", "memory of programs not backed by files")                            \
  X("Mapped", "Mapped", "files mapped into programs")                                              \
  X("Shmem", "Shmem", "shared memory and memory file systems")                                     \
  X("SReclaimable", "SReclaimable", "kernel caches that can shrink")                               \
  X("SUnreclaim", "SUnreclaim", "kernel memory that cannot shrink")                                \
  X("KernelStack", "KernelStack", "kernel stacks of all tasks")                                    \
  X("PageTables", "PageTables", "page tables")                                                     \
  X("CommitLimit", "CommitLimit", "memory that may be promised")                                   \
  X("Committed_AS", "Committed_AS", "memory promised to programs")                                 \
  X("AnonHugePages", "AnonHugePages", "memory of programs in transparent huge pages")              \
  X("HardwareCorrupted", "HardwareCorrupted", "memory taken out of use by machine checks")

static const char *const keys[] = {
#define X(key, name, help) key ":",
    AMOUNTS(X)
#undef X
};

static const struct glia_metric metrics[] = {
#define X(key, name, help) {"node_memory_" name "_bytes", "B", GLIA_METRIC_GAUGE, help},
    AMOUNTS(X)
#undef X
};

struct state {
  struct glia_procfile file;
};

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  return glia_procfile_open_(&s->file, root, "proc/meminfo");
}

static void sample(void *state, double *out)
{
  struct state *s = state;

  glia_named_read_(&s->file, keys, GLIA_COUNT(keys), "kB", 1024.0, out);
}

static void close_all(void *state)
{
  struct state *s = state;

  glia_procfile_close_(&s->file);
}

const struct glia_sampler glia_sampler_meminfo_ = {
    .name = "meminfo",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
