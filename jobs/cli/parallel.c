/* Commands that run on all ranks: how MPI starts, and how all ranks end with one exit code. */
#include "cli_priv.h"

#include "glia_clock.h"
#include "glia_cpus.h"
#include "glia_log.h"
#include "glia_text.h"

#include <mpi.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long a failed rank waits for the others before it ends them all; when it has waited for them in vain already: for those that
 * live to tell what they know. */
static const double meet_s = 5.0, stalled_meet_s = 1.0;
enum { ABORT_S = 5 }; /* and for the launcher, who ends them */

static MPI_Comm ending =
    MPI_COMM_NULL; /* for the last meeting alone: no message of the run can meet its own */

/* A whole number in the environment; `otherwise` when there is none. */
static int64_t env_int(const char *name, int64_t otherwise)
{
  const char *text = getenv(name);
  char *end;

  if (text == NULL || *text == '\0') return otherwise;
  const long long v = strtoll(text, &end, 10);
  return end == text ? otherwise : v;
}

static bool has_env(const char *name)
{
  const char *text = getenv(name);

  return text != NULL && *text != '\0';
}

static bool in_srun_step(void)
{
  return has_env("SLURM_PROCID") && env_int("SLURM_STEP_NUM_TASKS", 1) > 1;
}

/* The variable in which a launcher told the rank, or NULL. */
static const char *rank_variable(void)
{
  static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};

  for (size_t i = 0; i < GLIA_COUNT(names); i++)
    if (has_env(names[i])) return names[i];
  return in_srun_step() ? "SLURM_PROCID" : NULL;
}

bool cli_launched(void) { return rank_variable() != NULL; }

int cli_launcher_rank(void)
{
  const char *name = rank_variable();

  return name != NULL ? (int)env_int(name, 0) : 0;
}

