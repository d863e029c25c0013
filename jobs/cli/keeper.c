/* The folder of a run: see keeper.h. */
#include "keeper.h"

#include "attempts.h"
#include "glia_agree.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_run_lock.h"
#include "glia_sha256.h"
#include "resume.h"
#include "stages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ID_DIGITS = 16, PATH_BYTES = 4096, LEVEL_BYTES = 64 };

/* A run's own name, for its folder on a local disk: another run of the same DIR must not find it. */
static void make_id(char id[ID_DIGITS + 1])
{
  struct glia_sha256 h;
  struct timespec now;
  const pid_t pid = getpid();
  char host[128] = "";
  char sum[65];

  clock_gettime(CLOCK_REALTIME, &now);
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  glia_sha256_init(&h);
  glia_sha256_update(&h, &now.tv_sec, sizeof now.tv_sec);
  glia_sha256_update(&h, &now.tv_nsec, sizeof now.tv_nsec);
  glia_sha256_update(&h, &pid, sizeof pid);
  glia_sha256_update(&h, host, strlen(host));
  glia_sha256_hex(&h, sum);
  snprintf(id, ID_DIGITS + 1, "%.*s", ID_DIGITS, sum);
}

static bool read_id(const char *path, char id[ID_DIGITS + 1])
{
  FILE *f = fopen(path, "r");
  const bool found = f != NULL && fgets(id, ID_DIGITS + 1, f) != NULL &&
                     strspn(id, "0123456789abcdef") == ID_DIGITS;

  if (f != NULL) fclose(f);
  return found;
}

/* DIR/run.id names the run; a fresh run gets a new one. It is also the first thing written: a folder that cannot be written is found
 * before the first step. */
static glia_status name_run(const char *dir, bool fresh, char id[ID_DIGITS + 1])
{
  char path[PATH_BYTES];

  GLIA_CHECK(snprintf(path, sizeof path, "%s/run.id", dir) < (int)sizeof path, GLIA_E_ARGUMENT,
             "the name of checkpoint.dir is too long");
  if (!fresh && read_id(path, id)) return GLIA_OK;
  make_id(id);
  FILE *f = fopen(path, "w");
  GLIA_CHECK(f != NULL, GLIA_E_IO, "cannot write %s: %s", path, strerror(errno));
  const bool written = fprintf(f, "%s\n", id) > 0;
  GLIA_CHECK((fclose(f) == 0) & written, GLIA_E_IO, "cannot write %s: %s", path, strerror(errno));
  return GLIA_OK;
}

static glia_status find_local(struct keeper *k, const char *id)
{
  const char *local = k->s->config.checkpoint_local;

  if (local == NULL) return GLIA_OK;
  k->local = malloc(strlen(local) + ID_DIGITS + 16);
  GLIA_CHECK(k->local != NULL, GLIA_E_MEMORY, "%s", local);
  sprintf(k->local, "%s/glia-run-%s", local, id);
  return GLIA_OK;
}

/* Rank 0: lock the folder, and find what to resume from. */
static glia_status take_folder(struct keeper *k, bool resume)
{
  const char *dir = k->s->config.checkpoint_dir;
  char id[ID_DIGITS + 1] = "";
  int64_t *step = NULL;
  int n = 0;

  GLIA_TRY(glia_run_lock_acquire(dir, 10.0, &k->lock));
  if (!resume) GLIA_TRY(resume_refuse(dir));
  GLIA_TRY(glia_checkpoint_list(dir, &n, &step));
  free(step);
  GLIA_TRY(name_run(dir, n == 0, id)); /* none in DIR: those of a local folder are another run's */
  GLIA_TRY(find_local(k, id));
  return resume ? resume_find(dir, k->local, &k->found) : GLIA_OK;
}

/* The lock names every rank's process. */
static glia_status name_ranks(struct keeper *k)
{
  struct glia_comm *comm = k->s->comm;
  char mine[GLIA_RUN_LOCK_PROCESS_BYTES];
  char **all = NULL;
  glia_status st = GLIA_OK;

  glia_run_lock_process(glia_comm_rank(comm), mine);
  GLIA_TRY(glia_comm_gather_text(comm, mine, 0, &all));
  if (all != NULL) st = glia_run_lock_name(k->lock, glia_comm_size(comm), (const char *const *)all);
  free(all);
  return glia_agree(comm, st);
}

