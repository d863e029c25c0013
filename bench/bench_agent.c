/* bench agent: CPU time of one scrape of glia-agent and of prometheus-node-exporter, asked in turn at the same rate, and what sampling
 * at 1 Hz costs. CPU time is the kernel's count for each process (all of its threads). */
#include "bench.h"

#include "glia_log.h"

#include <curl/curl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 8, PATH_BYTES = 4096, URL_BYTES = 64 };

struct daemon {
  pid_t pid;
  char url[URL_BYTES];
};

static void nap(double s)
{
  const struct timespec t = {.tv_sec = (time_t)s, .tv_nsec = (long)(1e9 * (s - floor(s)))};

  nanosleep(&t, NULL);
}

/* CPU time of a process and its threads so far, ended ones included (s); NaN: it is gone. The kernel's ticks of 10 ms in
 * /proc/PID/stat are as long as fifteen seconds of an agent. */
static double cpu_s(pid_t pid)
{
  clockid_t clock;
  struct timespec t;

  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) return (double)NAN;
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t ignore(char *data, size_t size, size_t n, void *self)
{
  (void)data;
  *(size_t *)self += size * n;
  return size * n;
}

/* Bytes of one answer; 0: none. */
static size_t scrape(CURL *easy, const char *url)
{
  size_t got = 0;

  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &got);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT, 10L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  return curl_easy_perform(easy) == CURLE_OK ? got : 0;
}

/* Start a program that takes OPTION 127.0.0.1:PORT, wait until it answers. */
static glia_status start(struct daemon *d, const char *program, const char *option, int port)
{
  char listen[64];
  CURL *easy = curl_easy_init();
  bool answers = false;

  snprintf(listen, sizeof listen, "%s127.0.0.1:%d", option, port);
  snprintf(d->url, sizeof d->url, "http://127.0.0.1:%d/metrics", port);
  d->pid = fork();
  if (d->pid == 0) {
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(127);
    execlp(program, program, listen, (char *)NULL);
    _exit(127);
  }
  for (int i = 0; easy != NULL && d->pid > 0 && !answers && i < 100; i++) {
    nap(0.1);
    if (waitpid(d->pid, NULL, WNOHANG) != 0) break;
    answers = scrape(easy, d->url) > 0;
  }
  curl_easy_cleanup(easy);
  GLIA_CHECK(answers, GLIA_E_MISSING, "%s does not answer: is it installed?", program);
  return GLIA_OK;
}

static void stop(struct daemon *d)
{
  if (d->pid <= 0) return;
  kill(d->pid, SIGKILL);
  waitpid(d->pid, NULL, 0);
}

/* CPU time per scrape of both, by turns. seconds: how long altogether, at `rate` scrapes a second. */
static glia_status measure(struct bench_report *r, double seconds, const struct daemon d[2])
{
  const double rate = 5.0;
  const int n = (int)fmax(4.0, seconds * rate / ROUNDS);
  double each[2][ROUNDS];
  CURL *easy = curl_easy_init();

  GLIA_CHECK(easy != NULL, GLIA_E_MEMORY, "libcurl");
  for (int round = 0; round < ROUNDS; round++) {
    double before[2];
    for (int k = 0; k < 2; k++) before[k] = cpu_s(d[k].pid);
    for (int i = 0; i < n; i++) {
      for (int k = 0; k < 2; k++)
        if (scrape(easy, d[k].url) == 0) {
          curl_easy_cleanup(easy);
          return GLIA_FAIL(GLIA_E_IO, "%s stopped answering", d[k].url);
        }
      nap(1.0 / rate);
    }
    for (int k = 0; k < 2; k++) each[k][round] = (cpu_s(d[k].pid) - before[k]) / n;
  }
  curl_easy_cleanup(easy);
  const double each_s[2] = {bench_median(each[0], ROUNDS), bench_median(each[1], ROUNDS)};
  /* Less is better: 1 / time. */
  bench_add(r, "scrapes per CPU second", 1.0 / each_s[0], "prometheus-node-exporter",
            1.0 / each_s[1], (double)NAN, "scrape, sampling at 1 Hz included");
  bench_add(r, "us", 1e6 * each_s[0], NULL, (double)NAN, (double)NAN,
            "CPU time a scrape, glia-agent");
  bench_add(r, "us", 1e6 * each_s[1], NULL, (double)NAN, (double)NAN,
            "CPU time a scrape, node_exporter");
  return GLIA_OK;
}

/* Nobody asks: sampling alone, as a share of a core; promised is 0.05 %. */
static void idle_cost(struct bench_report *r, double seconds, const struct daemon *d)
{
  const double before = cpu_s(d->pid), begin = glia_time_s();

  nap(seconds);
  bench_add(r, "% of a core", 100.0 * (cpu_s(d->pid) - before) / (glia_time_s() - begin), NULL,
            (double)NAN, (double)NAN, "sampling at 1 Hz; promised is 0.05 %%");
}

static const char *agent_program(char *out)
{
  const ssize_t n = readlink("/proc/self/exe", out, PATH_BYTES - sizeof "-agent");

  if (n <= 0) return "glia-agent";
  snprintf(out + n, PATH_BYTES - (size_t)n, "-agent");
  return access(out, X_OK) == 0 ? out : "glia-agent";
}

static glia_status run(struct bench_report *r, double seconds)
{
  struct daemon d[2] = {{0}};
  char path[PATH_BYTES];
  const int port = 20000 + (int)(getpid() % 20000);

  if (seconds <= 0.0) seconds = 30.0;
  signal(SIGPIPE, SIG_IGN);
  glia_status st = start(&d[0], agent_program(path), "--listen=", port);
  if (st == GLIA_OK)
    st = start(&d[1], "prometheus-node-exporter", "--web.listen-address=", port + 1);
  r->progress(r->self, "scrapes");
  if (st == GLIA_OK) st = measure(r, seconds, d);
  r->progress(r->self, "idle");
  if (st == GLIA_OK) idle_cost(r, seconds, &d[0]);
  for (int k = 0; k < 2; k++) stop(&d[k]);
  return st;
}

const struct bench bench_agent_ = {
    .name = "agent",
    .what = "CPU time of a scrape of glia-agent, beside node_exporter",
    .run = run,
};
