/* netstat and netstat_ext: what the network stack went through, as totals of the node.  Source: proc(5), /proc/net/snmp, /proc/net/netstat.
 * The second file costs half again as much as any other that is read each second, and what is taken from it moves rarely. */
#include "procfile.h"

#include <stdlib.h>
#include <string.h>

/* Protocol and field, as in the files; node_exporter joins them by a line. */
#define SNMP(X)                                                                                    \
  X(Ip, InReceives, COUNTER, "IP packets received")                                                \
  X(Ip, InDiscards, COUNTER, "IP packets received and dropped for want of memory")                 \
  X(Ip, OutRequests, COUNTER, "IP packets sent")                                                   \
  X(Ip, OutDiscards, COUNTER, "IP packets not sent for want of memory")                            \
  X(Ip, ReasmFails, COUNTER, "IP packets that could not be put together")                          \
  X(Icmp, InErrors, COUNTER, "ICMP messages received with errors")                                 \
  X(Icmp, InDestUnreachs, COUNTER, "ICMP messages that a destination is unreachable")              \
  X(Tcp, ActiveOpens, COUNTER, "TCP connections opened")                                           \
  X(Tcp, PassiveOpens, COUNTER, "TCP connections accepted")                                        \
  X(Tcp, AttemptFails, COUNTER, "TCP connections that failed to open")                             \
  X(Tcp, EstabResets, COUNTER, "TCP connections reset")                                            \
  X(Tcp, CurrEstab, GAUGE, "TCP connections open")                                                 \
  X(Tcp, InSegs, COUNTER, "TCP segments received")                                                 \
  X(Tcp, OutSegs, COUNTER, "TCP segments sent")                                                    \
  X(Tcp, RetransSegs, COUNTER, "TCP segments sent again")                                          \
  X(Tcp, InErrs, COUNTER, "TCP segments received with errors")                                     \
  X(Tcp, OutRsts, COUNTER, "TCP resets sent")                                                      \
  X(Udp, InDatagrams, COUNTER, "UDP packets received")                                             \
  X(Udp, OutDatagrams, COUNTER, "UDP packets sent")                                                \
  X(Udp, NoPorts, COUNTER, "UDP packets for a port where nobody listens")                          \
  X(Udp, InErrors, COUNTER, "UDP packets received with errors")                                    \
  X(Udp, RcvbufErrors, COUNTER, "UDP packets lost because a receive buffer was full")              \
  X(Udp, SndbufErrors, COUNTER, "UDP packets lost because a send buffer was full")

#define EXTENSIONS(X)                                                                              \
  X(TcpExt, ListenOverflows, COUNTER, "connections lost because nobody accepted them in time")     \
  X(TcpExt, ListenDrops, COUNTER, "connections dropped while opening")                             \
  X(TcpExt, TCPTimeouts, COUNTER, "TCP timeouts")                                                  \
  X(TcpExt, TCPLostRetransmit, COUNTER, "TCP segments sent again and lost again")                  \
  X(TcpExt, TCPFastRetrans, COUNTER, "TCP segments sent again before a timeout")                   \
  X(TcpExt, TCPSynRetrans, COUNTER, "TCP connection requests sent again")                          \
  X(TcpExt, TCPRcvQDrop, COUNTER, "TCP segments lost because a receive queue was full")            \
  X(TcpExt, TCPBacklogDrop, COUNTER, "TCP segments lost because a backlog was full")               \
  X(TcpExt, SyncookiesSent, COUNTER, "TCP connections answered by a cookie")                       \
  X(IpExt, InOctets, COUNTER, "bytes in IP packets received")                                      \
  X(IpExt, OutOctets, COUNTER, "bytes in IP packets sent")

struct key {
  const char *protocol; /* with its colon */
  const char *field;
};

