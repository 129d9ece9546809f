/*
 * Housekeeping of the store: every minute, in batches that never hold the
 * store for long.
 */
#include "authd/purge.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PURGE_EVERY_S 60
#define PURGE_BATCH   500

struct purge {
	struct current *current;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* by CLOCK_MONOTONIC */
	bool stop;
};

/* Wait so many seconds; false when it is time to end. */
static bool
rest(struct purge *purge, time_t seconds)
{
	struct timespec until;
	int err = 0;
	bool stop;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&purge->lock);
	while (!purge->stop && err == 0)
		err =
		    pthread_cond_timedwait(&purge->wake, &purge->lock, &until);
	stop = purge->stop;
	pthread_mutex_unlock(&purge->lock);
	return !stop;
}

static void
purge_all(struct purge *purge)
{
	struct app *app = current_get(purge->current);
	enum authtok_err err;
	size_t count, total = 0;
	char number[24];

	do {
		count = 0;
		err =
		    authtok_sessions_purge(app->sessions, PURGE_BATCH, &count);
		total += count;
	} while (err == AUTHTOK_OK && count == PURGE_BATCH && rest(purge, 0));
	snprintf(number, sizeof(number), "%zu", total);
	if (err != AUTHTOK_OK)
		log_event(&app->log, "error", "purge_failed", "cause",
		    authtok_strerror(err), NULL);
	else if (total > 0)
		log_event(&app->log, "info", "purge", "rows", number, NULL);
	current_put(purge->current, app);
}

static void *
run(void *arg)
{
	struct purge *purge = arg;

	while (rest(purge, PURGE_EVERY_S))
		purge_all(purge);
	return NULL;
}

struct purge *
purge_start(struct current *current)
{
	struct purge *purge = calloc(1, sizeof(*purge));
	pthread_condattr_t attr;

	if (purge == NULL)
		return NULL;
	purge->current = current;
	pthread_mutex_init(&purge->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&purge->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&purge->thread, NULL, run, purge) == 0)
		return purge;
	pthread_cond_destroy(&purge->wake);
	pthread_mutex_destroy(&purge->lock);
	free(purge);
	return NULL;
}

void
purge_stop(struct purge *purge)
{
	if (purge == NULL)
		return;
	pthread_mutex_lock(&purge->lock);
	purge->stop = true;
	pthread_cond_signal(&purge->wake);
	pthread_mutex_unlock(&purge->lock);
	pthread_join(purge->thread, NULL);
	pthread_cond_destroy(&purge->wake);
	pthread_mutex_destroy(&purge->lock);
	free(purge);
}
