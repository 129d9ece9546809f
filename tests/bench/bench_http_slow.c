/*
 * Slow, idle and greedy clients against authd's defaults: what a client that
 * is none of them has to wait. 1,000 that drip their heads or bodies a byte a
 * second and come back whenever they are ended, 2,000 that say nothing or
 * nothing more; then 512 that ask without a pause, and 64 idle ones.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/load.h"

#define SLOW    1000
#define IDLE    2000
#define GREEDY  512
#define SAMPLES 20
#define WAIT_S  10
#define ASK     "GET /api/test/all HTTP/1.1\r\nHost: a\r\n\r\n"

static atomic_bool enough;
static atomic_uint come_back, answers;

/* ---- the others ---------------------------------------------------------- */
struct slow {
	unsigned port, count;
	const char *begin; /* of a request */
	int fds[SLOW];
};

static void
slow_begin(struct slow *slow, unsigned i)
{
	slow->fds[i] = load_dial(slow->port);
	send(slow->fds[i], slow->begin, strlen(slow->begin), MSG_NOSIGNAL);
}

/* A byte more; false: the server has ended it. */
static bool
slow_drip(int fd)
{
	char answer[1024];

	if (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) >= 0 ||
	    errno != EAGAIN)
		return false;
	return send(fd, "a", 1, MSG_NOSIGNAL) == 1;
}

static void *
slow_run(void *arg)
{
	struct slow *slow = arg;

	for (unsigned i = 0; i < slow->count; i++)
		slow_begin(slow, i);
	/* all of them within a second, one after the other */
	for (unsigned i = 0; !atomic_load(&enough); i++) {
		if (!slow_drip(slow->fds[i % slow->count])) {
			close(slow->fds[i % slow->count]);
			slow_begin(slow, i % slow->count);
			atomic_fetch_add(&come_back, 1);
		}
		usleep(1000000 / slow->count);
	}
	for (unsigned i = 0; i < slow->count; i++)
		close(slow->fds[i]);
	return NULL;
}

/* Every second one has had an answer. Blocks nobody: no answer is awaited. */
static void
idle_begin(unsigned port, int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		fds[i] = load_dial(port);
		if (i % 2 == 0)
			send(fds[i], ASK, strlen(ASK), MSG_NOSIGNAL);
	}
}

static void
idle_end(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

static size_t
next_ask(void *arg, size_t conn, char *buf)
{
	(void)arg;
	(void)conn;
	memcpy(buf, ASK, sizeof(ASK) - 1);
	return sizeof(ASK) - 1;
}

static void
count_answer(void *arg, size_t conn, int status, const char *body)
{
	(void)arg;
	(void)conn;
	(void)body;
	bench_check(status == 200);
	atomic_fetch_add(&answers, 1);
}

static void *
greedy_run(void *arg)
{
	struct load load = { .port = *(unsigned *)arg,
		.count = GREEDY,
		.next = next_ask,
		.answered = count_answer };

	load_open(&load);
	while (!atomic_load(&enough))
		load_run(&load, 4 * GREEDY);
	load_close(&load);
	return NULL;
}

/* ---- the one ------------------------------------------------------------- */

/* Seconds until an answer, on a new connection; WAIT_S: none by then. */
static double
normal(unsigned port)
{
	const struct timeval cap = { .tv_sec = WAIT_S };
	uint64_t began = bench_now_ns();
	char answer[1024];
	int fd = load_dial(port), status;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &cap, sizeof(cap));
	status = load_ask(fd, ASK, answer, sizeof(answer));
	close(fd);
	if (status != 200)
		return WAIT_S;
	return (double)(bench_now_ns() - began) / 1e9;
}

static void
row_s(const char *what, double s, double must)
{
	bench_row(&(struct bench_row){ .what = what,
	    .figure = s * 1000,
	    .unit = "ms",
	    .ratio = must > 0 ? s : 0,
	    .must = must,
	    .aim = must / 2 });
}

