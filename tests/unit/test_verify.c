/*
 * Verify: the shape of a token, its header, key and signature, in the order of
 * the manual. Each attack that broke another library is tried by name. The
 * claims have a program of their own.
 */
#include "forge.h"
#include "mallocs.h"

#include <pthread.h>
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

static enum authtok_err
verify(const char *token, size_t len)
{
	/* Exact, so that a sanitizer sees a byte read too many. */
	char *copy = malloc(len + (len == 0));
	enum authtok_err err;

	memcpy(copy, token, len);
	err = authtok_verify(f.engine, copy, len, f.claims);
	free(copy);
	if (err != AUTHTOK_OK)
		forge_empty(&f);
	return err;
}

/* A good token; verifies, so that the claims hold something to lose. */
static void
good(void)
{
	ck_assert_int_eq(forge_verify(&f, HEADER, GOOD), 0);
	ck_assert_str_eq(authtok_claims_subject(f.claims), "7");
	ck_assert_str_eq(authtok_claims_key_id(f.claims), "k1");
}

START_TEST(arguments)
{
	good();
	ck_assert_int_eq(
	    authtok_verify(f.engine, f.token, f.len, NULL), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_verify(NULL, f.token, f.len, f.claims), AUTHTOK_EINVAL);
	forge_empty(&f);
	good();
	ck_assert_int_eq(
	    authtok_verify(f.engine, NULL, 0, f.claims), AUTHTOK_EINVAL);
	forge_empty(&f);
}
END_TEST

START_TEST(every_truncation)
{
	size_t len, at;

	good();
	for (len = 0; len < f.len; len++)
		ck_assert_int_ne(verify(f.token, len), 0);
	for (at = 1; at < f.len; at++)
		ck_assert_int_ne(verify(f.token + at, f.len - at), 0);
	ck_assert_int_eq(verify(f.token, f.len), 0);
}
END_TEST

START_TEST(every_extension)
{
	int c;

	good();
	for (c = 0; c < 256; c++) {
		f.token[f.len] = (char)c;
		ck_assert_int_ne(verify(f.token, f.len + 1), 0);
	}
	memmove(f.token + 1, f.token, f.len);
	for (c = 0; c < 256; c++) {
		f.token[0] = (char)c;
		ck_assert_int_ne(verify(f.token, f.len + 1), 0);
	}
}
END_TEST

/* Each bit of each character flipped: no other text is the same token. */
START_TEST(every_flipped_bit)
{
	size_t at;
	int bit;

	good();
	for (at = 0; at < f.len; at++)
		for (bit = 0; bit < 8; bit++) {
			f.token[at] = (char)(f.token[at] ^ 1 << bit);
			ck_assert_int_ne(verify(f.token, f.len), 0);
			f.token[at] = (char)(f.token[at] ^ 1 << bit);
		}
	ck_assert_int_eq(verify(f.token, f.len), 0);
}
END_TEST

/* Random edits: swap, delete, double, replace. None verifies but itself. */
START_TEST(random_mutations)
{
	char copy[sizeof(f.token)];
	size_t at, to, len;
	int i, n;

	good();
	srand(4);
	for (i = 0; i < 20000; i++) {
		memcpy(copy, f.token, f.len);
		len = f.len;
		for (n = 0; n <= i % 3; n++) {
			at = (size_t)rand() % len;
			to = (size_t)rand() % len;
			if (i % 4 == 0) {
				copy[at] = copy[to];
			} else if (i % 4 == 1) {
				memmove(copy + at, copy + at + 1, len - at - 1);
				len--;
			} else if (i % 4 == 2) {
				memmove(copy + at + 1, copy + at, len - at);
				len++;
			} else {
				copy[at] = (char)rand();
			}
		}
		if (len == f.len && memcmp(copy, f.token, len) == 0)
			continue;
		ck_assert_int_ne(verify(copy, len), 0);
	}
}
END_TEST