int cli_launcher_local_rank(void)
{
  static const char *const names[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"};

  for (size_t i = 0; i < GLIA_COUNT(names); i++)
    if (has_env(names[i])) return (int)env_int(names[i], 0);
  return in_srun_step() ? (int)env_int("SLURM_LOCALID", 0) : 0;
}

/* srun starts n processes that know nothing of each other, unless it speaks PMIx: n runs would write one checkpoint.
 * A batch script has SLURM_NTASKS too, but is no step of several tasks; and under mpirun its own variables stand. */
static bool launched_apart(void)
{
  return in_srun_step() && !has_env("OMPI_COMM_WORLD_SIZE") && !has_env("PMIX_RANK") &&
         !has_env("PMIX_NAMESPACE");
}

static glia_status refuse_apart(void)
{
  return GLIA_FAIL(
      GLIA_E_USAGE,
      "srun started %lld separate runs instead of one with %lld ranks: use srun --mpi=pmix",
      (long long)env_int("SLURM_STEP_NUM_TASKS", 1), (long long)env_int("SLURM_STEP_NUM_TASKS", 1));
}

/* A step of one task is a run of its own, with PMIx or without. Open MPI takes it for one of several, and aborts when no
 * PMIx answers. */
static void stand_alone(void)
{
  if (env_int("SLURM_STEP_NUM_TASKS", 0) == 1 && !has_env("OMPI_COMM_WORLD_SIZE") &&
      !has_env("PMIX_RANK") && !has_env("PMIX_NAMESPACE")) {
    unsetenv("SLURM_STEP_ID");
    unsetenv("SLURM_STEPID");
  }
}

static int cores_of(pid_t pid)
{
  cpu_set_t set;

  return sched_getaffinity(pid, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

/* Cores that the ranks on this node share. A launcher binds each rank to a part of them: its own mask tells more. */
static double shared_cores(void)
{
  const int own = cores_of(0);
  const int launcher = cores_of(getppid());
  const double cores = (double)env_int("SLURM_CPUS_ON_NODE", launcher > own ? launcher : own);
  const double quota = glia_cpus_quota();

  return cores < quota ? cores : quota;
}

/* Tasks of this step on this node: of "2(x3),1", which stands in the environment of all, the fourth node has 1. */
static int64_t step_tasks(void)
{
  const char *text = getenv("SLURM_STEP_TASKS_PER_NODE");
  int64_t node = env_int("SLURM_NODEID", 0);
  long long tasks = 1, nodes;

  while (text != NULL && sscanf(text, "%lld", &tasks) == 1) {
    if (sscanf(text, "%*d(x%lld)", &nodes) != 1) nodes = 1;
    if (node < nodes) break;
    node -= nodes;
    text = strchr(text, ',');
    if (text != NULL) text++;
  }
  return tasks;
}

/* More ranks than cores: a rank that spins while it waits takes the core from the one it waits for. Nodes need not be alike. */
static void yield_when_crowded(void)
{
  const int64_t local = env_int("OMPI_COMM_WORLD_LOCAL_SIZE", in_srun_step() ? step_tasks() : 1);

  if ((double)local > shared_cores()) setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
}

glia_status cli_parallel_begin(struct glia_args *args)
{
  int provided = 0;
  const bool apart = launched_apart();

  if (apart && !has_env("PMI_RANK") && !has_env("PMI_FD")) return refuse_apart();
  stand_alone();
  yield_when_crowded();
  GLIA_CHECK(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &provided) == MPI_SUCCESS, GLIA_E_MPI,
             "MPI does not start");
  MPI_Comm_rank(MPI_COMM_WORLD, &args->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &args->size);
  glia_log_set_rank(args->rank, args->size);
  if (apart && args->size == 1) { /* another PMI was there, but this MPI does not speak it */
    MPI_Finalize();
    return refuse_apart();
  }
  MPI_Comm_dup(MPI_COMM_WORLD, &ending);
  GLIA_CHECK(provided == MPI_THREAD_MULTIPLE, GLIA_E_MPI,
             "this MPI does not support threads (level %d)", provided);
  return GLIA_OK;
}

glia_status cli_parallel_follow(const struct glia_args *args, glia_status st)
{
  int first = (int)st;

  GLIA_CHECK(MPI_Bcast(&first, 1, MPI_INT, 0, ending) == MPI_SUCCESS, GLIA_E_MPI,
             "ranks do not reach each other");
  if (args->rank > 0 && first != GLIA_OK) return GLIA_FAIL((glia_status)first, "rank 0 tells why");
  return st;
}

static int abort_code;

static void leave(int signal)
{
  (void)signal;
  _exit(abort_code);
}

/* MPI_Abort asks the launcher and waits for its answer, on a node that was cut off for ever: this rank goes all the same, a little later. */
static void abort_all(int code)
{
  const struct sigaction act = {.sa_handler = leave};
  sigset_t alarms;

  abort_code = code;
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  sigaction(SIGALRM, &act, NULL);
  pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
  alarm(ABORT_S);
  MPI_Abort(MPI_COMM_WORLD, code);
}

/* A rank that failed alone cannot know whether the others will come. */
static void wait_for_all(const struct glia_args *args, glia_status st, int code,
                         MPI_Request *request)
{
  const struct timespec pause = {.tv_nsec = 1000000};
  const double start_s = glia_time_s();
  int done = 0;

  for (;;) {
    MPI_Test(request, &done, MPI_STATUS_IGNORE);
    if (done) return;
    if (st != GLIA_OK && glia_time_s() - start_s > (glia_stalled() ? stalled_meet_s : meet_s)) {
      cli_print_failure(args->command, st);
      fprintf(stderr, "glia %s: rank %d failed alone; the others are ended\n", args->command->name,
              args->rank);
      abort_all(code);
    }
    nanosleep(&pause, NULL);
  }
}

int cli_parallel_end(const struct glia_args *args, glia_status st, int code)
{
  MPI_Request request;
  int initialized = 0;
  int finalized = 0;

  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (!initialized || finalized) { /* the start was refused, on all ranks */
    return st != GLIA_OK ? cli_fail_at_start(args->command, st) : code;
  }
  const int own[2] = {code, st != GLIA_OK && args->rank == 0};
  int all[2] = {code, own[1]};
  MPI_Iallreduce(own, all, 2, MPI_INT, MPI_MAX, ending, &request);
  wait_for_all(args, st, code, &request);
  if (st != GLIA_OK && (args->rank == 0 || all[1] == 0)) cli_print_failure(args->command, st);
  MPI_Comm_free(&ending);
  MPI_Finalize();
  return all[0];
}
