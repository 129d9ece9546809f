/*
 * JSONTestSuite, where JSON comes to us: by itself, and in tokens that are
 * rightly signed, as all of the claims or the header, and as one member more.
 */
#include "vectors/vectors.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <authtok.h>

#include "token/base64url.h"
#include "token/claims.h"

#define NOW    INT64_C(1800000000)
#define ALG    "\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\""
#define NEEDED "\"iss\":\"i\",\"aud\":\"a\",\"sub\":\"7\",\"exp\":1800000100"

static const char secret[] = "a secret of thirty-two bytes 123";

/* What a y_ is refused for on purpose, wherever it stands. */
#define TWICE "a member name occurs twice (RFC 7515 section 4, RFC 7493 2.3)"
#define NUL   "a \\u0000 in a string, which ends a string of C"

static const struct {
	const char *file;
	const char *why;
} on_purpose[] = {
	{ "y_object_duplicated_key.json", TWICE },
	{ "y_object_duplicated_key_and_value.json", TWICE },
	{ "y_object_escaped_null_in_key.json", NUL },
	{ "y_string_null_escape.json", NUL },
};

struct world {
	struct authtok *engine;
	struct authtok_claims *claims;
	struct tally *tally;
	const char *file;
};

static int64_t
clock_now(void *arg)
{
	(void)arg;
	return NOW;
}

static void
begin(struct world *w)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys;

	config.issuer = "i";
	config.audience = "a";
	config.now = clock_now;
	if (authtok_keys_new(&keys) != AUTHTOK_OK ||
	    authtok_keys_add_hmac(
		keys, "k1", AUTHTOK_HS256, secret, 32, true) != AUTHTOK_OK ||
	    authtok_new(&config, keys, &w->engine) != AUTHTOK_OK ||
	    authtok_claims_new(&w->claims) != AUTHTOK_OK)
		give_up("no engine");
	authtok_keys_free(keys);
}

/* The verdict on a token of these parts, signed by OpenSSL's own HMAC. */
static enum authtok_err
verify(struct world *w, const char *header, size_t header_len,
    const char *claims, size_t claims_len)
{
	char *token = malloc(AT_B64URL_LEN(header_len + claims_len) + 100);
	char *p = token;
	unsigned char tag[EVP_MAX_MD_SIZE];
	unsigned tag_len;
	enum authtok_err err;

	if (token == NULL)
		give_up("no memory");
	p += at_b64url_encode(header, header_len, p);
	*p++ = '.';
	p += at_b64url_encode(claims, claims_len, p);
	HMAC(EVP_sha256(), secret, 32, (const unsigned char *)token,
	    (size_t)(p - token), tag, &tag_len);
	*p++ = '.';
	p += at_b64url_encode(tag, tag_len, p);
	err = authtok_verify(w->engine, token, (size_t)(p - token), w->claims);
	if (at_verify(w->engine, token, (size_t)(p - token), w->claims, true) !=
	    err)
		tally_wrong(
		    w->tally, "%s: the strict reader disagrees", w->file);
	free(token);
	return err;
}

static bool
is_object(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '{';
}

/* {members,"x":text} */
static char *
inside(const char *members, const char *text, size_t len, size_t *ret_len)
{
	char *whole = malloc(strlen(members) + len + 10);
	char *p = whole;

	if (whole == NULL)
		give_up("no memory");
	p += sprintf(p, "{%s,\"x\":", members);
	memcpy(p, text, len);
	p += len;
	*p++ = '}';
	*ret_len = (size_t)(p - whole);
	return whole;
}

/* ---- the places ---------------------------------------------------------- */

static bool
by_itself(struct world *w, const char *text, size_t len)
{
	(void)w;
	return authtok_json_check(text, len, AT_JSON_DEPTH_MAX, NULL, NULL) ==
	    AUTHTOK_OK;
}

/* Claims of ours are missing in it, but that is seen only in an object. */
static bool
as_claims(struct world *w, const char *text, size_t len)
{
	enum authtok_err err =
	    verify(w, "{" ALG "}", strlen(ALG) + 2, text, len);

	if (err != AUTHTOK_ECLAIM && err != AUTHTOK_EFORMAT)
		tally_wrong(w->tally, "%s as claims: %s", w->file,
		    authtok_strerror(err));
	return err != AUTHTOK_EFORMAT;
}