#define KEY(protocol, field, kind, help) {#protocol ":", #field},
#define METRIC(protocol, field, kind, help)                                                        \
  {"node_netstat_" #protocol "_" #field, "1", GLIA_METRIC_##kind, help},
static const struct key snmp_keys[] = {SNMP(KEY)};
static const struct key extension_keys[] = {EXTENSIONS(KEY)};
static const struct glia_metric snmp_metrics[] = {SNMP(METRIC)};
static const struct glia_metric extension_metrics[] = {EXTENSIONS(METRIC)};
#undef KEY
#undef METRIC

enum { PROTOCOLS = 24 };

/* What a line of names was the last time, and which metric each of its fields is (-1: none): it stays while the node is up. */
struct layout {
  char *names;
  size_t size;
  int *metric; /* [n] */
  int n;
};

struct state {
  const struct key *key; /* [n_keys] in the order of the metrics */
  int n_keys;
  struct glia_procfile file;
  struct layout layout[PROTOCOLS]; /* by place in the file */
};

static void forget(struct layout *l)
{
  free(l->names);
  free(l->metric);
  *l = (struct layout){0};
}

static void close_all(void *state)
{
  struct state *s = state;

  glia_procfile_close_(&s->file);
  for (int k = 0; k < PROTOCOLS; k++) forget(&s->layout[k]);
}

static glia_status open_file(struct state *s, const char *root, const char *path)
{
  GLIA_TRY(glia_procfile_open_(&s->file, root, path));
  s->file.single = true; /* single_open_net in the kernel */
  return GLIA_OK;
}

static glia_status open_snmp(void *state, const char *root)
{
  struct state *s = state;

  s->key = snmp_keys;
  s->n_keys = GLIA_COUNT(snmp_keys);
  return open_file(s, root, "proc/net/snmp");
}

static glia_status open_extensions(void *state, const char *root)
{
  struct state *s = state;

  s->key = extension_keys;
  s->n_keys = GLIA_COUNT(extension_keys);
  return open_file(s, root, "proc/net/netstat");
}

static int metric_of(const struct state *s, struct glia_span protocol, struct glia_span field)
{
  for (int i = 0; i < s->n_keys; i++)
    if (glia_span_is_(protocol, s->key[i].protocol) && glia_span_is_(field, s->key[i].field))
      return i;
  return -1;
}

/* Fields up to the last one that is a metric. Without memory nothing is learnt, and nothing told. */
static void learn(const struct state *s, struct layout *l, struct glia_span names)
{
  struct glia_span rest = names;
  int fields = 0;

  forget(l);
  l->size = (size_t)(names.end - names.at);
  l->names = malloc(l->size + 1);
  l->metric = malloc((l->size / 2 + 1) * sizeof *l->metric);
  if (l->names == NULL || l->metric == NULL) {
    forget(l);
    return;
  }
  memcpy(l->names, names.at, l->size);
  const struct glia_span protocol = glia_span_word_(&rest);
  for (struct glia_span name = glia_span_word_(&rest); name.at < name.end;
       name = glia_span_word_(&rest)) {
    l->metric[fields++] = metric_of(s, protocol, name);
    if (l->metric[fields - 1] >= 0) l->n = fields;
  }
}

static bool same(const struct layout *l, struct glia_span names)
{
  return l->names != NULL && l->size == (size_t)(names.end - names.at) &&
         memcmp(l->names, names.at, l->size) == 0;
}

/* Two lines: "Tcp: InSegs OutSegs" and "Tcp: 3684 2110". */
static void take(const struct state *s, struct layout *l, struct glia_span names,
                 struct glia_span values, double *out)
{
  if (!same(l, names)) learn(s, l, names);
  const struct glia_span protocol = glia_span_word_(&names);
  const struct glia_span again = glia_span_word_(&values);
  if (protocol.end - protocol.at != again.end - again.at ||
      memcmp(protocol.at, again.at, (size_t)(again.end - again.at)) != 0)
    return;
  for (int k = 0; k < l->n; k++) {
    if (l->metric[k] < 0)
      (void)glia_span_word_(&values);
    else
      out[l->metric[k]] = glia_span_number_(&values);
  }
}

static void sample(void *state, double *out)
{
  struct state *s = state;

  struct glia_span rest = glia_procfile_read_(&s->file);
  struct glia_span names;
  struct glia_span values;

  for (int k = 0;
       k < PROTOCOLS && glia_span_line_(&rest, &names) && glia_span_line_(&rest, &values); k++)
    take(s, &s->layout[k], names, values, out);
}

const struct glia_sampler glia_sampler_netstat_ = {
    .name = "netstat",
    .metrics = snmp_metrics,
    .n_metrics = GLIA_COUNT(snmp_metrics),
    .state_size = sizeof(struct state),
    .open = open_snmp,
    .sample = sample,
    .close = close_all,
};

const struct glia_sampler glia_sampler_netstat_ext_ = {
    .name = "netstat_ext",
    .metrics = extension_metrics,
    .n_metrics = GLIA_COUNT(extension_metrics),
    .state_size = sizeof(struct state),
    .period_s = 5.0,
    .at_hand = true,
    .open = open_extensions,
    .sample = sample,
    .close = close_all,
};
