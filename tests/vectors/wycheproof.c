/*
 * Wycheproof's vectors of what a token is signed with, and of whole tokens
 * (JWS) under keys given as JWKs.
 */
#include "vectors/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <authtok.h>

#include "token/alg.h"
#include "token/base64url.h"
#include "token/claims.h"
#include "token/keyset.h"
#include "token/signer.h"

/* Sentences of ours about keys that are refused on purpose. */
static const struct {
	const char *said;
	const char *why;
} on_purpose[] = {
	{ "an unknown alg",
	    "RS384, RS512, PS256 to PS512 and ES512 are not supported" },
	{ "kid is not [A-Za-z0-9._-]+", "a kid is [A-Za-z0-9._-]+" },
};

static const char *
reason(const char *said)
{
	for (size_t i = 0; i < sizeof(on_purpose) / sizeof(on_purpose[0]); i++)
		if (strcmp(said, on_purpose[i].said) == 0)
			return on_purpose[i].why;
	return NULL;
}

/* ---- what the files are made of ------------------------------------------ */

static const cJSON *
member(const cJSON *object, const char *name)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);

	if (value == NULL)
		give_up("a vector without %s", name);
	return value;
}

static const char *
text_of(const cJSON *object, const char *name)
{
	const cJSON *value = member(object, name);

	if (!cJSON_IsString(value))
		give_up("%s is not a string", name);
	return value->valuestring;
}

/* Bytes in hexadecimal; freed by the caller. */
static uint8_t *
bytes_of(const cJSON *object, const char *name, size_t *ret_len)
{
	const char *hex = text_of(object, name);
	size_t len = strlen(hex) / 2;
	uint8_t *bytes = malloc(len + 1);
	unsigned v;

	if (bytes == NULL)
		give_up("no memory");
	for (size_t i = 0; i < len; i++) {
		if (sscanf(hex + 2 * i, "%2x", &v) != 1)
			give_up("%s is not hexadecimal", name);
		bytes[i] = (uint8_t)v;
	}
	*ret_len = len;
	return bytes;
}

static enum expect
expect_of(const cJSON *test)
{
	const char *result = text_of(test, "result");
	const cJSON *flag;

	for (flag = member(test, "flags")->child; flag != NULL;
	     flag = flag->next)
		if (strcmp(flag->valuestring, "Ambiguous") == 0)
			return EXPECT_EITHER;
	if (strcmp(result, "valid") == 0)
		return EXPECT_VALID;
	if (strcmp(result, "invalid") != 0 && strcmp(result, "acceptable") != 0)
		give_up("result is %s", result);
	return *result == 'i' ? EXPECT_INVALID : EXPECT_EITHER;
}

static void
count(struct tally *t, const cJSON *test, bool accepted, const char *why)
{
	tally_count(t, expect_of(test), accepted, why,
	    "%d (%s) is %s, and was %s", member(test, "tcId")->valueint,
	    text_of(test, "comment"), text_of(test, "result"),
	    accepted ? "accepted" : "refused");
}

static EVP_MD_CTX *
scratch_new(void)
{
	EVP_MD_CTX *scratch = at_scratch_new();

	if (scratch == NULL)
		give_up("no memory");
	return scratch;
}

/* ---- MACs ---------------------------------------------------------------- */

static void
run_mac(struct tally *t, const cJSON *test, enum authtok_alg alg,
    EVP_MD_CTX *scratch)
{
	size_t key_len, len, tag_len;
	uint8_t *key = bytes_of(test, "key", &key_len);
	uint8_t *text = bytes_of(test, "msg", &len);
	uint8_t *tag = bytes_of(test, "tag", &tag_len);
	bool valid = expect_of(test) == EXPECT_VALID, right;
	const char *why = NULL;
	struct authtok_keys *keys;
	struct at_hmac hmac;
	enum authtok_err taken;

	if (at_hmac_init(&hmac, alg, key, key_len) != AUTHTOK_OK ||
	    authtok_keys_new(&keys) != AUTHTOK_OK)
		give_up("no HMAC");
	right = at_hmac_check(&hmac, scratch, text, len, tag, tag_len) ==
	    AUTHTOK_OK;
	taken = authtok_keys_add_hmac(keys, "k", alg, key, key_len, false);
	if (tag_len != hmac.len && right)
		tally_wrong(t, "%d: a tag that is cut short is accepted",
		    member(test, "tcId")->valueint);
	if (tag_len != hmac.len)
		why = "a tag that is cut short (RFC 7518 section 3.2)";
	else if (right != valid)
		tally_wrong(t, "%d: at_hmac_check says %s",
		    member(test, "tcId")->valueint, right ? "yes" : "no");
	if (taken == AUTHTOK_EWEAK && key_len < at_alg_secret_min(alg))
		why = "a secret shorter than the hash (RFC 7518 section 3.2)";
	count(t, test, right && taken == AUTHTOK_OK, why);
	authtok_keys_free(keys);
	at_hmac_clear(&hmac);
	free(key);
	free(text);
	free(tag);
}

