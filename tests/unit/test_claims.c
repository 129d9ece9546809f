/*
 * The claims of rightly signed tokens: each required one missing, each one of
 * each wrong type, the edges of time and of integers, and roles.
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

/* Verify these claims; on failure nothing must be seen of them. */
static enum authtok_err
claims(const char *payload)
{
	enum authtok_err err = forge_verify(&f, HEADER, payload);

	if (err != AUTHTOK_OK)
		forge_empty(&f);
	return err;
}

/* The needed claims and one more, before and behind them. */
static enum authtok_err
with(const char *name, const char *value)
{
	char text[3000];
	enum authtok_err err;

	sprintf(text, "{\"%s\":%s," NEEDED "}", name, value);
	err = claims(text);
	sprintf(text, "{" NEEDED ",\"%s\":%s}", name, value);
	ck_assert_int_eq(claims(text), err);
	return err;
}

/* The needed claims with another value for one of them. */
static enum authtok_err
needed(const char *name, const char *value)
{
	static const char *const names[] = { "iss", "aud", "sub", "exp" };
	static const char *const values[] = { "\"" ISSUER "\"", "\"" AUD "\"",
		"\"7\"", "1800000100" };
	char text[3000] = "{";
	size_t i;

	for (i = 0; i < 4; i++) {
		if (strcmp(names[i], name) != 0)
			sprintf(text + strlen(text), "\"%s\":%s,", names[i],
			    values[i]);
		else if (value != NULL)
			sprintf(text + strlen(text), "\"%s\":%s,", name, value);
	}
	text[strlen(text) - 1] = '}';
	return claims(text);
}

START_TEST(all_of_them)
{
	static const uint8_t sid[] = { 0x00, 0x01, 0x9a, 0xbc, 0xde, 0xf0, 7, 8,
		9, 10, 11, 12, 13, 14, 15, 0xff };
	const struct authtok_claims *c = f.claims;

	ck_assert_int_eq(
	    claims("{\"roles\":[\"user\",\"mod-2_x\"],\"exp\":1800000100,"
		   "\"sid\":\"00019abcdef00708090a0b0c0d0e0fff\","
		   "\"extra\":{\"roles\":[\"admin\"],\"a\":[null,true]},"
		   "\"iat\":1799999999,\"nbf\":1800000000,\"epoch\":12,"
		   "\"id\":7,\"\\u0073ub\":\"\\u0037\",\"aud\":[\"x\",\"" AUD
		   "\"],\"iss\":\"https:\\/\\/issuer.example\"}"),
	    0);
	ck_assert_str_eq(authtok_claims_subject(c), "7");
	ck_assert_int_eq(authtok_claims_user_id(c), 7);
	ck_assert_str_eq(authtok_claims_issuer(c), ISSUER);
	ck_assert_str_eq(authtok_claims_key_id(c), "k1");
	ck_assert_mem_eq(authtok_claims_session(c), sid, 16);
	ck_assert_int_eq(authtok_claims_epoch(c), 12);
	ck_assert_int_eq(authtok_claims_issued_at(c), 1799999999);
	ck_assert_int_eq(authtok_claims_expires_at(c), 1800000100);
	ck_assert_uint_eq(authtok_claims_role_count(c), 2);
	ck_assert_str_eq(authtok_claims_role(c, 0), "user");
	ck_assert_str_eq(authtok_claims_role(c, 1), "mod-2_x");
	ck_assert_ptr_null(authtok_claims_role(c, 2));
	ck_assert(authtok_claims_has_role(c, "user"));
	ck_assert(!authtok_claims_has_role(c, "admin"));
	ck_assert(!authtok_claims_has_role(c, "use"));
	ck_assert(!authtok_claims_has_role(c, NULL));
}
END_TEST

START_TEST(the_fewest)
{
	ck_assert_int_eq(claims(GOOD), 0);
	ck_assert_ptr_null(authtok_claims_session(f.claims));
	ck_assert_int_eq(authtok_claims_epoch(f.claims), 0);
	ck_assert_int_eq(authtok_claims_issued_at(f.claims), 0);
	ck_assert_uint_eq(authtok_claims_role_count(f.claims), 0);
}
END_TEST

