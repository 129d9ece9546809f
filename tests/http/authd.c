/*
 * Running authd and authctl for the tests. Nothing that is started here
 * outlives the test: it dies with the thread that started it.
 */
#include "authd.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS   60000 /* only a hang comes near it */
#define WORDS_MAX 16

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t len = strlen(text);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

void
authd_path(const struct authd *d, const char *name, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%s/%s", d->dir, name);

	ck_assert(n > 0 && (size_t)n < size);
}

void
authd_write(const struct authd *d, const char *name, const char *text)
{
	char path[160];

	authd_path(d, name, path, sizeof(path));
	write_file(path, text);
}

void
authd_configure(struct authd *d, const char *members)
{
	char text[4096];
	int n;

	n = snprintf(text, sizeof(text),
	    "{\n\t\"listen\": \"127.0.0.1:0\",\n\t\"secret\": \"" SECRET
	    "\"%s%s%s\n}\n",
	    strstr(members, "\"throttle\"") ? "" : ",\n\t\"throttle\": false",
	    members[0] != '\0' ? ",\n\t" : "", members);
	ck_assert(n > 0 && (size_t)n < sizeof(text));
	write_file(d->conf, text);
}

void
authd_make(struct authd *d, const char *members)
{
	memset(d, 0, sizeof(*d));
	d->out = -1;
	snprintf(d->dir, sizeof(d->dir), "/tmp/authd-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(d->dir));
	authd_path(d, "authd.conf", d->conf, sizeof(d->conf));
	authd_path(d, "authd.log", d->log, sizeof(d->log));
	authd_configure(d, members);
}

/* In the child: program with words, never back. */
static void
become(const struct authd *d, const char *program, const char *const *words)
{
	const char *argv[WORDS_MAX + 2] = { program };
	sigset_t none;
	size_t i;
	int fd;

	for (i = 0; i < WORDS_MAX && words[i] != NULL; i++)
		argv[i + 1] = words[i];
	/* by descriptor: another user may not be able to walk to the file */
	fd = open(program, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || chdir(d->dir) != 0)
		_exit(126);
	if (d->uid != 0 && (setgid(d->uid) != 0 || setuid(d->uid) != 0))
		_exit(125);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL); /* authd has to see to that itself */
	/* what a full disk or quota looks like, see test_store_faults.c */
	(void)signal(SIGXFSZ, SIG_IGN);
	fexecve(fd, (char *const *)(uintptr_t)argv, environ);
	_exit(127);
}

static const char *
program_of(const char *variable)
{
	const char *program = getenv(variable);

	ck_assert_msg(program != NULL, "%s is not set", variable);
	return program;
}

/*
 * One line of its output; false at the end of it. The end is also how we learn
 * that a process is gone without waiting for a time.
 */
static bool
read_line(struct authd *d)
{
	struct pollfd p = { .fd = d->out, .events = POLLIN };
	size_t len = 0;

	for (;;) {
		ck_assert_msg(poll(&p, 1, WAIT_MS) == 1,
		    "authd says nothing; log:\n%s", authd_log(d));
		if (read(d->out, d->line + len, 1) != 1)
			return false;
		if (d->line[len] == '\n' || len + 2 == sizeof(d->line))
			break;
		len++;
	}
	d->line[len] = '\0';
	return true;
}

