/*
 * The guard over the server's threads. Each has a watch that says what it
 * does; the guard ends what takes too long, and more of it the more clients
 * wait for a thread: who is slow keeps nobody else out.
 */
#ifndef AUTHD_HTTP_GUARD_H
#define AUTHD_HTTP_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "authd/http_socket.h"

enum http_phase {
	HTTP_WAITING,   /* for a head, or for anything at all */
	HTTP_READING,   /* a body */
	HTTP_WRITING,   /* an answer that the client may not be taking */
	HTTP_LINGERING, /* for what comes after it, by a second descriptor */
	HTTP_WORKING,   /* on its own: never ended */
};

/*
 * A thread's watch. Only its thread changes the phase; the guard reads it. A
 * cache line of its own: nothing that one request writes is another's.
 */
struct http_watch {
	_Alignas(64) _Atomic int phase;
	_Atomic int64_t since_ms; /* when the phase began */
	_Atomic bool expired;     /* the guard has ended the reading */
	int64_t opened_ms;        /* its thread's own */
	/* under the guard's lock */
	const void *conn; /* the library's, or NULL: has none */
	struct http_watch *next;
};

struct http_guard_options {
	unsigned threads;
	unsigned queue; /* connections that may wait outside of the kernel */
	unsigned body_timeout_ms;
	/* The addresses of a connection; false: not known yet. Called with the
	 * lock held, between open and close. */
	bool (*peer_of)(const void *conn, struct http_peer *ret_peer);
};

struct http_guard;

struct http_guard *http_guard_start(const struct http_guard_options *options);
/* What is listened on, once it is known: who waits there is counted. */
void http_guard_listen(struct http_guard *guard, int fd, unsigned port);
void http_guard_free(struct http_guard *guard);

/* A thread begins and ends; the memory is the caller's. */
void http_guard_add(struct http_guard *guard, struct http_watch *watch);
void http_guard_remove(struct http_guard *guard, struct http_watch *watch);
/*
 * Its connection begins and ends. Between them its descriptor is only ever
 * shut down, and after close not even that.
 */
void http_guard_open(
    struct http_guard *guard, struct http_watch *watch, const void *conn);
void http_guard_close(struct http_guard *guard, struct http_watch *watch);

void http_watch_set(struct http_watch *watch, enum http_phase phase);
/* True once the guard has ended the reading. */
bool http_watch_expired(const struct http_watch *watch);

/* HTTP_WORKING, unless the server stops: false. */
bool http_guard_enter(struct http_guard *guard, struct http_watch *watch);
/* Others wait, and this connection has had its time: let it go. */
bool http_guard_turn_over(
    const struct http_guard *guard, const struct http_watch *watch);

/* Let nobody enter, and wait until all have left, at most ms. */
bool http_guard_drain(struct http_guard *guard, unsigned ms);
/* End all reading, now and in future. */
void http_guard_expire_all(struct http_guard *guard);

#endif
