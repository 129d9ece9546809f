/*
 * The refresh token codec and its crypto: HKDF (RFC 5869), HMAC (RFC 2104).
 * Known here: the derived keys. Not known: rows but for their seed, the rule,
 * the clock.
 */
#include "session/refresh.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "token/base64url.h"
#include "token/hmac.h"
#include "token/keys.h"

#define PREFIX     "art1_"
#define PREFIX_LEN 5
#define INFO       "authtok refresh v1"
#define LABEL_LEN  6
#define LABEL_S    "art1 S"
#define LABEL_M    "art1 M"
#define LABEL_I    "art1 I"
#define MAC_LEN    32

/* where the parts of a token begin */
#define AT_KID    0
#define AT_SID    1
#define AT_GEN    17
#define AT_BRANCH 21
#define AT_S      25
#define AT_M      41
#define RAW_LEN   57

_Static_assert(PREFIX_LEN + AT_B64URL_LEN(RAW_LEN) == AUTHTOK_REFRESH_LEN,
    "length of a refresh token");

struct derived {
	uint8_t kid;
	struct at_hmac hmac; /* of K */
};

struct at_refresh {
	size_t count;
	const struct derived *current;
	struct derived keys[AUTHTOK_KEYS_MAX];
};

static void
put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* RFC 5869 with an empty salt; the kid in info keeps two keys apart. */
static bool
hkdf(EVP_KDF *kdf, const struct at_refresh_key *from, uint8_t *out)
{
	uint8_t info[sizeof(INFO)] = INFO; /* the kid in place of the NUL */
	uint8_t secret[AT_SECRET_MAX];     /* OpenSSL's parameters lack const */
	char digest[] = "SHA256";
	OSSL_PARAM params[4];
	EVP_KDF_CTX *ctx;
	bool ok;

	info[sizeof(INFO) - 1] = (uint8_t)from->number;
	memcpy(secret, from->secret, from->len);
	params[0] =
	    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
	params[1] = OSSL_PARAM_construct_octet_string(
	    OSSL_KDF_PARAM_KEY, secret, from->len);
	params[2] = OSSL_PARAM_construct_octet_string(
	    OSSL_KDF_PARAM_INFO, info, sizeof(info));
	params[3] = OSSL_PARAM_construct_end();
	ctx = EVP_KDF_CTX_new(kdf);
	ok = ctx != NULL && EVP_KDF_derive(ctx, out, MAC_LEN, params) == 1;
	EVP_KDF_CTX_free(ctx);
	OPENSSL_cleanse(secret, sizeof(secret));
	return ok;
}

static enum authtok_err
derive(EVP_KDF *kdf, const struct at_refresh_key *from, struct derived *to)
{
	uint8_t key[MAC_LEN];
	enum authtok_err err = AUTHTOK_ECRYPTO;

	to->kid = (uint8_t)from->number;
	if (hkdf(kdf, from, key))
		err = at_hmac_init(&to->hmac, AUTHTOK_HS256, key, sizeof(key));
	OPENSSL_cleanse(key, sizeof(key));
	return err;
}

enum authtok_err
at_refresh_new(const struct authtok_keys *keys, struct at_refresh **ret_refresh)
{
	size_t n = at_keys_refresh_count(keys);
	struct at_refresh *r;
	enum authtok_err err = AUTHTOK_OK;
	size_t current = 0;
	EVP_KDF *kdf;

	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return AUTHTOK_ENOMEM;
	kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	if (kdf == NULL)
		err = AUTHTOK_ECRYPTO;
	for (size_t i = 0; i < n && err == AUTHTOK_OK; i++) {
		const struct at_refresh_key *key = at_keys_refresh(keys, i);

		err = derive(kdf, key, &r->keys[i]);
		r->count = i + 1;
		if (key->current) {
			r->current = &r->keys[i];
			current++;
		}
	}
	EVP_KDF_free(kdf);
	if (err == AUTHTOK_OK && current != 1)
		err = AUTHTOK_EKEY;
	if (err != AUTHTOK_OK) {
		at_refresh_free(r);
		return err;
	}
	*ret_refresh = r;
	return AUTHTOK_OK;
}

void
at_refresh_free(struct at_refresh *refresh)
{
	if (refresh == NULL)
		return;
	for (size_t i = 0; i < refresh->count; i++)
		at_hmac_clear(&refresh->keys[i].hmac);
	OPENSSL_cleanse(refresh, sizeof(*refresh));
	free(refresh);
}

static const struct derived *
find_key(const struct at_refresh *refresh, uint8_t kid)
{
	for (size_t i = 0; i < refresh->count; i++)
		if (refresh->keys[i].kid == kid)
			return &refresh->keys[i];
	return NULL;
}

/*
 * S and M alike: HMAC(K, label | kid | sid | gen | branch | last), cut. raw
 * begins as a token does.
 */
static bool
tag(const struct derived *key, const char *label, const uint8_t *raw,
    const uint8_t *last, uint8_t *ret_tag)
{
	uint8_t data[LABEL_LEN + AT_S + AT_REFRESH_TAG], mac[AT_MAC_MAX];
	bool ok;

	memcpy(data, label, LABEL_LEN);
	memcpy(data + LABEL_LEN, raw, AT_S);
	memcpy(data + LABEL_LEN + AT_S, last, AT_REFRESH_TAG);
	ok = at_hmac_tag_once(&key->hmac, data, sizeof(data), mac);
	if (ok)
		memcpy(ret_tag, mac, AT_REFRESH_TAG);
	OPENSSL_cleanse(data, sizeof(data));
	OPENSSL_cleanse(mac, sizeof(mac));
	return ok;
}

