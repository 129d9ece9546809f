/*
 * authctl as an operator uses it: a real process, its words, its output, its
 * exit status; passwords by a pipe and by a terminal.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define WORDS_MAX 16

static char folder[] = "/tmp/authctl-XXXXXX";
static char store[64];
static char output[16384];

static void
setup(void)
{
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(store, sizeof(store), "sqlite:%s/authd.db", folder);
}

static void
teardown(void)
{
	static const char *const names[] = { "authd.db", "authd.db-wal",
		"authd.db-shm", "authd.conf", "authd.keys" };
	char path[96];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	ck_assert_int_eq(rmdir(folder), 0);
}

/* authctl --store STORE words..., NULL-terminated. */
static void
run_child(va_list args)
{
	const char *words[WORDS_MAX + 4] = { getenv("AUTHCTL_BIN"), "--store",
		store };
	size_t n = 3;

	while (n < WORDS_MAX && (words[n] = va_arg(args, const char *)) != NULL)
		n++;
	if (chdir(folder) != 0)
		_exit(126);
	execv(words[0], (char *const *)(uintptr_t)words);
	_exit(127);
}

static void
read_all(int fd)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, output + len, sizeof(output) - 1 - len)) > 0)
		len += (size_t)n;
	output[len] = '\0';
	close(fd);
}

static int
status_of(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "died: %s", output);
	return WEXITSTATUS(status);
}

/* Run with text on standard input; both outputs go to `output`. */
static int
ctl(const char *text, ...)
{
	int in[2], out[2];
	va_list args;
	pid_t pid;

	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		va_start(args, text);
		run_child(args);
	}
	close(in[0]);
	close(out[1]);
	(void)signal(SIGPIPE, SIG_IGN);
	if (write(in[1], text, strlen(text)) < 0)
		ck_assert_int_eq(errno, EPIPE);
	close(in[1]);
	read_all(out[0]);
	return status_of(pid);
}

static void
add_ann(void)
{
	ck_assert_int_eq(ctl("correct horse battery\n", "user", "add", "ann",
			     "--email", "ann@example.org", NULL),
	    0);
}

START_TEST(a_user_is_added_listed_shown)
{
	add_ann();
	ck_assert_int_eq(ctl("another long one\n", "user", "add", "root",
			     "--email", "root@example.org", "--role", "admin",
			     "--role", "moderator", NULL),
	    0);
	ck_assert_int_eq(ctl("", "user", "list", NULL), 0);
	ck_assert_str_eq(output,
	    "1\tann\tann@example.org\tuser\n"
	    "2\troot\troot@example.org\tadmin,moderator\n");
	ck_assert_int_eq(ctl("", "user", "show", "ANN", NULL), 0);
	ck_assert_ptr_nonnull(strstr(output, "name      ann\n"));
	ck_assert_ptr_nonnull(strstr(output, "disabled  no\n"));
	ck_assert_int_eq(ctl("", "user", "show", "#2", NULL), 0);
	ck_assert_ptr_nonnull(strstr(output, "name      root\n"));
	ck_assert_ptr_null(strstr(output, "argon2"));
}
END_TEST

START_TEST(nothing_is_done_by_halves)
{
	add_ann();
	ck_assert_int_eq(ctl("short\n", "user", "add", "bob", "--email",
			     "bob@example.org", NULL),
	    1);
	ck_assert_int_eq(ctl("correct horse battery\n", "user", "add", "Ann",
			     "--email", "other@example.org", NULL),
	    1);
	ck_assert_int_eq(
	    ctl("correct horse battery\n", "user", "add", "bob", "--email",
		"bob@example.org", "--role", "pope", NULL),
	    1);
	ck_assert_ptr_nonnull(strstr(output, "pope"));
	ck_assert_int_eq(
	    ctl("", "user", "add", "bob", "--email", "b@example.org", NULL), 1);
	ck_assert_int_eq(ctl("", "user", "list", NULL), 0);
	ck_assert_str_eq(output, "1\tann\tann@example.org\tuser\n");
}
END_TEST

