/*
 * Upkeep, in two threads: hearing of revocations must not wait for the removal
 * of old rows, which is done in batches that never hold the store for long.
 */
#include "authd/upkeep.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "authd/hash_memory.h"
#include "authd/steady.h"

#define HEAR_EVERY_MS  500 /* a second is promised */
#define CLEAN_EVERY_MS 60000
#define HASHES_IDLE_MS 10000
#define PURGE_BATCH    500

struct upkeep {
	struct current *current;
	pthread_t hearer, cleaner;
	bool deaf; /* the last pull failed; the hearer's own */
	pthread_mutex_t lock;
	pthread_cond_t wake; /* by CLOCK_MONOTONIC */
	bool stop;
};

/* Wait so long; false when it is time to end. */
static bool
rest(struct upkeep *upkeep, unsigned ms)
{
	const struct timespec until = steady_in(ms);
	int err = 0;
	bool stop;

	pthread_mutex_lock(&upkeep->lock);
	while (!upkeep->stop && err == 0)
		err = pthread_cond_timedwait(
		    &upkeep->wake, &upkeep->lock, &until);
	stop = upkeep->stop;
	pthread_mutex_unlock(&upkeep->lock);
	return !stop;
}

/* A store that is away for an hour is not worth a line a second. */
static void
hear(struct upkeep *upkeep)
{
	struct app *app = current_get(upkeep->current);
	enum authtok_err err =
	    authtok_revocations_pull(app->engine, app->store);

	if (err != AUTHTOK_OK && !upkeep->deaf)
		log_event(&app->log, "error", "revocations_failed", "cause",
		    authtok_strerror(err), NULL);
	else if (err == AUTHTOK_OK && upkeep->deaf)
		log_event(&app->log, "info", "revocations_again", NULL);
	upkeep->deaf = err != AUTHTOK_OK;
	current_put(upkeep->current, app);
}

static void
purge(struct upkeep *upkeep, const struct app *app)
{
	enum authtok_err err;
	size_t count, total = 0;
	char number[24];

	do {
		count = 0;
		err = authtok_sessions_purge(
		    app->sessions, PURGE_BATCH, &count, NULL);
		total += count;
	} while (err == AUTHTOK_OK && count == PURGE_BATCH && rest(upkeep, 0));
	snprintf(number, sizeof(number), "%zu", total);
	if (err != AUTHTOK_OK)
		log_event(&app->log, "error", "purge_failed", "cause",
		    authtok_strerror(err), NULL);
	else if (total > 0)
		log_event(&app->log, "info", "purge", "rows", number, NULL);
}

static void *
run_hearer(void *arg)
{
	struct upkeep *upkeep = arg;

	while (rest(upkeep, HEAR_EVERY_MS)) {
		hear(upkeep);
		hash_memory_release(HASHES_IDLE_MS);
	}
	return NULL;
}

static void *
run_cleaner(void *arg)
{
	struct upkeep *upkeep = arg;
	struct app *app;

	while (rest(upkeep, CLEAN_EVERY_MS)) {
		app = current_get(upkeep->current);
		app_flush(app);
		purge(upkeep, app);
		current_put(upkeep->current, app);
	}
	return NULL;
}

static void
end(struct upkeep *upkeep)
{
	pthread_mutex_lock(&upkeep->lock);
	upkeep->stop = true;
	pthread_cond_broadcast(&upkeep->wake);
	pthread_mutex_unlock(&upkeep->lock);
}

static void
destroy(struct upkeep *upkeep)
{
	pthread_cond_destroy(&upkeep->wake);
	pthread_mutex_destroy(&upkeep->lock);
	free(upkeep);
}

struct upkeep *
upkeep_start(struct current *current)
{
	struct upkeep *upkeep = calloc(1, sizeof(*upkeep));

	if (upkeep == NULL)
		return NULL;
	upkeep->current = current;
	pthread_mutex_init(&upkeep->lock, NULL);
	steady_cond_init(&upkeep->wake);
	if (pthread_create(&upkeep->hearer, NULL, run_hearer, upkeep) != 0) {
		destroy(upkeep);
		return NULL;
	}
	if (pthread_create(&upkeep->cleaner, NULL, run_cleaner, upkeep) == 0)
		return upkeep;
	end(upkeep);
	pthread_join(upkeep->hearer, NULL);
	destroy(upkeep);
	return NULL;
}

void
upkeep_stop(struct upkeep *upkeep)
{
	if (upkeep == NULL)
		return;
	end(upkeep);
	pthread_join(upkeep->hearer, NULL);
	pthread_join(upkeep->cleaner, NULL);
	destroy(upkeep);
}
