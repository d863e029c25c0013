/* network: a program that floods the network: through the loopback interface, so that no other machine is touched. */
#include "inject_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PACKET = 32 * 1024 };

static int64_t default_size_bytes(void) { return 4 * (int64_t)(1 << 20); }

/* A socket that sends to itself: packets that find no room are dropped, and nothing waits. */
static int open_to_itself(void)
{
  struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof self;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  if (fd < 0) return -1;
  if (bind(fd, (struct sockaddr *)&self, sizeof self) == 0 &&
      getsockname(fd, (struct sockaddr *)&self, &size) == 0 &&
      connect(fd, (struct sockaddr *)&self, sizeof self) == 0)
    return fd;
  close(fd);
  return -1;
}

static void work(struct glia_inject_worker *worker)
{
  const int fd = open_to_itself();
  const size_t size = worker->size_bytes < PACKET ? worker->size_bytes : PACKET;

  if (fd < 0) {
    atomic_store(&worker->error, errno);
    return;
  }
  while (!glia_inject_over_(worker)) {
    ssize_t n = send(fd, worker->memory, size, 0);
    if (n > 0) worker->bytes += (double)n;
    if (n < 0 && errno != EAGAIN && errno != ENOBUFS) break;
    n = recv(fd, worker->memory, size, 0);
    if (n > 0) worker->bytes += (double)n;
  }
  close(fd);
}

const struct glia_injector glia_injector_network_ = {
    .name = "network",
    .help = "flood the loopback interface with packets; no other machine is touched",
    .hint = "the loopback interface must be up: ip link set lo up",
    .default_size_bytes = default_size_bytes,
    .work = work,
};