START_TEST(nothing_is_left_of_the_last_token)
{
	ck_assert_int_eq(
	    claims("{" NEEDED ",\"sid\":\"00019abcdef00708090a0b0c0d0e0fff\","
		   "\"roles\":[\"admin\"],\"epoch\":3,\"iat\":5}"),
	    0);
	ck_assert_int_eq(claims(GOOD), 0);
	ck_assert_ptr_null(authtok_claims_session(f.claims));
	ck_assert_int_eq(authtok_claims_epoch(f.claims), 0);
	ck_assert_int_eq(authtok_claims_issued_at(f.claims), 0);
	ck_assert(!authtok_claims_has_role(f.claims, "admin"));
}
END_TEST

START_TEST(text_lent_does_not_turn_unverified)
{
	const char *subject;

	ck_assert_int_eq(claims(GOOD), 0);
	subject = authtok_claims_subject(f.claims);
	forge_sign(&f, HEADER, strlen(HEADER), GOOD, strlen(GOOD), EVP_sha256(),
	    "wrong", 5);
	ck_assert_int_eq(
	    authtok_verify(f.engine, f.token, f.len, f.claims), AUTHTOK_ESIG);
	ck_assert_str_eq(subject, "");
}
END_TEST

START_TEST(missing)
{
	static const char *const names[] = { "iss", "aud", "sub", "exp" };
	size_t i;

	for (i = 0; i < 4; i++)
		ck_assert_int_eq(needed(names[i], NULL), AUTHTOK_ECLAIM);
	ck_assert_int_eq(needed("other", NULL), 0);
	ck_assert_int_eq(claims("{}"), AUTHTOK_ECLAIM);
	/* Peers 16: no name is another in capitals. */
	ck_assert_int_eq(claims("{\"ISS\":\"" ISSUER "\",\"AUD\":\"" AUD "\","
				"\"SUB\":\"7\",\"EXP\":1800000100}"),
	    AUTHTOK_ECLAIM);
}
END_TEST

/* Peers 12: every claim with every JSON type that it may not have. */
START_TEST(wrong_types_are_not_absent)
{
	static const char *const types[] = { "null", "true", "false", "1",
		"1.5", "-1", "\"x\"", "[]", "[1]", "[\"x\"]", "{}",
		"{\"a\":1}" };
	static const struct {
		const char *name;
		const char *right; /* among the types, by first character */
	} known[] = { { "iss", "" }, { "aud", "" }, { "sub", "\"" },
		{ "exp", "1" }, { "iat", "1" }, { "nbf", "1" }, { "id", "1" },
		{ "epoch", "1" }, { "sid", "" }, { "roles", "[" } };
	enum authtok_err err;
	size_t i, j;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		for (j = 0; j < sizeof(types) / sizeof(types[0]); j++) {
			err = i < 4 ? needed(known[i].name, types[j])
				    : with(known[i].name, types[j]);
			/* Right ones are tried elsewhere. */
			if (strchr(known[i].right, types[j][0]) != NULL &&
			    *known[i].right != '\0' &&
			    strcmp(types[j], "1.5") != 0 &&
			    strcmp(types[j], "[1]") != 0)
				continue;
			ck_assert_msg(err == AUTHTOK_ECLAIM, "%s: %s is %s",
			    known[i].name, types[j], authtok_strerror(err));
		}
}
END_TEST

/* Peers 13: numbers that are no time, for every time there is. */
START_TEST(times_are_integers_in_range)
{
	static const char *const bad[] = { "-1", "-0", "1e400", "1e-1", "1e9",
		"1.8e9", "1800000100.0", "1800000100.5", "9007199254740993",
		"9223372036854775807", "9223372036854775808",
		"18446744073709551616", "\"1800000100\"", "\"\"",
		"[1800000100]",
		"999999999999999999999999999999999999999999999999999999999" };
	static const char *const worse[] = { "NaN", "Infinity", "01", "+1",
		"0x1", "1.", ".5", "1e", "-", "1_0", "" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(needed("exp", bad[i]), AUTHTOK_ECLAIM);
		ck_assert_int_eq(with("iat", bad[i]), AUTHTOK_ECLAIM);
		ck_assert_int_eq(with("nbf", bad[i]), AUTHTOK_ECLAIM);
		ck_assert_int_eq(with("epoch", bad[i]), AUTHTOK_ECLAIM);
		ck_assert_int_eq(with("id", bad[i]), AUTHTOK_ECLAIM);
	}
	for (i = 0; i < sizeof(worse) / sizeof(worse[0]); i++) {
		ck_assert_int_eq(needed("exp", worse[i]), AUTHTOK_EFORMAT);
		ck_assert_int_eq(with("iat", worse[i]), AUTHTOK_EFORMAT);
	}
	ck_assert_int_eq(needed("exp", "9007199254740992"), 0);
	ck_assert_int_eq(
	    authtok_claims_expires_at(f.claims), INT64_C(9007199254740992));
	ck_assert_int_eq(with("epoch", "9007199254740992"), 0);
	ck_assert_int_eq(needed("exp", "0"), AUTHTOK_EEXPIRED);
	ck_assert_int_eq(with("nbf", "9007199254740992"), AUTHTOK_EEARLY);
	ck_assert_int_eq(with("iat", "9007199254740992"), AUTHTOK_EEARLY);
}
END_TEST

