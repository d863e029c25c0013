/* Reading past the page cache: see past_cache_priv.h. */
#include "past_cache_priv.h"

#include "glia_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__) && defined(O_DIRECT)
#include <linux/aio_abi.h>
#include <sys/syscall.h>
#define PAST_CACHE 1
#endif

void glia_pieces_drop_(struct glia_pieces *p, size_t n)
{
  p->offset += (int64_t)n;
  while (p->n > 0 && n >= p->v[p->first].iov_len) {
    n -= p->v[p->first].iov_len;
    p->first++;
    p->n--;
  }
  if (p->n == 0) return;
  p->v[p->first].iov_base = (char *)p->v[p->first].iov_base + n;
  p->v[p->first].iov_len -= n;
}

#ifdef PAST_CACHE
enum { DEPTH = 4, PAGE = 4096 };

/* A stretch under way. */
struct stretch {
  struct glia_pieces pieces;
  struct iocb request;
  char *room;
  int64_t got; /* bytes that came, or -errno */
  bool done;
};

struct glia_past_cache {
  int fd;
  aio_context_t context;
  size_t room_bytes; /* of each stretch */
  char *room;
  int first, n; /* those under way, in turn */
  struct stretch stretch[DEPTH];
};

static struct stretch *at(struct glia_past_cache *c, int i)
{
  return &c->stretch[(c->first + i) % DEPTH];
}

glia_status glia_past_cache_create_(int fd, size_t most_bytes, struct glia_past_cache **out)
{
  const size_t most = most_bytes > GLIA_PAST_BYTES ? most_bytes : GLIA_PAST_BYTES;
  struct glia_past_cache *c = calloc(1, sizeof *c);
  char path[64];

  *out = NULL;
  GLIA_CHECK(c != NULL, GLIA_E_MEMORY, "a reader past the page cache");
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  c->room_bytes = (most / PAGE + 3) * PAGE; /* it may begin and end inside pages */
  c->fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
  if (c->fd < 0 || syscall(SYS_io_setup, DEPTH, &c->context) != 0) {
    glia_past_cache_destroy_(&c);
    return GLIA_OK;
  }
  c->room = glia_pages_allocate((size_t)DEPTH * c->room_bytes);
  if (c->room == NULL) {
    glia_past_cache_destroy_(&c);
    return GLIA_FAIL(GLIA_E_MEMORY, "a reader past the page cache");
  }
  for (int i = 0; i < DEPTH; i++) c->stretch[i].room = c->room + (size_t)i * c->room_bytes;
  *out = c;
  return GLIA_OK;
}

struct glia_pieces *glia_past_cache_room_(struct glia_past_cache *c)
{
  if (c->n == DEPTH) return NULL;
  struct glia_pieces *p = &at(c, c->n)->pieces;
  p->first = p->n = 0;
  return p;
}

void glia_past_cache_ask_(struct glia_past_cache *c)
{
  struct stretch *s = at(c, c->n++);
  struct iocb *one = &s->request;
  const int64_t lo = s->pieces.offset / PAGE * PAGE;
  const size_t bytes = (size_t)((s->pieces.end - lo + PAGE - 1) / PAGE * PAGE);

  *one = (struct iocb){.aio_data = (uint64_t)(uintptr_t)s,
                       .aio_lio_opcode = IOCB_CMD_PREAD,
                       .aio_fildes = (uint32_t)c->fd,
                       .aio_buf = (uint64_t)(uintptr_t)s->room,
                       .aio_nbytes = bytes < c->room_bytes ? bytes : c->room_bytes,
                       .aio_offset = lo};
  s->got = 0;
  s->done = syscall(SYS_io_submit, c->context, 1L, &one) != 1; /* refused: nothing came */
}

static glia_status wait_for(struct glia_past_cache *c, const struct stretch *s)
{
  struct io_event event[DEPTH];

  while (!s->done) {
    const long n = syscall(SYS_io_getevents, c->context, 1L, (long)DEPTH, event, NULL);
    if (n < 0 && errno == EINTR) continue;
    GLIA_CHECK(n > 0, GLIA_E_IO, "cannot wait for a file: %s", strerror(errno));
    for (long i = 0; i < n; i++) {
      struct stretch *t = (struct stretch *)(uintptr_t)event[i].data;
      t->got = event[i].res;
      t->done = true;
    }
  }
  return GLIA_OK;
}

glia_status glia_past_cache_take_(struct glia_past_cache *c, struct glia_pieces **out)
{
  *out = NULL;
  if (c->n == 0) return GLIA_OK;
  struct stretch *s = at(c, 0);
  struct glia_pieces *p = &s->pieces;
  GLIA_TRY(wait_for(c, s));
  c->first = (c->first + 1) % DEPTH;
  c->n--;
  *out = p;
  const int64_t skip = p->offset % PAGE;
  const char *from = s->room + skip;
  for (int64_t left = s->got - skip; left > 0 && p->n > 0;) {
    const size_t most = p->v[p->first].iov_len, n = (size_t)left < most ? (size_t)left : most;
    memcpy(p->v[p->first].iov_base, from, n);
    glia_pieces_drop_(p, n);
    from += n;
    left -= (int64_t)n;
  }
  return GLIA_OK;
}

void glia_past_cache_destroy_(struct glia_past_cache **c)
{
  if (*c == NULL) return;
  if ((*c)->context != 0) syscall(SYS_io_destroy, (*c)->context); /* waits */
  if ((*c)->fd >= 0) close((*c)->fd);
  free((*c)->room);
  free(*c);
  *c = NULL;
}
#else
glia_status glia_past_cache_create_(int fd, size_t most_bytes, struct glia_past_cache **out)
{
  (void)fd;
  (void)most_bytes;
  *out = NULL;
  return GLIA_OK;
}

struct glia_pieces *glia_past_cache_room_(struct glia_past_cache *c) { return (void)c, NULL; }

void glia_past_cache_ask_(struct glia_past_cache *c) { (void)c; }

glia_status glia_past_cache_take_(struct glia_past_cache *c, struct glia_pieces **out)
{
  (void)c;
  *out = NULL;
  return GLIA_OK;
}

void glia_past_cache_destroy_(struct glia_past_cache **c) { (void)c; }
#endif
