/*
 * Forging tokens for the tests.
 */
#include "forge.h"

#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Append the base64url of data to text. */
static void
encode(char *text, size_t size, const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t at = strlen(text), i;
	unsigned bits = 0, have = 0;

	ck_assert_uint_lt(at + len * 4 / 3 + 2, size);
	for (i = 0; i < len; i++) {
		bits = (bits << 8 | p[i]) & 0xffff;
		for (have += 8; have >= 6; have -= 6)
			text[at++] = alphabet[bits >> (have - 6) & 63];
	}
	if (have > 0)
		text[at++] = alphabet[bits << (6 - have) & 63];
	text[at] = '\0';
}

void
jwt_part(const char *token, int part, char *ret, size_t size)
{
	const char *at;
	unsigned bits = 0, have = 0;
	size_t len = 0;

	for (; part > 0; part--)
		token = strchr(token, '.') + 1;
	for (; *token != '.' && *token != '\0'; token++) {
		at = strchr(alphabet, *token);
		ck_assert_ptr_nonnull(at);
		bits = (bits << 6 | (unsigned)(at - alphabet)) & 0xffff;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		ck_assert_uint_lt(len + 1, size);
		ret[len++] = (char)(bits >> have & 255);
	}
	ret[len] = '\0';
}

void
jwt_make(const char *head, const char *payload, const char *digest,
    const char *secret, char *ret, size_t size)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_len = 0;

	ret[0] = '\0';
	encode(ret, size, head, strlen(head));
	strcat(ret, ".");
	encode(ret, size, payload, strlen(payload));
	if (digest != NULL)
		ck_assert_ptr_nonnull(HMAC(EVP_get_digestbyname(digest), secret,
		    (int)strlen(secret), (unsigned char *)ret, strlen(ret), mac,
		    &mac_len));
	strcat(ret, ".");
	encode(ret, size, mac, mac_len);
}

static int64_t
shifted_clock(void *arg)
{
	return (int64_t)time(NULL) + *(int64_t *)arg;
}

static const char *
member(const cJSON *root, const char *name)
{
	const char *s =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, name));

	ck_assert_msg(s != NULL, "no text %s in the token", name);
	return s;
}

void
jwt_issue(const char *sample, const char *secret, int64_t user_id,
    int64_t offset, char *ret, size_t size)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	struct authtok_keys *keys;
	struct authtok *engine;
	char part[AUTHTOK_TOKEN_MAX];
	cJSON *head, *claims;
	size_t len;

	jwt_part(sample, 0, part, sizeof(part));
	head = cJSON_Parse(part);
	jwt_part(sample, 1, part, sizeof(part));
	claims = cJSON_Parse(part);
	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(authtok_keys_add_hmac(keys, member(head, "kid"),
			     AUTHTOK_HS256, secret, strlen(secret), true),
	    AUTHTOK_OK);
	config.issuer = member(claims, "iss");
	config.audience = member(claims, "aud");
	config.now = shifted_clock;
	config.now_arg = &offset;
	ck_assert_int_eq(authtok_new(&config, keys, &engine), AUTHTOK_OK);
	grant.user_id = user_id;
	grant.role_count = 1;
	grant.roles = (const char *const[]){ "user" };
	ck_assert_int_eq(
	    authtok_issue(engine, &grant, ret, size, &len, NULL), AUTHTOK_OK);
	authtok_free(engine);
	authtok_keys_free(keys);
	cJSON_Delete(head);
	cJSON_Delete(claims);
}
