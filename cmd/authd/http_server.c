/*
 * Starting and stopping the server. What the web server library has to do for
 * it is in http.c.
 */
#include "authd/http_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define THREAD_START_WAIT_MS 5000
#define DEFER_ACCEPT_S       30
#define STOP_READING_MS      1000 /* what still comes in, when we stop */

static struct http_server *
server_new(const struct http_options *options)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return NULL;
	server->options = *options;
	server->options.listen = NULL;
	server->options.fixed_headers = NULL;
	if (!http_gate_init(&server->gate)) {
		free(server);
		return NULL;
	}
	if (options->fixed_headers != NULL) {
		server->fixed_headers = strdup(options->fixed_headers);
		if (server->fixed_headers == NULL) {
			http_gate_destroy(&server->gate);
			free(server);
			return NULL;
		}
	}
	return server;
}

static void
server_free(struct http_server *server)
{
	http_guard_free(server->guard);
	http_gate_destroy(&server->gate);
	free(server->fixed_headers);
	free(server);
}

/*
 * Starts the library's threads with all signals blocked, so that none of them
 * is interrupted by one or runs a handler; and puts SIGPIPE back to what it
 * was: each of the threads sets it to be ignored as it begins (the library
 * sends with MSG_NOSIGNAL anyway).
 */
static bool
start_threads(
    struct http_server *server, const char *listen, char *why, size_t why_len)
{
	const struct http_guard_options guard = {
		.threads = server->options.threads,
		.queue = HTTP_QUEUE,
		.body_timeout_ms = server->options.body_timeout_ms,
		.peer_of = http_library_peer,
	};
	struct sigaction pipe_action;
	sigset_t all, before;
	bool ok = false;

	sigfillset(&all);
	sigaction(SIGPIPE, NULL, &pipe_action);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	snprintf(why, why_len, "out of memory");
	server->guard = http_guard_start(&guard);
	if (server->guard != NULL &&
	    http_library_start(server, listen, why, why_len)) {
		ok = http_gate_await_threads(&server->gate,
		    server->options.threads + 1, THREAD_START_WAIT_MS);
		sigaction(SIGPIPE, &pipe_action, NULL);
		if (!ok)
			snprintf(why, why_len, "cannot start %u threads",
			    server->options.threads);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

/*
 * Connections that say nothing need not reach a thread (tcp(7)); and those
 * that wait for one are to be counted.
 */
static void
know_listener(struct http_server *server)
{
	int seconds = DEFER_ACCEPT_S;

	server->listener = http_socket_listener(server->port);
	if (server->listener < 0)
		return;
	setsockopt(server->listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
	    sizeof(seconds));
	http_guard_listen(server->guard, server->listener, server->port);
}

struct http_server *
http_start(const struct http_options *options, char *why, size_t why_len)
{
	struct http_listen addr;
	struct http_server *server;
	char reason[256];
	int err;

	if (!http_listen_parse(options->listen, &addr, why, why_len))
		return NULL;
	if (addr.ipv6 && !http_library_ipv6()) {
		snprintf(why, why_len,
		    "cannot listen on %s: this system's web server library "
		    "was built without IPv6",
		    addr.text);
		return NULL;
	}
	server = server_new(options);
	if (server == NULL) {
		snprintf(why, why_len, "out of memory");
		return NULL;
	}
	if (start_threads(server, addr.text, reason, sizeof(reason)) &&
	    (server->port = http_library_port(server)) != 0) {
		know_listener(server);
		return server;
	}
	if (server->ctx == NULL && (err = http_listen_probe(&addr)) != 0)
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe */
		snprintf(reason, sizeof(reason), "%s", strerror(err));
	snprintf(why, why_len, "cannot listen on %s: %s", addr.text, reason);
	http_library_stop(server);
	server_free(server);
	return NULL;
}

unsigned
http_port(const struct http_server *server)
{
	return server->port;
}

void
http_stop(struct http_server *server, unsigned grace_ms)
{
	unsigned first =
	    grace_ms < STOP_READING_MS ? grace_ms : STOP_READING_MS;

	if (!http_guard_drain(server->guard, first)) {
		/* a client that drips a body is not worth the whole grace */
		http_guard_expire_all(server->guard);
		http_guard_drain(server->guard, grace_ms - first);
	}
	http_guard_expire_all(server->guard);
	http_guard_listen(server->guard, -1, 0);
	/* wakes the accepting thread, which else looks up every 2 s only */
	if (server->listener >= 0)
		shutdown(server->listener, SHUT_RD);
	http_library_stop(server);
	server_free(server);
}
