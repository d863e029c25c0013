/* Cores of a node, shared out among its ranks, and threads bound to them: see glia_cpus.h. */
#include "glia_cpus.h"

#include <hwloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

struct sharing {
  hwloc_topology_t topology;
  hwloc_bitmap_t own, other;
};

/* This rank's place among those that have the same CPUs; 0 of 0 where sets overlap in part. *sharing: ranks that have some of them. */
static glia_status find_equals(const struct sharing *s, int n_ranks, const char *const *list,
                               int rank, int *place, int *n, int *sharing)
{
  *place = *n = *sharing = 0;
  for (int r = 0; r < n_ranks; r++) {
    GLIA_CHECK(hwloc_bitmap_list_sscanf(s->other, list[r]) == 0 && !hwloc_bitmap_iszero(s->other),
               GLIA_E_UNSUPPORTED, "CPUs of rank %d: cannot read \"%s\"", r, list[r]);
    *sharing += hwloc_bitmap_intersects(s->own, s->other);
    if (!hwloc_bitmap_isequal(s->own, s->other)) continue;
    *place += r < rank;
    ++*n;
  }
  if (*sharing > *n) *place = *n = 0;
  return GLIA_OK;
}

/* Core i of those with a CPU in the own set, or CPU i where no cores are known; NULL behind the last. */
static hwloc_obj_t core_of(const struct sharing *s, int i)
{
  const hwloc_obj_type_t type =
      hwloc_get_nbobjs_by_type(s->topology, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
  hwloc_obj_t o = NULL;

  while ((o = hwloc_get_next_obj_by_type(s->topology, type, o)) != NULL)
    if (hwloc_bitmap_intersects(o->cpuset, s->own) && i-- == 0) break;
  return o;
}

static glia_status take_cores(const struct sharing *s, int place, int n_equal,
                              struct glia_cpus_share *out)
{
  int n = 0;

  while (core_of(s, n) != NULL) n++;
  const int first = n / n_equal * place, end = first + n / n_equal;
  out->why = n_equal > 1 ? "ranks with the same CPUs have equal parts of them"
                         : "no other rank has its CPUs";
  if (end == first) {
    out->why = "more ranks than cores";
    return GLIA_OK;
  }
  out->core = calloc((size_t)(end - first), sizeof *out->core);
  GLIA_CHECK(out->core != NULL, GLIA_E_MEMORY, "a list of %d cores", end - first);
  for (int i = first; i < end; i++) {
    hwloc_bitmap_and(s->other, core_of(s, i)->cpuset, s->own);
    GLIA_CHECK(hwloc_bitmap_list_snprintf(out->core[out->n++], sizeof *out->core, s->other) <
                   (int)sizeof *out->core,
               GLIA_E_UNSUPPORTED, "a core has %d CPUs", hwloc_bitmap_weight(s->other));
  }
  return GLIA_OK;
}

static glia_status share_out(struct sharing *s, const char *synthetic, int n_ranks,
                             const char *const *list, int rank, struct glia_cpus_share *out)
{
  int place = 0, n_equal = 0;

  GLIA_CHECK(s->own != NULL && s->other != NULL, GLIA_E_MEMORY, "sets of CPUs");
  GLIA_CHECK((synthetic == NULL || hwloc_topology_set_synthetic(s->topology, synthetic) == 0) &&
                 hwloc_topology_load(s->topology) == 0,
             GLIA_E_UNSUPPORTED, "hwloc cannot read %s",
             synthetic != NULL ? synthetic : "this machine");
  GLIA_CHECK(hwloc_bitmap_list_sscanf(s->own, list[rank]) == 0, GLIA_E_UNSUPPORTED,
             "cannot read the CPUs \"%s\"", list[rank]);
  GLIA_TRY(find_equals(s, n_ranks, list, rank, &place, &n_equal, &out->sharing));
  out->why = "CPUs of ranks overlap in part";
  return n_equal > 0 ? take_cores(s, place, n_equal, out) : GLIA_OK;
}

glia_status glia_cpus_share(const char *synthetic, int n_ranks, const char *const *list, int rank,
                            struct glia_cpus_share *out)
{
  struct sharing s = {.own = hwloc_bitmap_alloc(), .other = hwloc_bitmap_alloc()};

  *out = (struct glia_cpus_share){.why = "CPUs are not known"};
  glia_status st = GLIA_OK;
  if (hwloc_topology_init(&s.topology) == 0) {
    st = share_out(&s, synthetic, n_ranks, list, rank, out);
    hwloc_topology_destroy(s.topology);
  } else
    st = GLIA_FAIL(GLIA_E_MEMORY, "no memory for the topology");
  hwloc_bitmap_free(s.own);
  hwloc_bitmap_free(s.other);
  if (st != GLIA_OK) glia_cpus_share_free(out);
  return st;
}

int glia_cpus_of_rank(const struct glia_cpus *c, const struct glia_cpus_share *s, int local_ranks,
                      double quota_cores)
{
  const int cores = s->n > 0 ? s->n : c->cores / (s->sharing > 0 ? s->sharing : local_ranks);
  const double quota = quota_cores / local_ranks;

  return quota < cores ? (int)quota : cores;
}

void glia_cpus_share_free(struct glia_cpus_share *s)
{
  free(s->core);
  s->core = NULL;
  s->n = 0;
}

/* --- threads --- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static cpu_set_t before[16]; /* of the process, before its first thread was bound: 16,384 CPUs */
static bool kept;

glia_status glia_cpus_bind(const char *list)
{
  cpu_set_t set[GLIA_COUNT(before)];
  hwloc_bitmap_t cpus = hwloc_bitmap_alloc();

  CPU_ZERO_S(sizeof set, set);
  GLIA_CHECK(cpus != NULL, GLIA_E_MEMORY, "a set of CPUs");
  const bool read = hwloc_bitmap_list_sscanf(cpus, list) == 0 && hwloc_bitmap_weight(cpus) > 0 &&
                    hwloc_bitmap_last(cpus) < 8 * (int)sizeof set;
  for (int i = hwloc_bitmap_first(cpus); read && i >= 0; i = hwloc_bitmap_next(cpus, i))
    CPU_SET_S((size_t)i, sizeof set, set);
  hwloc_bitmap_free(cpus);
  pthread_mutex_lock(&mutex);
  if (!kept) kept = sched_getaffinity(0, sizeof before, before) == 0;
  pthread_mutex_unlock(&mutex);
  GLIA_CHECK(read && kept && sched_setaffinity(0, sizeof set, set) == 0, GLIA_E_UNSUPPORTED,
             "cannot bind a thread to the CPUs \"%s\"", list);
  return GLIA_OK;
}

void glia_cpus_roam(void)
{
  pthread_mutex_lock(&mutex);
  if (kept) (void)sched_setaffinity(0, sizeof before, before);
  pthread_mutex_unlock(&mutex);
}
