/*
 * The guard. While a thread is free it only keeps the deadline of bodies. When
 * none is and somebody waits, as many as wait of those who let us wait longest
 * are ended, so that their threads come free; how long they are borne is some
 * time shared by all who wait. A request that is being worked on is never
 * ended, and a slow client is when it stands in somebody's way.
 */
#include "authd/http_guard.h"
#include "authd/steady.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define TICK_MS         100
#define TICK_CROWDED_MS 20
/* for how long the one who has waited longest is to wait, about */
#define WAIT_WANTED_MS  700
#define PATIENCE_MIN_MS 20
#define PATIENCE_MAX_MS 250
/* of a connection, when others wait */
#define TURN_MS       100
#define DRAIN_POLL_MS 10
#define OTHER_FILES   256 /* descriptors that are no connections */

/* A copy of its age to sort by: the watch's own goes on. */
struct slow {
	struct http_watch *watch;
	int64_t age;
};

struct http_guard {
	struct http_guard_options options;
	_Atomic bool crowded;
	_Atomic bool draining;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* CLOCK_MONOTONIC */
	pthread_t thread;
	struct http_watch *first;
	/* the sweep's own, room for threads */
	struct slow *slow;
	struct http_peer *peers;
	unsigned open; /* watches that have a connection */
	unsigned port;
	int listener; /* or -1 */
	bool expire_all;
	bool stop;
};

/* ---- watches ------------------------------------------------------------- */

/* 4 ms are exact enough, and this one asks no hardware. */
static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
http_watch_set(struct http_watch *watch, enum http_phase phase)
{
	/* whoever sees the phase sees at least its beginning, never an older */
	atomic_store_explicit(&watch->since_ms, now_ms(), memory_order_relaxed);
	atomic_store_explicit(&watch->phase, phase, memory_order_release);
}

bool
http_watch_expired(const struct http_watch *watch)
{
	return atomic_load_explicit(&watch->expired, memory_order_acquire);
}

bool
http_guard_enter(struct http_guard *guard, struct http_watch *watch)
{
	/* in one order with drain: either it sees us or we see it */
	atomic_store(&watch->phase, HTTP_WORKING);
	return !atomic_load(&guard->draining);
}

bool
http_guard_turn_over(
    const struct http_guard *guard, const struct http_watch *watch)
{
	return atomic_load_explicit(&guard->crowded, memory_order_relaxed) &&
	    now_ms() - watch->opened_ms >= TURN_MS;
}

void
http_guard_add(struct http_guard *guard, struct http_watch *watch)
{
	pthread_mutex_lock(&guard->lock);
	watch->next = guard->first;
	guard->first = watch;
	pthread_mutex_unlock(&guard->lock);
}

void
http_guard_remove(struct http_guard *guard, struct http_watch *watch)
{
	struct http_watch **p;

	pthread_mutex_lock(&guard->lock);
	for (p = &guard->first; *p != watch; p = &(*p)->next)
		;
	*p = watch->next;
	pthread_mutex_unlock(&guard->lock);
}

void
http_guard_open(
    struct http_guard *guard, struct http_watch *watch, const void *conn)
{
	watch->opened_ms = now_ms();
	http_watch_set(watch, HTTP_WAITING);
	pthread_mutex_lock(&guard->lock);
	watch->conn = conn;
	atomic_store(&watch->expired, false);
	/* with none it sleeps, with all it looks more often */
	if (++guard->open == 1 || guard->open == guard->options.threads)
		pthread_cond_signal(&guard->changed);
	pthread_mutex_unlock(&guard->lock);
}

void
http_guard_close(struct http_guard *guard, struct http_watch *watch)
{
	pthread_mutex_lock(&guard->lock);
	if (watch->conn != NULL)
		guard->open--;
	watch->conn = NULL;
	pthread_mutex_unlock(&guard->lock);
}

/* ---- the sweep, with the lock held --------------------------------------- */

/*
 * No connection has a higher descriptor: those that authd inherited lie below
 * the one that listens.
 */
static unsigned
files_below(const struct http_guard *guard)
{
	unsigned before = guard->listener > 0 ? (unsigned)guard->listener : 0;

	return before + guard->options.threads + guard->options.queue +
	    OTHER_FILES;
}

/* Open connections by their descriptors. */
static unsigned
count_held(const struct http_guard *guard)
{
	unsigned count = guard->open;

	for (const struct http_watch *w = guard->first; w != NULL; w = w->next)
		count +=
		    w->conn != NULL && atomic_load(&w->phase) == HTTP_LINGERING;
	return count;
}

