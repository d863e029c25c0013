/* glia demo record: record this machine while commands start and stop beside it, as a day of work would; in seconds.
 *
 * One thread does it all, in the rhythm of the samples: so an event's time is that of the row before which it happened.
 */
#include "cli.h"
#include "glia_agent.h"
#include "glia_log.h"
#include "glia_progress.h"
#include "glia_record.h"
#include "glia_text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_MAX = 16, GRACE_S = 5 };

static const struct glia_option options[] = {
    {.name = "for",
     .kind = GLIA_OPTION_DURATION,
     .argument = "T",
     .help = "how long to record; required"},
    {.name = "period",
     .kind = GLIA_OPTION_DURATION,
     .argument = "P",
     .help = "time between samples (default: 0.1 s)"},
    {.name = "run",
     .kind = GLIA_OPTION_TEXT,
     .argument = "START LENGTH NAME COMMAND",
     .words = 4,
     .help =
         "run a shell command from START on and end it after LENGTH; may be given several times"},
    {.name = "label",
     .kind = GLIA_OPTION_TEXT,
     .argument = "TEXT",
     .help = "what the progress bar says (default: record)"},
    {.name = "force", .kind = GLIA_OPTION_FLAG, .help = "replace the file if there is one"},
    {0},
};

struct planned {
  double start_s, length_s;
  const char *name, *command;
  pid_t pid; /* 0: not started; -1: over */
  bool told; /* to stop */
};

struct show {
  struct glia_recorder *recorder;
  struct glia_progress progress;
  double start_s;
  int log; /* descriptor */
  char log_path[4096];
  int n;
  struct planned run[RUNS_MAX];
};

static glia_status read_plan(const struct glia_args *args, struct show *s)
{
  GLIA_CHECK(glia_args_has(args, "for"), GLIA_E_USAGE, "--for T is missing: how long?");
  for (int i = 0; i < args->n_given; i++) {
    const struct glia_given *g = &args->given[i];
    if (strcmp(g->option->name, "run") != 0) continue;
    GLIA_CHECK(s->n < RUNS_MAX, GLIA_E_USAGE, "at most %d commands", RUNS_MAX);
    struct planned *p = &s->run[s->n++];
    *p = (struct planned){.name = g->word[2], .command = g->word[3]};
    GLIA_TRY(glia_parse_duration(g->word[0], &p->start_s));
    GLIA_TRY(glia_parse_duration(g->word[1], &p->length_s));
  }
  return GLIA_OK;
}

/* In the child: a process group of its own, no input, output to the log; and it ends when its parent does. */
static void become(const char *command, int log, pid_t parent)
{
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1);
  const int null = open("/dev/null", O_RDONLY);
  if (null >= 0) dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execl("/bin/sh", "sh", "-c", command, (char *)NULL);
  _exit(127);
}

static glia_status note(struct show *s, int64_t time_ns, const struct planned *p, const char *what)
{
  char text[96];

  snprintf(text, sizeof text, "%.64s %s", p->name, what);
  return glia_recorder_event(s->recorder, time_ns, text);
}

static glia_status start(struct show *s, struct planned *p, int64_t time_ns)
{
  const pid_t parent = getpid();

  GLIA_TRY(note(s, time_ns, p, "start"));
  p->pid = fork();
  GLIA_CHECK(p->pid >= 0, GLIA_E_MEMORY, "cannot start %s: %s", p->name, strerror(errno));
  if (p->pid == 0) become(p->command, s->log, parent);
  setpgid(p->pid, p->pid); /* whoever comes first */
  return GLIA_OK;
}

static void tell(struct planned *p, int signal_number)
{
  if (p->pid <= 0) return;
  kill(-p->pid, signal_number);
  p->told = true;
}

/* Has it ended? By itself it may do so only well. */
static glia_status look_after(struct show *s, struct planned *p, int64_t time_ns)
{
  int status = 0;

  if (p->pid <= 0 || waitpid(p->pid, &status, WNOHANG) != p->pid) return GLIA_OK;
  p->pid = -1;
  GLIA_TRY(note(s, time_ns, p, "stop"));
  GLIA_CHECK(p->told || (WIFEXITED(status) && WEXITSTATUS(status) == 0), GLIA_E_UNSUPPORTED,
             "%s failed (exit code %d); %s says why", p->name,
             WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), s->log_path);
  return GLIA_OK;
}

static const char *running(const struct show *s, char *out, size_t size)
{
  size_t used = 0;

  out[0] = '\0';
  for (int i = 0; i < s->n; i++)
    if (s->run[i].pid > 0 && used < size)
      used +=
          (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? " + " : "", s->run[i].name);
  return used > 0 ? out : "at rest";
}

