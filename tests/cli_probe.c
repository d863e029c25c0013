/* A program on the frame of glia's command line, whose commands show what the frame does. See test_cli.sh. */
#include "cli_priv.h"

#include <math.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const kinds[] = {"cpu", "membw", "disk", NULL};

static const struct glia_option echo_options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE",
     .help = "a text"},
    {.name = "train",
     .kind = GLIA_OPTION_TEXT,
     .words = 2,
     .argument = "IMAGES LABELS",
     .help = "two texts"},
    {.name = "kind",
     .kind = GLIA_OPTION_TEXT,
     .argument = "KIND",
     .choices = kinds,
     .help = "one of a few"},
    {.name = "number",
     .letter = 'n',
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 1,
     .hi = 99,
     .help = "whole"},
    {.name = "alpha", .kind = GLIA_OPTION_REAL, .argument = "A", .help = "real"},
    {.name = "times", .kind = GLIA_OPTION_REALS, .argument = "T1,T2,...", .help = "several"},
    {.name = "for", .kind = GLIA_OPTION_DURATION, .argument = "T", .help = "duration"},
    {.name = "size", .kind = GLIA_OPTION_SIZE, .argument = "BYTES", .help = "size"},
    {.name = "resume", .help = "flag"},
    {0},
};

static json_t *texts(const char *const *word, int n)
{
  json_t *list = json_array();

  for (int i = 0; i < n; i++) json_array_append_new(list, json_string(word[i]));
  return list;
}

static glia_status run_echo(struct glia_args *args)
{
  double *t = NULL;
  int n = 0;
  json_t *reals = json_array();
  json_t *outputs = json_array();
  const char *const *train = glia_args_words(args, "train");

  printf("this must not reach standard output under --json\n");
  GLIA_TRY(glia_args_reals(args, "times", &t, &n));
  for (int i = 0; i < n; i++) json_array_append_new(reals, glia_json_real(t[i]));
  free(t);
  for (int i = 0; i < glia_args_times(args, "output"); i++)
    json_array_append_new(outputs, json_string(glia_args_text_at(args, "output", i)));
  return glia_cli_json(args,
                       json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:I, s:o, s:f, s:I, s:b, s:o}",
                                 "words", texts(args->word, args->n_words), "overrides",
                                 texts(args->override, args->n_overrides), "outputs", outputs,
                                 "train", texts(train, train != NULL ? 2 : 0), "output",
                                 glia_args_text(args, "output", "none"), "kind",
                                 glia_args_text(args, "kind", "none"), "number",
                                 (json_int_t)glia_args_int(args, "number", -1), "alpha",
                                 glia_json_real(glia_args_real(args, "alpha", (double)NAN)),
                                 "for_s", glia_args_duration(args, "for", -1.0), "size_bytes",
                                 (json_int_t)glia_args_size(args, "size", -1), "resume",
                                 glia_args_has(args, "resume"), "times", reals));
}

static const struct glia_command echo = {
    .name = "data echo",
    .summary = "print what was understood",
    .usage = "[WORD ...] [key=value ...]",
    .options = echo_options,
    .details = "First paragraph.\n\n.Second, with a point - and a dash.",
    .example = "cli_probe data echo --resume a.b=1 x",
    .run = run_echo,
    .max_words = 2,
    .overrides = true,
};

static glia_status run_silent(struct glia_args *args)
{
  (void)args;
  return GLIA_OK;
}

static const struct glia_command silent = {
    .name = "data silent",
    .summary = "forget the result",
    .usage = "FILE",
    .example = "cli_probe data silent x",
    .run = run_silent,
    .min_words = 1,
    .max_words = 1,
};

/* MODE: none, all (every rank fails alike), one (rank 1 fails, the others finish), apart (rank 1 fails, the others wait
 * for it in a collective), requeue, yield (what the frame set). */
static glia_status run_ranks(struct glia_args *args)
{
  const char *mode = args->word[0];
  int sum = 0;
  const int one = 1;

  GLIA_CHECK(strcmp(mode, "all") != 0, GLIA_E_CONFIG, "all ranks fail");
  GLIA_CHECK(strcmp(mode, "one") != 0 || args->rank != 1, GLIA_E_DATA, "rank 1 fails");
  GLIA_CHECK(strcmp(mode, "apart") != 0 || args->rank != 1, GLIA_E_DATA, "rank 1 fails");
  if (strcmp(mode, "requeue") == 0) args->exit_code = GLIA_EXIT_REQUEUE;
  if (strcmp(mode, "one") != 0) MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  const char *yields = getenv("OMPI_MCA_mpi_yield_when_idle");
  glia_cli_print(args, "ranks %d yield %s\n", sum, yields != NULL ? yields : "unset");
  return glia_cli_json(args, json_pack("{s:i}", "ranks", sum));
}

static const struct glia_command ranks = {
    .name = "ranks",
    .summary = "run on all ranks",
    .usage = "MODE",
    .example = "cli_probe ranks none",
    .run = run_ranks,
    .min_words = 1,
    .max_words = 1,
    .parallel = true,
};

/* Writes "ready", waits to be asked to stop, says by whom; with STUBBORN it never ends by itself. */
static glia_status run_wait(struct glia_args *args)
{
  const struct timespec pause = {.tv_nsec = 10000000};

  glia_stop_catch();
  glia_cli_print(args, "ready\n");
  fflush(stdout);
  while (glia_stop_requested() == 0 || args->n_words > 0) nanosleep(&pause, NULL);
  glia_cli_print(args, "stopped by %d\n", glia_stop_requested());
  args->exit_code = GLIA_EXIT_REQUEUE;
  return GLIA_OK;
}

static const struct glia_command wait = {
    .name = "wait",
    .summary = "wait for a signal",
    .usage = "[STUBBORN]",
    .example = "cli_probe wait",
    .run = run_wait,
    .max_words = 1,
};

const struct glia_command *const cli_commands[] = {&echo, &silent, &ranks, &wait, NULL};
const char *const cli_left_out[] = {"spectrum", NULL};

int main(int argc, char **argv) { return cli_main(argc, argv); }