bool
authd_try(struct authd *d, const char *const *words)
{
	static const char address[] = "http://127.0.0.1:";
	const char *program = program_of("AUTHD_BIN"), *at;
	int out[2], log;

	ck_assert_int_eq(d->pid, 0);
	log = open(d->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ge(log, 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	d->pid = fork();
	ck_assert_int_ge(d->pid, 0);
	if (d->pid == 0) {
		dup2(out[1], 1);
		dup2(log, 2);
		become(d, program, words);
	}
	close(log);
	close(out[1]);
	d->out = out[0];
	while (read_line(d)) {
		at = strstr(d->line, address);
		if (at == NULL)
			continue;
		at += sizeof(address) - 1;
		d->port = (unsigned)strtoul(at, NULL, 10);
		ck_assert_uint_gt(d->port, 0);
		return true;
	}
	return false;
}

void
authd_start(struct authd *d)
{
	const char *const words[] = { "-c", d->conf, NULL };

	ck_assert_msg(
	    authd_try(d, words), "authd did not start:\n%s", authd_log(d));
}

int
authd_wait(struct authd *d)
{
	int status;

	while (d->out >= 0 && read_line(d))
		;
	ck_assert_int_eq(waitpid(d->pid, &status, 0), d->pid);
	close(d->out);
	d->out = -1;
	d->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void
authd_stop(struct authd *d)
{
	int status;

	ck_assert_int_eq(kill(d->pid, SIGTERM), 0);
	status = authd_wait(d);
	ck_assert_msg(
	    status == 0, "authd ended with %d; log:\n%s", status, authd_log(d));
}

void
authd_kill(struct authd *d)
{
	ck_assert_int_eq(kill(d->pid, SIGKILL), 0);
	ck_assert_int_eq(authd_wait(d), 128 + SIGKILL);
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
authd_remove(struct authd *d)
{
	if (d->pid != 0)
		authd_stop(d);
	ck_assert_int_eq(nftw(d->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Feed text, take all that comes, wait. */
static void
finish(pid_t pid, int in, int out, const char *text, struct run *ret)
{
	size_t len = 0;
	ssize_t n;
	int status;

	if (write(in, text, strlen(text)) < 0)
		ck_assert_int_eq(errno, EPIPE);
	close(in);
	while (len + 1 < sizeof(ret->out) &&
	    (n = read(out, ret->out + len, sizeof(ret->out) - 1 - len)) > 0)
		len += (size_t)n;
	ret->out[len] = '\0';
	close(out);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ret->status =
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void
run_program(const struct authd *d, const char *program, const char *text,
    const char *const *words, struct run *ret)
{
	int in[2], out[2];
	pid_t pid;

	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		become(d, program, words);
	}
	close(in[0]);
	close(out[1]);
	finish(pid, in[1], out[0], text, ret);
}

static void
collect(const char **words, size_t n, va_list args)
{
	while (n < WORDS_MAX && (words[n] = va_arg(args, const char *)) != NULL)
		n++;
	ck_assert_uint_lt(n, WORDS_MAX);
}

void
authd_run(const struct authd *d, struct run *ret, ...)
{
	const char *words[WORDS_MAX + 1];
	va_list args;

	va_start(args, ret);
	collect(words, 0, args);
	va_end(args);
	run_program(d, program_of("AUTHD_BIN"), "", words, ret);
}

void
authctl(const struct authd *d, struct run *ret, const char *text, ...)
{
	const char *words[WORDS_MAX + 1] = { "-c", d->conf };
	va_list args;

	va_start(args, text);
	collect(words, 2, args);
	va_end(args);
	run_program(d, program_of("AUTHCTL_BIN"), text, words, ret);
}

const char *
authd_log(const struct authd *d)
{
	static char text[1 << 20];
	int fd = open(d->log, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return "(none)";
	while (len + 1 < sizeof(text) &&
	    (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return text;
}

void
authd_await_log(const struct authd *d, const char *text)
{
	const struct timespec nap = { .tv_nsec = 2000000 };

	/* a file gives no event: look again until Check's own time limit */
	while (strstr(authd_log(d), text) == NULL)
		nanosleep(&nap, NULL);
}

size_t
authd_files(const struct authd *d)
{
	DIR *dir = opendir(d->dir);
	struct dirent *e;
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.')
			n++;
	closedir(dir);
	return n;
}

int
run_tests(const char *name, void (*setup)(void), void (*teardown)(void),
    const TTest *const *tests)
{
	Suite *s = suite_create(name);
	TCase *tc = tcase_create(name);
	SRunner *sr;
	int failed;

	(void)signal(SIGPIPE, SIG_IGN);
	curl_global_init(CURL_GLOBAL_ALL);
	tcase_set_timeout(tc, 180);
	if (setup != NULL)
		tcase_add_unchecked_fixture(tc, setup, teardown);
	for (; *tests != NULL; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	curl_global_cleanup();
	return failed == 0 ? 0 : 1;
}
