/* diskstats: work of the disks, summed over those that are real.  Source: the kernel's admin-guide/iostats, /proc/diskstats,
 * /sys/block/DISK/stat.
 *
 * The first file lists all block devices with their partitions, also the loop devices that most nodes have eight of. Where one or two disks
 * count, their own files are read, for a third of the time each, and the list once in a while: it says which disks there are.
 *
 * Left out: partitions, and devices whose work is counted again in the disks below them or touches none (loop, ram, zram, dm,
 * md, drbd, bcache, the paths below a multipath NVMe name), and drives with removable media (sr, fd).
 */
#include "devices.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELDS(X)                                                                                  \
  X("reads_completed_total", "1", 1.0, COUNTER, "reads done")                                      \
  X("reads_merged_total", "1", 1.0, COUNTER, "reads joined to another")                            \
  X("read_bytes_total", "B", 512.0, COUNTER, "read")                                               \
  X("read_time_seconds_total", "s", 1e-3, COUNTER, "time of all reads")                            \
  X("writes_completed_total", "1", 1.0, COUNTER, "writes done")                                    \
  X("writes_merged_total", "1", 1.0, COUNTER, "writes joined to another")                          \
  X("written_bytes_total", "B", 512.0, COUNTER, "written")                                         \
  X("write_time_seconds_total", "s", 1e-3, COUNTER, "time of all writes")                          \
  X("io_now", "1", 1.0, GAUGE, "requests on their way")                                            \
  X("io_time_seconds_total", "s", 1e-3, COUNTER, "time with requests on their way")                \
  X("io_time_weighted_seconds_total", "s", 1e-3, COUNTER, "time of all requests")                  \
  X("discards_completed_total", "1", 1.0, COUNTER, "discards done")                                \
  X("discards_merged_total", "1", 1.0, COUNTER, "discards joined to another")                      \
  X("discarded_sectors_total", "1", 1.0, COUNTER, "sectors of 512 B discarded")                    \
  X("discard_time_seconds_total", "s", 1e-3, COUNTER, "time of all discards")                      \
  X("flush_requests_total", "1", 1.0, COUNTER, "flushes done")                                     \
  X("flush_requests_time_seconds_total", "s", 1e-3, COUNTER, "time of all flushes")

static const struct glia_metric metrics[] = {
#define X(name, unit, factor, kind, help) {"node_disk_" name, unit, GLIA_METRIC_##kind, help},
    FIELDS(X)
#undef X
};

static const double scale[] = {
#define X(name, unit, factor, kind, help) factor,
    FIELDS(X)
#undef X
};

static_assert(GLIA_COUNT(metrics) <= GLIA_DEVICE_FIELDS, "devices.h holds too few fields");

enum {
  FIELDS_SINCE_2_6 = 11, /* discards came with 4.18, flushes with 5.5 */
  MOST_ALONE = 2,        /* disks that are read alone */
  LIST_EACH = 60,        /* samples */
  NAME_BYTES = 32,       /* DISK_NAME_LEN in the kernel */
  LINE_BYTES = 512
};

struct disk {
  char name[NAME_BYTES];
  int fd; /* of its own file */
};

struct state {
  struct glia_procfile file;
  char *root;
  uint64_t devices;
  struct disk disk[MOST_ALONE]; /* [n_alone] */
  int n_alone;                  /* 0: the list is read */
  int n_disks;                  /* in the list; more than MOST_ALONE: not all are in `disk` */
  int64_t samples;              /* so far */
};

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  s->root = strdup(root);
  GLIA_CHECK(s->root != NULL, GLIA_E_MEMORY, "no memory for the disks");
  return glia_procfile_open_(&s->file, root, "proc/diskstats");
}

static bool digit(char c) { return c >= '0' && c <= '9'; }

static bool all_digits(const char *p, const char *end)
{
  if (p == end) return false;
  while (p < end && digit(*p)) p++;
  return p == end;
}

/* The kernel lists the partitions of a disk right behind it: sda1 after sda, nvme0n1p1 after nvme0n1. */
static bool partition_of(struct glia_span disk, struct glia_span name)
{
  const char *a = disk.at;
  const char *b = name.at;

  while (a < disk.end && b < name.end && *a == *b) a++, b++;
  if (a == disk.at || a < disk.end) return false;
  if (digit(a[-1]) && (b == name.end || *b++ != 'p')) return false;
  return all_digits(b, name.end);
}

