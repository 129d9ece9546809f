/*
 * Refreshes on PostgreSQL by the public API, by 32 threads, against F5: pgbench
 * with 32 clients that run the two bare statements, a point read and a point
 * update in place, on a table of the same shape and the same server. In turns;
 * once with both waiting for the disk, once with neither.
 */
#include "bench/sqlite_world.h"

#include <authtok/pgsql.h>

#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pgsql_server.h"
#include "session/refresh.h"

#define SESSIONS  100000
#define CALLERS   32
#define ROUNDS    9
#define SLICE_NS  UINT64_C(1000000000)
#define SECRET    "0123456789abcdef0123456789abcdef"
#define AGENT_SQL "repeat('x', 64)::bytea"
#define ROTATION  "decode(repeat('00', 121), 'hex')"

static const char *const settings[] = { "shared_buffers=128MB",
	"max_connections=100", NULL };

static struct pg_server server;
static struct world world;
static struct authtok_store_ops ops, waiting;

/* ---- the tables ---------------------------------------------------------- */

static void
exec(PGconn *pg, const char *sql)
{
	PGresult *result = PQexec(pg, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		bench_die("%s: %s", sql, PQerrorMessage(pg));
	PQclear(result);
}

static PGconn *
connect_plain(void)
{
	PGconn *pg = PQconnectdb(server.conninfo);

	if (PQstatus(pg) != CONNECTION_OK)
		bench_die("%s", PQerrorMessage(pg));
	return pg;
}

/* Ours, and beside them those of the floor, of the same rows. */
static void
fill(PGconn *pg)
{
	char sql[1024];

	exec(pg,
	    "INSERT INTO authtok_users (version, epoch, created_at, disabled,"
	    " name, name_key, hash, roles) SELECT 1, 1, 1, false,"
	    " ('user' || i)::bytea, ('user' || i)::bytea, '', 'user'"
	    " FROM generate_series(1, 10000) AS i");
	snprintf(sql, sizeof(sql),
	    "INSERT INTO authtok_sessions (sid, user_id, created_at,"
	    " expires_at, revoked_at, rotated_at, seed, rotation, address,"
	    " agent) SELECT md5(i::text)::uuid, 1 + i %% 10000, %lld, %lld, 0,"
	    " %lld, decode(md5('seed' || i), 'hex'), " ROTATION
	    ", '192.0.2.200', " AGENT_SQL " FROM generate_series(1, %d) AS i",
	    (long long)time(NULL), (long long)time(NULL) + 2592000,
	    (long long)time(NULL), SESSIONS);
	exec(pg, sql);
	exec(pg,
	    "CREATE TABLE bare (LIKE authtok_sessions INCLUDING ALL)"
	    " WITH (fillfactor = 80)");
	exec(pg, "INSERT INTO bare SELECT * FROM authtok_sessions");
	exec(pg, "VACUUM ANALYZE");
	exec(pg, "CHECKPOINT");
}

/* The token of every session, in an order that is none. */
static void
pick_clients(PGconn *pg, const struct authtok_keys *keys)
{
	PGresult *rows = PQexecParams(pg,
	    "SELECT sid, seed FROM authtok_sessions ORDER BY sid", 0, NULL,
	    NULL, NULL, NULL, 1);
	struct authtok_session row;
	struct at_refresh *refresh;

	bench_check(PQntuples(rows) == SESSIONS);
	world.client_count = SESSIONS;
	world.clients = calloc(SESSIONS, sizeof(*world.clients));
	bench_check(world.clients != NULL);
	bench_check(at_refresh_new(keys, &refresh) == AUTHTOK_OK);
	memset(&row, 0, sizeof(row));
	for (int i = 0; i < SESSIONS; i++) {
		memcpy(row.sid, PQgetvalue(rows, i, 0), sizeof(row.sid));
		memcpy(row.seed, PQgetvalue(rows, i, 1), sizeof(row.seed));
		memcpy(world.clients[i].sid, row.sid, sizeof(row.sid));
		bench_check(at_refresh_make(refresh, &row,
				world.clients[i].token) == AUTHTOK_OK);
	}
	at_refresh_free(refresh);
	PQclear(rows);
}

/* With the indexes. */
static double
session_bytes(void)
{
	PGconn *pg = connect_plain();
	PGresult *size =
	    PQexec(pg, "SELECT pg_total_relation_size('authtok_sessions')");
	double bytes;

	bench_check(PQntuples(size) == 1);
	bytes = strtod(PQgetvalue(size, 0, 0), NULL) / SESSIONS;
	PQclear(size);
	PQfinish(pg);
	return bytes;
}

static void
open_store(void)
{
	struct authtok_pgsql_config config = AUTHTOK_PGSQL_CONFIG_INIT;
	char why[256];

	config.conninfo = server.conninfo;
	config.connections = CALLERS;
	if (authtok_store_pgsql(&config, &world.store, why, sizeof(why)) !=
	    AUTHTOK_OK)
		bench_die("%s", why);
}

static void
open_world(void)
{
	struct authtok_sessions_config sc = AUTHTOK_SESSIONS_CONFIG_INIT;
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys;
	PGconn *pg;

	open_store();
	pg = connect_plain();
	fill(pg);
	config.issuer = "https://auth.example.org";
	config.audience = "https://api.example.org";
	bench_check(authtok_keys_new(&keys) == AUTHTOK_OK);
	bench_check(authtok_keys_add_hmac(keys, "k1", AUTHTOK_HS256, SECRET, 32,
			true) == AUTHTOK_OK);
	bench_check(
	    authtok_keys_add_refresh(keys, 1, SECRET, 32, true) == AUTHTOK_OK);
	bench_check(authtok_new(&config, keys, &world.engine) == AUTHTOK_OK);
	sc.max_per_user = 0;
	bench_check(authtok_sessions_new(&sc, world.engine, keys, world.store,
			&world.service) == AUTHTOK_OK);
	pick_clients(pg, keys);
	authtok_keys_free(keys);
	PQfinish(pg);
}

/* ---- ours ---------------------------------------------------------------- */

struct caller {
	pthread_t thread;
	pthread_barrier_t *start;
	size_t at; /* the next client, which is this thread's */
	size_t done;
};

static void *
refresh(void *arg)
{
	struct caller *me = arg;
	uint64_t until;

	pthread_barrier_wait(me->start);
	until = bench_now_ns() + SLICE_NS;
	for (me->done = 0; bench_now_ns() < until; me->done++) {
		world_refresh(&world, &world.clients[me->at]);
		me->at = (me->at + CALLERS) % SESSIONS;
	}
	return NULL;
}

static void
ours(struct caller *callers, size_t count, struct bench_figure *figure)
{
	struct bench_usage before, after;
	pthread_barrier_t start;
	size_t done = 0;

	pthread_barrier_init(&start, NULL, (unsigned)count);
	before = bench_usage();
	for (size_t i = 0; i < count; i++) {
		callers[i].start = &start;
		bench_check(pthread_create(&callers[i].thread, NULL, refresh,
				&callers[i]) == 0);
	}
	for (size_t i = 0; i < count; i++) {
		pthread_join(callers[i].thread, NULL);
		done += callers[i].done;
	}
	after = bench_usage();
	bench_turn(figure, &before, &after, done);
	pthread_barrier_destroy(&start);
}

/* A rotation that waits for the disk, as no refresh asks for. */
static enum authtok_err
update_and_wait(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	(void)durable;
	return ops.session_update(ctx, next, gen, branch, true, act);
}

/* ---- F5 ------------------------------------------------------------------ */

static const char script[] =
    "\\set n random(1, 100000)\n"
    "SELECT user_id, created_at, expires_at, revoked_at, rotated_at, seed,"
    " rotation, address, agent FROM bare WHERE sid = md5(:n::text)::uuid;\n"
    "UPDATE bare SET rotated_at = rotated_at + 1, rotation = " ROTATION
    " WHERE sid = md5(:n::text)::uuid;\n";

static void
write_script(char *path, size_t size)
{
	FILE *file;

	snprintf(path, size, "%s/bare.sql", world_folder());
	file = fopen(path, "w");
	bench_check(file != NULL && fputs(script, file) >= 0);
	bench_check(fclose(file) == 0);
}

/* The time that it tells leaves out how it connects. */
static void
bare(const char *path, size_t count, bool wait, struct bench_figure *figure)
{
	struct bench_usage before = bench_usage_children(), after;
	char command[640], line[256];
	size_t done = 0;
	double rate = 0;
	FILE *out;

	snprintf(command, sizeof(command),
	    "%s -n -M prepared -c %zu -j %d -T 1 -f %s \"%s"
	    " options='-c synchronous_commit=%s'\" 2>&1",
	    pg_server_pgbench(&server), count, count > 1 ? 2 : 1, path,
	    server.conninfo, wait ? "on" : "off");
	out = popen(command, "r");
	bench_check(out != NULL);
	while (fgets(line, sizeof(line), out) != NULL) {
		(void)sscanf(line, "tps = %lf", &rate);
		(void)sscanf(line,
		    "number of transactions actually processed: %zu", &done);
	}
	bench_check(pclose(out) == 0 && rate > 0 && done > 0);
	after = bench_usage_children();
	after.wall = before.wall + (int64_t)((double)done * 1e9 / rate);
	bench_turn(figure, &before, &after, done);
}

/* ---- rows ---------------------------------------------------------------- */

struct figures {
	struct bench_figure ours, floor; /* of this process, and of pgbench */
};

static void
measure(struct caller *callers, size_t count, const char *path, bool wait,
    struct figures *figures)
{
	memset(figures, 0, sizeof(*figures));
	world.store->ops = wait ? &waiting : &ops;
	for (size_t i = 0; i < ROUNDS; i++) {
		bare(path, count, wait, &figures->floor);
		ours(callers, count, &figures->ours);
	}
}

static void
row(const char *what, const struct bench_figure *a, const char *floor_name,
    const struct bench_figure *b, bool target)
{
	struct bench_ratio r = bench_ratio_wall(b, a);

	bench_row(&(struct bench_row){ .what = what,
	    .figure = 1e9 / a->wall,
	    .unit = "1/s",
	    .floor_name = floor_name,
	    .floor = 1e9 / b->wall,
	    .ratio = r.ratio,
	    .spread = r.spread,
	    .must = target ? 0.85 : 0,
	    .aim = target ? 1.0 : 0,
	    .at_least = true,
	    .detail = a,
	    .floor_detail = b });
}

static void
refreshes(void)
{
	struct caller callers[CALLERS];
	struct figures waits, runs, one;
	struct bench_figure warm = { 0 };
	char path[200];

	open_world();
	ops = waiting = *world.store->ops;
	waiting.session_update = update_and_wait;
	for (size_t i = 0; i < CALLERS; i++)
		callers[i].at = i;
	ours(callers, CALLERS, &warm); /* connections, caches */
	write_script(path, sizeof(path));
	measure(callers, CALLERS, path, true, &waits);
	measure(callers, CALLERS, path, false, &runs);
	measure(callers, 1, path, false, &one);
	row("refresh that waits for the disk, 32 callers", &waits.ours, "F5",
	    &waits.floor, true);
	row("refresh, 32 callers", &runs.ours, "F5 that does not wait",
	    &runs.floor, true);
	bench_row_cpu("  CPU time of each, client", &runs.ours, "pgbench",
	    &runs.floor, 0, 0);
	row("refresh, 32 callers", &runs.ours, "F5", &waits.floor, false);
	row("refresh, one caller", &one.ours, "one client, not waiting",
	    &one.floor, false);
	bench_row(&(struct bench_row){ .what = "per session",
	    .figure = session_bytes(),
	    .unit = "bytes" });
	unlink(path);
	world.store->ops = &ops;
	authtok_sessions_free(world.service);
	authtok_free(world.engine);
	authtok_store_close(world.store);
	free(world.clients);
}

int
main(int argc, char **argv)
{
	bench_begin("pgsql", argc, argv);
	if (!bench_wanted("refresh"))
		return bench_end();
	if (!pg_server_make(&server, settings)) {
		bench_say("without a server there is nothing to measure");
		return bench_end();
	}
	if (pg_server_pgbench(&server)[0] == '\0')
		bench_say("without pgbench there is no floor");
	else
		refreshes();
	pg_server_remove(&server);
	return bench_end();
}