START_TEST(roles_disable_enable_delete)
{
	add_ann();
	ck_assert_int_eq(
	    ctl("", "user", "roles", "ann", "user,moderator", NULL), 0);
	ck_assert_int_eq(ctl("", "user", "disable", "ann", NULL), 0);
	ck_assert_int_eq(ctl("", "user", "list", NULL), 0);
	ck_assert_str_eq(
	    output, "1\tann\tann@example.org\tuser,moderator\tdisabled\n");
	ck_assert_int_eq(ctl("", "user", "enable", "ann", NULL), 0);
	ck_assert_int_eq(ctl("", "user", "list", NULL), 0);
	ck_assert_str_eq(output, "1\tann\tann@example.org\tuser,moderator\n");
	ck_assert_int_eq(ctl("", "user", "roles", "ann", "pope", NULL), 1);
	ck_assert_int_eq(ctl("", "user", "delete", "ann", NULL), 0);
	ck_assert_int_eq(ctl("", "user", "list", NULL), 0);
	ck_assert_str_eq(output, "");
	/* an id is never given again */
	add_ann();
	ck_assert_ptr_nonnull(strstr(output, "id 2"));
}
END_TEST

START_TEST(passwd_takes_passwords_and_hashes)
{
	add_ann();
	ck_assert_int_eq(
	    ctl("a new long password\n", "user", "passwd", "ann", NULL), 0);
	ck_assert_int_eq(ctl("12345678\n", "user", "passwd", "ann", NULL), 1);
	ck_assert_int_eq(ctl("$6$saltsalt$"
			     "qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/"
			     "jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/\n",
			     "user", "passwd", "ann", "--hash", NULL),
	    0);
	ck_assert_int_eq(
	    ctl("not a hash\n", "user", "passwd", "ann", "--hash", NULL), 1);
	ck_assert_int_eq(
	    ctl("whatever it is\n", "user", "passwd", "nobody", NULL), 1);
}
END_TEST

START_TEST(wrong_words_are_usage_and_create_nothing)
{
	struct stat st;
	char path[64];

	ck_assert_int_eq(ctl("", "user", NULL), 2);
	ck_assert_int_eq(ctl("", "user", "explode", NULL), 2);
	ck_assert_int_eq(ctl("", "user", "show", NULL), 2);
	ck_assert_int_eq(ctl("", "user", "list", "ann", NULL), 2);
	ck_assert_int_eq(
	    ctl("", "user", "passwd", "ann", "--password=x", NULL), 2);
	ck_assert_int_eq(ctl("", "session", "list", NULL), 2);
	/* reading makes no database */
	ck_assert_int_eq(ctl("", "user", "list", NULL), 1);
	ck_assert_ptr_nonnull(strstr(output, "authd.db"));
	snprintf(path, sizeof(path), "%s/authd.db", folder);
	ck_assert_int_eq(stat(path, &st), -1);
}
END_TEST

/* Before the first word of a command. */
START_TEST(options_and_commands_are_named)
{
	ck_assert_int_eq(ctl("", "--version", NULL), 0);
	ck_assert_int_eq(strncmp(output, "authctl ", 8), 0);
	ck_assert_int_eq(ctl("", "--help", NULL), 0);
	ck_assert_ptr_nonnull(strstr(output, "usage: authctl"));
	ck_assert_int_eq(ctl("", "-h", NULL), 0);
	ck_assert_int_eq(ctl("", "--verbose", NULL), 2);
	ck_assert_ptr_nonnull(strstr(output, "unknown option --verbose"));
	ck_assert_int_eq(ctl("", "--config", NULL), 2);
	ck_assert_ptr_nonnull(strstr(output, "--config needs a value"));
	ck_assert_int_eq(ctl("", "users", "list", NULL), 2);
	ck_assert_ptr_nonnull(strstr(output, "unknown command users"));
	ck_assert_int_eq(ctl("", NULL), 2);
	ck_assert_ptr_nonnull(strstr(output, "usage: authctl"));
}
END_TEST