static glia_status on_row(void *self, const struct glia_agent_row *row)
{
  struct show *s = self;
  const int64_t now_ns = row->when.realtime_ns;
  const double at_s = glia_time_s() - s->start_s;
  char text[128];

  GLIA_TRY(glia_recorder_add(s->recorder, row));
  for (int i = 0; i < s->n; i++) {
    struct planned *p = &s->run[i];
    GLIA_TRY(look_after(s, p, now_ns));
    if (p->pid == 0 && at_s >= p->start_s) GLIA_TRY(start(s, p, now_ns));
    if (p->pid > 0 && !p->told && at_s >= p->start_s + p->length_s) tell(p, SIGTERM);
  }
  glia_progress_update(&s->progress, at_s, running(s, text, sizeof text));
  return GLIA_OK;
}

/* Nothing that was started here may stay. */
static void end_all(struct show *s)
{
  const struct timespec pause = {.tv_nsec = 50000000};
  const double start_s = glia_time_s();
  bool any = true;

  for (int i = 0; i < s->n; i++) tell(&s->run[i], SIGTERM);
  while (any) {
    any = false;
    for (int i = 0; i < s->n; i++) {
      struct planned *p = &s->run[i];
      if (p->pid > 0 && waitpid(p->pid, NULL, WNOHANG) == p->pid) p->pid = -1;
      if (p->pid > 0 && glia_time_s() - start_s > GRACE_S) tell(p, SIGKILL);
      any = any || p->pid > 0;
    }
    if (any) nanosleep(&pause, NULL);
  }
}

static glia_status record(struct glia_args *args, struct show *s, struct glia_sample_set *set)
{
  const char *path = args->word[0];
  const struct glia_agent_options how = {.period_s = glia_args_duration(args, "period", 0.1),
                                         .duration_s = glia_args_duration(args, "for", 0.0),
                                         .stop = glia_stop_requested};
  const struct glia_agent_sink sink = {.self = s, .row = on_row};
  struct glia_agent_result result;

  GLIA_TRY(glia_recorder_open(path, glia_args_has(args, "force"), "/", set, &s->recorder));
  glia_stop_catch();
  glia_progress_begin(&s->progress, glia_args_text(args, "label", "record"), "s", how.duration_s);
  s->start_s = glia_time_s();
  const glia_status st = glia_agent_run(set, &how, &sink, &result);
  glia_progress_end(&s->progress);
  end_all(s);
  if (st == GLIA_OK && result.reason == GLIA_AGENT_STOPPED) {
    glia_recorder_abort(&s->recorder);
    return GLIA_FAIL(GLIA_E_BUSY, "stopped");
  }
  if (st != GLIA_OK) {
    glia_recorder_abort(&s->recorder);
    return st;
  }
  GLIA_TRY(glia_recorder_close(&s->recorder));
  glia_cli_print(args, "%s: %lld samples of %lld metrics in %.0f s\n", path,
                 (long long)result.samples, (long long)result.metrics, result.wall_s);
  return glia_cli_json(args, json_pack("{s:o, s:I}", "file", glia_json_text(path), "samples",
                                       (json_int_t)result.samples));
}

static glia_status run(struct glia_args *args)
{
  struct show s = {.log = -1};
  struct glia_sample_set *set = NULL;
  glia_status st;

  GLIA_TRY(read_plan(args, &s));
  snprintf(s.log_path, sizeof s.log_path, "%s.log", args->word[0]);
  s.log = open(s.log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
  GLIA_CHECK(s.log >= 0, GLIA_E_IO, "cannot write %s: %s", s.log_path, strerror(errno));
  st = glia_sample_set_open("/", &set);
  if (st == GLIA_OK) st = record(args, &s, set);
  glia_sample_set_close(&set);
  close(s.log);
  return st;
}

const struct glia_command glia_command_demo_record_ = {
    .name = "demo record",
    .summary = "record this machine while commands come and go",
    .usage = "F.h5 --for T [--run START LENGTH NAME COMMAND]...",
    .options = options,
    .details =
        "Each command runs in a process group of its own, with its output in F.h5.log; events "
        "\"NAME start\" and \"NAME stop\" go to the file. Whatever happens, none of them "
        "outlives this one.",
    .example = "glia demo record a.h5 --for 30 --run 5 10 job 'exec glia train model.yaml'",
    .run = run,
    .min_words = 1,
    .max_words = 1,
    .hidden = true,
    .alone = true,
};
