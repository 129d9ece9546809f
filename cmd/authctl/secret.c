/*
 * authctl: a secret from the terminal or from standard input, never from the
 * command line, where every user of the machine could read it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "authctl/ctl.h"

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
	interrupted = number;
}

/*
 * One line, without its end, into buf (CTL_PASSWORD_SIZE bytes). What does not
 * fit is read and dropped, so that the library sees a password that is too long.
 * False when there is no line.
 */
static bool
read_line(char *buf, size_t *ret_len)
{
	size_t len = 0;
	ssize_t n = 0;
	char c = '\0';

	while (
	    !interrupted && (n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
		if (len < CTL_PASSWORD_SIZE - 1)
			buf[len++] = c;
	c = '\0';
	if (n < 0 || interrupted || (n == 0 && len == 0))
		return false;
	if (len > 0 && buf[len - 1] == '\r')
		len--;
	buf[len] = '\0';
	*ret_len = len;
	return true;
}

/* Ask for a line without echo. */
static bool
ask(const char *prompt, const char *what, char *buf, size_t *ret_len)
{
	struct termios quiet, before;
	bool got;

	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) != 0)
		return false;
	fprintf(stderr, "%s%s: ", prompt, what);
	fflush(stderr);
	got = read_line(buf, ret_len);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	return got;
}

/* Twice, with the echo restored whatever signal comes. */
static int
ask_twice(const char *what, char *buf, size_t *ret_len)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action, before[4];
	char again[CTL_PASSWORD_SIZE];
	size_t len = 0, again_len = 0, i;
	int status = CTL_FAILED;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal; /* no SA_RESTART: read returns */
	for (i = 0; i < 4; i++)
		sigaction(signals[i], &action, &before[i]);
	if (!ask("New ", what, buf, &len) ||
	    !ask("Repeat ", what, again, &again_len))
		ctl_say("no %s given", what);
	else if (len != again_len || memcmp(buf, again, len) != 0)
		ctl_say("the two differ");
	else {
		*ret_len = len;
		status = CTL_OK;
	}
	explicit_bzero(again, sizeof(again));
	for (i = 0; i < 4; i++)
		sigaction(signals[i], &before[i], NULL);
	if (interrupted)
		raise(interrupted);
	return status;
}

int
ctl_read_secret(const char *what, char *buf, size_t *ret_len)
{
	if (isatty(STDIN_FILENO))
		return ask_twice(what, buf, ret_len);
	if (!read_line(buf, ret_len)) {
		ctl_say("no %s on standard input", what);
		return CTL_FAILED;
	}
	return CTL_OK;
}