static void
mac_group(struct tally *t, const cJSON *group, enum authtok_alg alg)
{
	EVP_MD_CTX *scratch = scratch_new();
	const cJSON *test;

	for (test = member(group, "tests")->child; test != NULL;
	     test = test->next)
		run_mac(t, test, alg, scratch);
	at_scratch_free(scratch);
}

/* ---- keys ---------------------------------------------------------------- */

/*
 * One key's worth of zeros is a secret that no key set takes. The vectors of
 * base64url have it, so it is put in by hand.
 */
static bool
put_zeros(struct authtok_keys *keys, const cJSON *jwk)
{
	const char *kid = text_of(jwk, "kid"), *k = text_of(jwk, "k");
	struct at_key *key = &keys->all[0];

	if (strcmp(text_of(jwk, "alg"), "HS256") != 0 || strlen(k) != 43 ||
	    strspn(k, "A") != 43)
		return false;
	snprintf(key->kid, sizeof(key->kid), "%s", kid);
	key->alg = AUTHTOK_HS256;
	key->len = 32;
	keys->count = 1;
	return true;
}

/* A JWK, or a set of them; NULL and *ret_said: it was refused. */
static struct authtok_keys *
keys_of(const cJSON *jwk, const char **ret_said)
{
	bool set = cJSON_HasObjectItem(jwk, "keys");
	char *one = cJSON_PrintUnformatted(jwk), *text;
	struct authtok_keys *keys;
	enum authtok_err err;
	size_t size;

	if (one == NULL || authtok_keys_new(&keys) != AUTHTOK_OK)
		give_up("no memory");
	size = strlen(one) + 20;
	text = malloc(size);
	if (text == NULL)
		give_up("no memory");
	snprintf(text, size, set ? "%s" : "{\"keys\":[%s]}", one);
	err = authtok_keys_add_jwks(keys, text, strlen(text), ret_said, NULL);
	if (err != AUTHTOK_OK &&
	    (err != AUTHTOK_EWEAK || set || !put_zeros(keys, jwk))) {
		authtok_keys_free(keys);
		keys = NULL;
	}
	free(text);
	free(one);
	return keys;
}

/* The public key of a group of signatures, which has no alg or another. */
static struct authtok_keys *
public_key(const cJSON *group, enum authtok_alg alg, const char **ret_said)
{
	const cJSON *given =
	    cJSON_GetObjectItemCaseSensitive(group, "publicKeyJwk");
	struct authtok_keys *keys;
	const char *pem;
	cJSON *jwk;

	if (given == NULL)
		given = cJSON_GetObjectItemCaseSensitive(group, "keyJwk");
	if (given != NULL) {
		jwk = cJSON_Duplicate(given, true);
		cJSON_DeleteItemFromObjectCaseSensitive(jwk, "alg");
		cJSON_AddStringToObject(jwk, "alg", at_alg_name(alg));
		keys = keys_of(jwk, ret_said);
		cJSON_Delete(jwk);
		return keys;
	}
	pem = text_of(group, "publicKeyPem");
	if (authtok_keys_new(&keys) != AUTHTOK_OK)
		give_up("no memory");
	if (authtok_keys_add_pem(keys, "k", alg, pem, strlen(pem), false,
		ret_said) == AUTHTOK_OK)
		return keys;
	authtok_keys_free(keys);
	return NULL;
}

/* ---- signatures ---------------------------------------------------------- */

static void
run_signature(struct tally *t, const cJSON *test,
    const struct at_signer *signer, EVP_MD_CTX *scratch)
{
	size_t len, sig_len;
	uint8_t *text = bytes_of(test, "msg", &len);
	uint8_t *sig = bytes_of(test, "sig", &sig_len);
	enum authtok_err err =
	    at_signer_check(signer, scratch, text, len, sig, sig_len);

	if (err != AUTHTOK_OK && err != AUTHTOK_ESIG)
		tally_wrong(t, "%d: %s", member(test, "tcId")->valueint,
		    authtok_strerror(err));
	count(t, test, err == AUTHTOK_OK, NULL);
	free(text);
	free(sig);
}

