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

static void
become_authd(const char *program, const char *dir, int out)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null < 0 || chdir(dir) != 0 || dup2(out, 1) < 0 ||
	    dup2(null, 2) < 0)
		_exit(126);
	execl(program, program, "-c", "authd.conf", (char *)NULL);
	_exit(127);
}

/* Reads until the address stands in what it says. */
static unsigned
await_port(int fd)
{
	static const char address[] = "http://127.0.0.1:";
	char said[4096];
	size_t len = 0;
	const char *at;

	while (len + 1 < sizeof(said)) {
		ssize_t n = read(fd, said + len, sizeof(said) - 1 - len);

		if (n <= 0)
			bench_die("authd did not start");
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
	uint64_t began;
	int out[2];

	if (program == NULL)
		bench_die("AUTHD_BIN is not set");
	bench_check(pipe2(out, O_CLOEXEC) == 0);
	began = bench_now_ns();
	server->pid = fork();
	bench_check(server->pid >= 0);
	if (server->pid == 0)
		become_authd(program, server->dir, out[1]);
	close(out[1]);
	server->port = await_port(out[0]);
	server->start_ms = (double)(bench_now_ns() - began) / 1e6;
	close(out[0]);
}

void
load_authd(struct load_server *server, const char *members)
{
	memset(server, 0, sizeof(*server));
	snprintf(server->dir, sizeof(server->dir), "/tmp/bench-authd-XXXXXX");
	bench_check(mkdtemp(server->dir) != NULL);
	write_conf(server, members);
	load_authd_again(server);
}

void
load_fork(struct load_server *server, void (*run)(int port_fd))
{
	int out[2];

	memset(server, 0, sizeof(*server));
	bench_check(pipe2(out, O_CLOEXEC) == 0);
	fflush(NULL);
	server->pid = fork();
	bench_check(server->pid >= 0);
	if (server->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(out[0]);
		run(out[1]);
		_exit(0);
	}
	close(out[1]);
	bench_check(read(out[0], &server->port, sizeof(server->port)) ==
	    sizeof(server->port));
	close(out[0]);
}

void
load_end(struct load_server *server, int number)
{
	int status;

	kill(server->pid, number);
	bench_check(waitpid(server->pid, &status, 0) == server->pid);
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

uint64_t
load_cpu_ns(const struct load_server *server)
{
	struct timespec t;
	clockid_t clock;

	bench_check(clock_getcpuclockid(server->pid, &clock) == 0);
	bench_check(clock_gettime(clock, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
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
