/* CPUs of a process: counted on described machines and on this one, and the launcher's trap explained. */
#include "glia_cpus.h"
#include "tap.h"

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

TAP_MAIN("cpus", TAP(cores_are_counted_not_threads), TAP(a_binding_is_seen),
         TAP(the_launchers_trap_is_explained))
