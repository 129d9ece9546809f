/*
 * Tokens signed by key pairs, and the public keys that authd shows for them:
 * from outside, with another program's verifier.
 */
#include "client.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define JWKS "/.well-known/jwks.json"

static struct authd d;

static void
write_keys(const char *text)
{
	char path[160];

	authd_write(&d, "authd.keys", text);
	authd_path(&d, "authd.keys", path, sizeof(path));
	ck_assert_int_eq(chmod(path, 0600), 0);
}

static void
configure(void)
{
	authd_make(&d, "");
	authd_write(&d, "authd.conf",
	    "{\"listen\": \"127.0.0.1:0\", \"keys\": \"authd.keys\"}\n");
}

/* A set with a new key of the algorithm, in ret. */
static void
new_keys(const char *alg, const char *kid, struct run *ret)
{
	authctl(&d, ret, "", "keys", "new", "--alg", alg, "--kid", kid, NULL);
	ck_assert_msg(ret->status == 0, "%s", ret->out);
}

/* A service that knows the public keys and nothing else. */
static enum authtok_err
verify_elsewhere(const char *jwks, const char *token)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_claims *claims;
	struct authtok_keys *keys;
	struct authtok *engine;
	enum authtok_err err;

	config.issuer = config.audience = "authd";
	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	ck_assert_int_eq(
	    authtok_keys_add_jwks(keys, jwks, strlen(jwks), NULL, NULL), 0);
	ck_assert_int_eq(authtok_new(&config, keys, &engine), 0);
	ck_assert(!authtok_can_issue(engine));
	ck_assert_int_eq(authtok_claims_new(&claims), 0);
	err = authtok_verify(engine, token, strlen(token), claims);
	authtok_claims_free(claims);
	authtok_free(engine);
	authtok_keys_free(keys);
	return err;
}

/* Of all that stands in the file, only n, e, x, y and words may be shown. */
static void
shows_nothing_private(const char *file, const char *shown)
{
	static const char *const names[] = { "k", "d", "p", "q", "dp", "dq",
		"qi" };
	char pattern[16], value[512];
	const char *p;
	size_t seen = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(pattern, sizeof(pattern), "\"%s\":\"", names[i]);
		ck_assert_ptr_null(strstr(shown, pattern));
		for (p = file; (p = strstr(p, pattern)) != NULL; seen++) {
			p += strlen(pattern);
			snprintf(value, sizeof(value), "%.20s", p);
			ck_assert_ptr_null(strstr(shown, value));
		}
	}
	ck_assert_uint_ge(seen, 3); /* two secrets, one private key */
}

static const char *const algs[] = { "EdDSA", "ES256", "RS256" };

START_TEST(public_keys_are_shown)
{
	static struct answer a;
	static struct run r;
	struct pair p;

	configure();
	new_keys(algs[_i], "one", &r);
	write_keys(r.out);
	authd_start(&d);
	sign_up(&d, "ann");
	sign_in(&d, "ann", &p);
	get(&a, &d, "/api/test/user", p.access);
	is_text(&a, "User Content.");
	get(&a, &d, JWKS, NULL);
	has_status(&a, 200);
	ck_assert_str_eq(
	    header(&a, "Content-Type"), "application/jwk-set+json");
	ck_assert_str_eq(header(&a, "Cache-Control"), "public, max-age=300");
	ck_assert_ptr_nonnull(strstr(a.body, "\"kid\":\"one\""));
	ck_assert_int_eq(verify_elsewhere(a.body, p.access), 0);
	p.access[strlen(p.access) - 9] ^= 1;
	ck_assert_int_ne(verify_elsewhere(a.body, p.access), 0);
	shows_nothing_private(r.out, a.body);

	get(&a, &d, "/.Well-Known/JWKS.json/", NULL);
	has_status(&a, 200);
	ask(&a, &d, "HEAD", JWKS, NULL, NULL);
	has_status(&a, 200);
	ask(&a, &d, "POST", JWKS, "{}", NULL);
	has_status(&a, 405);
	ck_assert_str_eq(header(&a, "Allow"), "GET, HEAD, OPTIONS");
	authd_remove(&d);
}
END_TEST

/* Its keys are secrets, so there is nothing to show: as if it was not there. */
START_TEST(nothing_is_shown_of_secrets)
{
	static struct answer a;

	authd_make(&d, "");
	authd_start(&d);
	get(&a, &d, JWKS, NULL);
	is_error(&a, 404, "Not found");
	ask(&a, &d, "POST", JWKS, "{}", NULL);
	is_error(&a, 404, "Not found");
	ask(&a, &d, "OPTIONS", JWKS, NULL, NULL);
	is_error(&a, 404, "Not found");
	authd_remove(&d);
}
END_TEST

START_TEST(a_reload_shows_other_keys)
{
	static struct answer a;
	static struct run one, two;

	configure();
	new_keys("EdDSA", "one", &one);
	new_keys("ES256", "two", &two);
	write_keys(one.out);
	authd_start(&d);
	get(&a, &d, JWKS, NULL);
	ck_assert_ptr_nonnull(strstr(a.body, "\"kid\":\"one\""));
	write_keys(two.out);
	ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
	authd_await_log(&d, "event=reload");
	get(&a, &d, JWKS, NULL);
	has_status(&a, 200);
	ck_assert_ptr_null(strstr(a.body, "\"kid\":\"one\""));
	ck_assert_ptr_nonnull(strstr(a.body, "\"kid\":\"two\""));
	/* and none at all */
	new_keys("HS256", "three", &one);
	write_keys(one.out);
	ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
	for (int i = 0; i < 500; i++) {
		get(&a, &d, JWKS, NULL);
		if (a.status == 404)
			break;
	}
	is_error(&a, 404, "Not found");
	authd_remove(&d);
}
END_TEST

/* A server has to sign: with public keys only it says what is missing. */
START_TEST(public_keys_make_no_server)
{
	static const char open[] =
	    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\","
	    "\"alg\":\"EdDSA\",\"x\":"
	    "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},";
	static struct run r;
	char text[8192];

	configure();
	new_keys("HS256", "h", &r);
	/* the refresh and the audit secret, behind the public key */
	snprintf(text, sizeof(text), "%s%s", open, strstr(r.out, "},\n") + 3);
	write_keys(text);
	authd_run(&d, &r, "-t", "-c", d.conf, NULL);
	ck_assert_int_eq(r.status, 2);
	ck_assert_ptr_nonnull(strstr(r.out, "exactly one key that signs"));
	authd_run(&d, &r, "-c", d.conf, NULL);
	ck_assert_int_eq(r.status, 2);
	authctl(&d, &r, PASSWORD "\n", "user", "add", "ann", "--email",
	    "ann@example.org", NULL);
	ck_assert_int_eq(r.status, 1);
	ck_assert_ptr_nonnull(strstr(r.out, "exactly one key that signs"));
	authd_remove(&d);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("jwks");
	Suite *suite = suite_create("jwks");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, public_keys_are_shown, 0, 3);
	tcase_add_test(t, nothing_is_shown_of_secrets);
	tcase_add_test(t, a_reload_shows_other_keys);
	tcase_add_test(t, public_keys_make_no_server);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
