/*
 * A few connections and a fair queue before them: one that is given back goes
 * directly to whoever has waited longest. Knows of PostgreSQL only whether a
 * connection is open.
 */
#include "store/pgsql_internal.h"

#include <errno.h>
#include <time.h>

/* Lives on the stack of the thread that waits; guarded by the pool's lock. */
struct at_pg_waiter {
	struct at_pg_waiter *next;
	pthread_cond_t wake;
	struct at_pg_conn *conn;
};

int64_t
at_pg_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
at_pg_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	bool ok;

	if (pthread_condattr_init(&attr) != 0)
		return false;
	ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	    pthread_cond_init(cond, &attr) == 0;
	pthread_condattr_destroy(&attr);
	return ok;
}

bool
at_pg_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline)
{
	const struct timespec end = { (time_t)(deadline / 1000),
		(long)(deadline % 1000) * 1000000 };

	return pthread_cond_timedwait(cond, lock, &end) != ETIMEDOUT;
}

bool
at_pg_pool_init(struct at_pg_pool *pool)
{
	if (pthread_mutex_init(&pool->lock, NULL) != 0)
		return false;
	pool->first = NULL;
	pool->last = &pool->first;
	pool->free = NULL;
	return true;
}

void
at_pg_pool_destroy(struct at_pg_pool *pool)
{
	pthread_mutex_destroy(&pool->lock);
}

static void
leave_queue(struct at_pg_pool *pool, struct at_pg_waiter *waiter)
{
	struct at_pg_waiter **at = &pool->first;

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	if (waiter->next == NULL)
		pool->last = at;
}

static struct at_pg_conn *
wait_in_queue(struct at_pg_pool *pool, int64_t deadline)
{
	struct at_pg_waiter self = { .next = NULL };

	if (!at_pg_cond_init(&self.wake))
		return NULL;
	*pool->last = &self;
	/* cppcheck-suppress autoVariables ; it leaves the queue before its end */
	pool->last = &self.next;
	while (self.conn == NULL)
		if (!at_pg_cond_wait(&self.wake, &pool->lock, deadline))
			break;
	if (self.conn == NULL)
		leave_queue(pool, &self);
	pthread_cond_destroy(&self.wake);
	return self.conn;
}

struct at_pg_conn *
at_pg_pool_get(struct at_pg_pool *pool, int64_t deadline)
{
	struct at_pg_conn *conn;

	pthread_mutex_lock(&pool->lock);
	conn = pool->free;
	/* what is free is free because nobody waits */
	if (conn != NULL)
		pool->free = conn->next;
	else
		conn = wait_in_queue(pool, deadline);
	pthread_mutex_unlock(&pool->lock);
	return conn;
}

void
at_pg_pool_put(struct at_pg_pool *pool, struct at_pg_conn *conn)
{
	struct at_pg_conn **at = &pool->free;
	struct at_pg_waiter *waiter;

	pthread_mutex_lock(&pool->lock);
	waiter = pool->first;
	if (waiter == NULL) {
		/* whom the server may not let in is behind those it has */
		while (conn->pg == NULL && *at != NULL)
			at = &(*at)->next;
		conn->next = *at;
		*at = conn;
	} else {
		leave_queue(pool, waiter);
		waiter->conn = conn;
		pthread_cond_signal(&waiter->wake);
	}
	pthread_mutex_unlock(&pool->lock);
}
