/* How many threads have begun: a starting server waits for all of them. */
#ifndef AUTHD_HTTP_GATE_H
#define AUTHD_HTTP_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct http_gate {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* CLOCK_MONOTONIC */
	unsigned threads;
};

bool http_gate_init(struct http_gate *gate);
void http_gate_destroy(struct http_gate *gate);

void http_gate_thread(struct http_gate *gate);
/* True once count threads have begun; false if not within ms. */
bool http_gate_await_threads(
    struct http_gate *gate, unsigned count, unsigned ms);

#endif
