/*
 * The inside of struct http_server, and what start and stop need of the web
 * server library; http.c does it.
 */
#ifndef AUTHD_HTTP_SERVER_H
#define AUTHD_HTTP_SERVER_H

#include "authd/http.h"
#include "authd/http_gate.h"
#include "authd/http_guard.h"
#include "authd/http_socket.h"

/* short: who waits is to wait where the guard sees it, in the kernel */
#define HTTP_QUEUE      16
#define HTTP_QUEUE_TEXT "16"

struct http_server {
	struct http_options options;
	char *fixed_headers;
	struct mg_context *ctx; /* the library's; NULL: it does not run */
	struct http_guard *guard;
	unsigned port;
	int listener; /* the library's, or -1 */
	struct http_gate gate;
};

/* Whether the library was built for IPv6. */
bool http_library_ipv6(void);

/* Start its threads; false and a sentence. Stop does nothing when it does not
 * run. */
bool http_library_start(
    struct http_server *server, const char *listen, char *why, size_t why_len);
void http_library_stop(struct http_server *server);

/* The port that it listens on, or 0. */
unsigned http_library_port(const struct http_server *server);

/*
 * The addresses of one of its connections. It fills them in before it tells of
 * a connection, and gives them out a moment after: false.
 */
bool http_library_peer(const void *conn, struct http_peer *ret_peer);

#endif