/* What the server needed meanwhile, for as many answers; 0: not counted. */
static void
row_usage(const char *name, const struct bench_usage *before,
    const struct bench_usage *after, size_t count)
{
	struct bench_figure figure = { 0 };
	char what[96];

	snprintf(what, sizeof(what), "%s: server's CPU", name);
	bench_row(&(struct bench_row){ .what = what,
	    .figure = 100 * (double)(after->cpu - before->cpu) /
		(double)(after->wall - before->wall),
	    .unit = "%" });
	if (count == 0)
		return;
	bench_turn(&figure, before, after, count);
	snprintf(what, sizeof(what), "%s: each answer", name);
	bench_row(&(struct bench_row){ .what = what,
	    .figure = figure.cpu,
	    .unit = "ns",
	    .detail = &figure });
}

static void
sample(const struct load_server *server, const char *name)
{
	struct bench_usage before, after;
	double s[SAMPLES];
	char what[96];
	unsigned count;

	sleep(2); /* the others are all there */
	count = atomic_load(&answers);
	before = load_usage(server);
	for (int i = 0; i < SAMPLES; i++) {
		s[i] = normal(server->port);
		usleep(50000);
	}
	after = load_usage(server);
	count = atomic_load(&answers) - count;
	snprintf(what, sizeof(what), "%s: median wait", name);
	row_s(what, bench_median(s, SAMPLES), 0);
	snprintf(what, sizeof(what), "%s: longest wait", name);
	row_s(what, bench_quantile(s, SAMPLES, 1), 2);
	row_usage(name, &before, &after, count);
}

/* Until ten in a row are answered as if nothing had been. */
static void
recover(unsigned port, const char *name)
{
	uint64_t began = bench_now_ns();
	char what[96];
	int good = 0;

	while (good < 10)
		good = normal(port) < 0.05 ? good + 1 : 0;
	snprintf(what, sizeof(what), "%s: recovery", name);
	row_s(what, (double)(bench_now_ns() - began) / 1e9, 10);
}

static void
against_slow(
    const struct load_server *server, const char *name, const char *begin)
{
	const unsigned port = server->port;
	struct slow slow = { .port = port, .count = SLOW, .begin = begin };
	static int fds[IDLE];
	pthread_t thread;

	atomic_store(&enough, false);
	atomic_store(&come_back, 0);
	idle_begin(port, fds, IDLE);
	bench_check(pthread_create(&thread, NULL, slow_run, &slow) == 0);
	sample(server, name);
	atomic_store(&enough, true);
	pthread_join(thread, NULL);
	idle_end(fds, IDLE);
	recover(port, name);
	bench_say("  (the slow came back %u times)", atomic_load(&come_back));
}

static void
against_greedy(const struct load_server *server)
{
	unsigned port = server->port;
	static int fds[64];
	pthread_t thread;

	atomic_store(&enough, false);
	idle_begin(port, fds, 64);
	bench_check(pthread_create(&thread, NULL, greedy_run, &port) == 0);
	sample(server, "512 busy, 64 idle");
	atomic_store(&enough, true);
	pthread_join(thread, NULL);
	idle_end(fds, 64);
	recover(port, "512 busy, 64 idle");
}

static void
stop(struct load_server *server)
{
	struct slow slow = { .port = server->port,
		.count = 100,
		.begin = "POST /api/auth/signin HTTP/1.1\r\nHost: a\r\n"
			 "Content-Type: application/json\r\n"
			 "Content-Length: 5000\r\n\r\n{" };
	uint64_t began;

	for (unsigned i = 0; i < slow.count; i++)
		slow_begin(&slow, i);
	usleep(300000);
	began = bench_now_ns();
	load_end(server, SIGTERM);
	row_s("SIGTERM with 100 slow bodies",
	    (double)(bench_now_ns() - began) / 1e9, 2);
	for (unsigned i = 0; i < slow.count; i++)
		close(slow.fds[i]);
}

int
main(int argc, char **argv)
{
	struct load_server server = { .counted = true };
	struct rlimit files;

	bench_begin("http_slow", argc, argv);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	load_authd(&server, "");
	if (bench_wanted("heads"))
		against_slow(&server, "1,000 slow heads, 2,000 idle",
		    "GET /api/test/all HTTP/1.1\r\nX: ");
	if (bench_wanted("bodies"))
		against_slow(&server, "1,000 slow bodies, 2,000 idle",
		    "POST /api/auth/signin HTTP/1.1\r\nHost: a\r\n"
		    "Content-Type: application/json\r\n"
		    "Content-Length: 5000\r\n\r\n{");
	if (bench_wanted("busy"))
		against_greedy(&server);
	stop(&server);
	load_remove(&server);
	return bench_end();
}
