/*
 * Refreshes on SQLite by the public API against F2, the two bare statements;
 * how that changes with the number of sessions; what is written; operations
 * that wait for the disk together; and how long the unluckiest caller waits.
 *
 * The curve goes to 10^6 sessions, with BENCH_FULL=1 in the environment to
 * 5*10^6, which takes some 4 GB under $TMPDIR.
 */
#include "bench/sqlite_world.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- F2: point read, point update in place, nothing else ----------------- */

#define BLOB_LEN 121
#define PRAGMAS                                                           \
	"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA " \
	"cache_size = -16384"

struct floor {
	struct world *world; /* whose rows these are, in a copy */
	char path[200];
	sqlite3 *db;
	sqlite3_stmt *read, *write;
	size_t next;
	uint8_t blob[BLOB_LEN];
};

static void
floor_open(struct floor *f, struct world *world)
{
	memset(f, 0, sizeof(*f));
	f->world = world;
	snprintf(f->path, sizeof(f->path), "%s.bare", world->path);
	world_copy(world->path, f->path);
	bench_check(sqlite3_open(f->path, &f->db) == SQLITE_OK);
	bench_check(
	    sqlite3_exec(f->db, PRAGMAS, NULL, NULL, NULL) == SQLITE_OK);
	bench_check(sqlite3_prepare_v2(f->db,
			"SELECT user_id, created_at, expires_at, revoked_at,"
			" rotated_at, seed, rotation, address, agent"
			" FROM sessions WHERE sid = ?1",
			-1, &f->read, NULL) == SQLITE_OK);
	bench_check(sqlite3_prepare_v2(f->db,
			"UPDATE sessions SET rotated_at = ?1, rotation = ?2"
			" WHERE sid = ?3",
			-1, &f->write, NULL) == SQLITE_OK);
}

static void
floor_close(struct floor *f)
{
	sqlite3_finalize(f->read);
	sqlite3_finalize(f->write);
	bench_check(sqlite3_close(f->db) == SQLITE_OK);
	unlink(f->path);
}

static void
floor_run(void *arg, size_t count)
{
	struct floor *f = arg;
	const uint8_t *sid;

	for (; count > 0; count--) {
		sid = f->world->clients[f->next++].sid;
		if (f->next == f->world->client_count)
			f->next = 0;
		sqlite3_bind_blob(f->read, 1, sid, 16, SQLITE_STATIC);
		bench_check(sqlite3_step(f->read) == SQLITE_ROW);
		bench_check(sqlite3_column_int64(f->read, 0) > 0);
		memcpy(f->blob, sqlite3_column_blob(f->read, 6), BLOB_LEN);
		sqlite3_reset(f->read);
		f->blob[0]++;
		sqlite3_bind_int64(f->write, 1, (int64_t)time(NULL));
		sqlite3_bind_blob(f->write, 2, f->blob, BLOB_LEN, NULL);
		sqlite3_bind_blob(f->write, 3, sid, 16, SQLITE_STATIC);
		bench_check(sqlite3_step(f->write) == SQLITE_DONE);
		sqlite3_reset(f->write);
	}
}

/* ---- rows ---------------------------------------------------------------- */

static void
row_rate(const char *what, const struct bench_figure *ours,
    const char *floor_name, const struct bench_figure *floor, double must,
    double aim)
{
	struct bench_ratio r = bench_ratio_cpu(floor, ours);
	struct bench_row row = { .what = what,
		.figure = 1e9 / ours->cpu,
		.unit = "1/s",
		.floor_name = floor_name,
		.floor = 1e9 / floor->cpu,
		.ratio = r.ratio,
		.spread = r.spread,
		.must = must,
		.aim = aim,
		.at_least = true,
		.detail = ours,
		.floor_detail = floor };

	bench_row(&row);
}

static void
row_bound(
    const char *what, double figure, const char *unit, double must, double aim)
{
	struct bench_row row = { .what = what,
		.figure = figure,
		.unit = unit,
		.ratio = must > 0 ? figure : 0,
		.must = must,
		.aim = aim };

	bench_row(&row);
}

/* ---- the curve ----------------------------------------------------------- */

#define SIZES 4
#define BASE  1 /* the size that targets are about */

static const size_t sizes[SIZES] = { 10000, 100000, 1000000, 5000000 };

struct curve {
	size_t count;
	struct world worlds[SIZES];
	struct floor floors[SIZES];
	double written[SIZES];
	double growth[SIZES];
};

