/*
 * Users, sign-in and refresh over SQLite in one program: what a service does
 * that keeps its own accounts.
 *
 *	sessions DATABASE
 */
#include <authtok/account.h>
#include <authtok/session.h>
#include <authtok/sqlite.h>

#include <stdio.h>
#include <string.h>

struct service {
	struct authtok_keys *keys;
	struct authtok *engine;
	struct authtok_store *store;
	struct authtok_sessions *sessions;
	struct authtok_accounts *accounts;
};

static void
service_close(struct service *s)
{
	authtok_accounts_free(s->accounts);
	authtok_sessions_free(s->sessions);
	authtok_store_close(s->store);
	authtok_free(s->engine);
	authtok_keys_free(s->keys);
}

/* A real service reads its keys from a file with authtok_keys_add_jwks. */
static enum authtok_err
service_open(struct service *s, const char *path)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_sessions_config rotation = AUTHTOK_SESSIONS_CONFIG_INIT;
	struct authtok_accounts_config accounts = AUTHTOK_ACCOUNTS_CONFIG_INIT;
	char jwks[1024], why[256];
	enum authtok_err err;
	size_t len;

	config.issuer = "example";
	config.audience = "example";
	err = authtok_keys_generate(
	    AUTHTOK_HS256, "k1", jwks, sizeof(jwks), &len);
	if (err == AUTHTOK_OK)
		err = authtok_keys_new(&s->keys);
	if (err == AUTHTOK_OK)
		err = authtok_keys_add_jwks(s->keys, jwks, len, NULL, NULL);
	if (err == AUTHTOK_OK)
		err = authtok_new(&config, s->keys, &s->engine);
	if (err != AUTHTOK_OK)
		return err;
	err = authtok_store_sqlite(path, &s->store, why, sizeof(why));
	if (err != AUTHTOK_OK) {
		fprintf(stderr, "%s\n", why);
		return err;
	}
	err = authtok_sessions_new(
	    &rotation, s->engine, s->keys, s->store, &s->sessions);
	if (err == AUTHTOK_OK)
		err = authtok_accounts_new(
		    &accounts, s->engine, s->store, &s->accounts);
	return err;
}

static enum authtok_err
use(const struct service *s)
{
	struct authtok_signup signup = AUTHTOK_SIGNUP_INIT;
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;
	struct authtok_tokens next = AUTHTOK_TOKENS_INIT;
	const char *password = "correct horse battery";
	enum authtok_outcome outcome;
	enum authtok_err err;
	int64_t id;

	signup.name = "ann";
	signup.email = "ann@example.org";
	signup.password = password;
	signup.password_len = strlen(password);
	err = authtok_signup(s->accounts, &signup, NULL, &id);
	if (err != AUTHTOK_OK)
		return err;
	printf("user %lld signed up\n", (long long)id);
	err = authtok_signin(s->accounts, s->sessions, "ann", password,
	    strlen(password), NULL, NULL, NULL, &tokens);
	if (err != AUTHTOK_OK)
		return err;
	printf("signed in: %zu bytes of access token\n", tokens.access_len);
	err = authtok_session_refresh(s->sessions, tokens.refresh,
	    strlen(tokens.refresh), NULL, NULL, &outcome, &next);
	if (err != AUTHTOK_OK)
		return err;
	printf("refreshed: %s\n",
	    outcome == AUTHTOK_ROTATED ? "rotated" : "not rotated");
	return AUTHTOK_OK;
}

int
main(int argc, char **argv)
{
	struct service service = { NULL, NULL, NULL, NULL, NULL };
	enum authtok_err err;

	if (argc != 2) {
		fprintf(stderr, "usage: sessions DATABASE\n");
		return 2;
	}
	err = service_open(&service, argv[1]);
	if (err == AUTHTOK_OK)
		err = use(&service);
	if (err != AUTHTOK_OK)
		fprintf(stderr, "sessions: %s\n", authtok_strerror(err));
	service_close(&service);
	return err == AUTHTOK_OK ? 0 : 1;
}