static void
signature_group(struct tally *t, const cJSON *group, enum authtok_alg alg)
{
	const char *said = NULL;
	struct authtok_keys *keys = public_key(group, alg, &said);
	EVP_MD_CTX *scratch = scratch_new();
	struct at_signer signer = { 0 };
	const cJSON *test;

	if (keys != NULL &&
	    at_signer_init(&signer, at_keys_get(keys, 0)) != AUTHTOK_OK)
		give_up("no signer");
	for (test = member(group, "tests")->child; test != NULL;
	     test = test->next)
		if (keys != NULL)
			run_signature(t, test, &signer, scratch);
		else
			count(t, test, false, reason(said));
	if (keys != NULL)
		at_signer_clear(&signer);
	at_scratch_free(scratch);
	authtok_keys_free(keys);
}

/* ---- tokens -------------------------------------------------------------- */

struct jws {
	struct authtok *engine;
	struct authtok_claims *claims;
	EVP_MD_CTX *scratch;
};

static int64_t
clock_now(void *arg)
{
	(void)arg;
	return 1800000000;
}

static void
jws_begin(struct jws *j, const struct authtok_keys *keys)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;

	config.issuer = "i";
	config.audience = "a";
	config.now = clock_now;
	/* whatever accepts more */
	config.allow_missing_kid = at_keys_count(keys) == 1;
	j->scratch = scratch_new();
	if (authtok_new(&config, keys, &j->engine) != AUTHTOK_OK ||
	    authtok_claims_new(&j->claims) != AUTHTOK_OK)
		give_up("no engine");
}

static void
jws_end(struct jws *j)
{
	at_scratch_free(j->scratch);
	authtok_claims_free(j->claims);
	authtok_free(j->engine);
}

/* The header, with room for more; NULL: not one in base64url. */
static char *
header_of(const char *token, size_t *ret_len)
{
	size_t len = strcspn(token, ".");
	char *header = malloc(len + 32);

	if (header == NULL)
		give_up("no memory");
	if (at_b64url_decode(token, len, header, ret_len))
		return header;
	free(header);
	return NULL;
}

/* The same token, only that its header says which type it is of. */
static char *
typed(const char *token, char *header, size_t header_len)
{
	static const char typ[] = "\"typ\":\"at+jwt\",";
	const size_t n = sizeof(typ) - 1;
	char *copy = malloc(2 * strlen(token) + 100);
	char *p = copy;

	if (copy == NULL)
		give_up("no memory");
	if (header_len > 0 && header[0] == '{') {
		memmove(header + 1 + n, header + 1, header_len - 1);
		memcpy(header + 1, typ, n);
		header_len += n;
	}
	p += at_b64url_encode(header, header_len, p);
	strcpy(p, token + strcspn(token, "."));
	return copy;
}

/*
 * Whether the signature of token is right, by the key that the header of named,
 * which has a typ, names.
 */
static bool
signature_right(struct jws *j, const char *named, const char *token)
{
	const char *dot = strrchr(token, '.');
	size_t header_len, sig_len;
	char *header = header_of(named, &header_len);
	uint8_t *sig = malloc(strlen(token) + 1);
	const struct at_engine_key *key;
	bool right;

	if (sig == NULL)
		give_up("no memory");
	right = header != NULL && dot != NULL &&
	    at_b64url_decode(dot + 1, strlen(dot + 1), sig, &sig_len) &&
	    at_header_read(j->engine, &j->claims->json, header, header_len,
		&key) == AUTHTOK_OK &&
	    at_signer_check(&key->signer, j->scratch, token,
		(size_t)(dot - token), sig, sig_len) == AUTHTOK_OK;
	free(sig);
	free(header);
	return right;
}

/*
 * These tokens have no typ and no claims, so authtok_verify refuses every one
 * of them. Given a typ it must get as far as the signature, which is wrong
 * then; the one of the token as it was is checked beside it.
 */
static bool
jws_accepted(struct jws *j, struct tally *t, const char *token)
{
	size_t header_len, len = strlen(token);
	char *header = header_of(token, &header_len), *copy;
	enum authtok_err err;
	bool accepted;

	if (authtok_verify(j->engine, token, len, j->claims) == AUTHTOK_OK)
		tally_wrong(t, "taken for an access token: %s", token);
	if (header == NULL)
		return false;
	copy = typed(token, header, header_len);
	len = strlen(copy);
	err = authtok_verify(j->engine, copy, len, j->claims);
	if (at_verify(j->engine, copy, len, j->claims, true) != err)
		tally_wrong(t, "the strict reader disagrees: %s", copy);
	if (err == AUTHTOK_OK || signature_right(j, copy, copy))
		tally_wrong(t, "right for another header: %s", copy);
	accepted = err == AUTHTOK_ESIG && signature_right(j, copy, token);
	free(header);
	free(copy);
	return accepted;
}