/* What count refreshes write, log and checkpoints together. */
static void
measure_writes(struct curve *c, size_t i)
{
	struct world *world = &c->worlds[i];
	off_t size = world_file_size(world->path);
	uint64_t before = world_written();

	world_refreshes(world, 40000);
	c->written[i] = (double)(world_written() - before) / 40000;
	c->growth[i] = (double)world_file_size(world->path) / (double)size;
}

static void
curve_rows(const struct curve *c, const struct bench_figure *f)
{
	char what[64];

	for (size_t i = 0; i < c->count; i++) {
		snprintf(what, sizeof(what), "curve %zu refreshes", sizes[i]);
		row_rate(what, &f[2 * i], "F2", &f[2 * i + 1],
		    i == BASE ? 0.80 : 0, i == BASE ? 0.92 : 0);
		snprintf(what, sizeof(what), "curve %zu per session", sizes[i]);
		row_bound(what, c->worlds[i].session_bytes, "bytes", 400, 320);
		snprintf(what, sizeof(what), "curve %zu written per refresh",
		    sizes[i]);
		row_bound(what, c->written[i], "bytes", 0, 0);
		snprintf(what, sizeof(what), "curve %zu file after/before",
		    sizes[i]);
		row_bound(what, c->growth[i], "", 1, 1);
	}
	for (size_t i = BASE + 1; i < c->count; i++) {
		bool target = sizes[i] == 5000000;

		snprintf(what, sizeof(what), "refresh at %zu against %zu",
		    sizes[i], sizes[BASE]);
		row_rate(what, &f[2 * i], "10^5", &f[2 * BASE],
		    target ? 0.65 : 0, target ? 0.75 : 0);
	}
}

static void
curve(void)
{
	struct bench_subject subjects[2 * SIZES];
	struct bench_figure *figures = calloc(2 * SIZES, sizeof(*figures));
	struct curve *c = calloc(1, sizeof(*c));

	bench_check(c != NULL && figures != NULL);
	c->count = getenv("BENCH_FULL") != NULL ? SIZES : SIZES - 1;
	for (size_t i = 0; i < c->count; i++) {
		world_fill(&c->worlds[i], sizes[i], 0);
		world_open(&c->worlds[i]);
		floor_open(&c->floors[i], &c->worlds[i]);
		subjects[2 * i] = (struct bench_subject){ "refresh",
			world_refreshes, &c->worlds[i] };
		subjects[2 * i + 1] =
		    (struct bench_subject){ "F2", floor_run, &c->floors[i] };
	}
	bench_measure(subjects, 2 * c->count, 250, figures);
	for (size_t i = 0; i < c->count; i++)
		measure_writes(c, i);
	curve_rows(c, figures);
	for (size_t i = 0; i < c->count; i++) {
		floor_close(&c->floors[i]);
		world_close(&c->worlds[i]);
		world_remove(&c->worlds[i]);
	}
	free(c);
	free(figures);
}

/* ---- many callers -------------------------------------------------------- */

#define ROUNDS  9
#define CALLERS 64

struct caller {
	pthread_t thread;
	struct world *world;
	pthread_barrier_t *start;
	uint64_t until; /* set by the last to come */
	size_t first, step;
	size_t done;
	double *took; /* of each call, ms */
	size_t room;
};

static void
run_callers(struct caller *callers, size_t count, void *(*body)(void *),
    struct world *world, uint64_t for_ns)
{
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, (unsigned)count);
	for (size_t i = 0; i < count; i++) {
		callers[i].world = world;
		callers[i].start = &start;
		callers[i].until = for_ns;
		callers[i].first = i;
		callers[i].step = count;
		callers[i].done = 0;
		bench_check(pthread_create(&callers[i].thread, NULL, body,
				&callers[i]) == 0);
	}
	for (size_t i = 0; i < count; i++)
		pthread_join(callers[i].thread, NULL);
	pthread_barrier_destroy(&start);
}

/* Each has sessions of its own. */
static void *
refresh_caller(void *arg)
{
	struct caller *me = arg;
	size_t at = me->first;
	uint64_t begin, now, until;

	pthread_barrier_wait(me->start);
	now = bench_now_ns();
	until = now + me->until;
	while (now < until && me->done < me->room) {
		begin = now;
		world_refresh(me->world, &me->world->clients[at]);
		now = bench_now_ns();
		me->took[me->done++] = (double)(now - begin) / 1e6;
		at += me->step;
		if (at >= me->world->client_count)
			at = me->first;
	}
	return NULL;
}

#define ROOM 50000

