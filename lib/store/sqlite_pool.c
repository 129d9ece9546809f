/*
 * A few connections and a fair queue before them. pthread mutexes are not fair:
 * a thread that unlocks and locks again wins over those that sleep, and the
 * unluckiest waits for seconds. Here a connection that is given back goes
 * directly to whoever has waited longest. Who waits with a job may have it done
 * by whoever has the connection. Knows nothing of SQLite.
 */
#include "store/sqlite_internal.h"

#include <errno.h>
#include <semaphore.h>
#include <time.h>

/*
 * Lives on the stack of the thread that waits. Each has a semaphore of its own,
 * posted without the lock: whoever wakes finds nothing locked. The post is the
 * last that others do with a waiter, so nothing but the post ends the wait.
 */
struct at_waiter {
	struct at_waiter *next;
	sem_t wake;
	bool queued; /* guarded by the pool's lock; else it will be served */
	/* set by whoever gives one back; atomic for those who watch for races
	 * and know no sem_clockwait */
	_Atomic(void *) item;
	struct at_job *job;
};

bool
at_pool_init(struct at_pool *pool)
{
	if (pthread_mutex_init(&pool->lock, NULL) != 0)
		return false;
	pool->first = NULL;
	pool->last = &pool->first;
	pool->free_count = 0;
	return true;
}

void
at_pool_destroy(struct at_pool *pool)
{
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
join_queue(struct at_pool *pool, struct at_waiter *waiter)
{
	waiter->queued = true;
	*pool->last = waiter;
	pool->last = &waiter->next;
}

static void
leave_queue(struct at_pool *pool, struct at_waiter *waiter)
{
	struct at_waiter **at = &pool->first;

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	if (waiter->next == NULL)
		pool->last = at;
	waiter->queued = false;
}

/* As soon as it wakes, the waiter is gone. */
static void
serve(struct at_waiter *waiter, void *item)
{
	atomic_store(&waiter->item, item);
	sem_post(&waiter->wake);
}

/* False: it is nobody's any more. */
static bool
give_up(struct at_pool *pool, struct at_waiter *self)
{
	bool queued;

	pthread_mutex_lock(&pool->lock);
	queued = self->queued;
	if (queued)
		leave_queue(pool, self);
	pthread_mutex_unlock(&pool->lock);
	return queued;
}

/* Until it is served; when that takes too long while it is in the queue, not. */
static void
await(struct at_pool *pool, struct at_waiter *self, int timeout_ms)
{
	struct timespec end = at_deadline_in(timeout_ms);

	while (sem_clockwait(&self->wake, CLOCK_MONOTONIC, &end) != 0) {
		if (errno == EINTR)
			continue;
		if (give_up(pool, self))
			return;
		while (sem_wait(&self->wake) != 0)
			continue;
		return;
	}
}

void *
at_pool_get_for(struct at_pool *pool, struct at_job *job, int timeout_ms)
{
	struct at_waiter self = { .job = job };
	void *item = NULL;

	pthread_mutex_lock(&pool->lock);
	/* what is free is free because nobody waits */
	if (pool->free_count > 0)
		item = pool->free[--pool->free_count];
	else {
		sem_init(&self.wake, 0, 0);
		join_queue(pool, &self);
	}
	pthread_mutex_unlock(&pool->lock);
	if (item != NULL)
		return item;
	await(pool, &self, timeout_ms);
	sem_destroy(&self.wake);
	return atomic_load(&self.item);
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
	waiter = pool->first;
	if (waiter != NULL && waiter->job != NULL) {
		leave_queue(pool, waiter);
		job = waiter->job;
		job->waiter = waiter;
	}
	pthread_mutex_unlock(&pool->lock);
	return job;
}

void
at_pool_done(struct at_job *first)
{
	struct at_job *next;

	for (; first != NULL; first = next) {
		next = first->next;
		first->done = true;
		serve(first->waiter, NULL);
	}
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
	if (waiter == NULL)
		pool->free[pool->free_count++] = item;
	else
		leave_queue(pool, waiter);
	pthread_mutex_unlock(&pool->lock);
	if (waiter != NULL)
		serve(waiter, item);
}
