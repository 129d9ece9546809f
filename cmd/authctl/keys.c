/*
 * authctl keys: a new file of keys, printed. Touches no database, reads no
 * configuration.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "authctl/ctl.h"

static const struct {
	const char *name;
	enum authtok_alg alg;
} algs[] = {
	{ "HS256", AUTHTOK_HS256 },
	{ "HS384", AUTHTOK_HS384 },
	{ "HS512", AUTHTOK_HS512 },
	{ "EdDSA", AUTHTOK_EDDSA },
	{ "ES256", AUTHTOK_ES256 },
	{ "RS256", AUTHTOK_RS256 },
};

static int
find_alg(const char *name, enum authtok_alg *ret_alg)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (strcmp(name, algs[i].name) == 0) {
			*ret_alg = algs[i].alg;
			return CTL_OK;
		}
	ctl_say("%s: not HS256, HS384, HS512, EdDSA, ES256 or RS256", name);
	return CTL_USAGE;
}

static int
print_new(enum authtok_alg alg, const char *kid)
{
	char text[AUTHTOK_GENERATED_MAX];
	enum authtok_err err;
	size_t len;

	err = authtok_keys_generate(alg, kid, text, sizeof(text), &len);
	if (err == AUTHTOK_EINVAL) {
		ctl_say("%s: not an id of 1 to 64 letters, digits or . _ -",
		    kid[0] != '\0' ? kid : "\"\"");
		return CTL_USAGE;
	}
	if (err != AUTHTOK_OK)
		return ctl_failed(err, "keys");
	/* no copy of it stays behind */
	setvbuf(stdout, NULL, _IONBF, 0);
	fputs(text, stdout);
	explicit_bzero(text, sizeof(text));
	return ctl_finish();
}

int
ctl_keys(const char *file, const char *store, int argc, char **argv)
{
	const char *alg_name = "HS256", *kid = NULL, *value;
	enum authtok_alg alg;
	char now_kid[32];
	time_t now = time(NULL);
	struct tm tm;
	int status;

	(void)file;
	(void)store;
	if (argc == 0 || strcmp(argv[0], "new") != 0) {
		ctl_say("keys: new is all that there is");
		return CTL_USAGE;
	}
	for (int i = 1; i < argc; i++) {
		if ((value = ctl_value_of("--alg", argc, argv, &i)) != NULL) {
			alg_name = value;
		} else if ((value = ctl_value_of("--kid", argc, argv, &i)) !=
		    NULL) {
			kid = value;
		} else {
			ctl_say("keys new: unexpected %s", argv[i]);
			return CTL_USAGE;
		}
	}
	status = find_alg(alg_name, &alg);
	if (status != CTL_OK)
		return status;
	/* as authd names those that it makes */
	gmtime_r(&now, &tm);
	strftime(now_kid, sizeof(now_kid), "%Y%m%dT%H%M%SZ", &tm);
	return print_new(alg, kid != NULL ? kid : now_kid);
}
