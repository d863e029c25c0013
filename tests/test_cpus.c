/* CPUs of a process: counted on described machines and on this one, and the launcher's trap explained. */
#include "glia_cpus.h"
#include "tap.h"

#include <math.h>
#include <sched.h>
#include <string.h>

static void cores_are_counted_not_threads(void)
{
  struct glia_cpus c;

  CU_ASSERT_EQUAL_FATAL(glia_cpus_look("package:2 core:4 pu:2", &c), GLIA_OK);
  CU_ASSERT_EQUAL(c.cores, 8);
  CU_ASSERT_EQUAL(c.node_cores, 8);
  CU_ASSERT_STRING_EQUAL(c.list, "0-15");
  CU_ASSERT_EQUAL_FATAL(glia_cpus_look("pu:3", &c),
                        GLIA_OK); /* no cores are known: CPUs stand for them */
  CU_ASSERT_EQUAL(c.cores, 3);
  CU_ASSERT_EQUAL(glia_cpus_look("no machine", &c), GLIA_E_UNSUPPORTED);
}

/* Bound to its first CPU, this process has one core and says which. */
static void a_binding_is_seen(void)
{
  cpu_set_t before, one;
  struct glia_cpus c;
  char list[16];
  size_t first = 0;

  CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof before, &before), 0);
  while (!CPU_ISSET(first, &before)) first++;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  CU_ASSERT_EQUAL_FATAL(sched_setaffinity(0, sizeof one, &one), 0);
  const glia_status st = glia_cpus_look(NULL, &c);
  CU_ASSERT_EQUAL(sched_setaffinity(0, sizeof before, &before), 0);
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
  CU_ASSERT_EQUAL(c.cores, 1);
  snprintf(list, sizeof list, "%zu", first);
  CU_ASSERT_STRING_EQUAL(c.list, list);
  CU_ASSERT(c.node_cores >= 1);
}

static void the_launchers_trap_is_explained(void)
{
  const struct glia_cpus bound = {.list = "0", .cores = 1, .node_cores = 8};
  const struct glia_cpus small = {.list = "0", .cores = 1, .node_cores = 1};
  const struct glia_cpus whole = {.list = "0-7", .cores = 8, .node_cores = 8};
  char text[300];

  CU_ASSERT_PTR_NOT_NULL_FATAL(glia_cpus_advice(&bound, 4, 2, text, sizeof text));
  CU_ASSERT_PTR_NOT_NULL(
      strstr(text, "4 workers are bound to 1 core (CPUs 0) of a node that has 8"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "PE=4"));
  CU_ASSERT_PTR_NULL(
      glia_cpus_advice(&bound, 1, 2, text, sizeof text)); /* one worker needs one core */
  CU_ASSERT_PTR_NULL(
      glia_cpus_advice(&bound, 5, 2, text, sizeof text)); /* more than the node has */
  CU_ASSERT_PTR_NULL(glia_cpus_advice(&small, 2, 1, text, sizeof text)); /* nobody bound it */
  CU_ASSERT_PTR_NULL(glia_cpus_advice(&whole, 16, 1, text, sizeof text));
}

/* Cores of a rank as text: "0,4 1,5". */
static const char *share(const char *machine, int n, const char *const *list, int rank,
                         const char **why)
{
  static char text[200];
  struct glia_cpus_share s;
  size_t used = 0;

  text[0] = '\0';
  if (glia_cpus_share(machine, n, list, rank, &s) != GLIA_OK) return "refused";
  for (int i = 0; i < s.n; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? " " : "", s.core[i]);
  *why = s.why;
  glia_cpus_share_free(&s);
  return text;
}

static void cores_are_shared_out_among_ranks(void)
{
  static const char machine[] = "package:2 core:4 pu:2"; /* CPUs 2k and 2k + 1 are core k */
  static const char *const same[] = {"0-15", "0-15", "0-15"}, *const packages[] = {"0-7", "8-15"},
                           *const own[] = {"0-3,8", "4-7"}, *const mixed[] = {"0-7", "0-7", "8-15"};
  const char *why = NULL;

  CU_ASSERT_STRING_EQUAL(share(machine, 1, same, 0, &why), "0-1 2-3 4-5 6-7 8-9 10-11 12-13 14-15");
  CU_ASSERT_STRING_EQUAL(share(machine, 2, same, 0, &why), "0-1 2-3 4-5 6-7");
  CU_ASSERT_STRING_EQUAL(share(machine, 2, same, 1, &why), "8-9 10-11 12-13 14-15");
  CU_ASSERT_STRING_EQUAL(share(machine, 3, same, 2, &why), "8-9 10-11"); /* two remain */
  CU_ASSERT_STRING_EQUAL(share(machine, 2, packages, 1, &why), "8-9 10-11 12-13 14-15");
  CU_ASSERT_STRING_EQUAL(share(machine, 2, own, 0, &why), "0-1 2-3 8"); /* half a core is one */
  CU_ASSERT_STRING_EQUAL(share(machine, 3, mixed, 1, &why), "4-5 6-7");
  CU_ASSERT_STRING_EQUAL(share(machine, 3, mixed, 2, &why), "8-9 10-11 12-13 14-15");
  CU_ASSERT_STRING_EQUAL(share("pu:4", 2, (const char *const[]){"0-3", "0-3"}, 1, &why), "2 3");
}

