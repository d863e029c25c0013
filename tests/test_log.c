/* Log lines and progress. */
#include "glia_log.h"
#include "glia_progress.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char last[4096];
static int lines;

static void keep(void *self, glia_log_level level, const char *line)
{
  (void)self;
  (void)level;
  snprintf(last, sizeof last, "%s", line);
  lines++;
}

static void fresh(int rank, int size, glia_log_level level)
{
  glia_log_set_sink(keep, NULL);
  glia_log_set_rank(rank, size);
  glia_log_set_level(level);
  last[0] = '\0';
  lines = 0;
}

static void a_line_has_time_level_rank_and_pairs(void)
{
  struct tm utc;
  char rest[256] = "";

  fresh(3, 4, GLIA_LOG_DEBUG);
  glia_log(GLIA_LOG_WARN, "io", "checkpoint-write", "step=%d took_s=%.2f", 400, 0.41);
  CU_ASSERT_EQUAL(lines, 1);
  const char *end = strptime(last, "%Y-%m-%dT%H:%M:%S", &utc);
  CU_ASSERT_PTR_NOT_NULL_FATAL(end);
  CU_ASSERT(end[0] == '.' && end[4] == 'Z' && strlen(end) > 6);
  snprintf(rest, sizeof rest, "%s", end + 6);
  CU_ASSERT_STRING_EQUAL(rest, "warn rank=3 io checkpoint-write step=400 took_s=0.41");
}

static void a_process_alone_has_no_rank(void)
{
  fresh(0, 1, GLIA_LOG_INFO);
  glia_log(GLIA_LOG_INFO, "io", "open", "%s", "");
  CU_ASSERT_PTR_NULL(strstr(last, "rank="));
  CU_ASSERT_PTR_NOT_NULL(strstr(last, "Z info io open"));
}

static void other_ranks_speak_from_warn_up(void)
{
  fresh(1, 2, GLIA_LOG_DEBUG);
  glia_log(GLIA_LOG_INFO, "io", "open", "n=%d", 1);
  CU_ASSERT_EQUAL(lines, 0);
  CU_ASSERT_FALSE(glia_log_enabled(GLIA_LOG_INFO));
  glia_log(GLIA_LOG_WARN, "io", "open", "n=%d", 1);
  CU_ASSERT_EQUAL(lines, 1);
}

static void the_level_decides(void)
{
  fresh(0, 1, GLIA_LOG_WARN);
  glia_log(GLIA_LOG_INFO, "io", "open", "n=%d", 1);
  CU_ASSERT_EQUAL(lines, 0);
  glia_log(GLIA_LOG_ERROR, "io", "open", "n=%d", 1);
  CU_ASSERT_EQUAL(lines, 1);
}

static void one_event_stays_one_line(void)
{
  char big[6000];

  memset(big, 'x', sizeof big - 1);
  big[sizeof big - 1] = '\0';
  fresh(0, 1, GLIA_LOG_INFO);
  glia_log(GLIA_LOG_INFO, "io", "open", "path=\"a\nb\"");
  CU_ASSERT_PTR_NULL(strchr(last, '\n'));
  CU_ASSERT_PTR_NOT_NULL(strstr(last, "path=\"a b\""));
  glia_log(GLIA_LOG_INFO, "io", "open", "%s", big);
  CU_ASSERT(strlen(last) < 2048);
  CU_ASSERT_STRING_EQUAL(last + strlen(last) - 3, "...");
}

/* What `body` writes to standard error, which is a file and no terminal here. */
static void capture(void (*body)(void), char *out, size_t size)
{
  FILE *f = tmpfile();
  const int saved = dup(STDERR_FILENO);

  fflush(stderr);
  dup2(fileno(f), STDERR_FILENO);
  body();
  fflush(stderr);
  dup2(saved, STDERR_FILENO);
  close(saved);
  rewind(f);
  out[fread(out, 1, size - 1, f)] = '\0';
  fclose(f);
}

static void work(void)
{
  struct glia_progress p;

  glia_progress_begin(&p, "train", "steps", 1000.0);
  for (int i = 1; i <= 1000; i++) glia_progress_update(&p, i, NULL);
  glia_progress_end(&p);
}

static void half_a_minute_ago(void)
{
  struct glia_progress p;

  glia_progress_begin(&p, "train", "steps", 1000.0);
  p.start_s -= 40.0;
  p.last_print_s -= 40.0;
  glia_progress_update(&p, 400.0, "loss 0.31");
  glia_progress_update(&p, 401.0, "loss 0.31");
}

static void log_once(void)
{
  glia_log_set_sink(NULL, NULL);
  glia_log(GLIA_LOG_INFO, "io", "open", "n=%d", 5);
}

static void progress_off_a_terminal_is_a_line_each_30_s(void)
{
  char out[1024];

  fresh(0, 1, GLIA_LOG_INFO);
  capture(work, out, sizeof out);
  CU_ASSERT_PTR_NOT_NULL(strstr(out, "train: 1000 steps in "));
  CU_ASSERT_PTR_EQUAL(strchr(out, '\n'), strrchr(out, '\n')); /* that line and no other */
  capture(half_a_minute_ago, out, sizeof out);
  CU_ASSERT_STRING_EQUAL(out, "train: 400 of 1000 steps (40 %), 1 min 00 s left, loss 0.31\n");
}

static void other_ranks_and_off_show_no_progress(void)
{
  char out[1024];

  fresh(1, 2, GLIA_LOG_INFO);
  capture(work, out, sizeof out);
  CU_ASSERT_STRING_EQUAL(out, "");
  fresh(0, 2, GLIA_LOG_INFO);
  setenv("GLIA_PROGRESS", "off", 1);
  capture(work, out, sizeof out);
  CU_ASSERT_STRING_EQUAL(out, "");
  unsetenv("GLIA_PROGRESS");
}

static void without_a_sink_lines_go_to_standard_error(void)
{
  char out[1024];

  fresh(0, 1, GLIA_LOG_INFO);
  capture(log_once, out, sizeof out);
  CU_ASSERT_PTR_NOT_NULL(strstr(out, " info io open n=5\n"));
  CU_ASSERT_EQUAL(lines, 0);
}

TAP_MAIN("log", TAP(a_line_has_time_level_rank_and_pairs), TAP(a_process_alone_has_no_rank),
         TAP(other_ranks_speak_from_warn_up), TAP(the_level_decides), TAP(one_event_stays_one_line),
         TAP(progress_off_a_terminal_is_a_line_each_30_s),
         TAP(other_ranks_and_off_show_no_progress), TAP(without_a_sink_lines_go_to_standard_error))
