/*
 * Engine settings and issuing: what is refused, the exact text of a token, and
 * that what we issue we verify.
 */
#include "forge.h"

#include <stdlib.h>

static struct forge f;

static void
setup(void)
{
	forge_engine(
	    &f, (struct authtok_config)AUTHTOK_CONFIG_INIT, false, NULL);
}

static void
teardown(void)
{
	forge_end(&f);
}

static struct authtok_config
config(void)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;

	config.issuer = "i";
	config.audience = "a";
	return config;
}

static enum authtok_err
engine_of(struct authtok_config config, bool single)
{
	struct authtok_keys *keys;
	struct authtok *engine = NULL;
	enum authtok_err err;

	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "a", AUTHTOK_HS256, secret1, 32, true),
	    0);
	if (!single)
		ck_assert_int_eq(authtok_keys_add_hmac(keys, "b", AUTHTOK_HS384,
				     secret2, 64, false),
		    0);
	err = authtok_new(&config, keys, &engine);
	ck_assert_int_eq(engine != NULL, err == AUTHTOK_OK);
	authtok_keys_free(keys);
	authtok_free(engine);
	return err;
}

START_TEST(texts_of_an_engine)
{
	static const char *const bad[] = { "", "a>b", "a?b", "a~b", "a\x7f",
		"a\tb", "\xc3\xa9", NULL };
	struct authtok_config c;
	char text[130];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		c = config();
		c.issuer = bad[i];
		ck_assert_int_eq(engine_of(c, true), AUTHTOK_EINVAL);
		c = config();
		c.audience = bad[i];
		ck_assert_int_eq(engine_of(c, true), AUTHTOK_EINVAL);
	}
	memset(text, 'x', sizeof(text));
	text[129] = '\0';
	c = config();
	c.issuer = text;
	ck_assert_int_eq(engine_of(c, true), AUTHTOK_EINVAL);
	text[128] = '\0';
	c.audience = text;
	ck_assert_int_eq(engine_of(c, true), 0);
	c.typ = text;
	ck_assert_int_eq(engine_of(c, true), AUTHTOK_EINVAL);
	text[65] = '\0';
	ck_assert_int_eq(engine_of(c, true), AUTHTOK_EINVAL);
	text[64] = '\0';
	ck_assert_int_eq(engine_of(c, true), 0);
	c.typ = "";
	ck_assert_int_eq(engine_of(c, true), AUTHTOK_EINVAL);
	c.typ = "a\"b";
	ck_assert_int_eq(engine_of(c, true), AUTHTOK_EINVAL);
	c.typ = "a\\b";
	ck_assert_int_eq(engine_of(c, true), AUTHTOK_EINVAL);
}
END_TEST

START_TEST(numbers_of_an_engine)
{
	struct authtok_config c;
	int64_t *const fields[] = { &c.lifetime, &c.expiry_leeway,
		&c.clock_leeway };
	static const int64_t ends[][2] = { { 1, 86400 }, { 0, 300 },
		{ 0, 300 } };
	size_t i;
	int end;

	for (i = 0; i < 3; i++)
		for (end = 0; end < 2; end++) {
			c = config();
			*fields[i] = ends[i][end];
			ck_assert_int_eq(engine_of(c, true), 0);
			*fields[i] += end ? 1 : -1;
			ck_assert_int_eq(engine_of(c, true), AUTHTOK_EINVAL);
		}
	c = config();
	c.allow_missing_kid = true;
	ck_assert_int_eq(engine_of(c, true), 0);
	ck_assert_int_eq(engine_of(c, false), AUTHTOK_EINVAL);
}
END_TEST

