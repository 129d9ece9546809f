/*
 * Sign-ins: as many a second as the processors can hash (F4: bare Argon2id,
 * one thread for each, the same parameters), in constant memory, and what a
 * storm of them does to those who only refresh.
 */
/* libc would call our mmap mmap64 */
#undef _FILE_OFFSET_BITS
#include <civetweb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "authd/hash_memory.h"
#include "bench/bench.h"
#include "bench/load.h"

#define PASSWORD   "correct horse bench"
#define WARM_TURNS 6
#define CLIENTS    16
#define TURNS      7
#define TURN       64 /* sign-ins, or hashes */
#define PACED      300
#define PACE_US    3000
#define TOKEN_MAX  1024
#define BODY_USER  "{\"username\":\"bench\",\"password\":\"" PASSWORD "\"}"

static char hash[crypto_pwhash_STRBYTES];

/* ---- the floors ---------------------------------------------------------- */
static atomic_int left_to_hash;
static _Thread_local char *kept; /* what this thread hashes in, or NULL */

#if HASH_MEMORY_KEPT
/*
 * libsodium maps memory for each hash; authd does not let it. So there is a
 * floor that does not either: the same 20 MiB of huge pages all the time.
 */
__attribute__((visibility("default"))) void *
mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	if (kept != NULL && size == HASH_MEMORY_SIZE)
		return kept;
	return (void *)syscall(
	    SYS_mmap, addr, size, (long)prot, (long)flags, (long)fd, offset);
}

__attribute__((visibility("default"))) int
munmap(void *addr, size_t size)
{
	if (kept != NULL && addr == kept && size == HASH_MEMORY_SIZE)
		return 0;
	return (int)syscall(SYS_munmap, addr, size);
}