static bool
as_claim(struct world *w, const char *text, size_t len)
{
	size_t n;
	char *claims = inside(NEEDED, text, len, &n);
	enum authtok_err err =
	    verify(w, "{" ALG "}", strlen(ALG) + 2, claims, n);

	free(claims);
	return err == AUTHTOK_OK;
}

/* It has no alg, so the scanner is asked what it thought of it. */
static bool
as_header(struct world *w, const char *text, size_t len)
{
	const struct at_engine_key *key;
	struct at_json *json = malloc(sizeof(*json));
	char *copy = malloc(len + 1);
	enum authtok_err err;
	bool accepted;

	if (json == NULL || copy == NULL)
		give_up("no memory");
	memcpy(copy, text, len);
	err = at_header_read(w->engine, json, copy, len, &key);
	accepted = is_object(text) && json->why == NULL;
	if (err != AUTHTOK_EFORMAT ||
	    verify(w, text, len, "{" NEEDED "}", strlen(NEEDED) + 2) !=
		AUTHTOK_EFORMAT)
		tally_wrong(w->tally, "%s as header: not EFORMAT", w->file);
	free(copy);
	free(json);
	return accepted;
}

static bool
as_header_member(struct world *w, const char *text, size_t len)
{
	size_t n;
	char *header = inside(ALG, text, len, &n);
	enum authtok_err err =
	    verify(w, header, n, "{" NEEDED "}", strlen(NEEDED) + 2);

	free(header);
	return err == AUTHTOK_OK;
}

static const struct place {
	const char *name;
	bool object; /* nothing else may stand there */
	bool (*accepted)(struct world *w, const char *text, size_t len);
} places[] = {
	{ "JSONTestSuite by itself", false, by_itself },
	{ "JSONTestSuite as claims", true, as_claims },
	{ "JSONTestSuite as a claim", false, as_claim },
	{ "JSONTestSuite as header", true, as_header },
	{ "JSONTestSuite as a header member", false, as_header_member },
};

/* ---- all files in a place ------------------------------------------------ */

static const char *
reason(const struct place *place, const char *file, const char *text)
{
	if (place->object && !is_object(text))
		return "not an object (RFC 7515 section 4, RFC 7519 section 4)";
	for (size_t i = 0; i < sizeof(on_purpose) / sizeof(on_purpose[0]); i++)
		if (strcmp(file, on_purpose[i].file) == 0)
			return on_purpose[i].why;
	return NULL;
}

static void
run_place(const char *folder, struct dirent **names, int count,
    const struct place *place)
{
	struct tally tally = { .name = place->name };
	struct world w = { .tally = &tally };
	enum expect expect;
	char *text;
	size_t len;

	begin(&w);
	w.file = "what passes";
	if (!as_claim(&w, "0", 1) || !as_header_member(&w, "0", 1))
		give_up("a token of ours is not accepted");
	for (int i = 0; i < count; i++) {
		w.file = names[i]->d_name;
		text = read_whole(folder, w.file, &len);
		expect = *w.file == 'y' ? EXPECT_VALID
		    : *w.file == 'n'    ? EXPECT_INVALID
					: EXPECT_EITHER;
		tally_count(&tally, expect, place->accepted(&w, text, len),
		    reason(place, w.file, text), "%s", w.file);
		free(text);
	}
	tally_end(&tally);
	authtok_claims_free(w.claims);
	authtok_free(w.engine);
}

static int
is_test(const struct dirent *entry)
{
	const char *name = entry->d_name;

	return strchr("yni", *name) != NULL && name[0] != '\0' &&
	    name[1] == '_' && strstr(name, ".json") != NULL;
}

void
parsing_run(const char *folder)
{
	struct dirent **names;
	int count = scandir(folder, &names, is_test, alphasort);

	if (count <= 0)
		give_up("%s holds no y_, n_ or i_ file", folder);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		run_place(folder, names, count, &places[i]);
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
}