START_TEST(sizes_of_structs)
{
	struct {
		struct authtok_config config;
		char more[16];
	} newer = { config(), { 0 } };
	struct {
		struct authtok_grant grant;
		char more[16];
	} wider = { AUTHTOK_GRANT_INIT, { 0 } };
	struct authtok_keys *keys;
	struct authtok *engine = NULL;
	char buf[AUTHTOK_TOKEN_MAX + 1];
	size_t n;

	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "a", AUTHTOK_HS256, secret1, 32, true),
	    0);
	newer.config.size = sizeof(newer.config) - 1;
	ck_assert_int_eq(
	    authtok_new(&newer.config, keys, &engine), AUTHTOK_EINVAL);
	newer.config.size = 0;
	ck_assert_int_eq(
	    authtok_new(&newer.config, keys, &engine), AUTHTOK_EINVAL);
	newer.config.size = sizeof(newer);
	newer.more[15] = 1;
	ck_assert_int_eq(
	    authtok_new(&newer.config, keys, &engine), AUTHTOK_EINVAL);
	newer.more[15] = 0;
	ck_assert_int_eq(authtok_new(&newer.config, keys, &engine), 0);

	wider.grant.user_id = 1;
	wider.grant.size = sizeof(wider.grant) - 1;
	ck_assert_int_eq(
	    authtok_issue(engine, &wider.grant, buf, sizeof(buf), &n, NULL),
	    AUTHTOK_EINVAL);
	wider.grant.size = sizeof(wider);
	wider.more[0] = 1;
	ck_assert_int_eq(
	    authtok_issue(engine, &wider.grant, buf, sizeof(buf), &n, NULL),
	    AUTHTOK_EINVAL);
	wider.more[0] = 0;
	ck_assert_int_eq(
	    authtok_issue(engine, &wider.grant, buf, sizeof(buf), &n, NULL), 0);
	authtok_keys_free(keys);
	authtok_free(engine);
}
END_TEST

START_TEST(one_signing_key)
{
	struct authtok_config c = config();
	struct authtok *engine = NULL;
	struct authtok_keys *keys;

	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	ck_assert_int_eq(authtok_new(&c, keys, &engine), AUTHTOK_EKEY);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "a", AUTHTOK_HS256, secret1, 32, false),
	    0);
	/* without one it verifies only */
	ck_assert_int_eq(authtok_new(&c, keys, &engine), 0);
	ck_assert(!authtok_can_issue(engine));
	ck_assert(!authtok_can_issue(NULL));
	authtok_free(engine);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "b", AUTHTOK_HS256, secret1, 32, true),
	    0);
	ck_assert_int_eq(authtok_new(&c, keys, &engine), 0);
	ck_assert(authtok_can_issue(engine));
	authtok_free(engine);
	engine = NULL;
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "c", AUTHTOK_HS256, secret1, 32, true),
	    0);
	ck_assert_int_eq(authtok_new(&c, keys, &engine), AUTHTOK_EKEY);
	ck_assert_ptr_null(engine);
	ck_assert_int_eq(authtok_new(NULL, keys, &engine), AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_new(&c, NULL, &engine), AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_new(&c, keys, NULL), AUTHTOK_EINVAL);
	authtok_keys_free(keys);
	authtok_free(NULL);
}
END_TEST

static enum authtok_err
issue(const struct authtok_grant *grant)
{
	return authtok_issue(
	    f.engine, grant, f.token, AUTHTOK_TOKEN_MAX + 1, &f.len, NULL);
}

/* Part i of the token just issued, decoded. */
static const char *
part(int i)
{
	static char text[AUTHTOK_TOKEN_MAX];
	const char *p = f.token;
	size_t n;

	while (i-- > 0)
		p = strchr(p, '.') + 1;
	ck_assert(at_b64url_decode(p, strcspn(p, "."), text, &n));
	text[n] = '\0';
	return text;
}