static glia_status start_writer(struct keeper *k)
{
  const struct session *s = k->s;

  k->fact[0] = glia_attribute_int("seed", (int64_t)s->config.seed);
  k->fact[1] = glia_attribute_text("kernel_level", glia_kernels_level());
  k->fact[2] = glia_attribute_text("model_hash", s->model_hash);
  k->n_facts = 3;
  if (s->columns != NULL) k->fact[k->n_facts++] = glia_attribute_text("columns", s->columns);
  if (s->fill != NULL) k->fact[k->n_facts++] = glia_attribute_text("fill", s->fill);
  if (s->stages != NULL) return GLIA_OK; /* no rank has all states to copy */
  const struct glia_checkpoint_job job = {.dir = s->config.checkpoint_dir,
                                          .local = k->local,
                                          .keep = (int)s->config.checkpoint_keep,
                                          .n = s->n_arrays,
                                          .array = s->array,
                                          .config = s->config_text,
                                          .n_attributes = k->n_facts,
                                          .attribute = k->fact};
  return glia_checkpoint_writer_create(&job, &k->writer);
}

/* All ranks: take over what rank 0 found. */
static glia_status load(struct keeper *k, int64_t *first_step)
{
  struct glia_checkpoint *c = resume_checkpoint(k->found);
  struct session *s = k->s;
  int64_t found[2] = {c != NULL ? glia_checkpoint_step(c) : -1,
                      (int64_t)time(NULL) << 20 ^ getpid()};

  GLIA_TRY(glia_comm_bcast(s->comm, found, sizeof found, 0));
  attempts_begin(s->config.checkpoint_dir, found[0] > 0 ? found[0] : 0, found[1]);
  if (found[0] < 0) return GLIA_OK;
  GLIA_TRY(session_load(s, c, false));
  *first_step = k->resumed = k->newest = found[0];
  glia_log(GLIA_LOG_INFO, "train", "resume", "dir=%s step=%lld", s->config.checkpoint_dir,
           (long long)found[0]);
  return GLIA_OK;
}

/* This process at the level that a checkpoint names. */
static glia_status keep_level(const char *level)
{
  struct glia_kernels_isa isa;

  GLIA_TRY(glia_kernels_isa_of(level, &isa));
  GLIA_TRY(glia_kernels_lower(&isa));
  GLIA_CHECK(strcmp(level, glia_kernels_level()) == 0, GLIA_E_UNSUPPORTED,
             "no kernels of this build are at the level %s", level);
  return GLIA_OK;
}

/* All ranks: on with the kernels of the checkpoint that rank 0 found, so that bits stay those of a run without a break. */
static glia_status follow_level(struct keeper *k)
{
  struct glia_comm *comm = k->s->comm;
  const struct glia_checkpoint *c = resume_checkpoint(k->found);
  const struct glia_attribute *a = c != NULL ? glia_checkpoint_attribute(c, "kernel_level") : NULL;
  char level[LEVEL_BYTES] = "", was[LEVEL_BYTES];

  if (a != NULL && a->kind == GLIA_ATTRIBUTE_TEXT) snprintf(level, sizeof level, "%s", a->text);
  GLIA_TRY(glia_comm_bcast(comm, level, sizeof level, 0));
  snprintf(was, sizeof was, "%s", glia_kernels_level());
  if (level[0] == '\0') return GLIA_OK;
  const glia_status st = glia_agree(comm, strcmp(level, was) != 0 ? keep_level(level) : GLIA_OK);
  if (st == GLIA_E_MPI) return st;
  if (glia_comm_rank(comm) == 0 && st == GLIA_OK && strcmp(level, was) != 0)
    glia_log(GLIA_LOG_INFO, "train", "kernel-level",
             "is=\"%s\" instead=\"%s\" note=\"as in the checkpoint\"", level, was);
  if (glia_comm_rank(comm) == 0 && st != GLIA_OK)
    glia_log(GLIA_LOG_WARN, "train", "kernel-level",
             "was=\"%s\" is=\"%s\" why=\"%s\" note=\"bits may differ from here on\"", level,
             glia_kernels_level(), glia_trace_message());
  glia_trace_clear();
  if (st == GLIA_OK) return GLIA_OK;
  /* some may have followed */
  return glia_agree_setup(comm, "the configuration", k->s->config_text, false);
}

