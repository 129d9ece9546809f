/*
 * The start of authd: from fork(2) to the first answer, with an empty database
 * and with 10^6 sessions, and the memory it takes with 64, 512 and 2,500
 * threads. For comparison what cannot be had cheaper: a program that does
 * nothing, and a bare server of the same library.
 */
#include <civetweb.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/load.h"

#define STARTS   21
#define SESSIONS 1000000
#define CLIENTS  16 /* who sign in at once */
#define ASK      "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

/* ---- the floors ---------------------------------------------------------- */
static void
start_true(struct bench_figure *figure)
{
	struct bench_usage before = bench_usage_children(), after;
	pid_t pid = fork();

	bench_check(pid >= 0);
	if (pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	bench_check(waitpid(pid, NULL, 0) == pid);
	after = bench_usage_children();
	bench_turn(figure, &before, &after, 1);
}

/* A turn that is a start, of a server that was not there before, until it has
 * answered. */
static void
first_answer(const struct load_server *server, uint64_t began,
    struct bench_figure *figure)
{
	const struct bench_usage before = { .wall = (int64_t)began };
	struct bench_usage after;
	char answer[512];

	bench_check(load_one(server->port, ASK, answer, sizeof(answer)) == 200);
	after = load_usage(server);
	bench_turn(figure, &before, &after, 1);
}

/* The starts of figure were not counted, which takes time and memory; another
 * one was. */
static void
take_counts(struct bench_figure *figure, const struct bench_figure *counted)
{
	figure->instructions = counted->instructions;
	figure->mallocs = counted->mallocs;
	figure->crypto_mallocs = counted->crypto_mallocs;
}

static int
answer_all(struct mg_connection *conn)
{
	static const char text[] =
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

	mg_write(conn, text, sizeof(text) - 1);
	return 200;
}

static void
serve_bare(int port_fd)
{
	const char *options[] = { "listening_ports", "127.0.0.1:0",
		"num_threads", "64", "tcp_nodelay", "1", NULL };
	struct mg_callbacks callbacks;
	struct mg_server_port port;
	struct mg_context *ctx;
	unsigned number;

	memset(&callbacks, 0, sizeof(callbacks));
	callbacks.begin_request = answer_all;
	mg_init_library(0);
	ctx = mg_start(&callbacks, NULL, options);
	bench_check(ctx != NULL && mg_get_server_ports(ctx, 1, &port) == 1);
	number = (unsigned)port.port;
	bench_check(write(port_fd, &number, sizeof(number)) == sizeof(number));
	for (;;)
		pause();
}

static void
start_bare(bool counted, struct bench_figure *figure)
{
	struct load_server server = { .counted = counted };
	uint64_t began = bench_now_ns();

	load_fork(&server, serve_bare);
	first_answer(&server, began, figure);
	load_end(&server, SIGKILL);
}

/* ---- authd --------------------------------------------------------------- */
static void
start_again(
    struct load_server *server, bool counted, struct bench_figure *figure)
{
	uint64_t began = bench_now_ns();

	server->counted = counted;
	load_authd_again(server);
	first_answer(server, began, figure);
	load_end(server, SIGTERM);
}

/* The very first start also makes keys and database. */
static void
start_first(bool counted, const char *members, struct bench_figure *figure)
{
	struct load_server server = { .counted = counted };
	uint64_t began = bench_now_ns();

	load_authd(&server, members);
	first_answer(&server, began, figure);
	load_end(&server, SIGTERM);
	load_remove(&server);
}

static void
row_start(const char *what, const struct bench_figure *figure,
    const struct bench_figure *base, double must, double aim)
{
	double ms = figure->wall / 1e6;

	/* the target is a time and not a ratio: 1 is the target */
	bench_row(&(struct bench_row){ .what = what,
	    .figure = ms,
	    .unit = "ms",
	    .floor_name = "bare server",
	    .floor = base != NULL ? base->wall / 1e6 : 0,
	    .ratio = must > 0 ? ms : 0,
	    .must = must,
	    .aim = aim,
	    .detail = figure,
	    .floor_detail = base });
}

static void
times(struct load_server *server, const char *what, double must, double aim)
{
	struct bench_figure figure = { 0 }, bare = { 0 };
	struct bench_figure counted = { 0 }, counted_bare = { 0 };

	for (size_t i = 0; i < STARTS; i++) {
		start_bare(false, &bare);
		start_again(server, false, &figure);
	}
	start_bare(true, &counted_bare);
	start_again(server, true, &counted);
	take_counts(&bare, &counted_bare);
	take_counts(&figure, &counted);
	row_start(what, &figure, &bare, must, aim);
}

/* ---- a database with many sessions --------------------------------------- */
static void
sql(sqlite3 *db, const char *text)
{
	char *why = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		bench_die("%s: %s", text, why);
}

/* Copies of the one session that is there, each with an id of its own. */
static void
multiply(const char *dir)
{
	char path[96], columns[1024] = "", values[1024] = "", text[4096];
	sqlite3_stmt *names;
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/authd.db", dir);
	bench_check(sqlite3_open(path, &db) == SQLITE_OK);
	sql(db, "PRAGMA foreign_keys=OFF; PRAGMA synchronous=OFF");
	bench_check(sqlite3_prepare_v2(db,
			"SELECT name FROM pragma_table_info('sessions')"
			" WHERE pk = 0 OR name = 'sid'",
			-1, &names, NULL) == SQLITE_OK);
	while (sqlite3_step(names) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(names, 0);
		bool id = strcmp(name, "sid") == 0;
		size_t c = strlen(columns), v = strlen(values);

		snprintf(columns + c, sizeof(columns) - c, "%s%s",
		    c > 0 ? "," : "", name);
		snprintf(values + v, sizeof(values) - v, "%s%s",
		    v > 0 ? "," : "", id ? "randomblob(16)" : name);
	}
	sqlite3_finalize(names);
	snprintf(text, sizeof(text),
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n"
	    " WHERE i < %d) INSERT INTO sessions (%s) SELECT %s FROM n,"
	    " (SELECT * FROM sessions LIMIT 1)",
	    SESSIONS, columns, values);
	sql(db, text);
	sqlite3_close(db);
}

static size_t
write_post(char *buf, size_t size, const char *path)
{
	static const char body[] =
	    "{\"username\":\"bench\",\"email\":\"bench@example.org\","
	    "\"password\":\"correct horse bench\"}";

	return (size_t)snprintf(buf, size,
	    "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    path, sizeof(body) - 1, body);
}

static void
post(unsigned port, const char *path, char *answer, size_t size)
{
	char request[512];

	write_post(request, sizeof(request), path);
	bench_check(load_one(port, request, answer, size) == 200);
}

static void
bench_million(void)
{
	struct load_server server = { 0 };
	char answer[LOAD_ANSWER_MAX];

	load_authd(&server, "\"threads\": 64");
	post(server.port, "/api/auth/signup", answer, sizeof(answer));
	post(server.port, "/api/auth/signin", answer, sizeof(answer));
	load_end(&server, SIGTERM);
	multiply(server.dir);
	times(&server, "start to first answer, 10^6 sessions", 200, 50);
	load_remove(&server);
}

static void
bench_empty(void)
{
	static const char members[] = "\"threads\": 64";
	struct load_server server = { 0 };
	struct bench_figure none = { 0 }, bare = { 0 }, first = { 0 };
	struct bench_figure counted_bare = { 0 }, counted_first = { 0 };

	for (size_t i = 0; i < STARTS; i++) {
		start_true(&none);
		start_bare(false, &bare);
		start_first(false, members, &first);
	}
	start_bare(true, &counted_bare);
	start_first(true, members, &counted_first);
	take_counts(&bare, &counted_bare);
	take_counts(&first, &counted_first);
	row_start("fork, exec of true, wait", &none, NULL, 0, 0);
	row_start("bare server, 64 threads, first answer", &bare, NULL, 0, 0);
	load_authd(&server, members);
	load_end(&server, SIGTERM);
	times(&server, "start to first answer, empty database", 25, 18);
	row_start("the same, keys and database made", &first, &bare, 0, 0);
	load_remove(&server);
}

/* ---- memory -------------------------------------------------------------- */
static void
row_mib(const char *what, double mib, double must, double aim)
{
	bench_row(&(struct bench_row){ .what = what,
	    .figure = mib,
	    .unit = "MiB",
	    .ratio = must > 0 ? mib : 0,
	    .must = must,
	    .aim = aim });
}

/* Until the memory of the hashes was given back, 10 s after the last. */
static void
rest(const struct load_server *server)
{
	double used = load_memory_kib(server, "VmRSS:");

	for (int i = 0; i < 300; i++) {
		if (load_memory_kib(server, "VmRSS:") < used - 19456)
			break;
		usleep(50000);
	}
	usleep(1000000); /* the others */
}

static size_t
next_signin(void *arg, size_t conn, char *buf)
{
	(void)arg;
	(void)conn;
	return write_post(buf, LOAD_REQUEST_MAX, "/api/auth/signin");
}

static void
row_memory(const struct load_server *server, unsigned threads,
    const char *field, const char *when, double must, double aim)
{
	char what[96];

	snprintf(what, sizeof(what), "%u threads: resident, %s", threads, when);
	row_mib(what, load_memory_kib(server, field) / 1024, must, aim);
}

/*
 * Idle after a few requests, one at a time, and what a storm of sign-ins does,
 * which uses all hash slots. The target allows 19 MiB more for each slot; they
 * are given back, so they are not allowed to who is idle.
 */
static void
memory_of(unsigned threads, double must, double aim)
{
	struct load_server server = { 0 };
	struct load load = { .count = CLIENTS, .next = next_signin };
	char members[64], what[96], answer[LOAD_ANSWER_MAX];

	snprintf(members, sizeof(members), "\"threads\": %u", threads);
	load_authd(&server, members);
	snprintf(what, sizeof(what), "%u threads: started in", threads);
	bench_row(&(struct bench_row){
	    .what = what, .figure = server.start_ms, .unit = "ms" });
	row_memory(&server, threads, "VmRSS:", "fresh", 0, 0);
	post(server.port, "/api/auth/signup", answer, sizeof(answer));
	for (int i = 0; i < 200; i++)
		bench_check(
		    load_one(server.port, ASK, answer, sizeof(answer)) == 200);
	for (int i = 0; i < 8; i++)
		post(server.port, "/api/auth/signin", answer, sizeof(answer));
	rest(&server);
	row_memory(&server, threads, "VmRSS:", "idle again", must, aim);
	load.port = server.port;
	load_open(&load);
	load_run(&load, 8 * CLIENTS);
	load_close(&load);
	row_memory(&server, threads, "VmHWM:", "highest in a storm", 0, 0);
	rest(&server);
	row_memory(&server, threads, "VmRSS:", "idle after a storm", 0, 0);
	load_end(&server, SIGTERM);
	load_remove(&server);
}

int
main(int argc, char **argv)
{
	bench_begin("start", argc, argv);
	if (bench_wanted("empty"))
		bench_empty();
	if (bench_wanted("million"))
		bench_million();
	if (bench_wanted("memory")) {
		memory_of(64, 12, 9);
		memory_of(512, 0, 0);
		memory_of(2500, 0, 0);
	}
	return bench_end();
}