/*
 * How many wait for a thread: in the kernel's queue (tcp(7): of a listening
 * socket, tcpi_unacked is its length), and in the library's, which is full
 * when the other is not empty.
 */
static unsigned
count_waiting(const struct http_guard *guard)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	unsigned all, held;

	if (getsockopt(guard->listener, IPPROTO_TCP, TCP_INFO, &info, &len) ==
		0 &&
	    info.tcpi_unacked > 0)
		return info.tcpi_unacked + guard->options.queue;
	all = http_socket_count(guard->port, files_below(guard));
	held = count_held(guard);
	return all > held ? all - held : 0;
}

static int64_t
age(const struct http_watch *watch, int64_t now)
{
	return now -
	    atomic_load_explicit(&watch->since_ms, memory_order_relaxed);
}

static bool
reads(const struct http_watch *watch)
{
	int phase = atomic_load_explicit(&watch->phase, memory_order_acquire);

	/* one whose reading was ended may still not take its answer */
	return watch->conn != NULL && phase != HTTP_WORKING &&
	    (phase == HTTP_WRITING || !http_watch_expired(watch));
}

static int
oldest_first(const void *a, const void *b)
{
	const struct slow *x = a, *y = b;

	return (x->age < y->age) - (x->age > y->age);
}

/* Nobody can take an answer in no time, also when the server stops. */
static int64_t
least(const struct http_watch *watch, int64_t patience)
{
	return patience < PATIENCE_MIN_MS &&
		atomic_load(&watch->phase) == HTTP_WRITING
	    ? PATIENCE_MIN_MS
	    : patience;
}

/* Those who have been read from for so long, the oldest first. */
static unsigned
find_slow(struct http_guard *guard, int64_t now, int64_t patience)
{
	unsigned count = 0;

	for (struct http_watch *w = guard->first; w != NULL; w = w->next)
		if (reads(w) && age(w, now) >= least(w, patience) &&
		    count < guard->options.threads)
			guard->slow[count++] = (struct slow){ w, age(w, now) };
	return count;
}

static unsigned
find_overdue(struct http_guard *guard, int64_t now)
{
	int64_t limit = guard->options.body_timeout_ms;
	unsigned count = 0;

	if (guard->expire_all)
		return find_slow(guard, now, INT64_MIN);
	for (struct http_watch *w = guard->first; w != NULL; w = w->next)
		if (reads(w) && atomic_load(&w->phase) == HTTP_READING &&
		    age(w, now) >= limit && count < guard->options.threads)
			guard->slow[count++] = (struct slow){ w, age(w, now) };
	return count;
}

/*
 * Their descriptors cannot have been closed and given to others meanwhile:
 * http_guard_close waits for the lock.
 */
static void
end_reading(struct http_guard *guard, unsigned count)
{
	unsigned found = 0;

	for (unsigned i = 0; i < count; i++) {
		struct http_watch *w = guard->slow[i].watch;

		if (!guard->options.peer_of(w->conn, &guard->peers[found]))
			continue;
		guard->peers[found].how = atomic_load(&w->phase) == HTTP_WRITING
		    ? SHUT_RDWR
		    : SHUT_RD;
		atomic_store_explicit(&w->expired, true, memory_order_release);
		found++;
	}
	http_socket_shut(guard->peers, found, files_below(guard));
}

static void
sweep(struct http_guard *guard)
{
	int64_t now = now_ms(), patience;
	unsigned waiting = 0, slow;

	slow = find_overdue(guard, now);
	if (slow > 0)
		end_reading(guard, slow);
	if (guard->open >= guard->options.threads)
		waiting = count_waiting(guard);
	atomic_store_explicit(
	    &guard->crowded, waiting > 0, memory_order_relaxed);
	if (waiting == 0)
		return;
	patience = (int64_t)WAIT_WANTED_MS * guard->options.threads / waiting;
	if (patience > PATIENCE_MAX_MS)
		patience = PATIENCE_MAX_MS;
	if (patience < PATIENCE_MIN_MS)
		patience = PATIENCE_MIN_MS;
	slow = find_slow(guard, now, patience);
	qsort(guard->slow, slow, sizeof(*guard->slow), oldest_first);
	end_reading(guard, slow < waiting ? slow : waiting);
}