glia_status keeper_take(struct keeper *k, struct session *s, bool resume)
{
  glia_status st = GLIA_OK;

  *k = (struct keeper){.s = s, .resumed = -1, .newest = -1};
  if (s->config.checkpoint_dir == NULL) {
    if (resume)
      return GLIA_FAIL(GLIA_E_CONFIG, "--resume needs checkpoint: {dir: ...} in the configuration");
    return GLIA_OK;
  }
  if (glia_comm_rank(s->comm) == 0) st = take_folder(k, resume);
  GLIA_TRY(glia_agree(s->comm, st));
  GLIA_TRY(name_ranks(k));
  return follow_level(k);
}

glia_status keeper_open(struct keeper *k, int64_t *first_step)
{
  *first_step = 0;
  if (k->s->config.checkpoint_dir == NULL) return GLIA_OK;
  glia_status st = k->found != NULL ? resume_settle(k->found, k->s) : GLIA_OK;
  st = glia_agree(k->s->comm, st);
  if (st == GLIA_OK) st = load(k, first_step);
  resume_free(&k->found);
  GLIA_TRY(st);
  return glia_agree(k->s->comm, glia_comm_rank(k->s->comm) == 0 ? start_writer(k) : GLIA_OK);
}

bool keeper_resumed(const struct keeper *k) { return k->resumed >= 0; }

/* With stages all ranks write it together, and then go on. */
static glia_status write_stages(struct keeper *k, int64_t step, bool whole_hashes)
{
  const double t0 = glia_time_s();
  const struct stages_checkpoint c = {.step = step,
                                      .n_attributes = k->n_facts,
                                      .attribute = k->fact,
                                      .parameters_sha256 =
                                          whole_hashes ? k->s->parameters_sha256 : NULL,
                                      .state_sha256 = whole_hashes ? k->s->state_sha256 : NULL};

  GLIA_TRY(stages_write(k->s->stages, k->s, &c));
  if (glia_comm_rank(k->s->comm) != 0) return GLIA_OK;
  const double took_s = glia_time_s() - t0;
  k->wrote.written++;
  k->wrote.newest = step;
  k->wrote.stall_s += took_s;
  for (int i = 0; i < k->s->n_arrays; i++)
    k->wrote.bytes += (int64_t)glia_type_bytes(&k->s->array[i].type);
  if (took_s > k->wrote.slowest_s) k->wrote.slowest_s = took_s;
  return glia_checkpoint_prune(k->s->config.checkpoint_dir, (int)k->s->config.checkpoint_keep);
}

static glia_status begin(struct keeper *k, int64_t step, bool whole_hashes)
{
  if (k->s->config.checkpoint_dir == NULL || k->newest == step) return GLIA_OK;
  if (k->s->stages != NULL) GLIA_TRY(write_stages(k, step, whole_hashes));
  if (k->writer != NULL) GLIA_TRY(glia_checkpoint_writer_begin(k->writer, step, whole_hashes));
  k->newest = step;
  attempts_advance(step);
  return GLIA_OK;
}

glia_status keeper_begin(struct keeper *k, int64_t step) { return begin(k, step, false); }

bool keeper_failed(const struct keeper *k)
{
  return k->writer != NULL && glia_checkpoint_writer_failed(k->writer);
}

/* Rank 0. What is waited for here is waited for by all, so it counts as stall. */
static glia_status finish(struct keeper *k, int64_t step)
{
  const double t0 = glia_time_s();

  GLIA_TRY(glia_checkpoint_writer_wait(k->writer));
  k->cost = glia_checkpoint_writer_cost(k->writer);
  k->cost.stall_s += glia_time_s() - t0;
  GLIA_TRY(begin(k, step, true));
  return glia_checkpoint_writer_wait(k->writer);
}

glia_status keeper_finish(struct keeper *k, int64_t step)
{
  if (k->s->config.checkpoint_dir == NULL) return GLIA_OK;
  if (k->s->stages != NULL) k->cost = k->wrote;
  const glia_status st = k->writer != NULL ? finish(k, step) : begin(k, step, true);
  return glia_agree(k->s->comm, st);
}

char *keeper_path(const struct keeper *k)
{
  return k->newest < 0 ? NULL : glia_checkpoint_path(k->s->config.checkpoint_dir, k->newest);
}

void keeper_close(struct keeper *k)
{
  glia_checkpoint_writer_destroy(&k->writer);
  resume_free(&k->found);
  glia_run_lock_release(&k->lock);
  free(k->local);
  k->local = NULL;
}
