/* governor: the processors' frequency governor is another one, as after a wrong power profile or a change that was forgotten.
 * Source: the kernel's admin-guide/pm/cpufreq; as a fault, Borghesi et al. 2019, where it is the one that was injected.
 *
 * A setting outlives who made it. So before anything is changed a second process is there, which knows what was and waits on a pipe:
 * when this one ends, however it does, the pipe closes and the second one puts everything back. Should that one be killed, this one does it.
 * What another injection has set is no setting to go back to: one at a time, by a lock that both processes hold until all is back. */
#include "inject_priv.h"

#include "glia_log.h"
#include "samplers/numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER "sys/devices/system/cpu/cpufreq"
enum { NAME_BYTES = 32, LINE_BYTES = 4096, MARGIN_MS = 5000 };

struct policy {
  char *path; /* .../scaling_governor */
  char was[NAME_BYTES];
  char becomes[NAME_BYTES];
};

struct policies {
  char **path; /* all there are, NULL-terminated */
  struct policy *policy;
  int n; /* those to change */
};

static char *beside(const char *path, const char *name, char *out, size_t size)
{
  snprintf(out, size, "%.*s%s", (int)(strrchr(path, '/') + 1 - path), path, name);
  return out;
}

/* All cores of the policy may be used by this process. */
static bool is_ours(const char *path, const cpu_set_t *allowed)
{
  char file[LINE_BYTES];
  char cpus[LINE_BYTES];
  char *rest = NULL;
  bool any = false;

  glia_line_read_(beside(path, "affected_cpus", file, sizeof file), cpus, sizeof cpus);
  for (char *word = strtok_r(cpus, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
    const long cpu = strtol(word, NULL, 10);
    if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET((size_t)cpu, allowed)) return false;
    any = true;
  }
  return any;
}

/* The slowest governor that there is, or the fastest where it is slow already; false: there is no other. */
static bool choose(struct policy *p)
{
  static const char *const wrong[] = {"powersave", "performance"};
  char file[LINE_BYTES];
  char names[LINE_BYTES];

  glia_line_read_(p->path, p->was, sizeof p->was);
  glia_line_read_(beside(p->path, "scaling_available_governors", file, sizeof file), names,
                  sizeof names);
  for (size_t i = 0; i < GLIA_COUNT(wrong); i++) {
    struct glia_span rest = {names, names + strlen(names)};
    struct glia_span word = glia_span_word_(&rest);
    while (word.at < word.end && !glia_span_is_(word, wrong[i])) word = glia_span_word_(&rest);
    if (word.at == word.end || strcmp(p->was, wrong[i]) == 0) continue;
    snprintf(p->becomes, sizeof p->becomes, "%s", wrong[i]);
    return p->was[0] != '\0';
  }
  return false;
}

static glia_status find(struct policies *all, const char *root)
{
  cpu_set_t allowed;
  int there = 0;

  CPU_ZERO(&allowed);
  GLIA_CHECK(sched_getaffinity(0, sizeof allowed, &allowed) == 0, GLIA_E_UNSUPPORTED,
             "more than %d cores", CPU_SETSIZE);
  all->path = glia_paths_find_(root, FOLDER "/policy*/scaling_governor");
  while (all->path != NULL && all->path[there] != NULL) there++;
  GLIA_CHECK(there > 0, GLIA_E_UNSUPPORTED,
             "%s/" FOLDER " has no policy: governors cannot be set on this system (in virtual "
             "machines they rarely can)",
             root);
  all->policy = calloc((size_t)there, sizeof *all->policy);
  GLIA_CHECK(all->policy != NULL, GLIA_E_MEMORY, "%d policies", there);
  for (int i = 0; i < there; i++) {
    struct policy *p = &all->policy[all->n];
    p->path = all->path[i];
    if (!is_ours(p->path, &allowed) || !choose(p)) continue;
    GLIA_CHECK(access(p->path, W_OK) == 0, GLIA_E_IO, "%s: %s: changing governors takes root",
               p->path, strerror(errno));
    all->n++;
  }
  GLIA_CHECK(all->n > 0, GLIA_E_UNSUPPORTED,
             "none of %d policies can be changed: each has cores that this process may not use, "
             "or one governor alone",
             there);
  return GLIA_OK;
}

/* Safe after fork. */
static bool set(const struct policy *p, const char *governor)
{
  char now[NAME_BYTES];
  char line[NAME_BYTES + 1];
  size_t n = strlen(governor);
  const int fd = open(p->path, O_WRONLY | O_TRUNC | O_CLOEXEC);

  memcpy(line, governor, n);
  line[n++] = '\n';
  const bool wrote = fd >= 0 && write(fd, line, n) == (ssize_t)n;

  if (fd >= 0) close(fd);
  return wrote && strcmp(glia_line_read_(p->path, now, sizeof now), governor) == 0;
}

