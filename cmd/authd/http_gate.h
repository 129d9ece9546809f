/*
 * Who is inside: the requests being handled and the threads that began. Lets
 * a stopping server wait for the former, a starting one for the latter.
 */
#ifndef AUTHD_HTTP_GATE_H
#define AUTHD_HTTP_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct http_gate {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* CLOCK_MONOTONIC */
	unsigned threads;
	unsigned busy;
	bool draining;
};

bool http_gate_init(struct http_gate *gate);
void http_gate_destroy(struct http_gate *gate);

void http_gate_thread(struct http_gate *gate);
/* True once count threads have begun; false if not within ms. */
bool http_gate_await_threads(
    struct http_gate *gate, unsigned count, unsigned ms);

/* Count a request in; false when the gate is closed. */
bool http_gate_enter(struct http_gate *gate);
void http_gate_leave(struct http_gate *gate);
/* Close the gate and wait until all have left, at most ms. */
void http_gate_drain(struct http_gate *gate, unsigned ms);

#endif
