/* Faults, most of them in threads of this process; see glia_inject.h. */
#include "inject_priv.h"

#include "glia_text.h"
#include "samplers/numbers.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define INJECTOR(name) extern const struct glia_injector glia_injector_##name##_;
#include "injectors.def"
#undef INJECTOR

static const struct glia_injector *const all[] = {
#define INJECTOR(name) &glia_injector_##name##_,
#include "injectors.def"
#undef INJECTOR
};

enum { PATH_BYTES = 4096 };
static const double longest_s = 86400.0;
static const int64_t least_bytes = 64 * 1024; /* for each thread */
static const int64_t nap_ns = 20000000;

struct crew {
  atomic_bool over;
  cpu_set_t cores;                   /* that this process may use */
  int n;                             /* threads */
  pthread_t *thread;                 /* [n] */
  struct glia_inject_worker *worker; /* [n] */
  char *memory;                      /* [size_bytes]: equal shares of whole pages */
  size_t size_bytes;
};

const struct glia_injector *glia_injector_get(int i)
{
  return i >= 0 && i < (int)GLIA_COUNT(all) ? all[i] : NULL;
}
const char *glia_injector_name(const struct glia_injector *injector) { return injector->name; }
const char *glia_injector_help(const struct glia_injector *injector) { return injector->help; }

glia_status glia_injector_find(const char *name, const struct glia_injector **out)
{
  const char *names[GLIA_COUNT(all) + 1] = {NULL};

  *out = NULL;
  for (size_t i = 0; i < GLIA_COUNT(all); i++) {
    names[i] = all[i]->name;
    if (strcmp(name, all[i]->name) == 0) *out = all[i];
  }
  if (*out != NULL) return GLIA_OK;
  const char *near = glia_nearest(name, names);
  return GLIA_FAIL(GLIA_E_USAGE, "%s: no such fault; did you mean %s?", name,
                   near != NULL ? near : names[0]);
}

static int64_t clock_ns(clockid_t clock)
{
  struct timespec t;

  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool glia_inject_over_(const struct glia_inject_worker *worker)
{
  return atomic_load_explicit(worker->over, memory_order_relaxed) ||
         clock_ns(CLOCK_MONOTONIC) >= worker->deadline_ns;
}

static glia_status choose_threads(struct crew *crew, int wanted)
{
  CPU_ZERO(&crew->cores);
  GLIA_CHECK(sched_getaffinity(0, sizeof crew->cores, &crew->cores) == 0, GLIA_E_UNSUPPORTED,
             "more than %d cores", CPU_SETSIZE);
  const int allowed = CPU_COUNT(&crew->cores);
  GLIA_CHECK(wanted >= 0 && wanted <= allowed, GLIA_E_ARGUMENT,
             "%d threads: this process may use %d core%s", wanted, allowed,
             allowed == 1 ? "" : "s");
  crew->n = wanted > 0 ? wanted : allowed;
  return GLIA_OK;
}

/* A number in a file of a cgroup; -1: none ("max", or no file). */
static int64_t cgroup_number(const char *folder, const char *name)
{
  char path[2 * PATH_BYTES];
  char text[64];

  snprintf(path, sizeof path, "%s/%s", folder, name);
  glia_line_read_(path, text, sizeof text);
  return text[0] >= '0' && text[0] <= '9' ? strtoll(text, NULL, 10) : -1;
}

/* Bytes of the page cache that the kernel gives back when somebody wants memory: they count as used, and are room. */
static int64_t cgroup_cache(const char *folder, const char *name)
{
  char path[2 * PATH_BYTES];
  char line[128];
  int64_t bytes = 0;

  snprintf(path, sizeof path, "%s/memory.stat", folder);
  FILE *f = fopen(path, "re");
  while (f != NULL && fgets(line, sizeof line, f) != NULL)
    if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ' ')
      bytes = strtoll(line + strlen(name), NULL, 10);
  if (f != NULL) fclose(f);
  return bytes;
}

/* The least room of a cgroup and those above it, whose limits bind as well. top: where its hierarchy is mounted; in a container that may be
 * the process's own cgroup, so what is not found below is looked for at the top. */
static int64_t room_of(const char *top, const char *cgroup, const char *limit, const char *used,
                       const char *cache, int64_t room)
{
  char folder[PATH_BYTES];

  if (snprintf(folder, sizeof folder, "%s%s", top, cgroup) >= (int)sizeof folder) return room;
  for (;;) {
    const int64_t most = cgroup_number(folder, limit);
    const int64_t now = cgroup_number(folder, used);
    const int64_t kept = now - cgroup_cache(folder, cache);
    if (most >= 0 && now >= 0 && most - kept < room) room = most > kept ? most - kept : 0;
    if (strlen(folder) <= strlen(top)) return room;
    *strrchr(folder, '/') = '\0';
  }
}

