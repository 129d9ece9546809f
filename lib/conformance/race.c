/*
 * Rounds of many threads that do the same at once. May know: store.h, threads.
 *
 * Only the thread that runs the case reports: the others leave their result in
 * the race, and a gate parts the round from what comes before and after.
 */
#include "suite.h"

#define DEFAULT_THREADS 8
#define DEFAULT_ROUNDS  200

struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t moved;
	unsigned turn; /* grows when a round begins */
	unsigned busy; /* threads that have not finished it */
	bool over;
};

struct worker {
	struct at_race *race;
	struct gate *gate;
	unsigned number;
	pthread_t thread;
};

/* Wait for the turn; false when there is none any more. */
static bool
enter(struct gate *gate, unsigned turn)
{
	bool go;

	(void)pthread_mutex_lock(&gate->mutex);
	while (gate->turn < turn && !gate->over)
		(void)pthread_cond_wait(&gate->moved, &gate->mutex);
	go = gate->turn >= turn;
	(void)pthread_mutex_unlock(&gate->mutex);
	return go;
}

static void
leave(struct gate *gate)
{
	(void)pthread_mutex_lock(&gate->mutex);
	if (--gate->busy == 0)
		(void)pthread_cond_broadcast(&gate->moved);
	(void)pthread_mutex_unlock(&gate->mutex);
}

/* Let all threads do one turn and wait for the last of them. */
static void
one_turn(struct gate *gate, unsigned threads)
{
	(void)pthread_mutex_lock(&gate->mutex);
	gate->turn++;
	gate->busy = threads;
	(void)pthread_cond_broadcast(&gate->moved);
	while (gate->busy > 0)
		(void)pthread_cond_wait(&gate->moved, &gate->mutex);
	(void)pthread_mutex_unlock(&gate->mutex);
}

static void
finish(struct gate *gate)
{
	(void)pthread_mutex_lock(&gate->mutex);
	gate->over = true;
	(void)pthread_cond_broadcast(&gate->moved);
	(void)pthread_mutex_unlock(&gate->mutex);
}

static void *
work(void *arg)
{
	struct worker *worker = arg;
	struct at_race *race = worker->race;
	struct authtok_store *handle =
	    worker->number % 2 == 0 ? race->run->store : race->run->other;
	unsigned turn;

	for (turn = 1; enter(worker->gate, turn); turn++) {
		race->got[worker->number] =
		    race->act(race, handle, worker->number);
		leave(worker->gate);
	}
	return NULL;
}

static void
run_rounds(struct at_race *race, struct gate *gate)
{
	for (race->round = 0; race->round < race->rounds; race->round++) {
		if (race->prepare != NULL && !race->prepare(race))
			return;
		one_turn(gate, race->threads);
		if (!race->judge(race))
			return;
	}
}

void
at_race(struct at_race *race)
{
	const struct authtok_conformance *suite = race->run->suite;
	struct worker workers[AT_THREADS_MAX];
	struct gate gate = { PTHREAD_MUTEX_INITIALIZER,
		PTHREAD_COND_INITIALIZER, 0, 0, false };
	unsigned made;

	race->threads = suite->threads ? suite->threads : DEFAULT_THREADS;
	race->rounds = suite->rounds ? suite->rounds : DEFAULT_ROUNDS;
	if (race->threads > AT_THREADS_MAX)
		race->threads = AT_THREADS_MAX;
	for (made = 0; made < race->threads; made++) {
		workers[made] = (struct worker){ race, &gate, made, 0 };
		if (pthread_create(
			&workers[made].thread, NULL, work, &workers[made]) != 0)
			break;
	}
	if (EXPECT(race->run, made == race->threads, "cannot make a thread"))
		run_rounds(race, &gate);
	finish(&gate);
	while (made > 0)
		(void)pthread_join(workers[--made].thread, NULL);
}

unsigned
at_race_count(const struct at_race *race, enum authtok_err err)
{
	unsigned i, n = 0;

	for (i = 0; i < race->threads; i++)
		n += race->got[i] == err;
	return n;
}

bool
at_race_one_winner(
    const struct at_race *race, enum authtok_err losers, unsigned *ret_winner)
{
	unsigned won = at_race_count(race, AUTHTOK_OK);
	unsigned busy = at_race_count(race, AUTHTOK_EBUSY);
	unsigned lost = at_race_count(race, losers);
	unsigned i;

	if (won > 1 || won + busy == 0 || won + busy + lost != race->threads)
		return false;
	for (i = 0; i < race->threads; i++)
		if (race->got[i] == AUTHTOK_OK)
			*ret_winner = i;
	return true;
}
