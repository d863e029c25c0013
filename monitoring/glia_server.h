/* A small HTTP server (libmicrohttpd): answers GET from memory, on one thread, and lets nobody hurt it. */
#ifndef GLIA_SERVER_H
#define GLIA_SERVER_H

#include "glia_exposition.h"

struct glia_server;

struct glia_server_options {
  const char
      *listen; /* "127.0.0.1:9777", "[::]:9777", ":9777" (all interfaces); port 0: any free one */
  const char *
      token_file; /* first line: who does not send "Authorization: Bearer LINE" gets 401; NULL: no token */
  const char *certificate_file; /* PEM chain and key: TLS; both or neither */
  const char *key_file;
  const char
      *client_ca_file; /* PEM: clients need a certificate signed by it (wants TLS); NULL: none */
  int peers;           /* connections at once; 0: 64 */
};

/** One request. The texts are borrowed until the handler returns. */
struct glia_request {
  const char *path;   /* "/metrics" */
  const char *accept; /* Accept header or NULL */
  void *connection;   /* for glia_request_argument */
};

/** Value of "?name=value", or NULL. */
GLIA_API const char *glia_request_argument(const struct glia_request *request, const char *name);

/** The answer, zeroed but for status 200. A body is copied. */
struct glia_answer {
  int status;
  const char *type; /* Content-Type; NULL: plain text */
  const void *body;
  size_t size_bytes;
};

/** Fills *out; what out->body points to must stand until the next call or glia_server_stop. Called by one thread only. */
typedef void glia_server_handler(void *self, const struct glia_request *request,
                                 struct glia_answer *out);

/** Start to serve. Who listens beyond the loopback must have a token or client_ca_file.
 *
 *  At most `peers` connections (one more, and the one answered longest ago is closed), 16 KiB of headers, no bodies, GET and HEAD
 *  alone, 10 s of silence. A token in a file that everybody may read, or without TLS beyond the loopback, makes a warning.
 *  Errors: GLIA_E_CONFIG (address, no key beyond loopback, empty or unreadable files), GLIA_E_BUSY (port in use),
 *          GLIA_E_UNSUPPORTED (libmicrohttpd without TLS), GLIA_E_MEMORY.
 */
GLIA_API GLIA_NODISCARD glia_status glia_server_start(const struct glia_server_options *options,
                                                      glia_server_handler *handler, void *self,
                                                      struct glia_server **out);

/** The port that it listens on. */
GLIA_API int glia_server_port(const struct glia_server *server);

/** Requests answered, and refused (401, 405, too long), so far. */
GLIA_API void glia_server_counts(const struct glia_server *server, int64_t *answered,
                                 int64_t *refused);

/** Stop; NULL is welcome. */
GLIA_API void glia_server_stop(struct glia_server **server);

#endif
