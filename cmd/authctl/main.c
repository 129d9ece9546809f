/*
 * authctl: the command line. Which noun, and what comes before it.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "authctl/ctl.h"

static const char usage[] =
    "usage: authctl [-c FILE] [--store URL] COMMAND ...\n"
    "\n"
    "  user add NAME --email ADDRESS [--role ROLE]...\n"
    "  user list\n"
    "  user show USER\n"
    "  user passwd USER [--hash]\n"
    "  user roles USER ROLE[,ROLE]...\n"
    "  user disable USER\n"
    "  user enable USER\n"
    "  user delete USER\n"
    "  session list USER\n"
    "  session revoke ID | --user USER [--keep ID]\n"
    "  audit list [--after SEQ] [--limit N]\n"
    "  audit verify [--head SEQ:MAC]\n"
    "  audit export FILE --before DATE | --upto SEQ\n"
    "  purge\n"
    "  keys new [--alg ALG] [--kid KID]\n"
    "\n"
    "USER is a name, or #ID. Passwords are read from the terminal or the "
    "first\n"
    "line of standard input. -c names authd's configuration; --store the\n"
    "database instead (sqlite:PATH). See authctl(8).\n";

void
ctl_say(const char *format, ...)
{
	va_list args;

	fputs("authctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* The value of an option as "--x V" or "--x=V"; *i moves past it. */
static const char *
option(const char *name, const char *brief, int argc, char **argv, int *i)
{
	size_t len = strlen(name);
	const char *word = argv[*i];

	/* NOLINTNEXTLINE(clang-analyzer-core.*): *i is below argc */
	if (strncmp(word, name, len) == 0 && word[len] == '=')
		return word + len + 1;
	if (strcmp(word, name) != 0 &&
	    (brief == NULL || strcmp(word, brief) != 0))
		return NULL;
	if (*i + 1 >= argc) {
		ctl_say("%s needs a value", word);
		exit(CTL_USAGE);
	}
	return argv[++*i];
}

static int
said(const char *text)
{
	return fputs(text, stdout) < 0 || fflush(stdout) != 0 ? CTL_FAILED
							      : CTL_OK;
}

static const struct {
	const char *name;
	int (*run)(const char *file, const char *store, int argc, char **argv);
} nouns[] = {
	{ "user", ctl_user },
	{ "session", ctl_session },
	{ "audit", ctl_audit },
	{ "purge", ctl_purge },
	{ "keys", ctl_keys },
};

int
main(int argc, char **argv)
{
	const char *file = NULL, *store = NULL, *value;
	int i;

	umask(077);
	/* a file that may not grow is an error of write(2), no more */
	(void)signal(SIGXFSZ, SIG_IGN);
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return said(usage);
		if (strcmp(argv[i], "--version") == 0)
			return said("authctl " AUTHTOK_VERSION "\n");
		value = option("--config", "-c", argc, argv, &i);
		if (value != NULL) {
			file = value;
			continue;
		}
		value = option("--store", NULL, argc, argv, &i);
		if (value == NULL) {
			ctl_say("unknown option %s", argv[i]);
			return CTL_USAGE;
		}
		store = value;
	}
	for (size_t n = 0; i < argc && n < sizeof(nouns) / sizeof(nouns[0]);
	     n++)
		if (strcmp(argv[i], nouns[n].name) == 0)
			return nouns[n].run(
			    file, store, argc - i - 1, argv + i + 1);
	if (i < argc)
		ctl_say("unknown command %s", argv[i]);
	fputs(usage, stderr);
	return CTL_USAGE;
}
