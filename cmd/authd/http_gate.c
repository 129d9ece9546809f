/* Counting threads that began; knows nothing of HTTP. */
#include "authd/http_gate.h"

#include <errno.h>
#include <stdint.h>

#include "authd/steady.h"

bool
http_gate_init(struct http_gate *gate)
{
	gate->threads = 0;
	if (!steady_cond_init(&gate->changed))
		return false;
	if (pthread_mutex_init(&gate->lock, NULL) != 0) {
		pthread_cond_destroy(&gate->changed);
		return false;
	}
	return true;
}

void
http_gate_destroy(struct http_gate *gate)
{
	pthread_cond_destroy(&gate->changed);
	pthread_mutex_destroy(&gate->lock);
}

void
http_gate_thread(struct http_gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->threads++;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

bool
http_gate_await_threads(struct http_gate *gate, unsigned count, unsigned ms)
{
	struct timespec until = steady_in(ms);
	bool ok;

	pthread_mutex_lock(&gate->lock);
	while (gate->threads < count)
		if (pthread_cond_timedwait(
			&gate->changed, &gate->lock, &until) == ETIMEDOUT)
			break;
	ok = gate->threads >= count;
	pthread_mutex_unlock(&gate->lock);
	return ok;
}
