/* nfs: work of the NFS clients, summed over mounts: a server that is gone shows as timeouts and waiting time.
 * Source: nfs-utils' mountstats, /proc/self/mountstats. */
#include "procfile.h"

enum {
  MOUNTS,
  READ,
  WRITTEN,
  SERVER_READ,
  SERVER_WRITTEN,
  REQUESTS,
  TRANSMISSIONS,
  TIMEOUTS,
  QUEUE_S,
  RESPONSE_S,
  REQUEST_S,
  N_METRICS
};

static const struct glia_metric metrics[N_METRICS] = {
    [MOUNTS] = {"glia_nfs_mounts", "1", GLIA_METRIC_GAUGE, "NFS mounts"},
    [READ] = {"node_mountstats_nfs_read_bytes_total", "B", GLIA_METRIC_COUNTER, "read by programs"},
    [WRITTEN] = {"node_mountstats_nfs_write_bytes_total", "B", GLIA_METRIC_COUNTER,
                 "written by programs"},
    [SERVER_READ] = {"node_mountstats_nfs_total_read_bytes_total", "B", GLIA_METRIC_COUNTER,
                     "read from servers"},
    [SERVER_WRITTEN] = {"node_mountstats_nfs_total_write_bytes_total", "B", GLIA_METRIC_COUNTER,
                        "written to servers"},
    [REQUESTS] = {"node_mountstats_nfs_operations_requests_total", "1", GLIA_METRIC_COUNTER,
                  "requests to servers"},
    [TRANSMISSIONS] = {"node_mountstats_nfs_operations_transmissions_total", "1",
                       GLIA_METRIC_COUNTER, "requests sent, repeated ones included"},
    [TIMEOUTS] = {"node_mountstats_nfs_operations_major_timeouts_total", "1", GLIA_METRIC_COUNTER,
                  "requests that a server did not answer in time"},
    [QUEUE_S] = {"node_mountstats_nfs_operations_queue_time_seconds_total", "s",
                 GLIA_METRIC_COUNTER, "time that requests waited to be sent"},
    [RESPONSE_S] = {"node_mountstats_nfs_operations_response_time_seconds_total", "s",
                    GLIA_METRIC_COUNTER, "time that servers took to answer"},
    [REQUEST_S] = {"node_mountstats_nfs_operations_request_time_seconds_total", "s",
                   GLIA_METRIC_COUNTER, "time of requests from begin to end"},
};

/* The file lists every mount of the node: where none is NFS, it is read with every sixth reading, once a minute. */
enum { LOOK_EACH = 6 };

struct state {
  struct glia_procfile file;
  bool none; /* the last look found no NFS */
  int skipped;
};

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  return glia_procfile_open_(&s->file, root, "proc/self/mountstats");
}

/* "device server:/home mounted on /home with fstype nfs4 statvers=1.1" */
static bool is_nfs(struct glia_span line)
{
  return glia_span_seek_(&line, " with fstype ") && glia_span_starts_(line, "nfs") &&
         !glia_span_starts_(line, "nfsd");
}

/* "bytes: 100 200 0 0 110 210 1 2": by programs, directly, from and to the server, pages. */
static void add_bytes(struct glia_span line, double *sum)
{
  sum[READ] += glia_span_number_(&line);
  sum[WRITTEN] += glia_span_number_(&line);
  glia_span_word_(&line);
  glia_span_word_(&line);
  sum[SERVER_READ] += glia_span_number_(&line);
  sum[SERVER_WRITTEN] += glia_span_number_(&line);
}

/* "READ: 10 11 1 2000 3000 5 20 30 0": requests, transmissions, timeouts, bytes, milliseconds; new kernels add errors. */
static void add_operation(struct glia_span line, double *sum)
{
  for (int i = REQUESTS; i <= TIMEOUTS; i++) sum[i] += glia_span_number_(&line);
  glia_span_word_(&line);
  glia_span_word_(&line);
  for (int i = QUEUE_S; i <= REQUEST_S; i++) sum[i] += 1e-3 * glia_span_number_(&line);
}

static void sample(void *state, double *out)
{
  struct state *s = state;
  struct glia_span line;
  double sum[N_METRICS] = {0};
  bool nfs = false;
  bool operations = false;

  if (s->none && ++s->skipped < LOOK_EACH) {
    out[MOUNTS] = 0.0;
    return;
  }
  struct glia_span rest = glia_procfile_read_(&s->file);
  while (glia_span_line_(&rest, &line)) {
    struct glia_span tail = line;
    const struct glia_span word = glia_span_word_(&tail);
    if (glia_span_is_(word, "device")) {
      nfs = is_nfs(line);
      operations = false;
      sum[MOUNTS] += nfs;
    } else if (nfs && glia_span_is_(word, "bytes:")) {
      add_bytes(tail, sum);
    } else if (nfs && glia_span_is_(word, "per-op")) {
      operations = true;
    } else if (nfs && operations && word.end > word.at && word.end[-1] == ':') {
      add_operation(tail, sum);
    }
  }
  s->none = s->file.whole && sum[MOUNTS] <= 0.0;
  s->skipped = 0;
  for (int i = 0; s->file.whole && i < N_METRICS; i++)
    if (i == MOUNTS || sum[MOUNTS] > 0.0) out[i] = sum[i];
}

static void close_all(void *state)
{
  struct state *s = state;

  glia_procfile_close_(&s->file);
}

const struct glia_sampler glia_sampler_nfs_ = {
    .name = "nfs",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .period_s = 10.0,
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
