/* Samplers on recorded nodes, and on files that change under them. */
#include "samplers_rig.h"

#include <math.h>

/* ---- recorded nodes */

/* Compare a sample of a recorded node with its golden values: those listed agree, all others are missing. Rounding of
 * ticks, milliseconds and microseconds to seconds may differ in the last bits. */
static void replay(const char *name)
{
  char path[PATH];
  char line[512];
  char key[256];
  double want;
  bool listed[MAX_METRICS] = {false};
  int n_listed = 0;

  snprintf(path, sizeof path, "%s/tests/nodes/%s", getenv("srcdir"), name);
  struct glia_sample_set *set = open_node(path);
  take(set);
  snprintf(path, sizeof path, "%s/tests/nodes/%s/expected", getenv("srcdir"), name);
  FILE *f = fopen(path, "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  while (fgets(line, sizeof line, f) != NULL && sscanf(line, "%255s %lf", key, &want) == 2) {
    const int i = column(set, key);
    const bool good = i >= 0 && fabs(row[i] - want) <= 1e-14 * fabs(want);
    CU_ASSERT(good);
    if (!good) tap_note("%s: %s is %.17g, not %.17g", name, key, i >= 0 ? row[i] : -1.0, want);
    if (i >= 0) listed[i] = true;
    n_listed++;
  }
  fclose(f);
  CU_ASSERT(n_listed > 0);
  for (int i = 0; i < glia_sample_set_count(set); i++) {
    CU_ASSERT(listed[i] || isnan(row[i]));
    if (!listed[i] && !isnan(row[i]))
      tap_note("%s: %s is %g", name, glia_sample_set_metrics(set)[i].name, row[i]);
  }
  glia_sample_set_close(&set);
  CU_ASSERT_PTR_NULL(set);
}

static void a_small_virtual_machine(void)
{
  replay("vm-1");
  replay("vm-2");
}
static void many_cores_disks_and_links_in_another_order(void) { replay("big"); }
static void a_node_of_a_cluster_with_sensors_and_fabrics(void) { replay("hpc"); }
static void an_old_kernel_lacks_pressure_and_fields(void) { replay("old"); }
static void a_node_without_disks_and_links_has_sums_of_zero(void) { replay("bare"); }
static void numbers_cut_short_are_missing(void) { replay("cut"); }
static void garbage_is_missing(void) { replay("garbage"); }

static void an_empty_root_is_all_missing(void)
{
  make_node();
  struct glia_sample_set *set = open_node(node);
  take(set);
  for (int i = 0; i < glia_sample_set_count(set); i++) CU_ASSERT(isnan(row[i]));
  CU_ASSERT_EQUAL(row[glia_sample_set_count(set)], -7.0);
  glia_sample_set_close(&set);
  remove_node();
}

static void a_root_that_is_no_folder_is_refused(void)
{
  struct glia_sample_set *set;

  CU_ASSERT_EQUAL(glia_sample_set_open("/nowhere/at/all", &set), GLIA_E_MISSING);
  CU_ASSERT_PTR_NULL(set);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "/nowhere/at/all"));
}

static void the_row_is_as_wide_on_every_node(void)
{
  char path[PATH];
  static const char *const names[] = {"vm-1", "big", "old", "garbage"};
  struct glia_sample_set *here = open_node("/");

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/tests/nodes/%s", getenv("srcdir"), names[i]);
    struct glia_sample_set *set = open_node(path);
    CU_ASSERT_EQUAL(glia_sample_set_count(set), glia_sample_set_count(here));
    glia_sample_set_close(&set);
  }
  glia_sample_set_close(&here);
}

static void names_are_unique_and_described(void)
{
  struct glia_sample_set *set = open_node("/");
  const struct glia_metric *metric = glia_sample_set_metrics(set);

  for (int i = 0; i < glia_sample_set_count(set); i++) {
    CU_ASSERT_EQUAL(column(set, metric[i].name), i);
    CU_ASSERT(strlen(metric[i].help) > 2 && strlen(metric[i].unit) > 0);
    CU_ASSERT(strncmp(metric[i].name, "node_", 5) == 0 || strncmp(metric[i].name, "glia_", 5) == 0);
  }
  glia_sample_set_close(&set);
}

/* ---- files that change */