START_TEST(the_text_of_a_token)
{
	static const uint8_t sid[16] = { 0, 1, 0xab };
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	int64_t expires = 0;
	size_t n;

	grant.user_id = 7;
	grant.sid = sid;
	grant.epoch = 3;
	grant.role_count = 2;
	grant.roles = (const char *const[]){ "user", "admin" };
	ck_assert_int_eq(authtok_issue(f.engine, &grant, f.token,
			     sizeof(f.token), &n, &expires),
	    0);
	ck_assert_uint_eq(strlen(f.token), n);
	ck_assert_int_eq(expires, NOW + 3600);
	ck_assert_str_eq(part(0), HEADER);
	ck_assert_str_eq(part(1),
	    "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUD
	    "\",\"sub\":\"7\",\"id\":7,"
	    "\"sid\":\"0001ab00000000000000000000000000\",\"epoch\":3,"
	    "\"roles\":[\"user\",\"admin\"],\"iat\":1800000000,"
	    "\"exp\":1800003600}");
	ck_assert_int_eq(authtok_verify(f.engine, f.token, n, f.claims), 0);
	ck_assert_mem_eq(authtok_claims_session(f.claims), sid, 16);
}
END_TEST

START_TEST(without_id_without_session)
{
	struct authtok_config c = AUTHTOK_CONFIG_INIT;
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;

	grant.subject = "ann (a+b@c.d)";
	ck_assert_int_eq(issue(&grant), 0);
	ck_assert_str_eq(part(1),
	    "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUD
	    "\",\"sub\":\"ann (a+b@c.d)\",\"epoch\":0,\"roles\":[],"
	    "\"iat\":1800000000,\"exp\":1800003600}");
	teardown();
	c.omit_id = true;
	forge_engine(&f, c, false, NULL);
	grant.subject = NULL;
	grant.user_id = INT64_C(1) << 53;
	ck_assert_int_eq(issue(&grant), 0);
	ck_assert_ptr_null(strstr(part(1), "\"id\""));
	ck_assert_int_eq(authtok_verify(f.engine, f.token, f.len, f.claims), 0);
	ck_assert_int_eq(
	    authtok_claims_user_id(f.claims), INT64_C(9007199254740992));
}
END_TEST

START_TEST(grants_that_are_refused)
{
	static const char *const subjects[] = { "", "a>", "a?", "a~", "a\"",
		"a\\", "a\x7f", "a\n", "\xc3\xa9" };
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	const char *many[17];
	char names[17][4], text[130];
	size_t i;

	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	for (i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		grant.subject = subjects[i];
		ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	}
	memset(text, 's', sizeof(text));
	text[129] = '\0';
	grant.subject = text;
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	text[128] = '\0';
	ck_assert_int_eq(issue(&grant), 0);
	grant.user_id = 7;
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	grant.subject = NULL;
	ck_assert_int_eq(issue(&grant), 0);
	grant.user_id = -7;
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	grant.user_id = (INT64_C(1) << 53) + 1;
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	grant.user_id = 7;

	grant.epoch = -1;
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	grant.epoch = (INT64_C(1) << 53) + 1;
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	grant.epoch = INT64_C(1) << 53;
	ck_assert_int_eq(issue(&grant), 0);

	grant.role_count = 1;
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	grant.roles = (const char *const[]){ "Admin" };
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	grant.roles = (const char *const[]){ NULL };
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	grant.roles = (const char *const[]){ "a", "b", "a" };
	grant.role_count = 3;
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	for (i = 0; i < 17; i++) {
		sprintf(names[i], "r%zu", i);
		many[i] = names[i];
	}
	grant.roles = many;
	grant.role_count = 17;
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	grant.role_count = 16;
	ck_assert_int_eq(issue(&grant), 0);
	ck_assert_int_eq(authtok_verify(f.engine, f.token, f.len, f.claims), 0);
	ck_assert_uint_eq(authtok_claims_role_count(f.claims), 16);
}
END_TEST

