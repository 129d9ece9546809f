/*
 * authctl: what several of its words need to read and to say.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authctl/ctl.h"
#include "authd/text.h"

/* What would have been good, where the error alone leaves one guessing. */
static const char *
explain(enum authtok_err err)
{
	switch (err) {
	case AUTHTOK_ENAMEFMT:
		return "a user name is 1 to 64 letters, digits or . _ @ + -";
	case AUTHTOK_EMAILFMT:
		return "not an e-mail address of at most 254 ASCII characters";
	case AUTHTOK_EPWSHORT:
		return "the password is too short: at least 8 bytes";
	case AUTHTOK_EPWLONG:
		return "the password is too long: at most 1024 bytes";
	default:
		return authtok_strerror(err);
	}
}

int
ctl_failed(enum authtok_err err, const char *which)
{
	/* an empty word would look like none */
	ctl_say("%s: %s", which[0] != '\0' ? which : "\"\"", explain(err));
	return CTL_FAILED;
}

int
ctl_find_user(
    const struct ctl *ctl, const char *which, struct authtok_user *ret_user)
{
	enum authtok_err err;
	int64_t id;

	if (which[0] != '#') {
		err = authtok_user_get_name(ctl->accounts, which, ret_user);
		return err == AUTHTOK_OK ? CTL_OK : ctl_failed(err, which);
	}
	if (!ctl_parse_number(which + 1, '\0', &id) || id == 0) {
		ctl_say("%s: not an id", which);
		return CTL_USAGE;
	}
	err = authtok_user_get(ctl->accounts, id, ret_user);
	return err == AUTHTOK_OK ? CTL_OK : ctl_failed(err, which);
}

int
ctl_finish(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CTL_OK;
	ctl_say("cannot write to standard output");
	return CTL_FAILED;
}

void
ctl_print_time(int64_t when)
{
	char shown[40];
	struct text text;

	text_init(&text, shown, sizeof(shown));
	text_time(&text, when);
	fputs(shown, stdout);
}

void
ctl_print_hex(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%02x", bytes[i]);
}

void
ctl_print_safe(const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c > 0x7e || c == '\\')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
ctl_parse_hex(const char *text, uint8_t *ret_bytes, size_t len)
{
	if (strlen(text) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret_bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool
ctl_parse_number(const char *text, char end, int64_t *ret_number)
{
	char *after = NULL;
	long long n;

	/* strtoll would take blanks and a sign too */
	if (text[0] < '0' || text[0] > '9')
		return false;
	n = strtoll(text, &after, 10);
	if (*after != end || n > (INT64_C(1) << 53))
		return false;
	*ret_number = n;
	return true;
}

const char *
ctl_value_of(const char *name, int argc, char **argv, int *i)
{
	size_t len = strlen(name);
	const char *word = argv[*i];

	if (strncmp(word, name, len) != 0)
		return NULL;
	if (word[len] == '=')
		return word + len + 1;
	if (word[len] != '\0')
		return NULL;
	if (*i + 1 >= argc) {
		ctl_say("%s needs a value", name);
		exit(CTL_USAGE);
	}
	return argv[++*i];
}