START_TEST(dots)
{
	static const char *const bad[] = { "", ".", "..", "...", "....", "a",
		"a.b", "a.b.c.d", ".e30.", "e30..", "e30.e30", "e30.e30.",
		"e30.e30..", ".e30.e30" };
	char many[AUTHTOK_TOKEN_MAX];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(
		    verify(bad[i], strlen(bad[i])), AUTHTOK_EFORMAT);
	memset(many, '.', sizeof(many));
	ck_assert_int_eq(verify(many, sizeof(many)), AUTHTOK_EFORMAT);
}
END_TEST

/* The longest token passes; one byte more is not even looked at. */
START_TEST(length_cap)
{
	char claims[3000];
	char *big;
	size_t pad;

	for (pad = 2000; pad < 2960; pad++) {
		sprintf(claims, "{" NEEDED ",\"x\":\"%0*d\"}", (int)pad, 0);
		if (forge_verify(&f, HEADER, claims) != 0)
			break;
		ck_assert_uint_le(f.len, AUTHTOK_TOKEN_MAX);
	}
	ck_assert_uint_gt(f.len, AUTHTOK_TOKEN_MAX);
	ck_assert_uint_lt(f.len, AUTHTOK_TOKEN_MAX + 4);
	ck_assert_int_eq(verify(f.token, f.len), AUTHTOK_EFORMAT);

	big = malloc(1 << 20);
	memset(big, 'A', 1 << 20);
	ck_assert_int_eq(verify(big, 1 << 20), AUTHTOK_EFORMAT);
	memset(big, '.', 1 << 20);
	ck_assert_int_eq(verify(big, 1 << 20), AUTHTOK_EFORMAT);
	free(big);
}
END_TEST

/* The same bytes in another spelling of base64. */
START_TEST(base64_is_strict)
{
	char copy[sizeof(f.token)];
	size_t part, at, i;
	char *dot[2];

	good();
	dot[0] = strchr(f.token, '.');
	dot[1] = strchr(dot[0] + 1, '.');
	for (part = 0; part < 3; part++) {
		at = part < 2 ? (size_t)(dot[part] - f.token) : f.len;
		for (i = 0; i < 4; i++) {
			memcpy(copy, f.token, at);
			copy[at] = "= \n\t"[i];
			memcpy(copy + at + 1, f.token + at, f.len - at);
			ck_assert_int_eq(
			    verify(copy, f.len + 1), AUTHTOK_EFORMAT);
		}
	}
	/* 43 characters hold 258 bits: the last two are to be zero. */
	for (i = 1; i < 4; i++) {
		memcpy(copy, f.token, f.len);
		copy[f.len - 1] = (char)(copy[f.len - 1] + (char)i);
		ck_assert_int_ne(verify(copy, f.len), 0);
	}
}
END_TEST

/* Peers 1 and 2: none in any spelling, and every algorithm but the key's. */
START_TEST(algorithm_is_the_keys)
{
	static const char *const algs[] = { "\"none\"", "\"None\"", "\"NONE\"",
		"\"nOnE\"", "\"\"", "\"HS384\"", "\"HS512\"", "\"hs256\"",
		"\"HS256 \"", "\"RS256\"", "\"ES256\"", "\"PS256\"",
		"\"EdDSA\"", "\"HS2\"", "\"HS256\\u0001\"" };
	char header[100];
	char *dot;
	size_t i;

	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		sprintf(header,
		    "{\"alg\":%s,\"typ\":\"at+jwt\",\"kid\":\"k1\"}", algs[i]);
		ck_assert_int_eq(forge_verify(&f, header, GOOD), AUTHTOK_EALG);
		dot = strrchr(f.token, '.');
		ck_assert_int_eq(
		    verify(f.token, (size_t)(dot + 1 - f.token)), AUTHTOK_EALG);
		ck_assert_int_eq(
		    verify(f.token, (size_t)(dot - f.token)), AUTHTOK_EFORMAT);
	}
}
END_TEST

