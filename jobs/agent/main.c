/* glia-agent: the small program on every node; links libc, hwloc and libmicrohttpd alone. */
#include "glia_log.h"
#include "glia_serve.h"
#include "glia_text.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: glia-agent [--listen ADDRESS:PORT] [--period P] [--history T] [--root DIR]\n"
    "                  [--token-file F] [--tls-cert F --tls-key F [--client-ca F]] [--for T]\n"
    "\n"
    "Samples this node and serves /metrics (Prometheus text, OpenMetrics), /rows and /topology.\n"
    "\n"
    "  --listen ADDRESS:PORT  where to (127.0.0.1:9777); beyond the loopback a key is needed\n"
    "  --token-file F         first line: clients send it as 'Authorization: Bearer ...'\n"
    "  --tls-cert F           certificate chain in PEM: serve over TLS\n"
    "  --tls-key F            its key\n"
    "  --client-ca F          clients need a certificate signed by this CA\n"
    "  --period P             time between samples (1)\n"
    "  --history T            how long rows are kept for collectors that were away (10m)\n"
    "  --root DIR             read DIR/proc and DIR/sys: a recorded node\n"
    "  --for T                end after this time\n"
    "  --json                 print one object at the end: why it ended, port, metrics\n"
    "  --list                 print the metrics instead: name, unit, kind, help\n"
    "  --version, --help\n"
    "\n"
    "example:\n"
    "  glia-agent & curl http://127.0.0.1:9777/metrics\n";

static int fail(glia_status st)
{
  fprintf(stderr, "glia-agent: %s\n", glia_trace_message());
  return glia_status_exit_code(st);
}

/* What was asked for is told: was it? */
static int told(void)
{
  if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
  fprintf(stderr, "glia-agent: cannot write to standard output: %s\n", strerror(errno));
  return glia_status_exit_code(GLIA_E_IO);
}

/* A duration, or the end of the program. */
static double duration(const char *option, const char *text)
{
  double s = 0.0;

  if (glia_parse_duration(text, &s) != GLIA_OK) {
    fprintf(stderr, "glia-agent: --%s: %s\n", option, glia_trace_message());
    exit(glia_status_exit_code(GLIA_E_USAGE));
  }
  return s;
}

/* The table of metrics of this node, one a line. */
static int list(const char *root)
{
  struct glia_sample_set *set = NULL;

  const glia_status st = glia_sample_set_open_detailed(root, &set);
  if (st != GLIA_OK) return fail(st);
  const struct glia_metric *m = glia_sample_set_metrics(set);
  for (int64_t i = 0; i < glia_sample_set_count(set); i++)
    printf("%s\t%s\t%s\t%s\n", m[i].name, m[i].unit,
           m[i].kind == GLIA_METRIC_COUNTER ? "counter" : "gauge", m[i].help);
  glia_sample_set_close(&set);
  return told();
}

static void read_options(int argc, char **argv, struct glia_serve_options *o, double *for_s,
                         bool *listed, bool *json)
{
  static const struct option known[] = {{"listen", required_argument, NULL, 'l'},
                                        {"token-file", required_argument, NULL, 't'},
                                        {"tls-cert", required_argument, NULL, 'c'},
                                        {"tls-key", required_argument, NULL, 'k'},
                                        {"client-ca", required_argument, NULL, 'a'},
                                        {"period", required_argument, NULL, 'p'},
                                        {"history", required_argument, NULL, 'H'},
                                        {"root", required_argument, NULL, 'r'},
                                        {"for", required_argument, NULL, 'f'},
                                        {"json", no_argument, NULL, 'j'},
                                        {"version", no_argument, NULL, 'v'},
                                        {"list", no_argument, NULL, 'L'},
                                        {"help", no_argument, NULL, 'h'},
                                        {0}};
  int which;

  while ((which = getopt_long(argc, argv, "", known, NULL)) != -1) {
    switch (which) {
    case 'l':
      o->http.listen = optarg;
      break;
    case 't':
      o->http.token_file = optarg;
      break;
    case 'c':
      o->http.certificate_file = optarg;
      break;
    case 'k':
      o->http.key_file = optarg;
      break;
    case 'a':
      o->http.client_ca_file = optarg;
      break;
    case 'p':
      o->period_s = duration("period", optarg);
      break;
    case 'H':
      o->history_s = duration("history", optarg);
      break;
    case 'r':
      o->root = optarg;
      break;
    case 'f':
      *for_s = duration("for", optarg);
      break;
    case 'j':
      *json = true;
      break;
    case 'L':
      *listed = true;
      break;
    case 'v':
      puts("glia-agent " PACKAGE_VERSION);
      exit(told());
    case 'h':
      fputs(usage, stdout);
      exit(told());
    default:
      fputs(usage, stderr);
      exit(glia_status_exit_code(GLIA_E_USAGE));
    }
  }
  if (optind < argc) {
    fprintf(stderr, "glia-agent: '%s' is no option\n", argv[optind]);
    exit(glia_status_exit_code(GLIA_E_USAGE));
  }
}

/* Until a signal, or for_s seconds. */
static const char *wait_for_end(const sigset_t *signals, double for_s)
{
  const struct timespec limit = {.tv_sec = (time_t)for_s,
                                 .tv_nsec = (long)(1e9 * (for_s - (double)(time_t)for_s))};

  while ((for_s > 0.0 ? sigtimedwait(signals, NULL, &limit) : sigwaitinfo(signals, NULL)) < 0)
    if (errno != EINTR) return "completed";
  return "signal";
}

int main(int argc, char **argv)
{
  struct glia_serve_options options = {.root = "/", .period_s = 1.0, .history_s = 600.0};
  struct glia_serve *serve = NULL;
  double for_s = 0.0;
  bool listed = false, json = false;
  sigset_t signals;

  options.http.listen = "127.0.0.1:9777";
  read_options(argc, argv, &options, &for_s, &listed, &json);
  if (listed) return list(options.root);
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, NULL); /* before threads, which inherit it */
  signal(SIGPIPE, SIG_IGN);
  const glia_status st = glia_serve_start(&options, &serve);
  if (st != GLIA_OK) return fail(st);
  glia_log(GLIA_LOG_INFO, "agent", "listening", "port=%d metrics=%lld period_s=%g",
           glia_serve_port(serve), (long long)glia_serve_metrics(serve), options.period_s);
  const int port = glia_serve_port(serve);
  const long long metrics = glia_serve_metrics(serve);
  const char *reason = wait_for_end(&signals, for_s);
  glia_serve_stop(&serve);
  if (json)
    printf("{\"reason\": \"%s\", \"port\": %d, \"metrics\": %lld, \"period_s\": %g}\n", reason,
           port, metrics, options.period_s);
  return told();
}
