/* Ending early and in order; see stop.h. */
#include "stop.h"

#include "glia_log.h"
#include "glia_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double look_period_s = 0.5;
static const double margin_s = 1.0;      /* to tell the other ranks, report, and end MPI */
static const double assumed_rate = 50e6; /* bytes/s to the disk, until one checkpoint was written */

static double start_s; /* of this process */

__attribute__((constructor)) static void note_start(void) { start_s = glia_time_s(); }

/* Time left to this SLURM job in seconds, < 0: not known or no limit. */
static double slurm_left_s(void)
{
  const char *end = getenv("SLURM_JOB_END_TIME");
  const char *job = getenv("SLURM_JOB_ID");
  int64_t at = 0;
  double left_s = -1.0;
  char text[64] = "";
  char command[96];

  if (end != NULL && glia_parse_int(end, &at)) return (double)(at - (int64_t)time(NULL));
  if (job == NULL || *job == '\0') return -1.0;
  for (const char *c = job; *c != '\0'; c++)
    if (!isdigit((unsigned char)*c)) return -1.0;
  if (snprintf(command, sizeof command, "timeout 5 squeue -h -j %s -o %%L 2>/dev/null", job) >=
      (int)sizeof command)
    return -1.0;
  FILE *f = popen(command, "r");
  if (f == NULL) return -1.0;
  const bool said = fgets(text, sizeof text, f) != NULL;
  pclose(f);
  text[strcspn(text, "\n")] = '\0';
  if (!said || glia_parse_duration(text, &left_s) != GLIA_OK) { /* UNLIMITED, or no squeue */
    glia_trace_clear();
    return -1.0;
  }
  return left_s;
}

void stopper_begin(struct stopper *s, int rank, const char *dir, double max_time_s)
{
  if (rank != 0) return;
  const double now_s = glia_time_s();
  const double left_s = slurm_left_s();

  if (max_time_s > 0.0) s->end_s = start_s + max_time_s;
  if (left_s >= 0.0 && (s->end_s <= 0.0 || now_s + left_s < s->end_s)) s->end_s = now_s + left_s;
  if (dir == NULL) return;
  s->halt = malloc(strlen(dir) + sizeof "/halt");
  if (s->halt == NULL) return;
  sprintf(s->halt, "%s/halt", dir);
  if (unlink(s->halt) == 0) /* meant for an earlier run, which ended before it looked */
    glia_log(GLIA_LOG_INFO, "train", "halt-file-removed",
             "file=\"%s\" reason=\"older than this run\"", s->halt);
}

static double write_s(const struct keeper *k)
{
  double bytes = 0.0;

  if (k->writer == NULL) return 0.0;
  const struct glia_checkpoint_cost c = glia_checkpoint_writer_cost(k->writer);
  if (c.written > 0) return 2.0 * c.slowest_s; /* one may be under way, one is to come */
  for (int i = 0; i < k->s->n_arrays; i++) bytes += (double)glia_type_bytes(&k->s->array[i].type);
  return bytes / assumed_rate;
}

static bool halted(struct stopper *s, double now_s)
{
  if (s->halt == NULL || now_s - s->looked_s < look_period_s) return false;
  s->looked_s = now_s;
  if (unlink(s->halt) != 0) {
    if (errno == ENOENT || access(s->halt, F_OK) != 0) return false;
    glia_log(GLIA_LOG_WARN, "train", "halt-file-stays", "file=\"%s\" why=\"%s\"", s->halt,
             strerror(errno));
  }
  glia_log(GLIA_LOG_INFO, "train", "halt", "file=\"%s\"", s->halt);
  return true;
}

void stopper_look(struct stopper *s, const struct keeper *k, double step_s)
{
  if (s->halt == NULL && s->end_s <= 0.0) return;
  const double now_s = glia_time_s();

  if (step_s > s->slowest_step_s) s->slowest_step_s = step_s;
  if (atomic_load(&s->stop)) return;
  if (s->end_s > 0.0 && now_s + margin_s + 2.0 * s->slowest_step_s >= s->end_s - write_s(k)) {
    s->in_time = true;
    glia_log(GLIA_LOG_INFO, "train", "time-limit", "left_s=%.1f", s->end_s - now_s);
    atomic_store(&s->stop, true);
  } else if (halted(s, now_s)) {
    atomic_store(&s->stop, true);
  }
}

bool stopper_says(const struct stopper *s)
{
  return glia_stop_requested() != 0 || atomic_load(&s->stop);
}

glia_reason stopper_reason(const struct stopper *s, glia_reason of_loop)
{
  return of_loop == GLIA_REASON_SIGNAL && s->in_time ? GLIA_REASON_TIME_LIMIT : of_loop;
}

void stopper_end(struct stopper *s)
{
  free(s->halt);
  s->halt = NULL;
}