/* Is "memory" one of the words of "cpu,memory"? */
static bool has_memory(const char *list)
{
  static const char word[] = "memory";
  const size_t n = sizeof word - 1;

  for (const char *at = list; at != NULL; at = strchr(at, ',')) {
    at += *at == ',';
    if (strncmp(at, word, n) == 0 && (at[n] == ',' || at[n] == '\0')) return true;
  }
  return false;
}

/* Version 1: a hierarchy for some kinds together is mounted under their names, in an order that its /proc file need not have. */
static int64_t room_of_v1(const char *root, const char *cgroup, int64_t room)
{
  char path[PATH_BYTES];

  snprintf(path, sizeof path, "%s/sys/fs/cgroup", root);
  DIR *d = opendir(path);
  for (const struct dirent *e = NULL; d != NULL && (e = readdir(d)) != NULL;) {
    if (!has_memory(e->d_name)) continue;
    snprintf(path, sizeof path, "%s/sys/fs/cgroup/%s", root, e->d_name);
    room = room_of(path, cgroup, "memory.limit_in_bytes", "memory.usage_in_bytes",
                   "total_inactive_file", room);
  }
  if (d != NULL) closedir(d);
  return room;
}

int64_t glia_inject_room_(const char *root, int64_t free_bytes)
{
  char path[PATH_BYTES];
  char line[PATH_BYTES];
  int64_t room = free_bytes;

  if (root == NULL) root = "";
  snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  FILE *f = fopen(path, "re");
  while (f != NULL && fgets(line, sizeof line, f) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char *kinds = strchr(line, ':');
    char *cgroup = kinds != NULL ? strchr(kinds + 1, ':') : NULL;
    if (cgroup == NULL) continue;
    *cgroup++ = '\0';
    if (strcmp(kinds, ":") == 0) {
      snprintf(path, sizeof path, "%s/sys/fs/cgroup", root);
      room = room_of(path, cgroup, "memory.max", "memory.current", "inactive_file", room);
      snprintf(path, sizeof path, "%s/sys/fs/cgroup/unified", root);
      room = room_of(path, cgroup, "memory.max", "memory.current", "inactive_file", room);
    } else if (has_memory(kinds + 1)) {
      room = room_of_v1(root, cgroup, room);
    }
  }
  if (f != NULL) fclose(f);
  return room;
}

