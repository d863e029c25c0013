/* A small HTTP server; see glia_server.h. */
#include "glia_server.h"

#include "glia_log.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  PEERS = 64,
  SPARE_PEERS = 16, /* places of those that are being shown out */
  HEADER_BYTES = 16 << 10,
  SILENCE_S = 10,
  FILE_BYTES = 1 << 20,
  HOST_BYTES = 256
};

struct peer {
  struct MHD_Connection *connection;
  int fd;
  int64_t used_ns; /* when it came, or its last request was answered */
  bool leaving;
};

struct glia_server {
  struct MHD_Daemon *daemon;
  struct peer *peer; /* [n_peers] of the daemon's thread */
  int n_peers, n_leaving, most_peers;
  glia_server_handler *handler;
  void *self;
  char *token, *certificate, *key, *client_ca; /* texts of the files, or NULL */
  int port;
  atomic_llong answered, refused;
};

const char *glia_request_argument(const struct glia_request *request, const char *name)
{
  return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* A token that everybody can read, or hear on its way, is said so, once. Its group may read it: services share files so. */
static void warn_of_token(const struct glia_server_options *o, bool loopback)
{
  struct stat file;

  if (o->token_file == NULL) return;
  if (stat(o->token_file, &file) == 0 && (file.st_mode & S_IROTH) != 0)
    glia_log(GLIA_LOG_WARN, "server", "token-readable",
             "file=%s reason=\"everybody may read it: chmod o-r\"", o->token_file);
  if (!loopback && o->key_file == NULL)
    glia_log(GLIA_LOG_WARN, "server", "token-in-clear",
             "listen=%s reason=\"without TLS the token crosses the network as it is\"", o->listen);
}

/* Compare in a time that does not depend on where they differ. */
static bool same_secret(const char *a, const char *b)
{
  const size_t na = strlen(a), nb = strlen(b);
  unsigned char differ = na != nb;

  for (size_t i = 0; i < na; i++) differ |= (unsigned char)(a[i] ^ b[nb > 0 ? i % nb : 0]);
  return differ == 0;
}

static bool token_is_good(const struct glia_server *s, struct MHD_Connection *connection)
{
  const char *given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");

  if (s->token == NULL) return true;
  return given != NULL && strncmp(given, "Bearer ", 7) == 0 && same_secret(given + 7, s->token);
}

/* libmicrohttpd asks for the client's certificate but leaves judging it to us. It brings GnuTLS along, so we need not link it. */
static bool certificate_is_good(const struct glia_server *s, struct MHD_Connection *connection)
{
  int (*verify)(void *session, unsigned int *status) = NULL;
  unsigned int wrong = 1;

  if (s->client_ca == NULL) return true;
  void *const symbol = dlsym(RTLD_DEFAULT, "gnutls_certificate_verify_peers2");
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  if (symbol == NULL || info == NULL) return false;
  memcpy(&verify, &symbol, sizeof verify); /* ISO C knows no cast from data to code */
  return verify(info->tls_session, &wrong) == 0 && wrong == 0;
}

static enum MHD_Result reply(struct MHD_Connection *connection, const struct glia_answer *answer)
{
  union {
    const void *in;
    void *out;
  } body = {.in = answer->body != NULL ? answer->body : ""};
  struct MHD_Response *response =
      MHD_create_response_from_buffer(answer->size_bytes, body.out, MHD_RESPMEM_MUST_COPY);

  if (response == NULL) return MHD_NO;
  MHD_add_response_header(response, "Content-Type",
                          answer->type != NULL ? answer->type : "text/plain; charset=utf-8");
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  if (answer->status == 401) MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
  if (answer->status == 405) MHD_add_response_header(response, "Allow", "GET, HEAD");
  const enum MHD_Result sent =
      MHD_queue_response(connection, (unsigned int)answer->status, response);
  MHD_destroy_response(response);
  return sent;
}

static enum MHD_Result refuse(struct glia_server *s, struct MHD_Connection *connection, int status,
                              const char *text)
{
  atomic_fetch_add(&s->refused, 1);
  return reply(connection,
               &(struct glia_answer){.status = status, .body = text, .size_bytes = strlen(text)});
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **seen)
{
  static int mark;
  struct glia_server *s = self;
  struct glia_answer answer = {.status = 200};

  (void)version;
  (void)upload;
  if (*upload_bytes > 0) return MHD_NO; /* nothing is uploaded here: close */
  if (*seen == NULL) {                  /* headers only; the answer comes with the second call */
    *seen = &mark;
    if (MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding") != NULL)
      return refuse(s, connection, 413, "no bodies here\n");
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    if (length != NULL && strcmp(length, "0") != 0)
      return refuse(s, connection, 413, "no bodies here\n");
    return MHD_YES;
  }
  if (!certificate_is_good(s, connection))
    return refuse(s, connection, 403, "a client certificate of this site is needed\n");
  if (!token_is_good(s, connection)) return refuse(s, connection, 401, "a token is needed\n");
  if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
    return refuse(s, connection, 405, "GET and HEAD only\n");
  const struct glia_request request = {
      .path = url,
      .accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept"),
      .connection = connection};
  s->handler(s->self, &request, &answer);
  atomic_fetch_add(&s->answered, 1);
  return reply(connection, &answer);
}

/* ---- peers: whoever comes is let in. When there are too many, the one that was answered longest ago goes: a client that says a byte now and
 * then, for ever, keeps a place only for as long as nobody else wants it. */

static int64_t now_ns(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct peer *find_peer(struct glia_server *s, const struct MHD_Connection *connection)
{
  for (int i = 0; i < s->n_peers; i++)
    if (s->peer[i].connection == connection) return &s->peer[i];
  return NULL;
}

static void show_one_out(struct glia_server *s)
{
  struct peer *oldest = NULL;

  for (int i = 0; i < s->n_peers; i++)
    if (!s->peer[i].leaving && (oldest == NULL || s->peer[i].used_ns < oldest->used_ns))
      oldest = &s->peer[i];
  if (oldest == NULL) return;
  oldest->leaving = true;
  s->n_leaving++;
  shutdown(oldest->fd, SHUT_RDWR); /* the daemon sees it and closes */
}

static void on_peer(void *self, struct MHD_Connection *connection, void **unused,
                    enum MHD_ConnectionNotificationCode what)
{
  struct glia_server *s = self;
  const union MHD_ConnectionInfo *fd =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

  (void)unused;
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    if (fd == NULL || s->n_peers == s->most_peers + SPARE_PEERS) return;
    if (s->n_peers - s->n_leaving >= s->most_peers) show_one_out(s);
    s->peer[s->n_peers++] = (struct peer){connection, fd->connect_fd, now_ns(), false};
    return;
  }
  struct peer *gone = find_peer(s, connection);
  if (gone == NULL) return;
  s->n_leaving -= gone->leaving;
  *gone = s->peer[--s->n_peers];
}

static void on_answered(void *self, struct MHD_Connection *connection, void **seen,
                        enum MHD_RequestTerminationCode how)
{
  struct peer *peer = find_peer(self, connection);

  (void)seen;
  (void)how;
  if (peer != NULL) peer->used_ns = now_ns();
}

/* What a handler prints to standard error is nobody's business here: fuzzers would fill the log. */
static void no_log(void *self, const char *format, va_list args)
{
  (void)self;
  (void)format;
  (void)args;
}

static glia_status read_text(const char *path, char **out)
{
  size_t n = 0;
  ssize_t got = 0;

  if (path == NULL) return GLIA_OK;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  GLIA_CHECK(fd >= 0, GLIA_E_CONFIG, "%s: %s", path, strerror(errno));
  *out = calloc(1, FILE_BYTES + 1);
  while (*out != NULL && n < FILE_BYTES && (got = read(fd, *out + n, FILE_BYTES - n)) > 0)
    n += (size_t)got;
  close(fd);
  GLIA_CHECK(*out != NULL, GLIA_E_MEMORY, "no memory to read %s", path);
  GLIA_CHECK(got == 0 && n > 0, GLIA_E_CONFIG, "%s: expected a text of up to 1 MiB", path);
  return GLIA_OK;
}

static glia_status read_files(struct glia_server *s, const struct glia_server_options *o)
{
  GLIA_CHECK((o->certificate_file == NULL) == (o->key_file == NULL), GLIA_E_CONFIG,
             "TLS wants both a certificate and its key");
  GLIA_CHECK(o->client_ca_file == NULL || o->key_file != NULL, GLIA_E_CONFIG,
             "client certificates want TLS: give a certificate and its key, too");
  GLIA_TRY(read_text(o->token_file, &s->token));
  GLIA_TRY(read_text(o->certificate_file, &s->certificate));
  GLIA_TRY(read_text(o->key_file, &s->key));
  GLIA_TRY(read_text(o->client_ca_file, &s->client_ca));
  if (s->token != NULL) {
    s->token[strcspn(s->token, "\r\n")] = '\0';
    GLIA_CHECK(strlen(s->token) >= 16, GLIA_E_CONFIG,
               "%s: a token of %zu characters is too short, 16 are needed", o->token_file,
               strlen(s->token));
  }
  GLIA_CHECK(s->key == NULL || MHD_is_feature_supported(MHD_FEATURE_TLS) == MHD_YES,
             GLIA_E_UNSUPPORTED, "this libmicrohttpd has no TLS");
  return GLIA_OK;
}

static bool is_loopback(const struct sockaddr *a)
{
  static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
  struct sockaddr_in four;
  struct sockaddr_in6 six;

  if (a->sa_family == AF_INET) {
    memcpy(&four, a, sizeof four);
    return ntohl(four.sin_addr.s_addr) >> 24 == 127;
  }
  memcpy(&six, a, sizeof six);
  if (memcmp(six.sin6_addr.s6_addr, mapped, sizeof mapped) == 0)
    return six.sin6_addr.s6_addr[12] == 127;
  return memcmp(&six.sin6_addr, &in6addr_loopback, sizeof in6addr_loopback) == 0;
}

/* "host:port", "[v6]:port", ":port". */
static glia_status resolve(const char *text, struct addrinfo **out)
{
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
  const char *colon = strrchr(text, ':');
  char host[HOST_BYTES] = "";

  GLIA_CHECK(colon != NULL && (size_t)(colon - text) < sizeof host, GLIA_E_ARGUMENT,
             "listen on '%s': expected ADDRESS:PORT, such as 127.0.0.1:9777", text);
  char *end = NULL;
  errno = 0;
  const long port = strtol(colon + 1, &end, 10);
  GLIA_CHECK(colon[1] >= '0' && colon[1] <= '9' && *end == '\0' && errno == 0 && port <= 65535,
             GLIA_E_ARGUMENT, "listen on '%s': a port is a number up to 65535", text);
  const bool bracket = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
  snprintf(host, sizeof host, "%.*s", (int)(colon - text) - (bracket ? 2 : 0),
           text + (bracket ? 1 : 0));
  const int failed = getaddrinfo(host[0] != '\0' ? host : "0.0.0.0", colon + 1, &hints, out);
  GLIA_CHECK(failed == 0, GLIA_E_CONFIG, "listen on '%s': %s", text, gai_strerror(failed));
  return GLIA_OK;
}

static glia_status start_daemon(struct glia_server *s, const struct glia_server_options *o,
                                const struct addrinfo *address)
{
  struct MHD_OptionItem more[8];
  int n = 0;
  unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG;

  if (address->ai_family == AF_INET6) flags |= MHD_USE_IPv6;
  if (s->key != NULL) {
    flags |= MHD_USE_TLS;
    more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, s->certificate};
    more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, s->key};
  }
  if (s->client_ca != NULL)
    more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, s->client_ca};
  more[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
  s->most_peers = o->peers > 0 ? o->peers : PEERS;
  s->peer = calloc((size_t)(s->most_peers + SPARE_PEERS), sizeof *s->peer);
  GLIA_CHECK(s->peer != NULL, GLIA_E_MEMORY, "no memory for %d peers", s->most_peers);
  errno = 0;
  s->daemon = MHD_start_daemon(
      flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL,
      MHD_OPTION_SOCK_ADDR, address->ai_addr, MHD_OPTION_CONNECTION_LIMIT,
      (unsigned int)(s->most_peers + SPARE_PEERS), MHD_OPTION_NOTIFY_CONNECTION, on_peer, s,
      MHD_OPTION_NOTIFY_COMPLETED, on_answered, s, MHD_OPTION_CONNECTION_TIMEOUT,
      (unsigned int)SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES,
      MHD_OPTION_ARRAY, more, MHD_OPTION_END);
  GLIA_CHECK(s->daemon != NULL || errno != EADDRINUSE, GLIA_E_BUSY,
             "%s: somebody listens there already", o->listen);
  GLIA_CHECK(s->daemon != NULL, GLIA_E_CONFIG, "cannot listen on %s: %s", o->listen,
             errno != 0 ? strerror(errno) : "are certificate and key good?");
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
  s->port = info != NULL ? info->port : 0;
  return GLIA_OK;
}

