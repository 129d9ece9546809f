/* Counting threads that began; knows nothing of HTTP. */
#include "authd/http_gate.h"

#include <errno.h>
#include <stdint.h>
#include <time.h>

bool
http_gate_init(struct http_gate *gate)
{
	pthread_condattr_t attr;
	int err;

	gate->threads = 0;
	if (pthread_condattr_init(&attr) != 0)
		return false;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	err = pthread_cond_init(&gate->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (err != 0)
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

static struct timespec
deadline_in(unsigned ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)(ms / 1000);
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
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
	struct timespec until = deadline_in(ms);
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