static glia_status choose_size(struct crew *crew, const struct glia_injector *injector,
                               int64_t wanted_bytes)
{
  char found[32];
  char most[32];

  GLIA_CHECK(wanted_bytes >= 0, GLIA_E_ARGUMENT, "a size of %lld bytes", (long long)wanted_bytes);
  GLIA_CHECK(injector->default_size_bytes != NULL || wanted_bytes == 0, GLIA_E_ARGUMENT,
             "%s works on no memory: it has no size", injector->name);
  if (injector->default_size_bytes == NULL) return GLIA_OK;
  const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t limit = glia_inject_room_(NULL, (int64_t)sysconf(_SC_AVPHYS_PAGES) * page) / 8;
  GLIA_CHECK(wanted_bytes <= limit, GLIA_E_ARGUMENT,
             "%s: at most 1/8 of the memory that is free for this process, %s",
             glia_format_size(wanted_bytes, found, sizeof found),
             glia_format_size(limit, most, sizeof most));
  int64_t size = wanted_bytes > 0 ? wanted_bytes : injector->default_size_bytes();
  if (size > limit) size = limit;
  const int64_t share = size / crew->n / page * page;
  GLIA_CHECK(share >= least_bytes, GLIA_E_ARGUMENT, "%s for %d threads: each needs %s",
             glia_format_size(size, found, sizeof found), crew->n,
             glia_format_size(least_bytes, most, sizeof most));
  crew->size_bytes = (size_t)(share * crew->n);
  void *memory =
      mmap(NULL, crew->size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  GLIA_CHECK(memory != MAP_FAILED, GLIA_E_MEMORY, "no memory of %s to work on",
             glia_format_size(size, found, sizeof found));
  crew->memory = memory;
  return GLIA_OK;
}

static void *worker_main(void *arg)
{
  struct glia_inject_worker *worker = arg;

  worker->injector->work(worker);
  return NULL;
}

/* Number of the i-th core in a set. */
static size_t core_at(const cpu_set_t *cores, int i)
{
  size_t core = 0;

  while (!CPU_ISSET(core, cores) || i-- > 0) core++;
  return core;
}

/* Start worker i on a core of its own, deaf to signals: those are for the thread that waits. */
static glia_status start(struct crew *crew, int i)
{
  pthread_attr_t attributes;
  sigset_t every;
  sigset_t before;
  cpu_set_t one;

  CPU_ZERO(&one);
  CPU_SET(core_at(&crew->cores, i), &one);
  pthread_attr_init(&attributes);
  pthread_attr_setaffinity_np(&attributes, sizeof one, &one);
  sigfillset(&every);
  pthread_sigmask(SIG_SETMASK, &every, &before);
  const int failed = pthread_create(&crew->thread[i], &attributes, worker_main, &crew->worker[i]);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  GLIA_CHECK(failed == 0, GLIA_E_MEMORY, "thread %d of %d does not start: %s", i + 1, crew->n,
             strerror(failed));
  return GLIA_OK;
}

int64_t glia_inject_now_ns_(void) { return clock_ns(CLOCK_MONOTONIC); }

bool glia_inject_nap_(int (*stop)(void))
{
  const struct timespec nap = {.tv_nsec = nap_ns};

  if (stop != NULL && stop() != 0) return true;
  clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
  return false;
}

/* errno of a worker that could not do anything at all, or 0. */
static int first_error(const struct crew *crew, int started)
{
  for (int i = 0; i < started; i++)
    if (atomic_load(&crew->worker[i].error) != 0) return atomic_load(&crew->worker[i].error);
  return 0;
}

static glia_status run_crew(struct crew *crew, const struct glia_injector *injector,
                            const struct glia_inject_options *options,
                            struct glia_inject_result *result)
{
  const int64_t start_ns = clock_ns(CLOCK_MONOTONIC);
  const int64_t cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  const int64_t deadline_ns = start_ns + (int64_t)(1e9 * options->duration_s);
  const size_t share = crew->size_bytes / (size_t)crew->n;
  glia_status st = GLIA_OK;
  int started = 0;
  double bytes = 0.0;

  for (int i = 0; i < crew->n && st == GLIA_OK; i++) {
    crew->worker[i] = (struct glia_inject_worker){
        .injector = injector,
        .over = &crew->over,
        .deadline_ns = deadline_ns,
        .memory = crew->memory != NULL ? crew->memory + (size_t)i * share : NULL,
        .size_bytes = share};
    st = start(crew, i);
    if (st == GLIA_OK) started++;
  }
  while (st == GLIA_OK && !result->stopped && first_error(crew, started) == 0 &&
         clock_ns(CLOCK_MONOTONIC) < deadline_ns)
    result->stopped = glia_inject_nap_(options->stop);
  atomic_store(&crew->over, true);
  for (int i = 0; i < started; i++) {
    pthread_join(crew->thread[i], NULL);
    bytes += crew->worker[i].bytes;
  }
  result->wall_s = 1e-9 * (double)(clock_ns(CLOCK_MONOTONIC) - start_ns);
  result->cpu_s = 1e-9 * (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns);
  result->bytes_per_s = result->wall_s > 0.0 ? bytes / result->wall_s : 0.0;
  const int error = first_error(crew, started);
  if (st != GLIA_OK) return st;
  GLIA_CHECK(error == 0, GLIA_E_IO, "%s cannot work: %s; %s", injector->name, strerror(error),
             injector->hint);
  return GLIA_OK;
}

glia_status glia_inject_run(const struct glia_injector *injector,
                            const struct glia_inject_options *options,
                            struct glia_inject_result *result)
{
  struct glia_inject_result unused;
  struct crew crew = {.n = 0};
  glia_status st;

  if (result == NULL) result = &unused;
  *result = (struct glia_inject_result){0};
  GLIA_CHECK(options->duration_s > 0.0 && options->duration_s <= longest_s, GLIA_E_ARGUMENT,
             "a fault of %g s: more than nothing and at most a day is possible",
             options->duration_s);
  GLIA_CHECK(options->root == NULL || injector->run != NULL, GLIA_E_ARGUMENT,
             "%s changes no setting: it has no root", injector->name);
  if (injector->run != NULL) {
    GLIA_CHECK(options->size_bytes == 0, GLIA_E_ARGUMENT, "%s works on no memory: it has no size",
               injector->name);
    return injector->run(options, result);
  }
  GLIA_TRY(choose_threads(&crew, options->threads));
  GLIA_TRY(choose_size(&crew, injector, options->size_bytes));
  crew.thread = calloc((size_t)crew.n, sizeof *crew.thread);
  crew.worker = calloc((size_t)crew.n, sizeof *crew.worker);
  GLIA_CHECK_TO(done, st, crew.thread != NULL && crew.worker != NULL, GLIA_E_MEMORY,
                "no memory for %d threads", crew.n);
  result->threads = crew.n;
  result->size_bytes = (int64_t)crew.size_bytes;
  st = run_crew(&crew, injector, options, result);

done:
  free(crew.worker);
  free(crew.thread);
  if (crew.memory != NULL) munmap(crew.memory, crew.size_bytes);
  return st;
}