/* Compare in constant time, and keep nothing of the right tag. */
static enum authtok_err
check_tag(const struct derived *key, const char *label, const uint8_t *raw,
    const uint8_t *last, const uint8_t *tag_seen)
{
	uint8_t right[AT_REFRESH_TAG];
	enum authtok_err err = AUTHTOK_ESIG;

	if (!tag(key, label, raw, last, right))
		return AUTHTOK_ECRYPTO;
	if (CRYPTO_memcmp(right, tag_seen, sizeof(right)) == 0)
		err = AUTHTOK_OK;
	OPENSSL_cleanse(right, sizeof(right));
	return err;
}

static void
put_head(uint8_t *raw, uint8_t kid, const uint8_t *sid, uint32_t gen,
    uint32_t branch)
{
	raw[AT_KID] = kid;
	memcpy(raw + AT_SID, sid, AUTHTOK_SID_LEN);
	put32(raw + AT_GEN, gen);
	put32(raw + AT_BRANCH, branch);
}

enum authtok_err
at_refresh_parse(const struct at_refresh *refresh, const char *text, size_t len,
    struct at_refresh_token *ret_token)
{
	const struct derived *key;
	uint8_t raw[RAW_LEN];
	enum authtok_err err;
	size_t n;

	if (len != AUTHTOK_REFRESH_LEN ||
	    memcmp(text, PREFIX, PREFIX_LEN) != 0 ||
	    !at_b64url_decode(text + PREFIX_LEN, len - PREFIX_LEN, raw, &n) ||
	    n != RAW_LEN)
		return AUTHTOK_EFORMAT;
	key = find_key(refresh, raw[AT_KID]);
	if (key == NULL)
		return AUTHTOK_EKEY;
	err = check_tag(key, LABEL_M, raw, raw + AT_S, raw + AT_M);
	if (err != AUTHTOK_OK)
		return err;
	ret_token->kid = raw[AT_KID];
	memcpy(ret_token->sid, raw + AT_SID, AUTHTOK_SID_LEN);
	ret_token->gen = get32(raw + AT_GEN);
	ret_token->branch = get32(raw + AT_BRANCH);
	memcpy(ret_token->s, raw + AT_S, AT_REFRESH_TAG);
	return AUTHTOK_OK;
}

enum authtok_err
at_refresh_check(const struct at_refresh *refresh,
    const struct at_refresh_token *token, const uint8_t *seed)
{
	const struct derived *key = find_key(refresh, token->kid);
	uint8_t raw[RAW_LEN];

	if (key == NULL)
		return AUTHTOK_EKEY;
	put_head(raw, token->kid, token->sid, token->gen, token->branch);
	return check_tag(key, LABEL_S, raw, seed, token->s);
}

enum authtok_err
at_refresh_make(const struct at_refresh *refresh,
    const struct authtok_session *row, char *ret_text)
{
	const struct derived *key = refresh->current;
	uint8_t raw[RAW_LEN];
	enum authtok_err err = AUTHTOK_ECRYPTO;

	put_head(raw, key->kid, row->sid, row->gen, row->branch);
	if (tag(key, LABEL_S, raw, row->seed, raw + AT_S) &&
	    tag(key, LABEL_M, raw, raw + AT_S, raw + AT_M)) {
		memcpy(ret_text, PREFIX, PREFIX_LEN);
		at_b64url_encode(raw, RAW_LEN, ret_text + PREFIX_LEN);
		ret_text[AUTHTOK_REFRESH_LEN] = '\0';
		err = AUTHTOK_OK;
	}
	OPENSSL_cleanse(raw, sizeof(raw));
	return err;
}

/* The digest of the current key's HMAC is at hand: fetching one takes locks. */
enum authtok_err
at_refresh_retry(const struct at_refresh *refresh, const uint8_t *seed,
    const char *key, size_t len, uint8_t *ret_mac)
{
	uint8_t data[LABEL_LEN + AUTHTOK_RETRYKEY_MAX], mac[AT_MAC_MAX];
	struct at_hmac hmac;
	enum authtok_err err;

	err = at_hmac_init_like(
	    &hmac, &refresh->current->hmac, seed, AUTHTOK_SEED_LEN);
	if (err != AUTHTOK_OK)
		return err;
	memcpy(data, LABEL_I, LABEL_LEN);
	memcpy(data + LABEL_LEN, key, len);
	if (at_hmac_tag_once(&hmac, data, LABEL_LEN + len, mac))
		memcpy(ret_mac, mac, AUTHTOK_RETRY_LEN);
	else
		err = AUTHTOK_ECRYPTO;
	at_hmac_clear(&hmac);
	OPENSSL_cleanse(data, sizeof(data));
	OPENSSL_cleanse(mac, sizeof(mac));
	return err;
}

enum authtok_err
at_refresh_random(void *buf, size_t len)
{
	return RAND_bytes(buf, (int)len) == 1 ? AUTHTOK_OK : AUTHTOK_ECRYPTO;
}
