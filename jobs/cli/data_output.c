/* The file that a data command makes: where it goes, and what an interrupted command leaves of it, which is nothing. */
#include "data.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char half_file[4096];
static const int interrupts[] = {SIGINT, SIGTERM, SIGHUP};
static void (*before[GLIA_COUNT(interrupts)])(int);

static void on_interrupt(int number)
{
  unlink(half_file);
  signal(number, SIG_DFL);
  raise(number);
}

static glia_status catch_interrupts(const char *path)
{
  const int n = snprintf(half_file, sizeof half_file, "%s.tmp", path);

  GLIA_CHECK(n > 0 && (size_t)n < sizeof half_file, GLIA_E_ARGUMENT, "a name of %d bytes", n);
  for (size_t i = 0; i < GLIA_COUNT(interrupts); i++) {
    before[i] = signal(interrupts[i], on_interrupt);
    if (before[i] == SIG_IGN) signal(interrupts[i], SIG_IGN); /* nohup stays */
  }
  return GLIA_OK;
}

glia_status data_begin(const struct glia_args *args, const char *what, struct glia_import_out *out,
                       struct glia_progress *progress)
{
  *out = (struct glia_import_out){.path = glia_args_text(args, "output", NULL),
                                  .force = glia_args_has(args, "force"),
                                  .progress = progress};
  GLIA_CHECK(out->path != NULL, GLIA_E_USAGE, "-o F.h5 is missing: where shall the data go?");
  GLIA_TRY(catch_interrupts(out->path));
  if (progress != NULL) glia_progress_begin(progress, what, "MB", 0.0);
  return GLIA_OK;
}

glia_status data_end(struct glia_import_out *out, glia_status st)
{
  if (out->progress != NULL) glia_progress_end(out->progress);
  for (size_t i = 0; i < GLIA_COUNT(interrupts); i++)
    if (before[i] != SIG_ERR) signal(interrupts[i], before[i]);
  return glia_cli_made(st, out->path);
}
