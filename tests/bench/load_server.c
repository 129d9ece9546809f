/*
 * Servers as child processes of a benchmark. See load.h.
 */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/load.h"

static void
write_conf(const struct load_server *server, const char *members)
{
	char path[96];
	FILE *conf;

	snprintf(path, sizeof(path), "%s/authd.conf", server->dir);
	conf = fopen(path, "w");
	bench_check(conf != NULL);
	fprintf(conf,
	    "{\n\"listen\": \"127.0.0.1:0\",\n\"throttle\": false%s%s\n}\n",
	    members[0] != '\0' ? ",\n" : "", members);
	bench_check(fclose(conf) == 0);
}

/* ---- counting ------------------------------------------------------------ */

/* Of a server that is about to be forked: where it counts, and a pipe that
 * opens when it may go on. */
struct counting {
	int counts; /* -1: it is not counted */
	int gate[2];
};

static void
counting_begin(struct load_server *server, struct counting *counting)
{
	counting->counts = server->instructions = -1;
	server->counts = NULL;
	if (!server->counted)
		return;
	server->counts = bench_counts_new(&counting->counts);
	bench_check(pipe2(counting->gate, O_CLOEXEC) == 0);
}

/* In the child, which has one thread until its instructions are counted. */
static void
counting_wait(const struct counting *counting)
{
	char nothing;

	if (counting->counts < 0)
		return;
	close(counting->gate[1]);
	if (read(counting->gate[0], &nothing, 1) != 0)
		_exit(126);
	close(counting->gate[0]);
}

/* In the parent. */
static void
counting_follow(struct load_server *server, const struct counting *counting)
{
	if (counting->counts < 0)
		return;
	server->instructions = bench_instructions_open(server->pid);
	close(counting->gate[0]);
	close(counting->gate[1]);
	close(counting->counts);
}

/* How count.so finds its way into a program that is executed. */
static bool
counting_preload(const struct counting *counting)
{
	char number[16];

	if (counting->counts < 0)
		return true;
	snprintf(number, sizeof(number), "%d", counting->counts);
	return fcntl(counting->counts, F_SETFD, 0) == 0 &&
	    setenv(BENCH_COUNTS_FD, number, 1) == 0 &&
	    setenv("LD_PRELOAD", getenv("BENCH_COUNT_SO"), 1) == 0;
}

/* Whoever does not count would seem to allocate nothing. */
static void
counting_check(const struct load_server *server)
{
	int64_t mallocs, crypto;
	const char *why;

	if (server->counts == NULL)
		return;
	why = bench_counts_read(server->counts, &mallocs, &crypto);
	if (why != NULL)
		bench_die("the server is not counted: %s", why);
	if (mallocs == 0)
		bench_die("the server is not counted: does it load %s?",
		    getenv("BENCH_COUNT_SO"));
}

static void
counting_end(struct load_server *server)
{
	bench_counts_free(server->counts);
	if (server->instructions >= 0)
		close(server->instructions);
	server->counts = NULL;
	server->instructions = -1;
}

/* ---- starting and stopping ----------------------------------------------- */
static void
become_authd(const char *program, const char *dir, int out,
    const struct counting *counting)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	counting_wait(counting);
	if (null < 0 || chdir(dir) != 0 || dup2(out, 1) < 0 ||
	    dup2(null, 2) < 0 || !counting_preload(counting))
		_exit(126);
	execl(program, program, "-c", "authd.conf", (char *)NULL);
	_exit(127);
}

/* Reads until the address stands in what it says. */
static unsigned
await_port(const struct load_server *server, int fd)
{
	static const char address[] = "http://127.0.0.1:";
	char said[4096];
	size_t len = 0;
	const char *at;

	while (len + 1 < sizeof(said)) {
		ssize_t n = read(fd, said + len, sizeof(said) - 1 - len);

		if (n <= 0) {
			counting_check(server);
			bench_die("authd did not start");
		}
		len += (size_t)n;
		said[len] = '\0';
		at = strstr(said, address);
		if (at != NULL && strchr(at, '\n') != NULL)
			return (unsigned)strtoul(
			    at + sizeof(address) - 1, NULL, 10);
	}
	bench_die("authd says no address");
}