START_TEST(algorithm_of_a_wrong_type)
{
	static const char *const algs[] = { "null", "true", "256", "[]", "{}",
		"[\"HS256\"]", "{\"alg\":\"HS256\"}" };
	char header[100];
	size_t i;

	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		sprintf(header,
		    "{\"alg\":%s,\"typ\":\"at+jwt\",\"kid\":\"k1\"}", algs[i]);
		ck_assert_int_eq(
		    forge_verify(&f, header, GOOD), AUTHTOK_EFORMAT);
	}
	ck_assert_int_eq(
	    forge_verify(&f, "{\"typ\":\"at+jwt\",\"kid\":\"k1\"}", GOOD),
	    AUTHTOK_EFORMAT);
}
END_TEST

/* For each key and each algorithm: only the key's own verifies. */
START_TEST(each_key_with_each_algorithm)
{
	static const char *const names[] = { "HS256", "HS384", "HS512" };
	const EVP_MD *mds[] = { EVP_sha256(), EVP_sha384(), EVP_sha512() };
	char header[100];
	size_t key, alg;

	for (key = 0; key < 2; key++)
		for (alg = 0; alg < 3; alg++) {
			sprintf(header,
			    "{\"alg\":\"%s\",\"typ\":\"at+jwt\","
			    "\"kid\":\"k%zu\"}",
			    names[alg], key + 1);
			forge_sign(&f, header, strlen(header), GOOD,
			    strlen(GOOD), mds[alg], key ? secret2 : secret1,
			    key ? 64 : 32);
			ck_assert_int_eq(verify(f.token, f.len),
			    alg == 2 * key ? AUTHTOK_OK : AUTHTOK_EALG);
		}
}
END_TEST

/* Peers 3: the empty key, and every other secret that is about. */
START_TEST(only_the_keys_own_secret)
{
	static const struct {
		const char *key;
		size_t len;
	} secrets[] = { { "", 0 }, { "\0", 1 }, { "k1", 2 }, { "secret", 6 },
		{ (const char *)secret1, 31 }, { (const char *)secret1, 33 },
		{ (const char *)secret2, 64 }, { (const char *)secret2, 32 } };
	size_t i;

	for (i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		/* HMAC pads with zeros: a NUL behind the key is the key. */
		if (secrets[i].len == 33)
			continue;
		forge_sign(&f, HEADER, strlen(HEADER), GOOD, strlen(GOOD),
		    EVP_sha256(), secrets[i].key, secrets[i].len);
		ck_assert_int_eq(verify(f.token, f.len), AUTHTOK_ESIG);
	}
	forge_sign(&f, HEADER, strlen(HEADER), GOOD, strlen(GOOD), EVP_sha256(),
	    secret1, 32);
	ck_assert_int_eq(verify(f.token, f.len), 0);
}
END_TEST

/* Peers 10: a tag of any other length, its beginning being right. */
START_TEST(tag_lengths)
{
	char text[AT_B64URL_LEN(80)];
	unsigned char tag[80] = { 0 };
	size_t len, n;
	char *p;

	good();
	p = strrchr(f.token, '.') + 1;
	ck_assert(at_b64url_decode(p, 43, tag, &n));
	for (len = 0; len <= sizeof(tag); len++) {
		n = at_b64url_encode(tag, len, text);
		memcpy(p, text, n);
		ck_assert_int_eq(verify(f.token, (size_t)(p - f.token) + n),
		    len == 32 ? AUTHTOK_OK : AUTHTOK_ESIG);
	}
	/* Every byte counts. */
	for (len = 0; len < 32; len++) {
		tag[len] ^= 0x80;
		n = at_b64url_encode(tag, 32, text);
		memcpy(p, text, n);
		ck_assert_int_eq(
		    verify(f.token, (size_t)(p - f.token) + n), AUTHTOK_ESIG);
		tag[len] ^= 0x80;
	}
}
END_TEST