static void files_are_read_anew(void)
{
  make_node();
  put("loadavg", "1.50 2.25 3.00 1/100 42\n");
  struct glia_sample_set *set = open_node(node);
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_load5"), 2.25);
  put("loadavg", "117.00 0.01 0.02 100/1000 4242\n");
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_load1"), 117.0);
  CU_ASSERT_EQUAL(value(set, "node_load5"), 0.01);
  put("loadavg", "");
  take(set);
  CU_ASSERT(isnan(value(set, "node_load1")));
  put("loadavg", "0.25 0.50 0.75 1/1 1\n");
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_load15"), 0.75);
  glia_sample_set_close(&set);
  remove_node();
}

/* Four cores, 100 ticks later: 0 idle all the time, 1 busy all the time, 2 waits for a disk for half of it (that is not busy)
 * and steals 10, 3 runs 20 in the kernel and its idle time goes on; 4 was plugged in meanwhile. */
static void busy_shares_fold_over_cores(void)
{
  make_node();
  put("stat", "cpu  0 0 0 0 0 0 0 0\ncpu0 100 0 0 500 0 0 0 0\ncpu1 100 0 0 500 0 0 0 0\n"
              "cpu2 100 0 0 500 0 0 0 0\ncpu3 100 0 0 500 0 0 0 0\n");
  struct glia_sample_set *set = open_node(node);
  take(set);
  CU_ASSERT(isnan(value(set, "glia_cpu_busy_mean_ratio")));
  CU_ASSERT(isnan(value(set, "glia_cpu_busy_max_ratio")));
  put("stat", "cpu  0 0 0 0 0 0 0 0\ncpu0 100 0 0 600 0 0 0 0\ncpu1 150 50 0 500 0 0 0 0\n"
              "cpu2 100 0 0 540 50 0 0 10\ncpu3 100 0 20 580 0 0 0 0\ncpu4 900 0 0 100 0 0 0 0\n");
  take(set);
  CU_ASSERT_DOUBLE_EQUAL(value(set, "glia_cpu_busy_mean_ratio"), (0.0 + 1.0 + 0.1 + 0.2) / 4,
                         1e-15);
  CU_ASSERT_EQUAL(value(set, "glia_cpu_busy_min_ratio"), 0.0);
  CU_ASSERT_EQUAL(value(set, "glia_cpu_busy_max_ratio"), 1.0);
  take(set); /* no tick since */
  CU_ASSERT(isnan(value(set, "glia_cpu_busy_mean_ratio")));
  /* Idle time of core 0 stepped back by a tick, core 1 is unreadable, core 2 was busy for half, core 3 is gone. */
  put("stat", "cpu  0 0 0 0 0 0 0 0\ncpu0 170 0 0 599 0 0 0 0\ncpu1 ? 50 0 5000\n"
              "cpu2 150 0 0 590 50 0 0 10\n");
  take(set);
  CU_ASSERT_EQUAL(value(set, "glia_cpu_busy_mean_ratio"), 0.75);
  CU_ASSERT_EQUAL(value(set, "glia_cpu_busy_min_ratio"), 0.5);
  CU_ASSERT_EQUAL(value(set, "glia_cpu_busy_max_ratio"), 1.0);
  glia_sample_set_close(&set);
  remove_node();
}

/* The sum over three disks is another counter than the sum over two. */
static void another_set_of_devices_is_missing_once(void)
{
  static const char *const sda = "8 0 sda 1 0 2 1 1 0 2 1 0 1 1\n";
  char both[256];

  make_node();
  put("diskstats", sda);
  struct glia_sample_set *set = open_node(node);
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_disk_read_bytes_total"), 1024.0);
  snprintf(both, sizeof both, "%s8 16 sdb 1000 0 9000 1 1 0 2 1 0 1 1\n", sda);
  put("diskstats", both);
  take(set);
  CU_ASSERT(isnan(value(set, "node_disk_read_bytes_total")));
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_disk_read_bytes_total"), 9002.0 * 512);
  snprintf(both, sizeof both,
           "7 0 loop0 1 1 1 1 1 1 1 1 1 1 1\n%s8 16 sdb 1000 0 9000 1 1 0 2 1 0 1 1\n", sda);
  put("diskstats", both); /* a device that is not counted does not matter */
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_disk_read_bytes_total"), 9002.0 * 512);
  glia_sample_set_close(&set);
  remove_node();
}

