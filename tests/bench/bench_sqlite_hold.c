/*
 * How long cleanup, and anybody, holds SQLite's one writer while 16 callers
 * refresh; and how long a large database takes to open.
 *
 * 10^6 sessions of which half are over, with BENCH_FULL=1 in the environment
 * 3*10^6. The queue's functions are wrapped (the linker's --wrap) to see when
 * the writer comes and goes.
 */
#include "bench/sqlite_world.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite_internal.h"

#define CALLERS 16
#define HOLDS   4000000
#define PURGE_S 20

/* Holds of the writer; the lease itself keeps two from writing at once. */
static struct {
	struct at_pool *writer; /* NULL: nobody is watched */
	uint64_t since, cpu_since;
	double *all, *cleaning, *cpu; /* ms; cpu is of cleaning */
	double cpu_longest;           /* of anybody */
	size_t all_count, cleaning_count;
} watch;

static _Thread_local bool cleaner;

void *__real_at_pool_get(struct at_pool *pool, int timeout_ms);
void __real_at_pool_put(struct at_pool *pool, void *item);
void *__real_at_pool_get_for(
    struct at_pool *pool, struct at_job *job, int timeout_ms);
void *__wrap_at_pool_get(struct at_pool *pool, int timeout_ms);
void *__wrap_at_pool_get_for(
    struct at_pool *pool, struct at_job *job, int timeout_ms);
void __wrap_at_pool_put(struct at_pool *pool, void *item);

/* Of this thread: without the time that it had to wait for a processor. */
static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *
watch_item(struct at_pool *pool, void *item)
{
	if (item != NULL && pool == watch.writer) {
		watch.since = bench_now_ns();
		watch.cpu_since = cpu_ns();
	}
	return item;
}

void *
__wrap_at_pool_get(struct at_pool *pool, int timeout_ms)
{
	return watch_item(pool, __real_at_pool_get(pool, timeout_ms));
}

void *
__wrap_at_pool_get_for(struct at_pool *pool, struct at_job *job, int timeout_ms)
{
	return watch_item(pool, __real_at_pool_get_for(pool, job, timeout_ms));
}

void
__wrap_at_pool_put(struct at_pool *pool, void *item)
{
	double held, cpu;

	/* a point read comes by at_pool_try, and is no hold of this kind */
	if (pool == watch.writer && watch.since != 0) {
		held = (double)(bench_now_ns() - watch.since) / 1e6;
		cpu = (double)(cpu_ns() - watch.cpu_since) / 1e6;
		watch.since = 0;
		if (cpu > watch.cpu_longest)
			watch.cpu_longest = cpu;
		if (watch.all_count < HOLDS)
			watch.all[watch.all_count++] = held;
		if (cleaner && watch.cleaning_count < HOLDS) {
			watch.cpu[watch.cleaning_count] = cpu;
			watch.cleaning[watch.cleaning_count++] = held;
		}
	}
	__real_at_pool_put(pool, item);
}

static atomic_bool stop;

struct caller {
	pthread_t thread;
	struct world *world;
	size_t first;
};

static void *
refresh_caller(void *arg)
{
	struct caller *me = arg;
	size_t at = me->first;

	while (!atomic_load(&stop)) {
		world_refresh(me->world, &me->world->clients[at]);
		at += CALLERS;
		if (at >= me->world->client_count)
			at = me->first;
	}
	return NULL;
}

static void
row(const char *what, double figure, const char *unit, double must, double aim)
{
	struct bench_row r = { .what = what,
		.figure = figure,
		.unit = unit,
		.ratio = must > 0 ? figure : 0,
		.must = must,
		.aim = aim };

	bench_row(&r);
}

