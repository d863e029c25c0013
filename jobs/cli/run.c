/* From the words of a command line to the exit code of the command that they name. */
#include "cli_priv.h"
#include "glia_clock.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "timeline.h"

#include "glia_text.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool cli_is_group(const char *word)
{
  for (const struct glia_command *const *c = cli_commands; *c != NULL; c++)
    if (cli_in_group(*c, word)) return true;
  return false;
}

const struct glia_command *cli_find(int argc, char **argv, int *used)
{
  for (const struct glia_command *const *c = cli_commands; *c != NULL; c++) {
    if (argc < 2 || !cli_in_group(*c, argv[0])) continue;
    *used = 2;
    if (strcmp((*c)->name + strlen(argv[0]) + 1, argv[1]) == 0) return *c;
  }
  *used = 1;
  for (const struct glia_command *const *c = cli_commands; *c != NULL; c++)
    if (argc >= 1 && strcmp((*c)->name, argv[0]) == 0) return *c;
  return NULL;
}

glia_status cli_unknown(int argc, char **argv)
{
  const char *known[256];
  const char *group = cli_is_group(argv[0]) ? argv[0] : NULL;
  size_t n = 0;

  GLIA_CHECK(group == NULL || argc > 1, GLIA_E_USAGE, "say which: 'glia %s --help' lists them",
             group);
  const char *word = group != NULL ? argv[1] : argv[0];
  for (const struct glia_command *const *c = cli_commands; *c != NULL; c++)
    if (n + 1 < GLIA_COUNT(known) && !(*c)->hidden && (group == NULL || cli_in_group(*c, group)))
      known[n++] = group != NULL ? (*c)->name + strlen(group) + 1 : (*c)->name;
  known[n] = NULL;
  for (const char *const *c = cli_left_out; *c != NULL; c++)
    GLIA_CHECK(strcmp(word, *c) != 0, GLIA_E_UNSUPPORTED,
               "'%s' needs PETSc and SLEPc, and this build was configured without them", word);
  const char *nearest = glia_nearest(word, known);
  const char *blank = group != NULL ? " " : "";
  group = group != NULL ? group : "";
  if (nearest != NULL)
    return GLIA_FAIL(GLIA_E_USAGE, "unknown command '%s%s%.60s': did you mean '%s%s%s'?", group,
                     blank, word, group, blank, nearest);
  return GLIA_FAIL(GLIA_E_USAGE, "unknown command '%s%s%.60s': 'glia%s%s --help' lists them", group,
                   blank, word, *group != '\0' ? " " : "", group);
}

/* One rank complains for all. The others give it time: a launcher ends all as soon as one ends badly. Whom nobody ended then has words of its
 * own that the first rank was not given, and says so; srun lets the others live, and its ranks all have the same words. */
int cli_fail_at_start(const struct glia_command *command, glia_status st)
{
  const struct timespec pause = {.tv_sec = 2};
  char message[512];

  if (cli_launcher_rank() > 0) {
    nanosleep(&pause, NULL);
    if (getenv("OMPI_COMM_WORLD_RANK") == NULL) return glia_status_exit_code(st);
    snprintf(message, sizeof message, "%s", glia_trace_message());
    glia_trace_clear();
    st = GLIA_FAIL(st, "rank %d: %s", cli_launcher_rank(), message);
  }
  cli_print_failure(command, st);
  return glia_status_exit_code(st);
}

/* GLIA_CPU may be refused on some ranks alone, whose CPUs differ: each says so, those above 0 when rank 0, which may refuse it
 * too, has had time to end all. */
