/* One writer per run folder. */
#include "glia_log.h"
#include "glia_run_lock.h"
#include "tempfile_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct glia_run_lock {
  char *path;
  int fd;
};

/* What the file says about its owner; pid 0: nothing. */
struct owner {
  char host[128];
  long pid;
  long parent;
  char job[64]; /* of the batch system, "-" for none */
  char since[40];
};

enum { LOCK_BYTES = 1 << 20 };

typedef enum { TAKEN, DEAD, DYING, ALIVE, ELSEWHERE } verdict;

static void myself(struct owner *o)
{
  const char *job = getenv("SLURM_JOB_ID");
  const time_t now = time(NULL);
  struct tm utc;

  *o = (struct owner){.pid = (long)getpid(), .parent = (long)getppid()};
  if (gethostname(o->host, sizeof o->host - 1) != 0 || o->host[0] == '\0')
    strcpy(o->host, "unknown");
  snprintf(o->job, sizeof o->job, "%s", job != NULL && job[0] != '\0' ? job : "-");
  gmtime_r(&now, &utc);
  strftime(o->since, sizeof o->since, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static void read_owner(int fd, struct owner *o)
{
  char text[512] = "";

  *o = (struct owner){0};
  if (pread(fd, text, sizeof text - 1, 0) <= 0) return;
  if (sscanf(text, "host=%127s pid=%ld parent=%ld job=%63s since=%39s", o->host, &o->pid,
             &o->parent, o->job, o->since) != 5)
    *o = (struct owner){0};
}

static glia_status write_owner(int fd, const char *path, const struct owner *o)
{
  char text[512];
  const int n = snprintf(text, sizeof text, "host=%s pid=%ld parent=%ld job=%s since=%s\n", o->host,
                         o->pid, o->parent, o->job, o->since);

  GLIA_CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n && fsync(fd) == 0,
             GLIA_E_IO, "cannot write %s: %s", path, strerror(errno));
  return GLIA_OK;
}

/* Parent of a process here as /proc knows it; 0: gone or a zombie, -1: cannot be known. *start: when it began, in ticks. */
static long parent_of(long pid, unsigned long long *start)
{
  char path[64];
  char text[512] = "";
  char state = 'X';
  long parent = -1;

  *start = 0;
  if (kill((pid_t)pid, 0) != 0 && errno == ESRCH) return 0;
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  FILE *f = fopen(path, "r");
  if (f == NULL) return -1;
  const size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  text[n] = '\0';
  const char *end = strrchr(text, ')'); /* the name of the program may hold anything */
  if (end == NULL ||
      sscanf(end + 1,
             " %c %ld %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
             &state, &parent, start) != 3)
    return -1;
  return state == 'Z' || state == 'X' ? 0 : parent;
}

/* held: the kernel says that another process has the lock; known: the kernel's word counts here. */
static verdict judge(const struct owner *owner, const struct owner *me, bool held, bool known)
{
  const bool same_job = strcmp(owner->job, "-") != 0 && strcmp(owner->job, me->job) == 0;
  unsigned long long start;

  if (owner->pid == 0) return held ? ALIVE : DEAD; /* just being written */
  if (strcmp(owner->host, me->host) != 0) {
    if (held) return same_job ? DYING : ALIVE;
    return same_job ? DEAD : ELSEWHERE;
  }
  if (!held && known) return DEAD;
  const long parent = parent_of(owner->pid, &start);
  if (parent == 0) return held ? DYING : DEAD;
  if (owner->pid == me->pid) return ALIVE; /* a second run in one process */
  return same_job || (parent > 0 && parent != owner->parent) ? DYING : ALIVE;
}

/* Is a rank of the last owner still there, on this host? Its process, 0: none is. The owner itself is dead. */
static long rank_alive(int fd, const struct owner *me)
{
  char *text = calloc(1, LOCK_BYTES + 1);
  long found = 0;

  if (text == NULL || pread(fd, text, LOCK_BYTES, 0) <= 0) {
    free(text);
    return 0;
  }
  for (const char *line = strchr(text, '\n'); line != NULL && found == 0;
       line = strchr(line + 1, '\n')) {
    char host[128] = "";
    long pid = 0;
    unsigned long long start = 0, now = 0;
    if (sscanf(line, " rank=%*d host=%127s pid=%ld start=%llu", host, &pid, &start) != 3) continue;
    if (strcmp(host, me->host) != 0 || pid <= 0 || pid == me->pid) continue;
    if (parent_of(pid, &now) != 0 && now == start) found = pid; /* and not another of that number */
  }
  free(text);
  return found;
}

static bool still_at(int fd, const char *path)
{
  struct stat a;
  struct stat b;

  return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* One attempt. *v says what stands in the way; on TAKEN *fd is the lock. */
static glia_status attempt(const char *path, const struct owner *me, struct owner *owner,
                           verdict *v, int *fd)
{
  *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  GLIA_CHECK(*fd >= 0, GLIA_E_IO, "cannot open %s: %s", path, strerror(errno));
  const int e = flock(*fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  read_owner(*fd, owner);
  *v = judge(owner, me, e == EWOULDBLOCK, e == 0 || e == EWOULDBLOCK);
  if (*v == DEAD && !still_at(*fd, path)) *v = ALIVE; /* released under our hands: try again */
  if (*v == DEAD) {
    const long rank = rank_alive(*fd, me);
    if (rank != 0) {
      owner->pid = rank;
      *v = DYING;
    }
  }
  if (*v == DEAD) {
    if (owner->pid != 0)
      glia_log(GLIA_LOG_INFO, "io", "run-lock-taken-over", "file=\"%s\" host=%s pid=%ld since=%s",
               path, owner->host, owner->pid, owner->since);
    const glia_status st = write_owner(*fd, path, me);
    if (st == GLIA_OK) *v = TAKEN;
    if (st != GLIA_OK) close(*fd);
    return st;
  }
  close(*fd);
  return GLIA_OK;
}

static glia_status take(struct glia_run_lock *l, double wait_s)
{
  const double start_s = glia_time_s();
  struct owner me;
  struct owner owner;
  verdict v = ALIVE;

  myself(&me);
  for (;;) {
    GLIA_TRY(attempt(l->path, &me, &owner, &v, &l->fd));
    if (v == TAKEN) return GLIA_OK;
    l->fd = -1;
    const double patience_s = v == DYING                   ? wait_s
                              : v == ALIVE && wait_s > 1.0 ? 1.0
                              : v == ALIVE                 ? wait_s
                                                           : 0.0;
    if (glia_time_s() - start_s >= patience_s) break;
    nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
  }
  const size_t n = strlen(l->path) - strlen("/.lock");
  return GLIA_FAIL(
      GLIA_E_BUSY, "%.*s is in use by process %ld on %s (job %s, since %s)%s%s", (int)n, l->path,
      owner.pid, owner.host[0] != '\0' ? owner.host : "?", owner.job[0] != '\0' ? owner.job : "-",
      owner.since[0] != '\0' ? owner.since : "?",
      v == ELSEWHERE ? ": if that run is dead, remove " : ": wait for it or choose another folder",
      v == ELSEWHERE ? l->path : "");
}

glia_status glia_run_lock_acquire(const char *dir, double wait_s, struct glia_run_lock **out)
{
  struct glia_run_lock *l = calloc(1, sizeof *l);
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(l != NULL, GLIA_E_MEMORY, "%s", dir);
  l->fd = -1;
  l->path = malloc(strlen(dir) + sizeof "/.lock");
  GLIA_CHECK_TO(fail, st, l->path != NULL, GLIA_E_MEMORY, "%s", dir);
  sprintf(l->path, "%s/.lock", dir);
  GLIA_TRY_TO(fail, st, glia_make_folder_(dir));
  GLIA_TRY_TO(fail, st, take(l, wait_s));
  *out = l;
  return GLIA_OK;
fail:
  free(l->path);
  free(l);
  return st;
}

void glia_run_lock_process(int rank, char out[GLIA_RUN_LOCK_PROCESS_BYTES])
{
  unsigned long long start = 0;
  struct owner me;

  myself(&me);
  parent_of(me.pid, &start);
  snprintf(out, GLIA_RUN_LOCK_PROCESS_BYTES, "rank=%d host=%s pid=%ld start=%llu", rank, me.host,
           me.pid, start);
}

glia_status glia_run_lock_name(struct glia_run_lock *lock, int n, const char *const *process)
{
  struct stat s;

  GLIA_CHECK(fstat(lock->fd, &s) == 0, GLIA_E_IO, "cannot read %s: %s", lock->path,
             strerror(errno));
  off_t at = s.st_size;
  for (int i = 0; i < n && at < LOCK_BYTES; i++) {
    char line[GLIA_RUN_LOCK_PROCESS_BYTES + 1];
    const int bytes = snprintf(line, sizeof line, "%s\n", process[i]);
    GLIA_CHECK(pwrite(lock->fd, line, (size_t)bytes, at) == bytes, GLIA_E_IO, "cannot write %s: %s",
               lock->path, strerror(errno));
    at += bytes;
  }
  return GLIA_OK;
}

void glia_run_lock_release(struct glia_run_lock **lock)
{
  if (lock == NULL || *lock == NULL) return;
  if (still_at((*lock)->fd, (*lock)->path)) unlink((*lock)->path);
  close((*lock)->fd);
  free((*lock)->path);
  free(*lock);
  *lock = NULL;
}
