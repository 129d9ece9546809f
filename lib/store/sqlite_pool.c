/*
 * A few connections and a fair queue before them. pthread mutexes are not fair:
 * a thread that unlocks and locks again wins over those that sleep, and the
 * unluckiest waits for seconds. Here a connection that is given back goes
 * directly to whoever has waited longest. Knows nothing of SQLite.
 */
#include "store/sqlite_internal.h"

#include <errno.h>
#include <time.h>

/* Lives on the stack of the thread that waits. */
struct at_waiter {
	struct at_waiter *next;
	pthread_cond_t wake;
	void *item; /* set by whoever gives one back */
};

bool
at_pool_init(struct at_pool *pool)
{
	if (pthread_mutex_init(&pool->lock, NULL) != 0)
		return false;
	if (pthread_condattr_init(&pool->clock) != 0) {
		pthread_mutex_destroy(&pool->lock);
		return false;
	}
	pthread_condattr_setclock(&pool->clock, CLOCK_MONOTONIC);
	pool->first = NULL;
	pool->last = &pool->first;
	pool->free_count = 0;
	return true;
}

void
at_pool_destroy(struct at_pool *pool)
{
	pthread_condattr_destroy(&pool->clock);
	pthread_mutex_destroy(&pool->lock);
}

static struct timespec
deadline_in(int ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

static void
leave_queue(struct at_pool *pool, const struct at_waiter *waiter)
{
	struct at_waiter **at = &pool->first;

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	if (waiter->next == NULL)
		pool->last = at;
}

/* The lock is held. */
static void *
wait_in_queue(struct at_pool *pool, int timeout_ms)
{
	struct at_waiter self = { .next = NULL, .item = NULL };
	struct timespec end = deadline_in(timeout_ms);
	int rc = 0;

	if (pthread_cond_init(&self.wake, &pool->clock) != 0)
		return NULL;
	*pool->last = &self;
	pool->last = &self.next;
	while (self.item == NULL && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&self.wake, &pool->lock, &end);
	if (self.item == NULL)
		leave_queue(pool, &self);
	pthread_cond_destroy(&self.wake);
	return self.item;
}

void *
at_pool_get(struct at_pool *pool, int timeout_ms)
{
	void *item;

	pthread_mutex_lock(&pool->lock);
	/* what is free is free because nobody waits */
	if (pool->free_count > 0)
		item = pool->free[--pool->free_count];
	else
		item = wait_in_queue(pool, timeout_ms);
	pthread_mutex_unlock(&pool->lock);
	return item;
}

void *
at_pool_try(struct at_pool *pool)
{
	void *item = NULL;

	pthread_mutex_lock(&pool->lock);
	if (pool->free_count > 0)
		item = pool->free[--pool->free_count];
	pthread_mutex_unlock(&pool->lock);
	return item;
}

void
at_pool_put(struct at_pool *pool, void *item)
{
	struct at_waiter *waiter;

	pthread_mutex_lock(&pool->lock);
	waiter = pool->first;
	if (waiter == NULL) {
		pool->free[pool->free_count++] = item;
	} else {
		pool->first = waiter->next;
		if (pool->first == NULL)
			pool->last = &pool->first;
		waiter->item = item;
		/* under the lock: the waiter's stack must still be there */
		pthread_cond_signal(&waiter->wake);
	}
	pthread_mutex_unlock(&pool->lock);
}