static void
keep_begin(void **ret_map)
{
	const size_t huge = (size_t)2 << 20;
	char *map = mmap(NULL, HASH_MEMORY_PIECE + huge, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	bench_check(map != MAP_FAILED);
	*ret_map = map;
	kept = map + (huge - (uintptr_t)map % huge) % huge;
	madvise(kept, HASH_MEMORY_PIECE, MADV_HUGEPAGE);
}

static void
keep_end(void *map)
{
	kept = NULL;
	munmap(map, HASH_MEMORY_PIECE + ((size_t)2 << 20));
}
#else
static void
keep_begin(void **ret_map)
{
	*ret_map = NULL;
}

static void
keep_end(void *map)
{
	(void)map;
}
#endif

static void *
hash_run(void *arg)
{
	const bool *keep = arg;
	void *map = NULL;

	/* the same priority, for whatever else runs here */
	setpriority(PRIO_PROCESS, (id_t)gettid(), 16);
	if (*keep)
		keep_begin(&map);
	while (atomic_fetch_sub(&left_to_hash, 1) > 0)
		bench_check(crypto_pwhash_str_verify(
				hash, PASSWORD, strlen(PASSWORD)) == 0);
	if (*keep)
		keep_end(map);
	return NULL;
}

/* TURN hashes, on all processors. */
static void
bare_hashes(struct bench_figure *figure, bool keep)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	struct bench_usage before = bench_usage(), after;
	pthread_t threads[256];

	bench_check(count >= 1 && count <= 256);
	atomic_store(&left_to_hash, TURN);
	for (long i = 0; i < count; i++)
		bench_check(
		    pthread_create(&threads[i], NULL, hash_run, &keep) == 0);
	for (long i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	after = bench_usage();
	bench_turn(figure, &before, &after, TURN);
}

static int
bare_post(struct mg_connection *conn)
{
	static const char head[] =
	    "HTTP/1.1 200 OK\r\nContent-Length: 512\r\n\r\n";
	char buf[1024];

	while (mg_read(conn, buf, sizeof(buf)) > 0)
		;
	memcpy(buf, head, sizeof(head) - 1);
	memset(buf + sizeof(head) - 1, 'x', 512);
	mg_write(conn, buf, sizeof(head) - 1 + 512);
	return 200;
}

static void
bare_serve(int port_fd)
{
	const char *options[] = { "listening_ports", "127.0.0.1:0",
		"num_threads", "64", "tcp_nodelay", "1", "enable_keep_alive",
		"yes", "keep_alive_timeout_ms", "5000", NULL };
	struct mg_callbacks callbacks;
	struct mg_server_port port;
	struct mg_context *ctx;
	unsigned number;

	memset(&callbacks, 0, sizeof(callbacks));
	callbacks.begin_request = bare_post;
	mg_init_library(0);
	ctx = mg_start(&callbacks, NULL, options);
	bench_check(ctx != NULL && mg_get_server_ports(ctx, 1, &port) == 1);
	number = (unsigned)port.port;
	bench_check(write(port_fd, &number, sizeof(number)) == sizeof(number));
	for (;;)
		pause();
}

/* ---- what is asked ------------------------------------------------------- */
static size_t
write_post(char *buf, size_t size, const char *path, const char *body)
{
	return (size_t)snprintf(buf, size,
	    "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    path, strlen(body), body);
}

static size_t
next_signin(void *arg, size_t conn, char *buf)
{
	(void)arg;
	(void)conn;
	return write_post(buf, LOAD_REQUEST_MAX, "/api/auth/signin", BODY_USER);
}

static void
post(unsigned port, const char *path, const char *body, char *ret, size_t size)
{
	char request[1024];

	write_post(request, sizeof(request), path, body);
	if (load_one(port, request, ret, size) != 200)
		bench_die("%s: %s", path, ret);
}

/* ---- rate and memory ----------------------------------------------------- */
static void
row_rate(const char *what, const struct bench_figure *ours,
    const struct bench_figure *bare, double must, double aim)
{
	struct bench_ratio r = bench_ratio_wall(bare, ours);

	bench_row(&(struct bench_row){ .what = what,
	    .figure = 1e9 / ours->wall,
	    .unit = "1/s",
	    .floor_name = "bare",
	    .floor = 1e9 / bare->wall,
	    .ratio = r.ratio,
	    .spread = r.spread,
	    .must = must,
	    .aim = aim,
	    .at_least = true,
	    .detail = ours,
	    .floor_detail = bare });
	bench_row(&(struct bench_row){ .what = "  CPU time of each",
	    .figure = ours->cpu / 1e6,
	    .unit = "ms",
	    .floor_name = "bare",
	    .floor = bare->cpu / 1e6,
	    .ratio = bench_ratio_cpu(ours, bare).ratio });
}

static void
bench_rate(const struct load_server *server)
{
	struct load load = {
		.port = server->port, .count = CLIENTS, .next = next_signin
	};
	struct bench_figure ours = { 0 }, bare = { 0 }, in_kept = { 0 };
	double warm;

	/* until each of the few threads has touched its stack and its share of
	 * the heap */
	for (int i = 0; i < WARM_TURNS; i++) {
		load_open(&load);
		load_run(&load, 2 * CLIENTS);
		load_close(&load);
	}
	load_open(&load);
	warm = load_memory_kib(server, "VmRSS:") / 1024;
	for (int i = 0; i < TURNS; i++) {
		struct bench_usage before, after;

		bare_hashes(&bare, false);
		bare_hashes(&in_kept, true);
		before = load_usage(server);
		load_run(&load, TURN);
		after = load_usage(server);
		bench_turn(&ours, &before, &after, TURN);
	}
	load_close(&load);
	row_rate("sign-ins", &ours, &bare, 0.95, 0.99);
	if (HASH_MEMORY_KEPT)
		row_rate("sign-ins, against hashes in kept memory", &ours,
		    &in_kept, 0, 0);
	bench_row(&(struct bench_row){ .what = "resident, after more storms",
	    .figure = load_memory_kib(server, "VmRSS:") / 1024,
	    .unit = "MiB",
	    .floor_name = "one",
	    .floor = warm,
	    .ratio = load_memory_kib(server, "VmRSS:") / 1024 / warm,
	    .must = 1.05,
	    .aim = 1.01 });
}

/* ---- the storm ----------------------------------------------------------- */
static atomic_bool enough;

static void *
storm_run(void *arg)
{
	struct load load = {
		.port = *(unsigned *)arg, .count = CLIENTS, .next = next_signin
	};

	load_open(&load);
	while (!atomic_load(&enough))
		load_run(&load, CLIENTS);
	load_close(&load);
	return NULL;
}

/* One who asks now and then. */
struct paced {
	unsigned port;
	char *refresh; /* rotates this token; NULL: none */
	char *access;  /* shows this one; NULL: none. Without both: the floor */
	double latency[PACED];
};

static void
paced_request(const struct paced *paced, char *buf, size_t size)
{
	char body[600];

	if (paced->access != NULL) {
		snprintf(buf, size,
		    "GET /api/test/user HTTP/1.1\r\nHost: a\r\n"
		    "x-access-token: %s\r\n\r\n",
		    paced->access);
		return;
	}
	snprintf(body, sizeof(body), "{\"refreshToken\":\"%s\"}",
	    paced->refresh != NULL ? paced->refresh : "none");
	write_post(buf, size, "/api/auth/refreshtoken", body);
}

/*
 * A client is on a machine of its own as a rule: how long it waits for a
 * processor of this one, behind hashes and workers, is not to be counted. So it
 * is let on at once, where we may ask for that.
 */
static void
step_aside(bool really)
{
	static bool said;
	struct sched_param param = { .sched_priority = really ? 1 : 0 };

	if (sched_setscheduler(0, really ? SCHED_FIFO : SCHED_OTHER, &param) ==
		0 ||
	    said)
		return;
	said = true;
	fprintf(stderr,
	    "no real-time priority here: the client's own waits are "
	    "counted too\n");
}

static double
paced_p99(struct paced *paced)
{
	char request[1500], answer[LOAD_ANSWER_MAX];
	int fd = load_dial(paced->port);

	step_aside(true);
	for (int i = 0; i < PACED; i++) {
		uint64_t began;
		int status;

		paced_request(paced, request, sizeof(request));
		began = bench_now_ns();
		status = load_ask(fd, request, answer, sizeof(answer));
		paced->latency[i] = (double)(bench_now_ns() - began);
		if (status == 0) { /* ended between two requests */
			close(fd);
			fd = load_dial(paced->port);
			i--;
			continue;
		}
		bench_check(status == 200);
		if (paced->refresh != NULL)
			load_member(
			    answer, "refreshToken", paced->refresh, TOKEN_MAX);
		usleep(PACE_US);
	}
	close(fd);
	step_aside(false);
	return bench_quantile(paced->latency, PACED, 0.99);
}

static void
row_p99(const char *what, const double *storm, const double *quiet, double must,
    double aim)
{
	struct bench_ratio r = bench_ratio_of(storm, quiet, TURNS);

	bench_row(&(struct bench_row){ .what = what,
	    .figure = bench_median(storm, TURNS) / 1e3,
	    .unit = "us",
	    .floor_name = "quiet",
	    .floor = bench_median(quiet, TURNS) / 1e3,
	    .ratio = r.ratio,
	    .spread = r.spread,
	    .must = must,
	    .aim = aim });
}

/* Who asks, quietly and in a storm. */
struct asked {
	struct paced paced;
	double quiet[TURNS], storm[TURNS];
};

static void
bench_storm(const struct load_server *server, char *refresh, char *access)
{
	struct load_server bare = { 0 };
	struct asked asked[] = {
		{ .paced = { .port = server->port, .refresh = refresh } },
		{ .paced = { .port = server->port, .access = access } },
		{ .paced = { .refresh = NULL } },
	};
	const size_t count = sizeof(asked) / sizeof(asked[0]);
	unsigned port = server->port;
	pthread_t thread;

	load_fork(&bare, bare_serve);
	asked[count - 1].paced.port = bare.port;
	for (size_t i = 0; i < TURNS; i++) {
		for (size_t k = 0; k < count; k++)
			asked[k].quiet[i] = paced_p99(&asked[k].paced);
		atomic_store(&enough, false);
		bench_check(
		    pthread_create(&thread, NULL, storm_run, &port) == 0);
		usleep(100000);
		for (size_t k = 0; k < count; k++)
			asked[k].storm[i] = paced_p99(&asked[k].paced);
		atomic_store(&enough, true);
		pthread_join(thread, NULL);
	}
	row_p99("p99 of a refresh in a storm", asked[0].storm, asked[0].quiet,
	    3, 1.5);
	row_p99("p99 of a verification in a storm", asked[1].storm,
	    asked[1].quiet, 3, 1.5);
	row_p99("p99 of a bare server beside it", asked[2].storm,
	    asked[2].quiet, 0, 0);
	load_end(&bare, SIGKILL);
}

/* A server with one user, who is signed in. */
static void
begin(struct load_server *server, const char *members, char *ret_refresh,
    char *ret_access)
{
	char answer[LOAD_ANSWER_MAX];

	load_authd(server, members);
	post(server->port, "/api/auth/signup",
	    "{\"username\":\"bench\",\"email\":\"bench@example.org\","
	    "\"password\":\"" PASSWORD "\"}",
	    answer, sizeof(answer));
	post(server->port, "/api/auth/signin", BODY_USER, answer,
	    sizeof(answer));
	load_member(answer, "refreshToken", ret_refresh, TOKEN_MAX);
	load_member(answer, "accessToken", ret_access, TOKEN_MAX);
}

static void
end(struct load_server *server)
{
	load_end(server, SIGTERM);
	load_remove(server);
}

int
main(int argc, char **argv)
{
	char refresh[TOKEN_MAX], access[TOKEN_MAX];
	struct load_server counted = { .counted = true }, server = { 0 };

	bench_begin("signin", argc, argv);
	bench_check(sodium_init() >= 0);
	bench_check(
	    crypto_pwhash_str_alg(hash, PASSWORD, strlen(PASSWORD), 2,
		(size_t)19456 * 1024, crypto_pwhash_ALG_ARGON2ID13) == 0);
	if (bench_wanted("rate")) {
		begin(&counted, "\"maxSessionsPerUser\": 0, \"threads\": 28",
		    refresh, access);
		bench_rate(&counted);
		end(&counted);
	}
	if (bench_wanted("storm")) {
		begin(&server, "\"maxSessionsPerUser\": 0", refresh, access);
		bench_storm(&server, refresh, access);
		end(&server);
	}
	return bench_end();
}
