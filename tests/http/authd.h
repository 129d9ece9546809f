/*
 * A real authd in a folder of its own, for black-box tests: configured, started
 * on a free port, stopped, killed, started again; and authctl beside it. What
 * may be known here: the command lines and the configuration of authd(8).
 */
#ifndef TESTS_HTTP_AUTHD_H
#define TESTS_HTTP_AUTHD_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The "secret" of every configuration that authd_configure writes. */
#define SECRET "a secret that only the tests and authd know: 0123456789"

#define ORIGIN  "https://app.example.org"
#define OUT_MAX 32768

struct authd {
	char dir[64];
	char conf[96];
	char log[96]; /* its standard error, all runs */
	pid_t pid;    /* 0: not running */
	int out;      /* its standard output */
	unsigned port;
	uid_t uid; /* run as this user; 0: as we are */
	char line[512];
};

/* A program that was run to its end. */
struct run {
	int status;        /* exit status; 128 + n when signal n ended it */
	char out[OUT_MAX]; /* both outputs */
};

/* A new folder, and a configuration with these members, "a": 1, ... */
void authd_make(struct authd *d, const char *members);
void authd_configure(struct authd *d, const char *members);
/* The configuration as it stands. */
void authd_write(const struct authd *d, const char *name, const char *text);

/* Start with the configuration and wait for the address. */
void authd_start(struct authd *d);
/* The same with other words; false: it ended before it had an address. */
bool authd_try(struct authd *d, const char *const *words);
/* SIGTERM; it must exit 0. */
void authd_stop(struct authd *d);
/* Wait for the end of a process that was signalled. */
int authd_wait(struct authd *d);
/* kill -9 */
void authd_kill(struct authd *d);
/* Stop it if it runs, and remove the folder. */
void authd_remove(struct authd *d);

/* Run authd to its end in the folder, words end with NULL. */
void authd_run(const struct authd *d, struct run *ret, ...)
    __attribute__((sentinel));
/* authctl -c CONFIG words, with text as standard input. */
void authctl(const struct authd *d, struct run *ret, const char *text, ...)
    __attribute__((sentinel));

/* The log so far; static. */
const char *authd_log(const struct authd *d);
/* Wait until the log has text. */
void authd_await_log(const struct authd *d, const char *text);
/* How many names the folder has; bad: of them neither known nor expected. */
size_t authd_files(const struct authd *d);
void authd_path(
    const struct authd *d, const char *name, char *ret, size_t size);

/* One Check program: a suite with one case around a common setup. */
int run_tests(const char *name, void (*setup)(void), void (*teardown)(void),
    const TTest *const *tests);

#endif
