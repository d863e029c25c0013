/* netstat: what the network stack went through, as totals of the node.  Source: proc(5), /proc/net/snmp, /proc/net/netstat. */
#include "procfile.h"

/* Protocol and field, as in the files; node_exporter joins them by a line. */
#define FIELDS(X)                                                                                  \
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
  X(Udp, SndbufErrors, COUNTER, "UDP packets lost because a send buffer was full")                 \
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

static const struct {
  const char *protocol; /* with its colon */
  const char *field;
} key[] = {
#define X(protocol, field, kind, help) {#protocol ":", #field},
    FIELDS(X)
#undef X
};

static const struct glia_metric metrics[] = {
#define X(protocol, field, kind, help)                                                             \
  {"node_netstat_" #protocol "_" #field, "1", GLIA_METRIC_##kind, help},
    FIELDS(X)
#undef X
};

static const char *const paths[] = {"proc/net/snmp", "proc/net/netstat"};

struct state {
  struct glia_procfile file[GLIA_COUNT(paths)];
};

static void close_all(void *state)
{
  struct state *s = state;

  for (size_t i = 0; i < GLIA_COUNT(paths); i++) glia_procfile_close_(&s->file[i]);
}

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  for (size_t i = 0; i < GLIA_COUNT(paths); i++)
    GLIA_TRY(glia_procfile_open_(&s->file[i], root, paths[i]));
  return GLIA_OK;
}

static bool same(struct glia_span a, struct glia_span b)
{
  while (a.at < a.end && b.at < b.end && *a.at == *b.at) a.at++, b.at++;
  return a.at == a.end && b.at == b.end;
}

/* Two lines: "Tcp: InSegs OutSegs" and "Tcp: 3684 2110". Fields come in the table's order as a rule, so each search begins
 * where the last one ended. */
static void take(struct glia_span names, struct glia_span values, double *out)
{
  const struct glia_span protocol = glia_span_word_(&names);
  size_t from = 0;

  if (!same(protocol, glia_span_word_(&values))) return;
  while (from < GLIA_COUNT(key) && !glia_span_is_(protocol, key[from].protocol)) from++;
  if (from == GLIA_COUNT(key)) return; /* of another protocol */
  for (struct glia_span name = glia_span_word_(&names); name.at < name.end;
       name = glia_span_word_(&names)) {
    const double value = glia_span_number_(&values);
    for (size_t i = from; i < GLIA_COUNT(key) && glia_span_is_(protocol, key[i].protocol); i++)
      if (glia_span_is_(name, key[i].field)) out[i] = value;
  }
}

static void sample(void *state, double *out)
{
  struct state *s = state;

  for (size_t i = 0; i < GLIA_COUNT(paths); i++) {
    struct glia_span rest = glia_procfile_read_(&s->file[i]);
    struct glia_span names;
    struct glia_span values;
    while (glia_span_line_(&rest, &names) && glia_span_line_(&rest, &values))
      take(names, values, out);
  }
}

const struct glia_sampler glia_sampler_netstat_ = {
    .name = "netstat",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