START_TEST(arguments_and_the_clock)
{
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	char buf[AUTHTOK_TOKEN_MAX + 1];
	size_t n;

	grant.user_id = 7;
	ck_assert_int_eq(
	    authtok_issue(NULL, &grant, buf, sizeof(buf), &n, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_issue(f.engine, NULL, buf, sizeof(buf), &n, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_issue(f.engine, &grant, NULL, sizeof(buf), &n, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_issue(f.engine, &grant, buf, sizeof(buf), NULL, NULL),
	    AUTHTOK_EINVAL);
	f.now = -1;
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	f.now = INT64_MAX;
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	f.now = (INT64_C(1) << 53) - 3600;
	ck_assert_int_eq(issue(&grant), 0);
	f.now++;
	ck_assert_int_eq(issue(&grant), AUTHTOK_EINVAL);
	f.now = 0;
	ck_assert_int_eq(issue(&grant), 0);
	ck_assert_int_eq(authtok_now(f.engine), 0);
	/* lifetime, no leeway after it, two clocks', and 5 */
	ck_assert_int_eq(authtok_horizon(f.engine), 3600 + 2 * 30 + 5);
	ck_assert_int_eq(authtok_now(NULL), 0);
	ck_assert_int_eq(authtok_horizon(NULL), 0);
}
END_TEST

/* Too small a buffer is not written to; one byte more is enough. */
START_TEST(buffer_sizes)
{
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	size_t size, len, n = 99;
	int64_t expires = 99;
	char *buf;

	grant.user_id = 7;
	ck_assert_int_eq(issue(&grant), 0);
	len = f.len;
	for (size = 0; size <= len; size++) {
		buf = malloc(size + 1);
		memset(buf, 'x', size + 1);
		ck_assert_int_eq(
		    authtok_issue(f.engine, &grant, buf, size, &n, &expires),
		    AUTHTOK_ENOSPC);
		ck_assert_uint_eq(n, 99);
		ck_assert_int_eq(expires, 99);
		ck_assert_int_eq(buf[0], 'x');
		free(buf);
	}
	buf = malloc(len + 1);
	ck_assert_int_eq(
	    authtok_issue(f.engine, &grant, buf, len + 1, &n, NULL), 0);
	ck_assert_str_eq(buf, f.token);
	free(buf);
}
END_TEST

/* A byte for a subject, an issuer or an audience. */
static char
letter(void)
{
	static const char not_these[] = "\"\\>?~";
	int c;

	do
		c = ' ' + rand() % ('~' - ' ');
	while (strchr(not_these, c) != NULL);
	return (char)c;
}

static void
words(char *out, size_t max)
{
	size_t i, len = 1 + (size_t)rand() % max;

	for (i = 0; i < len; i++)
		out[i] = letter();
	out[len] = '\0';
}

/* rest.md 1: front ends read exp with atob, which knows no '-' and no '_'. */
START_TEST(random_tokens_suit_atob_and_verify)
{
	struct authtok_config c = AUTHTOK_CONFIG_INIT;
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	char issuer[129], audience[129], subject[129];
	struct authtok_keys *keys;
	struct authtok *engine;
	uint8_t sid[16];
	const char *dot;
	int i, j;

	srand(5);
	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "a", AUTHTOK_HS512, secret2, 64, true),
	    0);
	for (i = 0; i < 300; i++) {
		words(issuer, 128);
		words(audience, 128);
		c.issuer = issuer;
		c.audience = audience;
		ck_assert_int_eq(authtok_new(&c, keys, &engine), 0);
		for (j = 0; j < 20; j++) {
			words(subject, 128);
			grant.subject = j % 2 ? subject : NULL;
			grant.user_id = j % 2 ? 0 : 1 + rand();
			memset(sid, rand(), sizeof(sid));
			grant.sid = j % 3 ? sid : NULL;
			grant.epoch = rand();
			ck_assert_int_eq(
			    authtok_issue(engine, &grant, f.token,
				AUTHTOK_TOKEN_MAX + 1, &f.len, NULL),
			    0);
			dot = strchr(f.token, '.') + 1;
			ck_assert_uint_eq(
			    strcspn(dot, "-_."), strcspn(dot, "."));
			ck_assert_int_eq(
			    authtok_verify(engine, f.token, f.len, f.claims),
			    0);
			if (grant.subject != NULL)
				ck_assert_str_eq(
				    authtok_claims_subject(f.claims), subject);
			else
				ck_assert_int_eq(
				    authtok_claims_user_id(f.claims),
				    grant.user_id);
			ck_assert_int_eq(
			    authtok_claims_epoch(f.claims), grant.epoch);
		}
		authtok_free(engine);
	}
	authtok_keys_free(keys);
}
END_TEST

/* Quotes and backslashes in issuer and audience are escaped. */
START_TEST(quotes_of_an_issuer)
{
	struct authtok_config c = AUTHTOK_CONFIG_INIT;
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	struct authtok_keys *keys;
	struct authtok *engine;
	char full[129];

	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "a", AUTHTOK_HS256, secret1, 32, true),
	    0);
	memset(full, '\\', 128);
	full[127] = '"';
	full[128] = '\0';
	c.issuer = full;
	c.audience = full;
	grant.user_id = 7;
	ck_assert_int_eq(authtok_new(&c, keys, &engine), 0);
	ck_assert_int_eq(authtok_issue(engine, &grant, f.token,
			     AUTHTOK_TOKEN_MAX + 1, &f.len, NULL),
	    0);
	ck_assert_int_eq(authtok_verify(engine, f.token, f.len, f.claims), 0);
	ck_assert_str_eq(authtok_claims_issuer(f.claims), full);
	authtok_free(engine);
	authtok_keys_free(keys);
}
END_TEST