/* Peers 7: kids that would open files or databases elsewhere. */
START_TEST(kids_are_only_compared)
{
	static const char *const unknown[] = { "\"\"", "\"k\"", "\"k11\"",
		"\"K1\"", "\"k3\"", "\"../../dev/null\"", "\"/dev/null\"",
		"\"' OR 1=1 --\"", "\"%n%n%s\"", "\"k1 \"", "\" k1\"",
		"\"k1\\n\"", "\"k1\\u0001\"" };
	static const char *const typed[] = { "null", "1", "true", "[\"k1\"]",
		"{\"k1\":1}", "\"k1\\u0000\"" };
	char header[4096];
	size_t i;

	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		sprintf(header,
		    "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":%s}",
		    unknown[i]);
		ck_assert_int_eq(forge_verify(&f, header, GOOD), AUTHTOK_EKEY);
	}
	for (i = 0; i < sizeof(typed) / sizeof(typed[0]); i++) {
		sprintf(header,
		    "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":%s}",
		    typed[i]);
		ck_assert_int_eq(
		    forge_verify(&f, header, GOOD), AUTHTOK_EFORMAT);
	}
	ck_assert_int_eq(
	    forge_verify(&f, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", GOOD),
	    AUTHTOK_EKEY);
	sprintf(header,
	    "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%02500d\"}", 1);
	ck_assert_int_eq(forge_verify(&f, header, GOOD), AUTHTOK_EKEY);
	/* None falls through to another: k2's tokens are not k1's. */
	ck_assert_int_eq(
	    forge_verify(&f,
		"{\"alg\":\"HS512\",\"typ\":\"at+jwt\",\"kid\":\"k2\"}", GOOD),
	    AUTHTOK_ESIG);
	ck_assert_int_eq(
	    forge_verify(&f,
		"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"\\u006b1\"}",
		GOOD),
	    0);
}
END_TEST

/* Peers 6, 11, 22 and design: members that are refused wherever they stand. */
START_TEST(refused_header_members)
{
	static const char *const names[] = { "crit", "jwk", "jku", "x5u", "x5c",
		"x5t", "x5t#S256", "x5", "x5-whatever", "zip", "b64",
		"cr\\u0069t", "\\u00785u", "x\\u0035c" };
	static const char *const values[] = { "null", "true", "[]", "[\"exp\"]",
		"[\"\"]", "{}", "\"DEF\"", "1", "{\"kty\":\"oct\"}" };
	char header[200];
	size_t i, j;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
			sprintf(header,
			    "{\"alg\":\"HS256\",\"typ\":\"at+jwt\","
			    "\"kid\":\"k1\",\"%s\":%s}",
			    names[i], values[j]);
			ck_assert_int_eq(
			    forge_verify(&f, header, GOOD), AUTHTOK_EFORMAT);
			sprintf(header,
			    "{\"%s\":%s,\"alg\":\"HS256\","
			    "\"typ\":\"at+jwt\",\"kid\":\"k1\"}",
			    names[i], values[j]);
			ck_assert_int_eq(
			    forge_verify(&f, header, GOOD), AUTHTOK_EFORMAT);
		}
}
END_TEST

START_TEST(other_headers_that_pass)
{
	static const char *const headers[] = { HEADER,
		"{\"kid\":\"k1\",\"alg\":\"HS256\",\"typ\":\"at+jwt\"}",
		" { \"typ\" : \"AT+JWT\" , \"kid\":\"k1\",\"alg\":\"HS256\" } ",
		"{\"alg\":\"HS256\",\"typ\":\"application/at+jwt\","
		"\"kid\":\"k1\"}",
		"{\"alg\":\"HS256\",\"typ\":\"Application/At+Jwt\","
		"\"kid\":\"k1\",\"cty\":\"x\",\"other\":{\"jwk\":[1]}}",
		"{\"\\u0061lg\":\"HS\\u0032\\u00356\",\"typ\":\"at\\u002bjwt\","
		"\"kid\":\"k1\"}",
		/* Peers 17: what stands in the header is no claim. */
		"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\","
		"\"sub\":\"1\",\"exp\":1,\"roles\":[\"admin\"]}" };
	size_t i;

	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		ck_assert_msg(
		    forge_verify(&f, headers[i], GOOD) == 0, "%s", headers[i]);
		ck_assert_str_eq(authtok_claims_subject(f.claims), "7");
		ck_assert(!authtok_claims_has_role(f.claims, "admin"));
	}
}
END_TEST