/* ---- its thread ---------------------------------------------------------- */

static void
wait_until(struct http_guard *guard, int64_t ms)
{
	struct timespec at = { .tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000 };

	pthread_cond_timedwait(&guard->changed, &guard->lock, &at);
}

/*
 * Until it is time for the next sweep. Who wakes us has shortened the time at
 * most: connections that come and go at a full house do so all the time.
 */
static void
rest(struct http_guard *guard, int64_t took)
{
	int64_t began = steady_now_ms();

	for (;;) {
		int64_t tick = TICK_MS;

		if (guard->expire_all || guard->open >= guard->options.threads)
			tick = TICK_CROWDED_MS;
		/* never more than a tenth of a processor */
		if (tick < took * 10)
			tick = took * 10;
		if (guard->stop || steady_now_ms() - began >= tick)
			return;
		wait_until(guard, began + tick);
	}
}

static void *
guard_run(void *arg)
{
	struct http_guard *guard = arg;

	pthread_mutex_lock(&guard->lock);
	while (!guard->stop) {
		int64_t began = steady_now_ms(), took;

		sweep(guard);
		took = steady_now_ms() - began;
		while (guard->open == 0 && !guard->stop)
			pthread_cond_wait(&guard->changed, &guard->lock);
		rest(guard, took);
	}
	pthread_mutex_unlock(&guard->lock);
	return NULL;
}

static bool
guard_init(struct http_guard *guard)
{
	if (!steady_cond_init(&guard->changed))
		return false;
	if (pthread_mutex_init(&guard->lock, NULL) != 0) {
		pthread_cond_destroy(&guard->changed);
		return false;
	}
	return true;
}

static void
guard_destroy(struct http_guard *guard)
{
	pthread_cond_destroy(&guard->changed);
	pthread_mutex_destroy(&guard->lock);
	free(guard->slow);
	free(guard->peers);
	free(guard);
}

struct http_guard *
http_guard_start(const struct http_guard_options *options)
{
	struct http_guard *guard = calloc(1, sizeof(*guard));

	if (guard == NULL)
		return NULL;
	guard->options = *options;
	guard->listener = -1;
	guard->slow = calloc(options->threads, sizeof(*guard->slow));
	guard->peers = calloc(options->threads, sizeof(*guard->peers));
	if (guard->slow == NULL || guard->peers == NULL || !guard_init(guard)) {
		free(guard->slow);
		free(guard->peers);
		free(guard);
		return NULL;
	}
	if (pthread_create(&guard->thread, NULL, guard_run, guard) != 0) {
		guard_destroy(guard);
		return NULL;
	}
	return guard;
}

void
http_guard_listen(struct http_guard *guard, int fd, unsigned port)
{
	pthread_mutex_lock(&guard->lock);
	guard->listener = fd;
	guard->port = port;
	pthread_mutex_unlock(&guard->lock);
}

void
http_guard_free(struct http_guard *guard)
{
	if (guard == NULL)
		return;
	pthread_mutex_lock(&guard->lock);
	guard->stop = true;
	pthread_cond_signal(&guard->changed);
	pthread_mutex_unlock(&guard->lock);
	pthread_join(guard->thread, NULL);
	guard_destroy(guard);
}

/* ---- stopping ------------------------------------------------------------ */

static bool
anybody_busy(const struct http_guard *guard)
{
	for (const struct http_watch *w = guard->first; w != NULL;
	     w = w->next) {
		int phase = atomic_load(&w->phase);

		if (phase != HTTP_WAITING && phase != HTTP_LINGERING)
			return true;
	}
	return false;
}

bool
http_guard_drain(struct http_guard *guard, unsigned ms)
{
	int64_t end = steady_now_ms() + ms, left;
	struct timespec pause = { .tv_nsec = DRAIN_POLL_MS * 1000000 };
	bool busy;

	atomic_store(&guard->draining, true);
	for (;;) {
		pthread_mutex_lock(&guard->lock);
		busy = anybody_busy(guard);
		pthread_mutex_unlock(&guard->lock);
		left = end - steady_now_ms();
		if (!busy || left <= 0)
			return !busy;
		nanosleep(&pause, NULL);
	}
}

void
http_guard_expire_all(struct http_guard *guard)
{
	pthread_mutex_lock(&guard->lock);
	guard->expire_all = true;
	sweep(guard);
	pthread_cond_signal(&guard->changed);
	pthread_mutex_unlock(&guard->lock);
}
