/* Requests under way: libcurl tells which sockets it waits for, epoll which of them something happened to. A turn costs what happened, not how many
 * requests are under way: with thousands, looking at each of them each time took all of a core. See collect_priv.h. */
#include "collect_priv.h"

#include "glia_log.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 256 };

struct glia_wire {
  CURLM *multi;
  int epoll;
  int n;
  struct epoll_event event[EVENTS]; /* [n] happened, and nobody was told */
  double due_s;                     /* when libcurl wants a turn though nothing happens */
};

/* libcurl waits for something else at this socket. */
static int on_socket(CURL *easy, curl_socket_t socket, int what, void *self, void *known)
{
  const struct glia_wire *w = self;
  struct epoll_event e = {.data.fd = socket};

  (void)easy;
  (void)known;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(w->epoll, EPOLL_CTL_DEL, socket, &e);
    return 0;
  }
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) e.events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) e.events |= EPOLLOUT;
  if (epoll_ctl(w->epoll, EPOLL_CTL_MOD, socket, &e) == 0) return 0;
  if (errno == ENOENT) epoll_ctl(w->epoll, EPOLL_CTL_ADD, socket, &e);
  return 0; /* where there is no room for it, it runs into its time limit: -1 would end all others, too */
}

static int on_timer(CURLM *multi, long ms, void *self)
{
  struct glia_wire *w = self;

  (void)multi;
  w->due_s = ms < 0 ? (double)INFINITY : glia_time_s() + 1e-3 * (double)ms;
  return 0;
}

glia_status glia_wire_open_(long connections, struct glia_wire **out)
{
  struct glia_wire *w = calloc(1, sizeof *w);

  *out = NULL;
  GLIA_CHECK(w != NULL, GLIA_E_MEMORY, "no memory to ask nodes");
  w->due_s = (double)INFINITY;
  w->multi = curl_multi_init();
  w->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (w->multi == NULL || w->epoll < 0) {
    glia_wire_close_(&w);
    return GLIA_FAIL(GLIA_E_MEMORY, "no memory, or no descriptor, to ask nodes");
  }
  curl_multi_setopt(w->multi, CURLMOPT_MAXCONNECTS, connections);
  curl_multi_setopt(w->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(w->multi, CURLMOPT_SOCKETDATA, w);
  curl_multi_setopt(w->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(w->multi, CURLMOPT_TIMERDATA, w);
  *out = w;
  return GLIA_OK;
}

void glia_wire_close_(struct glia_wire **wire)
{
  struct glia_wire *w = *wire;

  if (w == NULL) return;
  if (w->multi != NULL) curl_multi_cleanup(w->multi);
  if (w->epoll >= 0) close(w->epoll);
  free(w);
  *wire = NULL;
}

bool glia_wire_ask_(struct glia_wire *w, CURL *easy)
{
  return curl_multi_add_handle(w->multi, easy) == CURLM_OK;
}

void glia_wire_drop_(struct glia_wire *w, CURL *easy) { curl_multi_remove_handle(w->multi, easy); }

void glia_wire_wait_(struct glia_wire *w, int ms)
{
  const double left_s = w->due_s - glia_time_s();

  if (left_s < 1e-3 * ms) ms = left_s <= 0.0 ? 0 : (int)ceil(1e3 * left_s);
  const int n = epoll_wait(w->epoll, w->event, EVENTS, ms);
  w->n = n > 0 ? n : 0;
}

void glia_wire_turn_(struct glia_wire *w)
{
  int running;

  for (int i = 0; i < w->n; i++) {
    const uint32_t e = w->event[i].events;
    const int what = ((e & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                     ((e & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                     ((e & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
    curl_multi_socket_action(w->multi, w->event[i].data.fd, what, &running);
  }
  w->n = 0;
  if (glia_time_s() < w->due_s) return;
  w->due_s = (double)INFINITY;
  curl_multi_socket_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

CURL *glia_wire_done_(struct glia_wire *w, CURLcode *code)
{
  CURLMsg *message;
  int left;

  while ((message = curl_multi_info_read(w->multi, &left)) != NULL)
    if (message->msg == CURLMSG_DONE) {
      *code = message->data.result;
      return message->easy_handle;
    }
  return NULL;
}