/* Every field at its longest fits AUTHTOK_TOKEN_MAX, as the header says. */
START_TEST(the_longest_token)
{
	struct authtok_config c = AUTHTOK_CONFIG_INIT;
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	char kid[65], typ[65], text[129], subject[129], names[16][33];
	const char *roles[16];
	struct authtok_keys *keys;
	struct authtok *engine;
	uint8_t sid[16] = { 1 };
	size_t i;

	memset(kid, 'k', 64);
	memset(typ, 't', 64);
	memset(text, '"', 128);
	memset(subject, 's', 128);
	kid[64] = typ[64] = text[128] = subject[128] = '\0';
	for (i = 0; i < 16; i++) {
		memset(names[i], 'a' + (int)i, 32);
		names[i][32] = '\0';
		roles[i] = names[i];
	}
	c.issuer = text;
	c.audience = text;
	c.typ = typ;
	c.now = forge_now;
	c.now_arg = &f;
	f.now = (INT64_C(1) << 53) - 86400;
	grant.subject = subject;
	grant.sid = sid;
	grant.epoch = INT64_C(1) << 53;
	grant.role_count = 16;
	grant.roles = roles;
	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, kid, AUTHTOK_HS512, secret2, 64, true),
	    0);
	ck_assert_int_eq(authtok_new(&c, keys, &engine), 0);
	ck_assert_int_eq(authtok_issue(engine, &grant, f.token,
			     AUTHTOK_TOKEN_MAX + 1, &f.len, NULL),
	    0);
	ck_assert_int_eq(authtok_verify(engine, f.token, f.len, f.claims), 0);
	ck_assert_str_eq(authtok_claims_role(f.claims, 15), names[15]);
	authtok_free(engine);
	authtok_keys_free(keys);
}
END_TEST

START_TEST(the_systems_clock)
{
	struct authtok_config c = config();
	struct authtok_keys *keys;
	struct authtok *engine;

	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "a", AUTHTOK_HS256, secret1, 32, true),
	    0);
	ck_assert_int_eq(authtok_new(&c, keys, &engine), 0);
	ck_assert_int_gt(authtok_now(engine), 1600000000);
	authtok_free(engine);
	authtok_keys_free(keys);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("issue");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, texts_of_an_engine);
	tcase_add_test(t, numbers_of_an_engine);
	tcase_add_test(t, sizes_of_structs);
	tcase_add_test(t, one_signing_key);
	tcase_add_test(t, the_text_of_a_token);
	tcase_add_test(t, without_id_without_session);
	tcase_add_test(t, grants_that_are_refused);
	tcase_add_test(t, arguments_and_the_clock);
	tcase_add_test(t, buffer_sizes);
	tcase_add_test(t, random_tokens_suit_atob_and_verify);
	tcase_add_test(t, quotes_of_an_issuer);
	tcase_add_test(t, the_longest_token);
	tcase_add_test(t, the_systems_clock);
	return forge_run(t);
}