START_TEST(other_headers_that_do_not)
{
	static const char *const headers[] = { "", "{}", "[]", "null",
		"\"HS256\"", HEADER "x", HEADER HEADER, "[" HEADER "]",
		"{\"alg\":\"HS256\",\"kid\":\"k1\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}",
		"{\"alg\":\"HS256\",\"typ\":\"at+jwt2\",\"kid\":\"k1\"}",
		"{\"alg\":\"HS256\",\"typ\":\"at+jw\",\"kid\":\"k1\"}",
		"{\"alg\":\"HS256\",\"typ\":\"\",\"kid\":\"k1\"}",
		"{\"alg\":\"HS256\",\"typ\":\"text/at+jwt\",\"kid\":\"k1\"}",
		"{\"alg\":\"HS256\",\"typ\":\"application/a/at+jwt\","
		"\"kid\":\"k1\"}",
		"{\"alg\":\"HS256\",\"typ\":null,\"kid\":\"k1\"}",
		"{\"alg\":\"HS256\",\"typ\":[\"at+jwt\"],\"kid\":\"k1\"}",
		"{\"alg\":\"HS256\",\"alg\":\"HS256\",\"typ\":\"at+jwt\","
		"\"kid\":\"k1\"}",
		"{\"alg\":\"none\",\"\\u0061lg\":\"HS256\",\"typ\":\"at+jwt\","
		"\"kid\":\"k1\"}",
		"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\","
		"\"kid\":\"k2\"}",
		"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\","
		"\"x\":[[[[[1]]]]]}",
		"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\",}",
		"{'alg':'HS256'}", "\xef\xbb\xbf" HEADER };
	size_t i;

	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		ck_assert_int_eq(
		    forge_verify(&f, headers[i], GOOD), AUTHTOK_EFORMAT);
		forge_empty(&f);
	}
}
END_TEST

/* The signature is looked at before the claims, the header before both. */
START_TEST(order)
{
	good();
	f.token[f.len - 2] ^= 1;
	forge_sign(&f, HEADER, strlen(HEADER), "{", 1, EVP_sha256(), "", 0);
	ck_assert_int_eq(verify(f.token, f.len), AUTHTOK_ESIG);
	forge_sign(&f, HEADER, strlen(HEADER), "{\"exp\":1}", 9, EVP_sha256(),
	    secret2, 64);
	ck_assert_int_eq(verify(f.token, f.len), AUTHTOK_ESIG);
	ck_assert_int_eq(forge_verify(&f, HEADER, "{"), AUTHTOK_EFORMAT);
	/* Strict base64 of the tag before a header that is bad. */
	ck_assert_int_eq(verify("e30.e30.Zh", 10), AUTHTOK_EFORMAT);
	/* No such key before no such algorithm. */
	ck_assert_int_eq(
	    forge_verify(&f,
		"{\"alg\":\"none\",\"typ\":\"at+jwt\",\"kid\":\"k9\"}", GOOD),
	    AUTHTOK_EKEY);
}
END_TEST