glia_status glia_server_start(const struct glia_server_options *options,
                              glia_server_handler *handler, void *self, struct glia_server **out)
{
  struct addrinfo *address = NULL;
  glia_status st = GLIA_OK;
  struct glia_server *s = calloc(1, sizeof *s);

  *out = NULL;
  GLIA_CHECK(s != NULL, GLIA_E_MEMORY, "no memory for a server");
  s->handler = handler;
  s->self = self;
  GLIA_TRY_TO(fail, st, read_files(s, options));
  GLIA_TRY_TO(fail, st, resolve(options->listen, &address));
  GLIA_CHECK_TO(fail, st, is_loopback(address->ai_addr) || s->token != NULL || s->client_ca != NULL,
                GLIA_E_CONFIG,
                "%s is not the loopback: whoever listens there needs a key, --token-file or "
                "--client-ca",
                options->listen);
  warn_of_token(options, is_loopback(address->ai_addr));
  GLIA_TRY_TO(fail, st, start_daemon(s, options, address));
  freeaddrinfo(address);
  *out = s;
  return GLIA_OK;

fail:
  if (address != NULL) freeaddrinfo(address);
  glia_server_stop(&s);
  return st;
}

int glia_server_port(const struct glia_server *server) { return server->port; }

void glia_server_counts(const struct glia_server *server, int64_t *answered, int64_t *refused)
{
  *answered = atomic_load(&server->answered);
  *refused = atomic_load(&server->refused);
}

void glia_server_stop(struct glia_server **server)
{
  struct glia_server *s = *server;

  if (s == NULL) return;
  if (s->daemon != NULL) MHD_stop_daemon(s->daemon);
  if (s->token != NULL) memset(s->token, 0, strlen(s->token));
  free(s->token);
  free(s->certificate);
  free(s->key);
  free(s->client_ca);
  free(s->peer);
  free(s);
  *server = NULL;
}