static int fail_on_this_cpu(const struct glia_command *command, glia_status st)
{
  const struct timespec pause = {.tv_sec = 1};
  char host[256] = "", message[512];

  if (!cli_launched()) return cli_fail_at_start(command, st);
  if (gethostname(host, sizeof host - 1) != 0) strcpy(host, "unknown");
  snprintf(message, sizeof message, "%s", glia_trace_message());
  glia_trace_clear();
  st = GLIA_FAIL(st, "rank %d on %s: %s", cli_launcher_rank(), host, message);
  if (cli_launcher_rank() > 0) nanosleep(&pause, NULL);
  cli_print_failure(command, st);
  return glia_status_exit_code(st);
}

/* What was asked for is told: was it? */
static int told(const struct glia_command *command)
{
  if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
  const glia_status st =
      GLIA_FAIL(GLIA_E_IO, "cannot write to standard output: %s", strerror(errno));
  cli_print_failure(command, st);
  return glia_status_exit_code(st);
}

static int run(const struct glia_command *command, int argc, char **argv)
{
  struct glia_args args;
  bool help = false;
  int code;

  glia_status st = cli_parse(command, argc, argv, &args, &help);
  if (st != GLIA_OK || help) {
    cli_args_free(&args);
    if (st != GLIA_OK) return cli_fail_at_start(command, st);
    if (cli_launcher_rank() == 0) cli_help(stdout, command);
    return told(command);
  }
  st = glia_kernels_check();
  if (st != GLIA_OK) {
    cli_args_free(&args);
    return fail_on_this_cpu(command, st);
  }
  if ((command->alone && cli_launcher_rank() > 0) ||
      (command->each_node && cli_launcher_local_rank() > 0)) {
    if (cli_launcher_rank() == 1 && args.n_words > 0) /* a task of its own, perhaps */
      glia_log(GLIA_LOG_INFO, "cli", "one-does-it",
               "why=\"of the ranks that a launcher started%s the first does this; for work of its "
               "own start each alone\"",
               command->each_node ? " on a node" : "");
    cli_args_free(&args);
    return 0;
  }
  st = cli_keep_stdout(&args);
  if (st == GLIA_OK && command->parallel) st = cli_parallel_begin(&args);
  const bool begun = st == GLIA_OK && command->parallel;
  /* The first rank writes: what stands in its way may not be seen by the others, whose disks may be others. */
  if (st == GLIA_OK && args.rank == 0) st = cli_check_outputs(&args);
  if (begun) st = cli_parallel_follow(&args, st);
  if (st == GLIA_OK) st = command->run(&args);
  st = cli_finish_output(&args, st);
  code = st != GLIA_OK ? glia_status_exit_code(st) : args.exit_code;
  if (st != GLIA_OK && glia_stalled()) {
    code = GLIA_EXIT_STALLED;
    timeline_dump(args.rank);
  }
  if (command->parallel)
    code = cli_parallel_end(&args, st, code);
  else if (st != GLIA_OK)
    cli_print_failure(command, st);
  cli_args_free(&args);
  return code;
}

static bool is_help(const char *word)
{
  return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int cli_main(int argc, char **argv)
{
  int used = 0;

  /* A limit on the size of files shall be an error of the write, told like a full disk. */
  signal(SIGXFSZ, SIG_IGN);
  argc--;
  argv++;
  const bool first = cli_launcher_rank() == 0; /* of many, one speaks */
  if (argc == 0) {
    if (first) cli_help(stderr, NULL);
    return glia_status_exit_code(GLIA_E_USAGE);
  }
  if (is_help(argv[0])) {
    if (first) cli_help(stdout, NULL);
    return told(NULL);
  }
  if (strcmp(argv[0], "--version") == 0) {
    if (first) printf("glia %s\n", PACKAGE_VERSION);
    return told(NULL);
  }
  const struct glia_command *command = cli_find(argc, argv, &used);
  if (command != NULL) return run(command, argc - used, argv + used);
  if (argc > 1 && cli_is_group(argv[0]) && is_help(argv[1])) {
    if (first) cli_help_group(stdout, argv[0]);
    return told(NULL);
  }
  return cli_fail_at_start(NULL, cli_unknown(argc, argv));
}