START_TEST(without_kid_when_told_so)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct forge g;

	config.allow_missing_kid = true;
	forge_engine(&g, config, true, "JWT");
	ck_assert_int_eq(
	    forge_verify(&g, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", GOOD), 0);
	ck_assert_str_eq(authtok_claims_key_id(g.claims), "k1");
	ck_assert_int_eq(
	    forge_verify(
		&g, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k2\"}", GOOD),
	    AUTHTOK_EKEY);
	ck_assert_int_eq(
	    forge_verify(&g, "{\"alg\":\"HS384\",\"typ\":\"JWT\"}", GOOD),
	    AUTHTOK_EALG);
	ck_assert_int_eq(
	    forge_verify(&g, "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", GOOD),
	    AUTHTOK_EFORMAT);
	forge_end(&g);
}
END_TEST

/* RFC 7515 A.1, RFC 7519 3.1: the signature is good, the claims are not ours.
 */
START_TEST(the_rfcs_token)
{
	static const char token[] =
	    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJ"
	    "leHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp"
	    "0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	static const char k[] =
	    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0i"
	    "PS4hcgUuTwjAzZr1Z9CAow";
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys;
	struct authtok *engine;
	char copy[sizeof(token)];
	uint8_t secret[64];
	size_t n;

	ck_assert(at_b64url_decode(k, strlen(k), secret, &n));
	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "a1", AUTHTOK_HS256, secret, n, true),
	    0);
	config.issuer = "joe";
	config.audience = "x";
	config.typ = "JWT";
	config.allow_missing_kid = true;
	ck_assert_int_eq(authtok_new(&config, keys, &engine), 0);
	authtok_keys_free(keys);
	ck_assert_int_eq(authtok_verify(engine, token, strlen(token), f.claims),
	    AUTHTOK_ECLAIM);
	memcpy(copy, token, sizeof(token));
	copy[50] ^= 1;
	ck_assert_int_eq(
	    authtok_verify(engine, copy, strlen(copy), f.claims), AUTHTOK_ESIG);
	authtok_free(engine);
}
END_TEST

/* Check itself allocates, so nothing is asserted while it is counted. */
START_TEST(no_allocation_of_ours)
{
	static const char other[] =
	    "{\"typ\":\"at+jwt\",\"alg\":\"HS256\",\"kid\":\"k1\"}";
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	struct authtok_claims *claims;
	char constant[sizeof(f.token)];
	char issued[AUTHTOK_TOKEN_MAX + 1];
	enum authtok_err errs[6];
	size_t constant_len, n = 0;
	unsigned long before, count;

	/* That the count counts. */
	before = our_mallocs;
	errs[0] = authtok_claims_new(&claims);
	count = our_mallocs - before;
	ck_assert_int_eq(errs[0], 0);
	ck_assert_uint_eq(count, 1);
	authtok_claims_free(claims);

	good();
	memcpy(constant, f.token, f.len);
	constant_len = f.len;
	ck_assert_int_eq(forge_verify(&f, other, GOOD), 0);
	grant.user_id = 7;

	before = our_mallocs;
	errs[0] = authtok_verify(f.engine, constant, constant_len, f.claims);
	errs[1] = authtok_verify(f.engine, f.token, f.len, f.claims);
	errs[2] = authtok_verify(f.engine, f.token, 99, f.claims);
	errs[3] =
	    authtok_issue(f.engine, &grant, issued, sizeof(issued), &n, NULL);
	errs[4] = authtok_verify(f.engine, issued, n, f.claims);
	errs[5] = authtok_json_check("{\"a\":[1]}", 9, 4, NULL, NULL);
	count = our_mallocs - before;
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(errs[0], 0);
	ck_assert_int_eq(errs[1], 0);
	ck_assert_int_eq(errs[2], AUTHTOK_EFORMAT);
	ck_assert_int_eq(errs[3], 0);
	ck_assert_int_eq(errs[4], 0);
	ck_assert_int_eq(errs[5], 0);
}
END_TEST

static _Thread_local unsigned long crypto_allocations;

static void *
crypto_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	crypto_allocations++;
	return __real_malloc(size);
}

static void *
crypto_realloc(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	crypto_allocations++;
	return __real_realloc(old, size);
}