static const char *
jws_reason(const char *token)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

	return token[strspn(token, alphabet)] != '\0'
	    ? "a character that is not base64url (RFC 7515 section 2)"
	    : NULL;
}

/*
 * Whether the very same token is a valid one in the same group: what the
 * suite says of 357, 367 and 370 (its issue 236).
 */
static bool
contradicted(const cJSON *tests, const cJSON *test)
{
	const cJSON *jws = member(test, "jws"), *other;

	cJSON_ArrayForEach(
	    other, tests) if (expect_of(other) != expect_of(test) &&
	    cJSON_Compare(member(other, "jws"), jws,
		true)) return expect_of(test) == EXPECT_INVALID;
	return false;
}

static void
run_jws(struct tally *t, const cJSON *tests, const cJSON *test, struct jws *j)
{
	const cJSON *jws = member(test, "jws");
	char *text = cJSON_IsString(jws) ? strdup(jws->valuestring)
					 : cJSON_PrintUnformatted(jws);
	bool accepted;

	if (text == NULL)
		give_up("no memory");
	accepted = jws_accepted(j, t, text);
	if (contradicted(tests, test))
		tally_count(t, EXPECT_EITHER, accepted, NULL, "%s", text);
	else
		count(t, test, accepted, jws_reason(text));
	free(text);
}

static void
jws_group(struct tally *t, const cJSON *group, enum authtok_alg alg)
{
	const cJSON *jwk = cJSON_GetObjectItemCaseSensitive(group, "public");
	const char *said = NULL;
	struct authtok_keys *keys;
	const cJSON *test;
	struct jws j;

	(void)alg;
	keys = keys_of(jwk != NULL ? jwk : member(group, "private"), &said);
	if (keys != NULL)
		jws_begin(&j, keys);
	for (test = member(group, "tests")->child; test != NULL;
	     test = test->next)
		if (keys != NULL)
			run_jws(t, member(group, "tests"), test, &j);
		else
			count(t, test, false, reason(said));
	if (keys != NULL)
		jws_end(&j);
	authtok_keys_free(keys);
}

/* ---- the files ----------------------------------------------------------- */

static const struct file {
	const char *name;
	void (*group)(
	    struct tally *t, const cJSON *group, enum authtok_alg alg);
	enum authtok_alg alg;
} files[] = {
	{ "hmac_sha256_test.json", mac_group, AUTHTOK_HS256 },
	{ "hmac_sha384_test.json", mac_group, AUTHTOK_HS384 },
	{ "hmac_sha512_test.json", mac_group, AUTHTOK_HS512 },
	{ "ed25519_test.json", signature_group, AUTHTOK_EDDSA },
	{ "ecdsa_secp256r1_sha256_p1363_test.json", signature_group,
	    AUTHTOK_ES256 },
	{ "rsa_signature_2048_sha256_test.json", signature_group,
	    AUTHTOK_RS256 },
	{ "rsa_signature_3072_sha256_test.json", signature_group,
	    AUTHTOK_RS256 },
	{ "rsa_signature_4096_sha256_test.json", signature_group,
	    AUTHTOK_RS256 },
	{ "rsa_signature_8192_sha256_test.json", signature_group,
	    AUTHTOK_RS256 },
	{ "json_web_signature_test.json", jws_group, AUTHTOK_HS256 },
	{ "json_web_key_test.json", jws_group, AUTHTOK_HS256 },
};

static void
run_file(const char *folder, const struct file *file)
{
	struct tally t = { .name = file->name };
	size_t len;
	char *text = read_whole(folder, file->name, &len);
	cJSON *root = cJSON_ParseWithLength(text, len);
	const cJSON *group;
	int tests = 0;

	if (root == NULL)
		give_up("%s/%s is not JSON", folder, file->name);
	for (group = member(root, "testGroups")->child; group != NULL;
	     group = group->next) {
		file->group(&t, group, file->alg);
		tests += cJSON_GetArraySize(member(group, "tests"));
	}
	if (tests == 0 || tests != member(root, "numberOfTests")->valueint)
		give_up("%s: %d tests, it says %d", file->name, tests,
		    member(root, "numberOfTests")->valueint);
	tally_end(&t);
	cJSON_Delete(root);
	free(text);
}

void
wycheproof_run(const char *folder)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		run_file(folder, &files[i]);
}
