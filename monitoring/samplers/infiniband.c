/* infiniband: traffic and errors, summed over ports; each reading may ask the adapter's firmware. Data are counted in words of 4 B.
 * Source: the kernel's ABI/stable/sysfs-class-infiniband. */
#include "numbers.h"

enum {
  RECEIVED,
  SENT,
  PACKETS_IN,
  PACKETS_OUT,
  WAIT,
  ERRORS_IN,
  DISCARDS,
  SYMBOLS,
  DOWNED,
  RECOVERED,
  STATE
};

static const struct glia_metric metrics[] = {
    [RECEIVED] = {"node_infiniband_port_data_received_bytes_total", "B", GLIA_METRIC_COUNTER,
                  "received"},
    [SENT] = {"node_infiniband_port_data_transmitted_bytes_total", "B", GLIA_METRIC_COUNTER,
              "sent"},
    [PACKETS_IN] = {"node_infiniband_port_packets_received_total", "1", GLIA_METRIC_COUNTER,
                    "packets received"},
    [PACKETS_OUT] = {"node_infiniband_port_packets_transmitted_total", "1", GLIA_METRIC_COUNTER,
                     "packets sent"},
    [WAIT] = {"node_infiniband_port_transmit_wait_total", "1", GLIA_METRIC_COUNTER,
              "ticks in which a port had data and could not send"},
    [ERRORS_IN] = {"node_infiniband_port_errors_received_total", "1", GLIA_METRIC_COUNTER,
                   "packets received with errors"},
    [DISCARDS] = {"node_infiniband_port_discards_transmitted_total", "1", GLIA_METRIC_COUNTER,
                  "packets not sent"},
    [SYMBOLS] = {"node_infiniband_symbol_error_total", "1", GLIA_METRIC_COUNTER,
                 "minor link errors"},
    [DOWNED] = {"node_infiniband_link_downed_total", "1", GLIA_METRIC_COUNTER,
                "times that a link went down"},
    [RECOVERED] = {"node_infiniband_link_error_recovery_total", "1", GLIA_METRIC_COUNTER,
                   "times that a link recovered from errors"},
    [STATE] = {"glia_infiniband_port_state_min", "1", GLIA_METRIC_GAUGE,
               "state of the worst port: 1 down to 4 active"},
};

static const struct glia_number_rule rules[] = {
    {RECEIVED, GLIA_FOLD_SUM, 4.0, "sys/class/infiniband/*/ports/*/counters/port_rcv_data"},
    {SENT, GLIA_FOLD_SUM, 4.0, "sys/class/infiniband/*/ports/*/counters/port_xmit_data"},
    {PACKETS_IN, GLIA_FOLD_SUM, 1.0, "sys/class/infiniband/*/ports/*/counters/port_rcv_packets"},
    {PACKETS_OUT, GLIA_FOLD_SUM, 1.0, "sys/class/infiniband/*/ports/*/counters/port_xmit_packets"},
    {WAIT, GLIA_FOLD_SUM, 1.0, "sys/class/infiniband/*/ports/*/counters/port_xmit_wait"},
    {ERRORS_IN, GLIA_FOLD_SUM, 1.0, "sys/class/infiniband/*/ports/*/counters/port_rcv_errors"},
    {DISCARDS, GLIA_FOLD_SUM, 1.0, "sys/class/infiniband/*/ports/*/counters/port_xmit_discards"},
    {SYMBOLS, GLIA_FOLD_SUM, 1.0, "sys/class/infiniband/*/ports/*/counters/symbol_error"},
    {DOWNED, GLIA_FOLD_SUM, 1.0, "sys/class/infiniband/*/ports/*/counters/link_downed"},
    {RECOVERED, GLIA_FOLD_SUM, 1.0, "sys/class/infiniband/*/ports/*/counters/link_error_recovery"},
    {STATE, GLIA_FOLD_LEAST, 1.0, "sys/class/infiniband/*/ports/*/state"},
};

static glia_status open_under(void *state, const char *root)
{
  return glia_numbers_open_(state, root, rules, GLIA_COUNT(rules));
}

static void sample(void *state, double *out) { glia_numbers_sample_(state, out); }

static void close_all(void *state) { glia_numbers_close_(state); }

const struct glia_sampler glia_sampler_infiniband_ = {
    .name = "infiniband",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct glia_numbers),
    .period_s = 10.0,
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