static void what_cannot_be_shared_is_nobodys(void)
{
  static const char *const many[] = {"0-1", "0-1", "0-1"}, *const partly[] = {"0-2", "2-3"},
                           *const cut[] = {"0,2,4,...", "1"}, *const unknown[] = {"unknown", "0"};
  const char *why = NULL;

  for (int r = 0; r < 3; r++) CU_ASSERT_STRING_EQUAL(share("core:2 pu:1", 3, many, r, &why), "");
  CU_ASSERT_STRING_EQUAL(why, "more ranks than cores");
  CU_ASSERT_STRING_EQUAL(share("core:4 pu:1", 2, partly, 0, &why), "");
  CU_ASSERT_STRING_EQUAL(why, "CPUs of ranks overlap in part");
  CU_ASSERT_STRING_EQUAL(share("core:8 pu:1", 2, cut, 0, &why), "refused");
  CU_ASSERT_STRING_EQUAL(share("core:8 pu:1", 2, cut, 1, &why), "refused");
  CU_ASSERT_STRING_EQUAL(share("core:8 pu:1", 2, unknown, 1, &why), "refused");
}

static int counts_on(int cores, int n, const char *const *list, double quota)
{
  const struct glia_cpus c = {.cores = cores};
  struct glia_cpus_share s;

  if (glia_cpus_share("core:8 pu:1", n, list, 0, &s) != GLIA_OK) return -1;
  const int own = glia_cpus_of_rank(&c, &s, n, quota);
  glia_cpus_share_free(&s);
  return own;
}

/* As mpirun binds more than two ranks, to a NUMA node that several have: no rank may count on all of it. */
static void a_rank_counts_on_its_part(void)
{
  static const char *const numa[] = {"0-3", "0-3", "0-3", "0-3"},
                           *const two[] = {"0-3", "0-3", "4-7", "4-7"}, *const all[] = {"0-7"},
                           *const both[] = {"0-7", "0-7"}, *const partly[] = {"0-5", "4-7", "6-7"},
                           *const many[] = {"0-1", "0-1", "0-1"};

  CU_ASSERT_EQUAL(counts_on(4, 4, numa, INFINITY), 1);
  CU_ASSERT_EQUAL(counts_on(4, 4, two, INFINITY), 2);
  CU_ASSERT_EQUAL(counts_on(8, 1, all, INFINITY), 8);
  CU_ASSERT_EQUAL(counts_on(8, 2, both, INFINITY), 4);
  CU_ASSERT_EQUAL(counts_on(6, 3, partly, INFINITY), 3); /* with one other rank */
  CU_ASSERT_EQUAL(counts_on(2, 3, many, INFINITY), 0);
  CU_ASSERT_EQUAL(counts_on(8, 2, both, 5.0), 2);
  CU_ASSERT_EQUAL(counts_on(8, 1, all, 0.5), 0);
  const struct glia_cpus c = {.cores = 8};
  const struct glia_cpus_share unknown = {.n = 0};
  CU_ASSERT_EQUAL(glia_cpus_of_rank(&c, &unknown, 3, INFINITY), 2);
}

static int cpus_of_this_thread(void)
{
  cpu_set_t set;

  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -1;
}

/* The only test that binds for good: the process's own CPUs are kept at the first call. */
static void a_bound_thread_may_roam_again(void)
{
  struct glia_cpus c;
  struct glia_cpus_share s;

  CU_ASSERT_EQUAL_FATAL(glia_cpus_look(NULL, &c), GLIA_OK);
  const char *list = c.list;
  CU_ASSERT_EQUAL_FATAL(glia_cpus_share(NULL, 1, &list, 0, &s), GLIA_OK);
  CU_ASSERT_EQUAL(s.n, c.cores);
  const int before = cpus_of_this_thread();
  glia_cpus_roam(); /* nobody was bound */
  CU_ASSERT_EQUAL(cpus_of_this_thread(), before);
  CU_ASSERT_EQUAL(glia_cpus_bind("4095"), GLIA_E_UNSUPPORTED); /* no machine here has it */
  CU_ASSERT_EQUAL(glia_cpus_bind("rubbish"), GLIA_E_UNSUPPORTED);
  CU_ASSERT_EQUAL(cpus_of_this_thread(), before);
  CU_ASSERT_EQUAL(glia_cpus_bind(s.core[s.n - 1]), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_cpus_look(NULL, &c), GLIA_OK);
  CU_ASSERT_STRING_EQUAL(c.list, s.core[s.n - 1]);
  glia_cpus_roam();
  CU_ASSERT_EQUAL(cpus_of_this_thread(), before);
  glia_trace_clear();
  glia_cpus_share_free(&s);
}

TAP_MAIN("cpus", TAP(cores_are_counted_not_threads), TAP(a_binding_is_seen),
         TAP(the_launchers_trap_is_explained), TAP(cores_are_shared_out_among_ranks),
         TAP(what_cannot_be_shared_is_nobodys), TAP(a_rank_counts_on_its_part),
         TAP(a_bound_thread_may_roam_again))