/* nvme0c1n1: one path to nvme0n1. */
static bool nvme_path(struct glia_span name)
{
  if (!glia_span_starts_(name, "nvme")) return false;
  for (const char *p = name.at + 4; p < name.end; p++)
    if (*p == 'c') return true;
  return false;
}

static bool stands_on_others(struct glia_span name)
{
  static const char *const families[] = {"loop", "ram",    "zram", "dm-", "md",
                                         "drbd", "bcache", "sr",   "fd"};

  for (size_t i = 0; i < GLIA_COUNT(families); i++)
    if (glia_span_starts_(name, families[i])) return true;
  return nvme_path(name);
}

static void leave(struct state *s)
{
  for (; s->n_alone > 0; s->n_alone--) close(s->disk[s->n_alone - 1].fd);
}

/* A disk of the list, the n-th. What stands open is of the disks that were listed before. */
static void note(struct state *s, struct glia_span name)
{
  const int i = s->n_disks++;
  const size_t size = (size_t)(name.end - name.at);

  if (i < s->n_alone && glia_span_is_(name, s->disk[i].name)) return;
  leave(s);
  if (i >= MOST_ALONE) return;
  if (size >= NAME_BYTES) {
    s->n_disks = MOST_ALONE + 1;
    return;
  }
  memcpy(s->disk[i].name, name.at, size);
  s->disk[i].name[size] = '\0';
}

/* Open the files of the disks that the list had: all of them, or none. */
static void go_alone(struct state *s)
{
  char path[4096];

  if (s->n_disks > MOST_ALONE || s->n_disks == s->n_alone) return;
  leave(s);
  for (int i = 0; i < s->n_disks; i++) {
    snprintf(path, sizeof path, "%s/sys/block/%s/stat", s->root, s->disk[i].name);
    s->disk[i].fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->disk[i].fd < 0) {
      leave(s);
      return;
    }
    s->n_alone++;
  }
}

/* false: one of them cannot be read (it is gone). */
static bool read_alone(struct state *s, struct glia_device_sum *sum)
{
  char text[LINE_BYTES];

  for (int i = 0; i < s->n_alone; i++) {
    const ssize_t n = pread(s->disk[i].fd, text, sizeof text, 0);
    if (n <= 0 || text[n - 1] != '\n') return false;
    const char *name = s->disk[i].name;
    glia_device_sum_add_(sum, (struct glia_span){name, name + strlen(name)},
                         (struct glia_span){text, text + n}, FIELDS_SINCE_2_6);
    sum->n_lines++;
  }
  return true;
}

static void read_list(struct state *s, struct glia_device_sum *sum)
{
  struct glia_span rest = glia_procfile_read_(&s->file);
  struct glia_span line;
  struct glia_span disk = {NULL, NULL};

  s->n_disks = 0;
  while (glia_span_line_(
      &rest, &line)) { /* " 254  0 vda 52427 10020 3284538 ...": major, minor, name, counters */
    glia_span_word_(&line);
    glia_span_word_(&line);
    const struct glia_span name = glia_span_word_(&line);
    sum->n_lines++;
    if (partition_of(disk, name)) continue;
    disk = name;
    if (stands_on_others(name)) continue;
    glia_device_sum_add_(sum, name, line, FIELDS_SINCE_2_6);
    note(s, name);
  }
}

static void sample(void *state, double *out)
{
  struct state *s = state;
  struct glia_device_sum sum;
  const bool look = s->samples++ % LIST_EACH == 0;
  bool whole = true;

  glia_device_sum_begin_(&sum, GLIA_COUNT(metrics));
  if (look || s->n_alone == 0 || !read_alone(s, &sum)) {
    glia_device_sum_begin_(&sum, GLIA_COUNT(metrics));
    if (!look) leave(s); /* of a disk that is gone: it may come back as another */
    read_list(s, &sum);
    whole = s->file.whole;
    if (look && whole && !sum.broken) go_alone(s);
  }
  glia_device_sum_end_(&sum, whole, scale, &s->devices, out);
}

static void close_all(void *state)
{
  struct state *s = state;

  leave(s);
  free(s->root);
  glia_procfile_close_(&s->file);
}

const struct glia_sampler glia_sampler_diskstats_ = {
    .name = "diskstats",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
