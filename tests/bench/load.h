/*
 * HTTP/1.1 load for the benchmarks, by one thread with epoll: so many
 * keep-alive connections in a closed loop, loopback only, a bounded number of
 * requests; and the servers that are measured, as child processes.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/bench.h"

#define LOAD_REQUEST_MAX 2048
#define LOAD_ANSWER_MAX  8192

struct load_conn {
	int fd; /* -1: closed */
	bool busy;
	uint64_t sent_ns;
	size_t request_len, answer_len;
	char request[LOAD_REQUEST_MAX];
	char answer[LOAD_ANSWER_MAX];
};

struct load {
	unsigned port;
	size_t count; /* connections */
	/* Writes the next request of a connection into buf, its length. */
	size_t (*next)(void *arg, size_t conn, char *buf);
	/* A whole answer came; body is NUL-terminated, lent. NULL: must be 200 */
	void (*answered)(void *arg, size_t conn, int status, const char *body);
	void *arg;
	double
	    *latency; /* of each answer, ns, or NULL; room for all of a run */
	size_t latencies;
	struct load_conn *conns;
	int epoll;
	size_t reconnects;
};

/* Opens the connections; callbacks, port and count are set. */
void load_open(struct load *load);
/* So many requests, answered. Dies when nothing moves for 30 s. */
void load_run(struct load *load, size_t requests);
void load_close(struct load *load);

/* One request on a connection of its own, blocking; the status. */
int load_one(unsigned port, const char *request, char *ret_answer, size_t size);
/* A connected blocking socket, Nagle off; dies on failure. */
int load_dial(unsigned port);
/* Sends text and reads one whole answer; 0 when the connection ended. */
int load_ask(int fd, const char *request, char *ret_answer, size_t size);

/* ---- servers ------------------------------------------------------------ */

/* Begins with zeros, but for counted. */
struct load_server {
	bool counted; /* its allocations and instructions; takes count.so */
	pid_t pid;
	unsigned port;
	char dir[64]; /* authd's, removed at the end; "" for others */
	double
	    start_ms; /* authd: from fork to its address on standard output */
	struct bench_counts *counts; /* NULL: it is not counted */
	int instructions;            /* a counter of them, or -1 */
};

/* AUTHD_BIN in a temporary folder with these members in its configuration. */
void load_authd(struct load_server *server, const char *members);
/* Once more in the folder that a stopped one left. */
void load_authd_again(struct load_server *server);
/* run(port_fd) serves in a child, after writing its port (unsigned). */
void load_fork(struct load_server *server, void (*run)(int port_fd));
/* SIGTERM, or what signal says, and wait; the folder stays. */
void load_end(struct load_server *server, int signal);
/* And the folder goes. */
void load_remove(struct load_server *server);
/* What the process has used so far. */
struct bench_usage load_usage(const struct load_server *server);
/* A field of /proc/PID/status in KiB, such as "VmRSS:". */
double load_memory_kib(const struct load_server *server, const char *field);

/* A string member of flat JSON into ret; dies when it is not there. */
void load_member(const char *json, const char *name, char *ret, size_t size);

#endif