START_TEST(expiry_is_exact)
{
	f.now = 1800000099;
	ck_assert_int_eq(claims(GOOD), 0);
	f.now = 1800000100;
	ck_assert_int_eq(claims(GOOD), AUTHTOK_EEXPIRED);
	f.now = INT64_MAX;
	ck_assert_int_eq(claims(GOOD), AUTHTOK_EEXPIRED);
	f.now = INT64_MIN;
	ck_assert_int_eq(claims(GOOD), AUTHTOK_EEARLY);
}
END_TEST

START_TEST(leeways_are_exact)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct forge g;

	config.expiry_leeway = 5;
	config.clock_leeway = 7;
	forge_engine(&g, config, false, NULL);
	g.now = 1800000104;
	ck_assert_int_eq(forge_verify(&g, HEADER, GOOD), 0);
	g.now = 1800000105;
	ck_assert_int_eq(forge_verify(&g, HEADER, GOOD), AUTHTOK_EEXPIRED);
	g.now = 1800000000;
	ck_assert_int_eq(
	    forge_verify(&g, HEADER, "{" NEEDED ",\"nbf\":1800000007}"), 0);
	ck_assert_int_eq(
	    forge_verify(&g, HEADER, "{" NEEDED ",\"nbf\":1800000008}"),
	    AUTHTOK_EEARLY);
	ck_assert_int_eq(
	    forge_verify(&g, HEADER, "{" NEEDED ",\"iat\":1800000007}"), 0);
	ck_assert_int_eq(
	    forge_verify(&g, HEADER, "{" NEEDED ",\"iat\":1800000008}"),
	    AUTHTOK_EEARLY);
	forge_end(&g);
}
END_TEST

/* Peers 14: the ends of 32-bit time are seconds like others. */
START_TEST(beyond_2038)
{
	static const int64_t ends[] = { INT64_C(1) << 31, INT64_C(1) << 32 };
	char exp[30];
	size_t i;
	int d;

	for (i = 0; i < 2; i++)
		for (d = -1; d <= 1; d++) {
			sprintf(exp, "%lld", (long long)ends[i] + d);
			f.now = ends[i] + d - 1;
			ck_assert_int_eq(needed("exp", exp), 0);
			ck_assert_int_eq(
			    authtok_claims_expires_at(f.claims), ends[i] + d);
			f.now++;
			ck_assert_int_eq(needed("exp", exp), AUTHTOK_EEXPIRED);
		}
}
END_TEST