static void put_disk(const char *text) { put("../sys/block/sda/stat", text); }

/* Where few disks count, each is read alone; which there are is looked up with every sixtieth sample, and where one does not answer. */
static void few_disks_are_read_alone(void)
{
  static const char *const list =
      "8 0 sda 1 0 2 1 1 0 2 1 0 1 1\n7 0 loop0 1 1 1 1 1 1 1 1 1 1 1\n";
  char path[PATH + 64], both[256];
  static const char *const folder[] = {"/sys", "/sys/block", "/sys/block/sda"};

  make_node();
  for (int i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s%s", node, folder[i]);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
  }
  put("diskstats", list);
  put_disk("   10 0  20 1 1 0 2 1 0 1 1\n");
  struct glia_sample_set *set = open_node(node);
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_disk_read_bytes_total"), 1024.0);
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_disk_read_bytes_total"), 20.0 * 512);
  CU_ASSERT_EQUAL(value(set, "node_disk_reads_completed_total"), 10.0);
  CU_ASSERT(isnan(value(set, "node_disk_discards_completed_total"))); /* an old kernel */
  put_disk("   11 0  30 1 1 0 2 1");                                  /* cut */
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_disk_read_bytes_total"), 1024.0);
  put_disk("   12 0  40 1 1 0 2 1 0 1 1\n");
  for (int i = 3; i < 60; i++) take(set);
  CU_ASSERT_EQUAL(value(set, "node_disk_read_bytes_total"), 1024.0); /* it answered once not */
  take(set);
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_disk_read_bytes_total"), 40.0 * 512);
  snprintf(both, sizeof both, "%s8 16 sdb 1000 0 9000 1 1 0 2 1 0 1 1\n", list);
  put("diskstats", both);
  for (int i = 62; i < 120; i++) take(set);
  CU_ASSERT_EQUAL(value(set, "node_disk_read_bytes_total"), 40.0 * 512);
  take(set);
  CU_ASSERT(isnan(value(set, "node_disk_read_bytes_total"))); /* of other disks: another counter */
  take(set); /* sdb has no file of its own: the list again */
  CU_ASSERT_EQUAL(value(set, "node_disk_read_bytes_total"), 9002.0 * 512);
  glia_sample_set_close(&set);
  remove_node();
}

/* The list of mounts is long where containers run: without NFS in it, it is read with every sixth reading. */
static void nfs_is_looked_for_once_in_a_while(void)
{
  char path[PATH + 64];

  make_node();
  snprintf(path, sizeof path, "%s/proc/self", node);
  CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
  put("self/mountstats", "device /dev/vda mounted on / with fstype ext4\n");
  struct glia_sample_set *set = open_node(node);
  take(set);
  CU_ASSERT_EQUAL(value(set, "glia_nfs_mounts"), 0.0);
  put("self/mountstats",
      "device a:/b mounted on /b with fstype nfs4 statvers=1.1\n\tbytes:\t1 2 0 0 3 4 1 1\n");
  for (int i = 1; i < 6; i++) take(set);
  CU_ASSERT(value(set, "glia_nfs_mounts") == 0.0 &&
            isnan(value(set, "node_mountstats_nfs_read_bytes_total")));
  take(set);
  CU_ASSERT(value(set, "glia_nfs_mounts") == 1.0 &&
            value(set, "node_mountstats_nfs_read_bytes_total") == 1.0);
  put("self/mountstats",
      "device a:/b mounted on /b with fstype nfs4 statvers=1.1\n\tbytes:\t8 2 0 0 3 4 1 1\n");
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_mountstats_nfs_read_bytes_total"), 8.0);
  glia_sample_set_close(&set);
  remove_node();
}

/* A file may grow to twice its size and stay readable; past that, what does not fit is missing and nothing breaks. */
static void files_that_outgrow_their_buffer_do_no_harm(void)
{
  static char text[1 << 17];
  size_t n = 0;

  make_node();
  put("net/dev", "a | b\nc | d\n  lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n");
  struct glia_sample_set *set = open_node(node);
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_network_receive_bytes_total"), 0.0);
  for (int i = 0; n + 128 < sizeof text; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "  eth%d: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n",
                          i);
  put("net/dev", text);
  take(set);
  take(set);
  CU_ASSERT(isnan(value(set, "node_network_receive_bytes_total")));
  glia_sample_set_close(&set);
  remove_node();
}