/* What is not ours any more was set by somebody else since, and is left alone. Safe after fork. */
static bool put_back(const struct policies *all)
{
  char now[NAME_BYTES];
  bool good = true;

  for (int i = 0; i < all->n; i++) {
    const struct policy *p = &all->policy[i];
    if (strcmp(glia_line_read_(p->path, now, sizeof now), p->becomes) == 0)
      good = set(p, p->was) && good;
  }
  return good;
}

/* The second process: no signal that ends a group of processes reaches it. */
static void stand_by(const struct policies *all, int pipe_end, int longest_ms)
{
  struct pollfd other = {.fd = pipe_end};

  setsid();
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  prctl(PR_SET_NAME, "glia-put-back");
  const int oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (oom >= 0 && write(oom, "0\n", 2) < 0) errno = 0; /* not allowed everywhere */
  while (poll(&other, 1, longest_ms) < 0 && errno == EINTR) continue;
  _exit(put_back(all) ? 0 : 1);
}

static glia_status change(const struct policies *all)
{
  for (int i = 0; i < all->n; i++) {
    const struct policy *p = &all->policy[i];
    GLIA_CHECK(set(p, p->becomes), GLIA_E_IO, "%s: %s cannot be set in place of %s", p->path,
               p->becomes, p->was);
    glia_log(GLIA_LOG_INFO, "inject", "governor", "path=%s was=%s becomes=%s", p->path, p->was,
             p->becomes);
  }
  return GLIA_OK;
}

/* Also where nobody may wait for it: SIGCHLD may be ignored. */
static bool is_gone(pid_t helper)
{
  return kill(helper, 0) != 0 || waitpid(helper, NULL, WNOHANG) == helper;
}

/* With the second process there: change, wait, let it put back. */
static glia_status guarded(const struct policies *all, const struct glia_inject_options *options,
                           pid_t helper, int pipe_end, struct glia_inject_result *result)
{
  const int64_t start_ns = glia_inject_now_ns_();
  const int64_t deadline_ns = start_ns + (int64_t)(1e9 * options->duration_s);
  glia_status st = change(all);
  bool gone = false;

  while (st == GLIA_OK && !gone && !result->stopped && glia_inject_now_ns_() < deadline_ns) {
    result->stopped = glia_inject_nap_(options->stop);
    gone = is_gone(helper);
  }
  result->wall_s = 1e-9 * (double)(glia_inject_now_ns_() - start_ns);
  close(pipe_end);
  if (!gone)
    while (waitpid(helper, NULL, 0) < 0 && errno == EINTR) continue;
  const bool back = put_back(all); /* what is ours still */
  if (st != GLIA_OK) return st;
  GLIA_CHECK(back, GLIA_E_IO, "a governor is not what it was, %s: set it by hand in %s",
             all->policy[0].was, all->policy[0].path);
  GLIA_CHECK(!gone, GLIA_E_IO,
             "the process that puts governors back was killed: they are back, after %.1f s",
             result->wall_s);
  return GLIA_OK;
}

/* The lock of the folder of policies; -1 where there is no folder. It is of the open file, which the second process shares: so it is held
 * until both are gone. */
static glia_status lock(const char *root, int *out)
{
  char path[LINE_BYTES];

  snprintf(path, sizeof path, "%s/" FOLDER, root);
  *out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (*out < 0 || flock(*out, LOCK_EX | LOCK_NB) == 0) return GLIA_OK;
  const bool busy = errno == EWOULDBLOCK;
  const char *why = strerror(errno);
  close(*out);
  *out = -1;
  GLIA_CHECK(!busy, GLIA_E_BUSY,
             "%s: another injection has changed governors there and has not put them back yet",
             path);
  return GLIA_FAIL(GLIA_E_IO, "%s cannot be locked: %s", path, why);
}

static glia_status run(const struct glia_inject_options *options, struct glia_inject_result *result)
{
  struct policies all = {0};
  const char *root = options->root != NULL ? options->root : "";
  int end[2] = {-1, -1};
  int locked;
  glia_status st;

  GLIA_CHECK(options->threads == 0, GLIA_E_ARGUMENT,
             "governor changes a setting: it has no threads");
  GLIA_TRY(lock(root, &locked));
  st = find(&all, root); /* what is there is what was, now that nobody else changes it */
  if (st != GLIA_OK) goto done;
  GLIA_CHECK_TO(done, st, pipe2(end, O_CLOEXEC) == 0, GLIA_E_MEMORY, "a pipe: %s", strerror(errno));
  const pid_t helper = fork();
  if (helper == 0) {
    close(end[1]);
    stand_by(&all, end[0], (int)(1e3 * options->duration_s) + MARGIN_MS);
  }
  close(end[0]);
  if (helper < 0) close(end[1]);
  GLIA_CHECK_TO(done, st, helper > 0, GLIA_E_MEMORY, "a second process: %s", strerror(errno));
  result->policies = all.n;
  st = guarded(&all, options, helper, end[1], result);

done:
  if (locked >= 0) close(locked);
  free(all.policy);
  glia_paths_free_(all.path);
  return st;
}

const struct glia_injector glia_injector_governor_ = {
    .name = "governor",
    .help = "set another frequency governor, as a wrong power profile does",
    .run = run,
};