static void
crypto_free(void *old, const char *file, int line)
{
	(void)file;
	(void)line;
	free(old);
}

/*
 * What OpenSSL asks for inside: a state for each of the two digests, and a
 * context for them where there are no claims to keep one. OpenSSL 3.0 has no
 * supported call that needs fewer.
 */
START_TEST(allocations_of_openssl)
{
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	char token[AUTHTOK_TOKEN_MAX + 1];
	enum authtok_err errs[2];
	unsigned long before, verifying, issuing;
	size_t n = 0;

	grant.user_id = 7;
	ck_assert_int_eq(
	    authtok_issue(f.engine, &grant, token, sizeof(token), &n, NULL), 0);
	ck_assert_int_eq(authtok_verify(f.engine, token, n, f.claims), 0);
	before = crypto_allocations;
	errs[0] = authtok_verify(f.engine, token, n, f.claims);
	verifying = crypto_allocations - before;
	before = crypto_allocations;
	errs[1] =
	    authtok_issue(f.engine, &grant, token, sizeof(token), &n, NULL);
	issuing = crypto_allocations - before;
	ck_assert_int_eq(errs[0], 0);
	ck_assert_int_eq(errs[1], 0);
	ck_assert_uint_gt(crypto_allocations, 0);
	ck_assert_uint_le(verifying, 2);
	ck_assert_uint_le(issuing, 3);
}
END_TEST

static void *
work(void *arg)
{
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	struct authtok_claims *claims;
	char token[AUTHTOK_TOKEN_MAX + 1];
	size_t *ret_done = arg;
	size_t n;
	int64_t i;

	if (authtok_claims_new(&claims) != 0)
		return NULL;
	for (i = 1; i <= 2000; i++) {
		grant.user_id = i;
		if (authtok_issue(f.engine, &grant, token, sizeof(token), &n,
			NULL) != 0 ||
		    authtok_verify(f.engine, token, n, claims) != 0 ||
		    authtok_claims_user_id(claims) != i)
			break;
		token[n - 5] = token[n - 5] == 'A' ? 'B' : 'A';
		if (authtok_verify(f.engine, token, n, claims) != AUTHTOK_ESIG)
			break;
		(*ret_done)++;
	}
	authtok_claims_free(claims);
	return NULL;
}

START_TEST(threads_share_an_engine)
{
	pthread_t threads[2];
	size_t done[2] = { 0, 0 };
	int i;

	for (i = 0; i < 2; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, work, &done[i]), 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(done[0], 2000);
	ck_assert_uint_eq(done[1], 2000);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("verify");

	/* before OpenSSL is used for the first time */
	if (CRYPTO_set_mem_functions(
		crypto_malloc, crypto_realloc, crypto_free) != 1)
		return 1;
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, arguments);
	tcase_add_test(t, every_truncation);
	tcase_add_test(t, every_extension);
	tcase_add_test(t, every_flipped_bit);
	tcase_add_test(t, random_mutations);
	tcase_add_test(t, dots);
	tcase_add_test(t, length_cap);
	tcase_add_test(t, base64_is_strict);
	tcase_add_test(t, algorithm_is_the_keys);
	tcase_add_test(t, algorithm_of_a_wrong_type);
	tcase_add_test(t, each_key_with_each_algorithm);
	tcase_add_test(t, only_the_keys_own_secret);
	tcase_add_test(t, tag_lengths);
	tcase_add_test(t, kids_are_only_compared);
	tcase_add_test(t, refused_header_members);
	tcase_add_test(t, other_headers_that_pass);
	tcase_add_test(t, other_headers_that_do_not);
	tcase_add_test(t, order);
	tcase_add_test(t, without_kid_when_told_so);
	tcase_add_test(t, the_rfcs_token);
	tcase_add_test(t, no_allocation_of_ours);
	tcase_add_test(t, allocations_of_openssl);
	tcase_add_test(t, threads_share_an_engine);
	return forge_run(t);
}
