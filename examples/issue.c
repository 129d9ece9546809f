/*
 * Issue an access token for a user of your own, known by a text.
 *
 *	issue SECRET SUBJECT ROLE...
 */
#include <authtok.h>

#include <stdio.h>
#include <string.h>

static enum authtok_err
engine_new(const char *secret, struct authtok **ret_engine)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys = NULL;
	enum authtok_err err;

	config.issuer = "authd";
	config.audience = "authd";
	config.lifetime = 900; /* seconds */
	err = authtok_keys_new(&keys);
	if (err == AUTHTOK_OK)
		err = authtok_keys_add_hmac(keys, "secret", AUTHTOK_HS256,
		    secret, strlen(secret), true);
	if (err == AUTHTOK_OK)
		err = authtok_new(&config, keys, ret_engine);
	authtok_keys_free(keys);
	return err;
}

int
main(int argc, char **argv)
{
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	struct authtok *engine = NULL;
	char token[AUTHTOK_TOKEN_MAX + 1];
	enum authtok_err err;
	size_t len;

	if (argc < 3) {
		fprintf(stderr, "usage: issue SECRET SUBJECT ROLE...\n");
		return 2;
	}
	grant.subject = argv[2];
	grant.role_count = (size_t)argc - 3;
	grant.roles = (const char *const *)(argv + 3);
	err = engine_new(argv[1], &engine);
	if (err == AUTHTOK_OK)
		err = authtok_issue(
		    engine, &grant, token, sizeof(token), &len, NULL);
	if (err == AUTHTOK_OK)
		printf("%s\n", token);
	else
		fprintf(stderr, "issue: %s\n", authtok_strerror(err));
	authtok_free(engine);
	return err == AUTHTOK_OK ? 0 : 1;
}