static void
hold(struct world *world)
{
	bool more = true;
	struct caller callers[CALLERS];
	uint64_t until = bench_now_ns() + PURGE_S * UINT64_C(1000000000);
	size_t removed = 0, count;

	watch.all = malloc(HOLDS * sizeof(double));
	watch.cleaning = malloc(HOLDS * sizeof(double));
	watch.cpu = malloc(HOLDS * sizeof(double));
	bench_check(
	    watch.all != NULL && watch.cleaning != NULL && watch.cpu != NULL);
	watch.writer = &((struct at_sqlite *)world->store->ctx)->writer;
	for (size_t i = 0; i < CALLERS; i++) {
		callers[i].world = world;
		callers[i].first = i;
		bench_check(pthread_create(&callers[i].thread, NULL,
				refresh_caller, &callers[i]) == 0);
	}
	cleaner = true;
	do {
		bench_check(authtok_sessions_purge(world->service, 1000, &count,
				&more) == AUTHTOK_OK);
		removed += count;
	} while (more && bench_now_ns() < until);
	atomic_store(&stop, true);
	for (size_t i = 0; i < CALLERS; i++)
		pthread_join(callers[i].thread, NULL);
	watch.writer = NULL;
	bench_say("cleanup removed %zu rows in %zu transactions", removed,
	    watch.cleaning_count);
	row("cleanup holds the writer, median",
	    bench_median(watch.cleaning, watch.cleaning_count), "ms", 0, 0);
	row("cleanup holds the writer, p99",
	    bench_quantile(watch.cleaning, watch.cleaning_count, 0.99), "ms", 0,
	    0);
	row("cleanup holds the writer, longest",
	    bench_quantile(watch.cleaning, watch.cleaning_count, 1), "ms", 10,
	    0);
	row("cleanup with the writer, CPU time, longest",
	    bench_quantile(watch.cpu, watch.cleaning_count, 1), "ms", 10, 0);
	row("anybody holds the writer, p99",
	    bench_quantile(watch.all, watch.all_count, 0.99), "ms", 0, 0);
	row("anybody holds the writer, longest",
	    bench_quantile(watch.all, watch.all_count, 1), "ms", 0, 0);
	row("anybody with the writer, CPU time, longest", watch.cpu_longest,
	    "ms", 10, 0);
	free(watch.all);
	free(watch.cleaning);
	free(watch.cpu);
}

static void
open_once(const struct world *world, struct bench_figure *figure)
{
	struct bench_usage before = bench_usage(), after;
	struct authtok_store *store;

	bench_check(
	    authtok_store_sqlite(world->path, &store, NULL, 0) == AUTHTOK_OK);
	after = bench_usage();
	bench_turn(figure, &before, &after, 1);
	authtok_store_close(store);
}

/* By the store alone: who holds the tokens does not outlive this. */
static void
rotate(struct world *world)
{
	const struct authtok_store *store = world->store;
	struct authtok_session row;
	struct authtok_owner owner;

	bench_check(store->ops->session_find(store->ctx, world_turn(world)->sid,
			&row, &owner) == AUTHTOK_OK);
	row.gen++;
	bench_check(store->ops->session_update(store->ctx, &row, row.gen - 1,
			row.branch, false, NULL) == AUTHTOK_OK);
}

/* Somebody who is killed leaves a log that the next one reads. */
static void
die_with_a_log(struct world *world)
{
	pid_t pid = fork();
	int status;

	bench_check(pid >= 0);
	if (pid == 0) {
		world_open(world);
		for (int i = 0; i < 30000; i++)
			rotate(world);
		kill(getpid(), SIGKILL);
	}
	bench_check(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

static void
open_row(const char *what, const struct bench_figure *figure, double must,
    double aim)
{
	bench_row(&(struct bench_row){ .what = what,
	    .figure = figure->wall / 1e6,
	    .unit = "ms",
	    .ratio = figure->wall / 1e6,
	    .must = must,
	    .aim = aim,
	    .detail = figure });
}

static void
open_rows(struct world *world)
{
	struct bench_figure clean = { 0 }, killed = { 0 };

	for (size_t i = 0; i < 9; i++) {
		open_once(world, &clean);
		die_with_a_log(world);
		open_once(world, &killed);
	}
	open_row("open a large database", &clean, 200, 50);
	/* it copies the log that was left behind */
	open_row("open it after kill -9", &killed, 2000, 500);
}

int
main(int argc, char **argv)
{
	struct world world;

	bench_begin("sqlite_hold", argc, argv);
	world_fill(&world, getenv("BENCH_FULL") != NULL ? 3000000 : 1000000, 2);
	if (bench_wanted("open"))
		open_rows(&world);
	if (bench_wanted("hold")) {
		/* the killed ones rotated sessions of our clients */
		world_remove(&world);
		world_fill(&world, world.sessions, 2);
		world_open(&world);
		hold(&world);
		world_close(&world);
	}
	world_remove(&world);
	return bench_end();
}
