/*
 * Verify an access token and check a role: all that a service needs that
 * trusts tokens which somebody else issues. No database, no web server.
 *
 *	verify SECRET TOKEN
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
	err = authtok_keys_new(&keys);
	if (err == AUTHTOK_OK)
		err = authtok_keys_add_hmac(keys, "secret", AUTHTOK_HS256,
		    secret, strlen(secret), false);
	if (err == AUTHTOK_OK)
		err = authtok_new(&config, keys, ret_engine);
	authtok_keys_free(keys);
	return err;
}

int
main(int argc, char **argv)
{
	struct authtok *engine = NULL;
	struct authtok_claims *who = NULL; /* once per thread */
	enum authtok_err err;

	if (argc != 3) {
		fprintf(stderr, "usage: verify SECRET TOKEN\n");
		return 2;
	}
	err = engine_new(argv[1], &engine);
	if (err == AUTHTOK_OK)
		err = authtok_claims_new(&who);
	if (err == AUTHTOK_OK)
		err = authtok_verify(engine, argv[2], strlen(argv[2]), who);
	if (err == AUTHTOK_OK)
		printf("user %s, until %lld\n", authtok_claims_subject(who),
		    (long long)authtok_claims_expires_at(who));
	if (err == AUTHTOK_OK)
		err = authtok_require_any(
		    who, (const char *const[]){ "moderator", "admin", NULL });
	printf(
	    "%s\n", err == AUTHTOK_OK ? "may moderate" : authtok_strerror(err));
	authtok_claims_free(who);
	authtok_free(engine);
	return err == AUTHTOK_OK ? 0 : 1;
}
