/* Shared memory of a node: an anonymous file in memory that rank 0 makes and the others open through its descriptor.
 *
 * Departs from MPI_Win_allocate_shared: Open MPI keeps windows in /dev/shm, which is 64 MB in many containers and kills
 * the job by SIGBUS at the first touch of a page that does not fit (docs/adr/0010).
 */
#include "shared_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1; headers may be older */
#endif

static const size_t LARGE_PAGE_BYTES = (size_t)2 << 20;

struct offer {
  long long pid;
  int fd; /* -1: rank 0 could not make it */
};

/* The file of rank 0, with all its pages; -1 when there is no room. */
static int make_file(size_t bytes)
{
  struct rlimit limit;

  /* past the limit of file sizes the kernel would send SIGXFSZ */
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      limit.rlim_cur < bytes)
    return -1;
  const int fd = memfd_create("glia", MFD_CLOEXEC);
  if (fd < 0) return -1;
  if (posix_fallocate(fd, 0, (off_t)bytes) == 0) return fd;
  close(fd);
  return -1;
}

/* Where large pages fit. */
static void *map_file(int fd, size_t bytes)
{
  const size_t more = bytes < LARGE_PAGE_BYTES ? 0 : LARGE_PAGE_BYTES;

  if (bytes > SIZE_MAX - more) return NULL;
  char *room = mmap(NULL, bytes + more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return NULL;
  const size_t past = more > 0 ? (uintptr_t)room % more : 0, before = past > 0 ? more - past : 0;
  void *at = mmap(room + before, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
  if (at == MAP_FAILED) {
    munmap(room, bytes + more);
    return NULL;
  }
  const size_t page = (size_t)sysconf(_SC_PAGESIZE),
               end = (before + bytes + page - 1) / page * page;
  if (before > 0) munmap(room, before);
  if (end < bytes + more) munmap(room + end, bytes + more - end);
  return at;
}

static bool large_pages_allowed(void)
{
  char text[64] = "";
  const int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);

  if (fd < 0) return false;
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  return n > 0 && strstr(text, "[never]") == NULL;
}

/* In large pages, as memory of a rank's own is: madvise(MADV_HUGEPAGE) does nothing where the system's setting for shared memory is
 * `never`, which it is by default. Whether it can be had or not. Once for the pages, then by each rank for its way to them. */
static void take_large_pages(void *at, size_t bytes)
{
  const size_t whole = bytes / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;

  if (whole > 0 && large_pages_allowed()) (void)madvise(at, whole, MADV_COLLAPSE);
}

static void *map_theirs(const struct offer *o, size_t bytes)
{
  char path[64];

  snprintf(path, sizeof path, "/proc/%lld/fd/%d", o->pid, o->fd);
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return NULL;
  void *at = map_file(fd, bytes);
  close(fd);
  return at;
}

glia_status glia_shared_create_(struct glia_comm *node, size_t bytes, void **out)
{
  struct offer offer = {.pid = (long long)getpid(), .fd = -1};
  const int rank = glia_comm_rank(node);
  int ok = 0;
  void *at = NULL;
  glia_status st = GLIA_OK;

  *out = NULL;
  if (rank == 0) offer.fd = make_file(bytes);
  const int own = rank == 0 ? offer.fd : -1;
  GLIA_TRY_TO(done, st, glia_comm_cast_(node, &offer, sizeof offer, 0));
  if (own >= 0)
    at = map_file(own, bytes);
  else if (offer.fd >= 0)
    at = map_theirs(&offer, bytes);
  if (own >= 0 && at != NULL) take_large_pages(at, bytes);
  ok = at != NULL;
  GLIA_TRY_TO(done, st, glia_comm_fold_(node, &ok, 1, MPI_INT, MPI_MIN));
  GLIA_CHECK_TO(done, st, ok, GLIA_E_MEMORY,
                "no %zu bytes of memory that the ranks of this node can share", bytes);
  if (own < 0) take_large_pages(at, bytes);
  *out = at;
  at = NULL;

done:
  glia_shared_release_(&at, bytes);
  if (own >= 0) close(own);
  return st;
}

void glia_shared_release_(void **memory, size_t bytes)
{
  if (*memory != NULL) munmap(*memory, bytes);
  *memory = NULL;
}