/* ---- a source of one's own */

/* Energy counters go back to 0 at their range: what they counted stays. */
static void energy_is_unwrapped(void)
{
  static const char *const folders[] = {"/sys", "/sys/class", "/sys/class/powercap",
                                        "/sys/class/powercap/intel-rapl:0"};
  static const char *const files[] = {"name", "max_energy_range_uj", "energy_uj"};
  char path[PATH + 128];

  make_node();
  for (size_t i = 0; i < 4; i++) {
    snprintf(path, sizeof path, "%s%s", node, folders[i]);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
  }
  put("../sys/class/powercap/intel-rapl:0/name", "package-0\n");
  put("../sys/class/powercap/intel-rapl:0/max_energy_range_uj", "10000000\n");
  put("../sys/class/powercap/intel-rapl:0/energy_uj", "9000000\n");
  struct glia_sample_set *set = open_node(node);
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_rapl_package_joules_total"), 9.0);
  put("../sys/class/powercap/intel-rapl:0/energy_uj", "1500000\n");
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_rapl_package_joules_total"), 11.5);
  glia_sample_set_close(&set);
  for (size_t i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s%s/%s", node, folders[3], files[i]);
    remove(path);
  }
  for (size_t i = 4; i-- > 0;) {
    snprintf(path, sizeof path, "%s%s", node, folders[i]);
    remove(path);
  }
  remove_node();
}

/* Names are found again when lines change their places, come and go. */
static void lines_may_change_their_places(void)
{
  make_node();
  put("meminfo", "MemTotal: 100 kB\nMemFree: 50 kB\nOther: 7 kB\nCached: 3 kB\n");
  struct glia_sample_set *set = open_node(node);
  take(set);
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_memory_Cached_bytes"), 3.0 * 1024.0);
  put("meminfo", "MemFree: 40 kB\nMemTotal: 100 kB\nCached: 4 kB\nOther: 7 kB\n");
  for (int i = 0; i < 2; i++) {
    take(set);
    CU_ASSERT_EQUAL(value(set, "node_memory_MemTotal_bytes"), 100.0 * 1024.0);
    CU_ASSERT_EQUAL(value(set, "node_memory_MemFree_bytes"), 40.0 * 1024.0);
    CU_ASSERT_EQUAL(value(set, "node_memory_Cached_bytes"), 4.0 * 1024.0);
  }
  put("meminfo", "MemFree: 30 kB\nMemTotal: 100 kB\nCached: 5 kB\nOther: 7 kB\nDirty: 9 kB\n");
  take(set); /* it learns that there are more lines */
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_memory_Dirty_bytes"), 9.0 * 1024.0);
  put("meminfo", "MemTotal: 100 kB\n");
  take(set);
  CU_ASSERT_EQUAL(value(set, "node_memory_MemTotal_bytes"), 100.0 * 1024.0);
  CU_ASSERT(isnan(value(set, "node_memory_Dirty_bytes")));
  glia_sample_set_close(&set);
  remove_node();
}

TAP_MAIN("samplers", TAP(a_small_virtual_machine), TAP(many_cores_disks_and_links_in_another_order),
         TAP(a_node_of_a_cluster_with_sensors_and_fabrics),
         TAP(an_old_kernel_lacks_pressure_and_fields), TAP(energy_is_unwrapped),
         TAP(a_node_without_disks_and_links_has_sums_of_zero), TAP(numbers_cut_short_are_missing),
         TAP(garbage_is_missing), TAP(an_empty_root_is_all_missing),
         TAP(a_root_that_is_no_folder_is_refused), TAP(the_row_is_as_wide_on_every_node),
         TAP(names_are_unique_and_described), TAP(files_are_read_anew),
         TAP(lines_may_change_their_places), TAP(busy_shares_fold_over_cores),
         TAP(another_set_of_devices_is_missing_once), TAP(few_disks_are_read_alone),
         TAP(nfs_is_looked_for_once_in_a_while), TAP(files_that_outgrow_their_buffer_do_no_harm))