static void
fairness(struct world *world)
{
	struct caller *callers = calloc(CALLERS, sizeof(*callers));
	double *all = malloc(CALLERS * ROOM * sizeof(*all));
	double slowest[ROUNDS], median[ROUNDS], p99[ROUNDS], rate[ROUNDS];
	struct bench_figure figure = { 0 };
	struct bench_ratio r;

	bench_check(callers != NULL && all != NULL);
	for (size_t i = 0; i < CALLERS; i++) {
		callers[i].took = malloc(ROOM * sizeof(double));
		callers[i].room = ROOM;
		bench_check(callers[i].took != NULL);
	}
	for (size_t round = 0; round < ROUNDS; round++) {
		struct bench_usage before = bench_usage(), after;
		size_t n = 0;

		run_callers(
		    callers, CALLERS, refresh_caller, world, 1000000000);
		after = bench_usage();
		for (size_t i = 0; i < CALLERS; i++) {
			memcpy(all + n, callers[i].took,
			    callers[i].done * sizeof(*all));
			n += callers[i].done;
		}
		slowest[round] = bench_quantile(all, n, 1.0);
		median[round] = bench_median(all, n);
		p99[round] = bench_quantile(all, n, 0.99);
		rate[round] = (double)n;
		bench_turn(&figure, &before, &after, n);
	}
	r = bench_ratio_of(slowest, median, ROUNDS);
	bench_row(&(struct bench_row){
	    .what = "slowest refresh of 64 callers, of the median",
	    .figure = bench_median(slowest, ROUNDS),
	    .unit = "ms",
	    .floor_name = "median",
	    .floor = bench_median(median, ROUNDS),
	    .ratio = r.ratio,
	    .spread = r.spread,
	    .must = 10,
	    .aim = 4 });
	row_bound("p99 of 64 callers", bench_median(p99, ROUNDS), "ms", 0, 0);
	bench_row(&(struct bench_row){ .what = "refreshes of 64 callers",
	    .figure = bench_median(rate, ROUNDS),
	    .unit = "1/s",
	    .detail = &figure });
	for (size_t i = 0; i < CALLERS; i++)
		free(callers[i].took);
	free(callers);
	free(all);
}

/* ---- what waits for the disk --------------------------------------------- */

/* A sign-in's part of the store: a session and its record. */
static void *
open_caller(void *arg)
{
	struct caller *me = arg;
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;
	struct authtok_user user;
	uint64_t until;

	bench_check(me->world->store->ops->user_find(me->world->store->ctx,
			(int64_t)me->first + 1, &user) == AUTHTOK_OK);
	pthread_barrier_wait(me->start);
	until = bench_now_ns() + me->until;
	while (bench_now_ns() < until) {
		bench_check(authtok_session_open(me->world->service, &user,
				NULL, &tokens) == AUTHTOK_OK);
		me->done++;
	}
	return NULL;
}

static void
open_turn(struct world *world, struct caller *callers, size_t count,
    struct bench_figure *figure)
{
	struct bench_usage before = bench_usage(), after;
	size_t done = 0;

	run_callers(callers, count, open_caller, world, 500000000);
	after = bench_usage();
	for (size_t i = 0; i < count; i++)
		done += callers[i].done;
	bench_turn(figure, &before, &after, done);
}

static void
together(struct world *world)
{
	struct caller callers[16] = { 0 };
	struct bench_figure many = { 0 }, one = { 0 };
	struct bench_ratio r;

	for (size_t round = 0; round < ROUNDS; round++) {
		open_turn(world, callers, 1, &one);
		open_turn(world, callers, 16, &many);
	}
	r = bench_ratio_wall(&one, &many);
	bench_row(&(struct bench_row){ .what = "durable, 16 callers",
	    .figure = 1e9 / many.wall,
	    .unit = "1/s",
	    .floor_name = "one caller",
	    .floor = 1e9 / one.wall,
	    .ratio = r.ratio,
	    .spread = r.spread,
	    .must = 3,
	    .aim = 4,
	    .at_least = true,
	    .detail = &many,
	    .floor_detail = &one });
	bench_row_cpu("  CPU time of each", &many, "one caller", &one, 0, 0);
}

int
main(int argc, char **argv)
{
	struct world world;

	bench_begin("sqlite", argc, argv);
	/* as authd does, for the floor too */
	bench_check(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
	if (bench_wanted("curve"))
		curve();
	if (bench_wanted("fairness") || bench_wanted("together")) {
		world_fill(&world, sizes[BASE], 0);
		world_open(&world);
		if (bench_wanted("fairness"))
			fairness(&world);
		if (bench_wanted("together"))
			together(&world);
		world_close(&world);
		world_remove(&world);
	}
	return bench_end();
}
