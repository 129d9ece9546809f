/*
 * HTTP: the CPU time that the server needs for a request, against a handler
 * of the same library that knows its answer and writes it once (F3), with the
 * same options, threads and connections. The load comes from this process and
 * its time is not counted; both servers are asked in turns.
 */
#include <civetweb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/load.h"

#define THREADS     "64"
#define CONNECTIONS 64
#define TURNS       21
#define TURN        4000 /* requests */
#define BODY_LEN    46

static const char json_head[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    "Content-Length: ";

/* ---- the floor, by hand -------------------------------------------------- */
static int
floor_get(struct mg_connection *conn, void *arg)
{
	static const char answer[] =
	    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	    "Content-Length: 46\r\n\r\n"
	    "0123456789012345678901234567890123456789012345";

	(void)arg;
	mg_write(conn, answer, sizeof(answer) - 1);
	return 200;
}

/* Reads the body, answers about as many bytes as a refresh does. */
static int
floor_post(struct mg_connection *conn, void *arg)
{
	char answer[1024];
	char body[1024];
	size_t len;

	(void)arg;
	while (mg_read(conn, body, sizeof(body)) > 0)
		;
	len = (size_t)snprintf(
	    answer, sizeof(answer), "%s%d\r\n\r\n", json_head, 512);
	memset(answer + len, 'x', 512);
	mg_write(conn, answer, len + 512);
	return 200;
}

static void
floor_serve(int port_fd)
{
	const char *options[] = { "listening_ports", "127.0.0.1:0",
		"num_threads", THREADS, "tcp_nodelay", "1", "enable_keep_alive",
		"yes", "keep_alive_timeout_ms", "500", "request_timeout_ms",
		"5000", "connection_queue", "256", NULL };
	struct mg_callbacks callbacks;
	struct mg_server_port port;
	struct mg_context *ctx;
	unsigned number;

	memset(&callbacks, 0, sizeof(callbacks));
	mg_init_library(0);
	ctx = mg_start(&callbacks, NULL, options);
	bench_check(ctx != NULL);
	bench_check(mg_get_server_ports(ctx, 1, &port) == 1);
	mg_set_request_handler(ctx, "/api/test/user", floor_get, NULL);
	mg_set_request_handler(ctx, "/api/auth/refreshtoken", floor_post, NULL);
	number = (unsigned)port.port;
	bench_check(write(port_fd, &number, sizeof(number)) == sizeof(number));
	for (;;)
		pause();
}

/* ---- what is asked ------------------------------------------------------- */
struct tokens {
	char access[1024], refresh[512];
};

/* The requests of one subject. */
struct asker {
	struct load load;
	struct load_server *server;
	struct tokens *tokens;
	const char *path;
	struct bench_figure figure;
	double *latency;
};

static size_t
next_get(void *arg, size_t conn, char *buf)
{
	const struct asker *asker = arg;

	(void)conn;
	return (size_t)snprintf(buf, LOAD_REQUEST_MAX,
	    "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "User-Agent: bench/1\r\nAccept: */*\r\nx-access-token: %s\r\n\r\n",
	    asker->path, asker->tokens[0].access);
}

static size_t
next_refresh(void *arg, size_t conn, char *buf)
{
	const struct asker *asker = arg;
	const char *token = asker->tokens[conn].refresh;

	return (size_t)snprintf(buf, LOAD_REQUEST_MAX,
	    "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "User-Agent: bench/1\r\nAccept: */*\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n"
	    "{\"refreshToken\":\"%s\"}",
	    asker->path, strlen(token) + 19, token);
}

static void
take_refresh(void *arg, size_t conn, int status, const char *body)
{
	struct asker *asker = arg;

	if (status != 200)
		bench_die("refresh: %d %s", status, body);
	load_member(body, "refreshToken", asker->tokens[conn].refresh,
	    sizeof(asker->tokens[conn].refresh));
}

static void
asker_open(struct asker *asker)
{
	asker->load.port = asker->server->port;
	asker->load.count = CONNECTIONS;
	asker->load.arg = asker;
	asker->latency = calloc((TURNS + 1) * TURN, sizeof(double));
	bench_check(asker->latency != NULL);
	asker->load.latency = asker->latency;
	load_open(&asker->load);
	load_run(&asker->load, TURN); /* warm */
	asker->load.latencies = 0;
}

static void
asker_turn(struct asker *asker)
{
	struct bench_usage before = load_usage(asker->server), after;

	load_run(&asker->load, TURN);
	after = load_usage(asker->server);
	bench_turn(&asker->figure, &before, &after, TURN);
}

static void
told(const char *what, double ours, double base)
{
	bench_row(&(struct bench_row){ .what = what,
	    .figure = ours / 1e3,
	    .unit = "us",
	    .floor_name = "F3",
	    .floor = base / 1e3,
	    .ratio = ours / base });
}

static void
asker_rows(const struct asker *ours, const struct asker *base, const char *what,
    double must, double aim)
{
	const double *a = ours->latency, *b = base->latency;
	size_t n = ours->load.latencies;

	bench_row_cpu(what, &ours->figure, "F3", &base->figure, must, aim);
	bench_row(&(struct bench_row){ .what = "  requests a second",
	    .figure = 1e9 / ours->figure.wall,
	    .unit = "1/s",
	    .floor_name = "F3",
	    .floor = 1e9 / base->figure.wall,
	    .ratio = base->figure.wall / ours->figure.wall,
	    .detail = &ours->figure,
	    .floor_detail = &base->figure });
	told("  wall, median", bench_median(a, n), bench_median(b, n));
	told("  wall, p99", bench_quantile(a, n, 0.99),
	    bench_quantile(b, n, 0.99));
}

static void
compare(struct asker *ours, struct asker *base, const char *what, double must,
    double aim)
{
	if (!bench_wanted(what))
		return;
	memset(&base->figure, 0, sizeof(base->figure));
	memset(&ours->figure, 0, sizeof(ours->figure));
	asker_open(base);
	asker_open(ours);
	for (size_t turn = 0; turn < TURNS; turn++) {
		asker_turn(base);
		asker_turn(ours);
	}
	asker_rows(ours, base, what, must, aim);
	load_close(&base->load);
	load_close(&ours->load);
	free(base->latency);
	free(ours->latency);
}

/* ---- users --------------------------------------------------------------- */
static void
post(unsigned port, const char *path, const char *body, char *ret, size_t size)
{
	char request[1024];

	snprintf(request, sizeof(request),
	    "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	    "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
	    path, strlen(body), body);
	if (load_one(port, request, ret, size) != 200)
		bench_die("%s: %s", path, ret);
}

/* One user, as many sessions as there are connections. */
static void
make_tokens(unsigned port, struct tokens *tokens, size_t count)
{
	char answer[LOAD_ANSWER_MAX];

	post(port, "/api/auth/signup",
	    "{\"username\":\"bench\",\"email\":\"bench@example.org\","
	    "\"password\":\"correct horse bench\"}",
	    answer, sizeof(answer));
	for (size_t i = 0; i < count; i++) {
		post(port, "/api/auth/signin",
		    "{\"username\":\"bench\","
		    "\"password\":\"correct horse bench\"}",
		    answer, sizeof(answer));
		load_member(answer, "accessToken", tokens[i].access,
		    sizeof(tokens[i].access));
		load_member(answer, "refreshToken", tokens[i].refresh,
		    sizeof(tokens[i].refresh));
	}
}

static void
bench_all(struct load_server *ours, struct load_server *bare)
{
	static struct tokens tokens[CONNECTIONS], copy[CONNECTIONS];
	struct asker us = { .server = ours, .tokens = tokens },
		     floor = { .server = bare, .tokens = copy };

	make_tokens(ours->port, tokens, CONNECTIONS);
	memcpy(copy, tokens, sizeof(copy));
	us.load.next = floor.load.next = next_get;
	floor.path = us.path = "/api/test/user";
	compare(&us, &floor, "GET /api/test/user", 1.12, 1.05);
	us.path = "/api/test/all";
	compare(&us, &floor, "GET /api/test/all", 1.12, 1.05);
	us.load.next = floor.load.next = next_refresh;
	us.load.answered = take_refresh;
	floor.path = us.path = "/api/auth/refreshtoken";
	compare(&us, &floor, "POST /api/auth/refreshtoken", 3.0, 2.3);
}

int
main(int argc, char **argv)
{
	struct load_server ours = { .counted = true };
	struct load_server bare = { .counted = true };

	bench_begin("http", argc, argv);
	load_fork(&bare, floor_serve);
	load_authd(&ours, "\"threads\": " THREADS);
	bench_all(&ours, &bare);
	load_end(&ours, SIGTERM);
	load_end(&bare, SIGKILL);
	load_remove(&ours);
	return bench_end();
}