/* Peers 15. */
START_TEST(issuer_is_compared_whole)
{
	static const char *const bad[] = { "\"\"", "\"https://issuer.exampl\"",
		"\"" ISSUER ".evil\"", "\"" ISSUER "/\"", "\" " ISSUER "\"",
		"\"HTTPS://issuer.example\"", "[\"" ISSUER "\"]",
		"{\"" ISSUER "\":1}" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(needed("iss", bad[i]), AUTHTOK_ECLAIM);
	ck_assert_int_eq(
	    needed("iss", "\"" ISSUER "\\u0000x\""), AUTHTOK_EFORMAT);
	ck_assert_int_eq(
	    needed("iss", "\"https:\\/\\/issuer\\u002eexample\""), 0);
	ck_assert_str_eq(authtok_claims_issuer(f.claims), ISSUER);
}
END_TEST

START_TEST(audience_has_ours)
{
	static const char *const bad[] = { "\"\"", "\"servic\"", "\"services\"",
		"\"Service\"", "[]", "[\"other\"]", "[[\"service\"]]",
		"[\"service\",1]", "[1,\"service\"]", "[\"service\",null]",
		"[\"service\",[\"x\"]]", "{\"service\":1}",
		"[{\"a\":\"service\"}]", "\"service,other\"",
		"\"service other\"" };
	static const char *const good[] = { "\"service\"", "[\"service\"]",
		"[\"a\",\"service\"]", "[\"service\",\"a\",\"b\"]",
		"[\"service\",\"service\"]", "\"servic\\u0065\"" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(needed("aud", bad[i]), AUTHTOK_ECLAIM);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_int_eq(needed("aud", good[i]), 0);
	ck_assert_int_eq(needed("aud", "[\"service\",}"), AUTHTOK_EFORMAT);
	ck_assert_int_eq(needed("aud", "[\"service\""), AUTHTOK_EFORMAT);
}
END_TEST

START_TEST(subjects)
{
	static const struct {
		const char *json;
		const char *text;
		int64_t id;
	} good[] = { { "\"1\"", "1", 1 }, { "\"0\"", "0", 0 },
		{ "\"007\"", "007", 0 }, { "\"-7\"", "-7", 0 },
		{ "\"7a\"", "7a", 0 }, { "\"+7\"", "+7", 0 },
		{ "\" 7\"", " 7", 0 },
		{ "\"9007199254740992\"", "9007199254740992",
		    INT64_C(9007199254740992) },
		{ "\"9007199254740993\"", "9007199254740993", 0 },
		{ "\"18446744073709551623\"", "18446744073709551623", 0 },
		{ "\"ann\\u00e9\"", "ann\xc3\xa9", 0 },
		{ "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 0 } };
	char text[200];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_int_eq(needed("sub", good[i].json), 0);
		ck_assert_str_eq(
		    authtok_claims_subject(f.claims), good[i].text);
		ck_assert_int_eq(authtok_claims_user_id(f.claims), good[i].id);
	}
	ck_assert_int_eq(needed("sub", "\"\""), AUTHTOK_ECLAIM);
	sprintf(text, "\"%0128d\"", 1);
	ck_assert_int_eq(needed("sub", text), 0);
	sprintf(text, "\"%0129d\"", 1);
	ck_assert_int_eq(needed("sub", text), AUTHTOK_ECLAIM);
	/* Peers 21: nothing that ends or hides a name. */
	ck_assert_int_eq(
	    needed("sub", "\"admin\\u0000evil\""), AUTHTOK_EFORMAT);
	ck_assert_int_eq(needed("sub", "\"\\ud800\""), AUTHTOK_EFORMAT);
	ck_assert_int_eq(needed("sub", "\"\xc0\x80\""), AUTHTOK_EFORMAT);
	ck_assert_int_eq(needed("sub", "\"a\nb\""), AUTHTOK_EFORMAT);
}
END_TEST

START_TEST(the_number_is_the_subject)
{
	ck_assert_int_eq(with("id", "7"), 0);
	ck_assert_int_eq(with("id", "8"), AUTHTOK_ECLAIM);
	ck_assert_int_eq(with("id", "0"), AUTHTOK_ECLAIM);
	ck_assert_int_eq(with("id", "\"7\""), AUTHTOK_ECLAIM);
	ck_assert_int_eq(with("id", "7.0"), AUTHTOK_ECLAIM);
}
END_TEST

START_TEST(session_ids)
{
	static const char *const bad[] = { "\"\"",
		"\"0123456789abcdef0123456789abcde\"",
		"\"0123456789abcdef0123456789abcdef0\"",
		"\"0123456789ABCDEF0123456789abcdef\"",
		"\"0123456789abcdeg0123456789abcdef\"",
		"\"0123456789abcdef0123456789abcde \"",
		"\"0123456789abcdef-123456789abcdef\"", "1" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(with("sid", bad[i]), AUTHTOK_ECLAIM);
	ck_assert_int_eq(
	    with("sid", "\"0123456789abcdef0123456789abcd\\u0065f\""), 0);
	ck_assert_int_eq(authtok_claims_session(f.claims)[15], 0xef);
}
END_TEST

#define SEVENTEEN                                                       \
	"[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\"," \
	"\"k\",\"l\",\"m\",\"n\",\"o\",\"p\",\"q\"]"

START_TEST(roles)
{
	static const char *const bad[] = { "\"admin\"", "[\"Admin\"]", "[\"\"]",
		"[\"1a\"]", "[\"a b\"]", "[\"a\",\"a\"]", "[null]", "[\"a\",1]",
		"[[\"admin\"]]", "[{\"a\":1}]", "[\"a\",\"\\u0061\"]",
		"[\"abcdefghijklmnopqrstuvwxyz1234567\"]", SEVENTEEN,
		"{\"admin\":true}", "\"user,admin\"" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(with("roles", bad[i]), AUTHTOK_ECLAIM);
	ck_assert_int_eq(with("roles", "[\"a\",]"), AUTHTOK_EFORMAT);
	ck_assert_int_eq(with("roles", "[]"), 0);
	ck_assert_uint_eq(authtok_claims_role_count(f.claims), 0);
	ck_assert_int_eq(
	    with("roles",
		"[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\","
		"\"k\",\"l\",\"m\",\"n\",\"o\","
		"\"abcdefghijklmnopqrstuvwxyz123456\"]"),
	    0);
	ck_assert_uint_eq(authtok_claims_role_count(f.claims), 16);
	ck_assert(authtok_claims_has_role(
	    f.claims, "abcdefghijklmnopqrstuvwxyz123456"));
	ck_assert_int_eq(with("roles", "[\"\\u0061dmin\"]"), 0);
	ck_assert_str_eq(authtok_claims_role(f.claims, 0), "admin");
}
END_TEST

/* Peers 16, 19 and design: JSON that others take and we do not. */
START_TEST(json_is_strict)
{
	static const char *const bad[] = { "", "null", "[]", "\"x\"", "1",
		GOOD GOOD, GOOD "x", GOOD ",", "[" GOOD "]", "{" NEEDED ",}",
		"{" NEEDED, "{" NEEDED ",\"sub\":\"8\"}",
		"{" NEEDED ",\"s\\u0075b\":\"8\"}",
		"{" NEEDED ",\"exp\":1800000100}",
		"{" NEEDED ",\"x\":1,\"x\":1}",
		"{" NEEDED ",\"x\":{\"y\":1,\"y\":2}}",
		"{" NEEDED ",\"x\":\"\\u0000\"}", "{" NEEDED ",\"x\":\"\xff\"}",
		"{" NEEDED ",\"x\":\"\t\"}", "{" NEEDED ",\"x\":01}",
		"{" NEEDED ",x:1}", "{" NEEDED ",'x':1}", "{" NEEDED ",//\n}",
		"{" NEEDED ",\"x\":[[[[[[[[1]]]]]]]]}", "\xef\xbb\xbf" GOOD };
	char deep[3000];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(claims(bad[i]) == AUTHTOK_EFORMAT, "%s", bad[i]);
	memset(deep, '[', sizeof(deep));
	deep[2999] = '\0';
	ck_assert_int_eq(claims(deep), AUTHTOK_EFORMAT);
	memcpy(deep, "{\"x\":", 5);
	ck_assert_int_eq(claims(deep), AUTHTOK_EFORMAT);
	ck_assert_int_eq(claims(" \n{" NEEDED ",\"x\":[[[[[1]]]]]}\t"), 0);
	/* A NUL behind the claims is a byte too many. */
	forge_sign(&f, HEADER, strlen(HEADER), GOOD, sizeof(GOOD), EVP_sha256(),
	    secret1, 32);
	ck_assert_int_eq(authtok_verify(f.engine, f.token, f.len, f.claims),
	    AUTHTOK_EFORMAT);
}
END_TEST

/* A token for another service is not called expired. */
START_TEST(wrong_before_expired)
{
	f.now = 1900000000;
	ck_assert_int_eq(needed("aud", "\"other\""), AUTHTOK_ECLAIM);
	ck_assert_int_eq(claims(GOOD), AUTHTOK_EEXPIRED);
}
END_TEST

#define LIST(...)                 \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

START_TEST(required_roles)
{
	const char *const none[] = { NULL };
	const struct authtok_claims *c = f.claims;

	ck_assert_int_eq(with("roles", "[\"user\",\"moderator\"]"), 0);
	ck_assert_int_eq(authtok_require_any(c, LIST("user")), 0);
	ck_assert_int_eq(authtok_require_any(c, LIST("admin", "user")), 0);
	ck_assert_int_eq(authtok_require_any(c, LIST("admin")), AUTHTOK_EROLE);
	ck_assert_int_eq(authtok_require_all(c, LIST("moderator", "user")), 0);
	ck_assert_int_eq(
	    authtok_require_all(c, LIST("user", "admin")), AUTHTOK_EROLE);
	ck_assert_int_eq(authtok_require_any(c, LIST("USER")), AUTHTOK_EROLE);
	ck_assert_int_eq(authtok_require_any(c, LIST("")), AUTHTOK_EROLE);
	/* What asks for nothing is no question. */
	ck_assert_int_eq(authtok_require_any(c, none), AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_require_all(c, none), AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_require_any(c, NULL), AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_require_all(c, NULL), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_require_any(NULL, LIST("user")), AUTHTOK_EINVAL);

	ck_assert_int_eq(claims("{}"), AUTHTOK_ECLAIM);
	ck_assert_int_eq(authtok_require_any(c, LIST("user")), AUTHTOK_EROLE);
	ck_assert_int_eq(authtok_require_all(c, LIST("user")), AUTHTOK_EROLE);
}
END_TEST

START_TEST(role_names)
{
	static const char *const good[] = { "a", "user", "a-b_c9", "z0",
		"abcdefghijklmnopqrstuvwxyz123456" };
	static const char *const bad[] = { "", "A", "1", "_a", "-a", "a b",
		"aB", "a.b", "a\n", "\xc3\xa9", "a\xc3\xa9", "a\"",
		"abcdefghijklmnopqrstuvwxyz1234567" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert(authtok_role_valid(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert(!authtok_role_valid(bad[i]));
	ck_assert(!authtok_role_valid(NULL));
}
END_TEST

/* Each byte in each half of a session's byte. */
START_TEST(every_digit_of_a_session)
{
	char text[] = "\"0123456789abcdef0123456789abcdef\"";
	size_t at;
	int c;

	for (at = 1; at < sizeof(text) - 2; at += 15)
		for (c = 1; c < 256; c++) {
			char was = text[at];

			/* these would end or escape the string */
			if (c == '"' || c == '\\')
				continue;
			text[at] = (char)c;
			ck_assert_int_eq(with("sid", text) == AUTHTOK_OK,
			    (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
			text[at] = was;
		}
}
END_TEST

START_TEST(fresh_and_null_claims_are_empty)
{
	struct forge g = { .claims = NULL };

	forge_empty(&g);
	ck_assert(!authtok_claims_has_role(NULL, "user"));
	ck_assert_int_eq(authtok_claims_new(&g.claims), 0);
	forge_empty(&g);
	authtok_claims_free(g.claims);
	authtok_claims_free(NULL);
	ck_assert_int_eq(authtok_claims_new(NULL), AUTHTOK_EINVAL);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("claims");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, all_of_them);
	tcase_add_test(t, the_fewest);
	tcase_add_test(t, nothing_is_left_of_the_last_token);
	tcase_add_test(t, text_lent_does_not_turn_unverified);
	tcase_add_test(t, missing);
	tcase_add_test(t, wrong_types_are_not_absent);
	tcase_add_test(t, times_are_integers_in_range);
	tcase_add_test(t, expiry_is_exact);
	tcase_add_test(t, leeways_are_exact);
	tcase_add_test(t, beyond_2038);
	tcase_add_test(t, issuer_is_compared_whole);
	tcase_add_test(t, audience_has_ours);
	tcase_add_test(t, subjects);
	tcase_add_test(t, the_number_is_the_subject);
	tcase_add_test(t, session_ids);
	tcase_add_test(t, every_digit_of_a_session);
	tcase_add_test(t, roles);
	tcase_add_test(t, json_is_strict);
	tcase_add_test(t, wrong_before_expired);
	tcase_add_test(t, required_roles);
	tcase_add_test(t, role_names);
	tcase_add_test(t, fresh_and_null_claims_are_empty);
	return forge_run(t);
}
