/*
 * A few connections and a fair queue before them. pthread mutexes are not fair:
 * a thread that unlocks and locks again wins over those that sleep, and the
 * unluckiest waits for seconds. Here a connection that is given back goes
 * directly to whoever has waited longest. Who waits with a job may have it done
 * by whoever has the connection. Knows nothing of SQLite.
 */
#include "store/sqlite_internal.h"

#include <errno.h>
#include <time.h>

enum waiting {
	IN_QUEUE,
	SERVED, /* has the item, or its job is done */
	PICKED, /* its job is in another's hands: it waits for the end */
};

/* Lives on the stack of the thread that waits. */
struct at_waiter {
	struct at_waiter *next;
	pthread_cond_t wake;
	enum waiting state;
	void *item; /* set by whoever gives one back */
	struct at_job *job;
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

struct timespec
at_deadline_in(int ms)
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
wait_in_queue(struct at_pool *pool, struct at_job *job, int timeout_ms)
{
	struct at_waiter self = { .state = IN_QUEUE, .job = job };
	struct timespec end = at_deadline_in(timeout_ms);
	int rc = 0;

	if (pthread_cond_init(&self.wake, &pool->clock) != 0)
		return NULL;
	*pool->last = &self;
	pool->last = &self.next;
	while (self.state == IN_QUEUE && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&self.wake, &pool->lock, &end);
	if (self.state == IN_QUEUE)
		leave_queue(pool, &self);
	while (self.state == PICKED)
		pthread_cond_wait(&self.wake, &pool->lock);
	pthread_cond_destroy(&self.wake);
	return self.item;
}

void *
at_pool_get_for(struct at_pool *pool, struct at_job *job, int timeout_ms)
{
	void *item;

	pthread_mutex_lock(&pool->lock);
	/* what is free is free because nobody waits */
	if (pool->free_count > 0)
		item = pool->free[--pool->free_count];
	else
		item = wait_in_queue(pool, job, timeout_ms);
	pthread_mutex_unlock(&pool->lock);
	return item;
}

void *
at_pool_get(struct at_pool *pool, int timeout_ms)
{
	return at_pool_get_for(pool, NULL, timeout_ms);
}

struct at_job *
at_pool_pick(struct at_pool *pool)
{
	struct at_waiter *waiter;
	struct at_job *job = NULL;

	pthread_mutex_lock(&pool->lock);
	for (waiter = pool->first; waiter != NULL; waiter = waiter->next)
		if (waiter->job != NULL)
			break;
	if (waiter != NULL) {
		leave_queue(pool, waiter);
		waiter->state = PICKED;
		job = waiter->job;
		job->waiter = waiter;
	}
	pthread_mutex_unlock(&pool->lock);
	return job;
}

/* Under the lock: the waiter's stack must still be there. */
static void
serve(struct at_waiter *waiter, void *item)
{
	waiter->item = item;
	waiter->state = SERVED;
	pthread_cond_signal(&waiter->wake);
}

void
at_pool_done(struct at_pool *pool, struct at_job *first)
{
	struct at_job *next;

	pthread_mutex_lock(&pool->lock);
	for (; first != NULL; first = next) {
		/* it is gone as soon as its owner wakes, after the unlock */
		next = first->next;
		first->done = true;
		serve(first->waiter, NULL);
	}
	pthread_mutex_unlock(&pool->lock);
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
		serve(waiter, item);
	}
	pthread_mutex_unlock(&pool->lock);
}
