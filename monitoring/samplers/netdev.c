/* netdev: traffic and losses, summed over interfaces.  Source: proc(5), /proc/net/dev.
 *
 * Left out: lo, which leaves no node, and veth*, the ends of containers' links: they come and go, and what they carry out of the
 * node is counted where it leaves.
 */
#include "devices.h"

#include <assert.h>

#define FIELDS(X)                                                                                  \
  X("receive_bytes", "B", "received")                                                              \
  X("receive_packets", "1", "packets received")                                                    \
  X("receive_errs", "1", "packets received with errors")                                           \
  X("receive_drop", "1", "packets received and dropped")                                           \
  X("receive_fifo", "1", "packets lost because the receive queue was full")                        \
  X("receive_frame", "1", "frames with a bad length or checksum")                                  \
  X("receive_compressed", "1", "compressed packets received")                                      \
  X("receive_multicast", "1", "multicast packets received")                                        \
  X("transmit_bytes", "B", "sent")                                                                 \
  X("transmit_packets", "1", "packets sent")                                                       \
  X("transmit_errs", "1", "packets not sent because of errors")                                    \
  X("transmit_drop", "1", "packets to be sent and dropped")                                        \
  X("transmit_fifo", "1", "packets lost because the send queue was full")                          \
  X("transmit_colls", "1", "collisions")                                                           \
  X("transmit_carrier", "1", "times the link was lost while sending")                              \
  X("transmit_compressed", "1", "compressed packets sent")

static const struct glia_metric metrics[] = {
#define X(name, unit, help) {"node_network_" name "_total", unit, GLIA_METRIC_COUNTER, help},
    FIELDS(X)
#undef X
};

static const double scale[] = {
#define X(name, unit, help) 1.0,
    FIELDS(X)
#undef X
};

static_assert(GLIA_COUNT(metrics) <= GLIA_DEVICE_FIELDS, "devices.h holds too few fields");

struct state {
  struct glia_procfile file;
  uint64_t devices;
};

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  return glia_procfile_open_(&s->file, root, "proc/net/dev");
}

/* "  eth0: 90739008 2056 0 ...": the name ends at the colon, after which old kernels leave no blank. Two lines of titles have
 * none. */
static bool split(struct glia_span *line, struct glia_span *name)
{
  const char *p = line->at;

  while (p < line->end && *p == ' ') p++;
  *name = (struct glia_span){p, p};
  while (p < line->end && *p != ':' && *p != '|') p++;
  name->end = p;
  line->at = p < line->end ? p + 1 : p;
  return p < line->end && *p == ':';
}

static void sample(void *state, double *out)
{
  struct state *s = state;
  struct glia_span rest = glia_procfile_read_(&s->file);
  struct glia_span line;
  struct glia_span name;
  struct glia_device_sum sum;

  glia_device_sum_begin_(&sum, GLIA_COUNT(metrics));
  while (glia_span_line_(&rest, &line)) {
    if (!split(&line, &name)) continue;
    sum.n_lines++;
    if (glia_span_is_(name, "lo") || glia_span_starts_(name, "veth")) continue;
    glia_device_sum_add_(&sum, name, line, GLIA_COUNT(metrics));
  }
  glia_device_sum_end_(&sum, s->file.whole, scale, &s->devices, out);
}

static void close_all(void *state)
{
  struct state *s = state;

  glia_procfile_close_(&s->file);
}

const struct glia_sampler glia_sampler_netdev_ = {
    .name = "netdev",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