void
load_authd_again(struct load_server *server)
{
	const char *program = getenv("AUTHD_BIN");
	const char *count = getenv("BENCH_COUNT_SO");
	struct counting counting;
	uint64_t began;
	int out[2];

	if (program == NULL)
		bench_die("AUTHD_BIN is not set");
	if (server->counted && (count == NULL || access(count, R_OK) != 0))
		bench_die("BENCH_COUNT_SO, which counts authd's allocations, "
			  "%s%s",
		    count == NULL ? "is not set" : "is not there: ",
		    count == NULL ? "" : count);
	counting_begin(server, &counting);
	bench_check(pipe2(out, O_CLOEXEC) == 0);
	began = bench_now_ns();
	server->pid = fork();
	bench_check(server->pid >= 0);
	if (server->pid == 0)
		become_authd(program, server->dir, out[1], &counting);
	counting_follow(server, &counting);
	close(out[1]);
	server->port = await_port(server, out[0]);
	server->start_ms = (double)(bench_now_ns() - began) / 1e6;
	close(out[0]);
	counting_check(server);
}

void
load_authd(struct load_server *server, const char *members)
{
	snprintf(server->dir, sizeof(server->dir), "/tmp/bench-authd-XXXXXX");
	bench_check(mkdtemp(server->dir) != NULL);
	write_conf(server, members);
	load_authd_again(server);
}

void
load_fork(struct load_server *server, void (*run)(int port_fd))
{
	struct counting counting;
	int out[2];

	counting_begin(server, &counting);
	bench_check(pipe2(out, O_CLOEXEC) == 0);
	fflush(NULL);
	server->pid = fork();
	bench_check(server->pid >= 0);
	if (server->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(out[0]);
		counting_wait(&counting);
		if (counting.counts >= 0)
			bench_count_into(counting.counts);
		run(out[1]);
		_exit(0);
	}
	counting_follow(server, &counting);
	close(out[1]);
	if (read(out[0], &server->port, sizeof(server->port)) !=
	    sizeof(server->port)) {
		counting_check(server);
		bench_die("the server did not start");
	}
	close(out[0]);
	counting_check(server);
}

void
load_end(struct load_server *server, int number)
{
	int status;

	kill(server->pid, number);
	bench_check(waitpid(server->pid, &status, 0) == server->pid);
	counting_end(server);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void
load_remove(struct load_server *server)
{
	if (server->dir[0] != '\0')
		nftw(server->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct bench_usage
load_usage(const struct load_server *server)
{
	struct bench_usage usage = { .mallocs = -1, .crypto_mallocs = -1 };
	struct timespec t;
	clockid_t clock;

	counting_check(server);
	if (server->counts != NULL)
		bench_counts_read(
		    server->counts, &usage.mallocs, &usage.crypto_mallocs);
	usage.instructions = bench_instructions(server->instructions);
	bench_check(clock_getcpuclockid(server->pid, &clock) == 0);
	usage.wall = (int64_t)bench_now_ns();
	bench_check(clock_gettime(clock, &t) == 0);
	usage.cpu = (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_nsec;
	return usage;
}

double
load_memory_kib(const struct load_server *server, const char *field)
{
	char path[64], line[256];
	double kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)server->pid);
	f = fopen(path, "r");
	bench_check(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			kib = strtod(line + strlen(field), NULL);
	fclose(f);
	bench_check(kib >= 0);
	return kib;
}

void
load_member(const char *json, const char *name, char *ret, size_t size)
{
	char quoted[64];
	const char *at, *end;

	snprintf(quoted, sizeof(quoted), "\"%s\":\"", name);
	at = strstr(json, quoted);
	if (at == NULL)
		bench_die("no %s in: %s", name, json);
	at += strlen(quoted);
	end = strchr(at, '"');
	bench_check(end != NULL && (size_t)(end - at) < size);
	memcpy(ret, at, (size_t)(end - at));
	ret[end - at] = '\0';
}