static int
count(const char *text)
{
	int n = 0;

	for (const char *p = output; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

/* Printed, nothing else is made of it. */
START_TEST(keys_are_made)
{
	static const char *const algs[] = { "HS256", "HS384", "HS512", "EdDSA",
		"ES256", "RS256" };
	char alg[24];

	for (int i = 0; i < 6; i++) {
		ck_assert_int_eq(ctl("", "keys", "new", "--alg", algs[i],
				     "--kid=my-key", NULL),
		    0);
		snprintf(alg, sizeof(alg), "\"alg\":\"%s\"", algs[i]);
		ck_assert_int_eq(count(alg), 1);
		ck_assert_int_eq(count("\"kid\":\"my-key\""), 1);
		ck_assert_int_eq(count("authtok-refresh"), 1);
		ck_assert_int_eq(count("authtok-audit"), 1);
	}
	ck_assert_int_eq(ctl("", "keys", "new", NULL), 0);
	ck_assert_int_eq(count("\"alg\":\"HS256\""), 1);
	ck_assert_int_eq(ctl("", "keys", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", "old", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", "new", "--alg", "none", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", "new", "--alg", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", "new", "--kid", "a b", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", "new", "--kid=", NULL), 2);
	ck_assert_int_eq(ctl("", "keys", "new", "more", NULL), 2);
}
END_TEST

/* Read from the terminal until text has come. */
static void
await(int fd, const char *text)
{
	size_t len = strlen(output);
	ssize_t n;

	while (strstr(output, text) == NULL) {
		n = read(fd, output + len, sizeof(output) - 1 - len);
		ck_assert_msg(n > 0, "instead of '%s': %s", text, output);
		len += (size_t)n;
		output[len] = '\0';
	}
}

static pid_t
on_terminal(int *fd, ...)
{
	va_list args;
	pid_t pid = forkpty(fd, NULL, NULL, NULL);

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		va_start(args, fd);
		run_child(args);
	}
	output[0] = '\0';
	return pid;
}

static void
type(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
}

START_TEST(a_terminal_is_asked_twice_without_echo)
{
	struct termios mode;
	pid_t pid;
	int fd;

	pid = on_terminal(
	    &fd, "user", "add", "ann", "--email", "ann@example.org", NULL);
	await(fd, "New password: ");
	ck_assert_int_eq(tcgetattr(fd, &mode), 0);
	ck_assert(!(mode.c_lflag & ECHO));
	type(fd, "correct horse battery\n");
	await(fd, "Repeat password: ");
	type(fd, "correct horse battery\n");
	await(fd, "has id 1");
	ck_assert_int_eq(status_of(pid), 0);
	ck_assert_ptr_null(strstr(output, "horse"));
	close(fd);

	pid = on_terminal(&fd, "user", "passwd", "ann", NULL);
	await(fd, "New password: ");
	type(fd, "correct horse battery\n");
	await(fd, "Repeat password: ");
	type(fd, "correct horse cavalry\n");
	await(fd, "the two differ");
	ck_assert_int_eq(status_of(pid), 1);
	ck_assert_ptr_null(strstr(output, "horse"));
	close(fd);
}
END_TEST

START_TEST(an_interrupt_restores_the_echo)
{
	struct termios mode;
	int fd, status;
	pid_t pid;

	pid = on_terminal(
	    &fd, "user", "add", "ann", "--email", "ann@example.org", NULL);
	await(fd, "New password: ");
	ck_assert_int_eq(tcgetattr(fd, &mode), 0);
	ck_assert(!(mode.c_lflag & ECHO));
	type(fd, "\003");
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	ck_assert_int_eq(tcgetattr(fd, &mode), 0);
	ck_assert(mode.c_lflag & ECHO);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("authctl");
	TCase *tcase = tcase_create("authctl");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_user_is_added_listed_shown);
	tcase_add_test(tcase, nothing_is_done_by_halves);
	tcase_add_test(tcase, roles_disable_enable_delete);
	tcase_add_test(tcase, passwd_takes_passwords_and_hashes);
	tcase_add_test(tcase, wrong_words_are_usage_and_create_nothing);
	tcase_add_test(tcase, options_and_commands_are_named);
	tcase_add_test(tcase, keys_are_made);
	tcase_add_test(tcase, a_terminal_is_asked_twice_without_echo);
	tcase_add_test(tcase, an_interrupt_restores_the_echo);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
