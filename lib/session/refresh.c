/*
 * The refresh token codec and its crypto, HMAC (RFC 2104).
 * Known here: the derived keys. Not known: rows but for their seed, the rule,
 * the clock.
 */
#include "session/refresh.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "session/derive.h"
#include "token/base64url.h"
#include "token/hmac.h"

#define PREFIX     "art1_"
#define PREFIX_LEN 5
#define INFO       "authtok refresh v1"
#define LABEL_LEN  6
#define LABEL_S    "art1 S"
#define LABEL_M    "art1 M"
#define LABEL_I    "art1 I"

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

struct at_refresh {
	struct at_derived_set keys;
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

enum authtok_err
at_refresh_new(const struct authtok_keys *keys, struct at_refresh **ret_refresh)
{
	struct at_refresh *r;
	enum authtok_err err;

	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return AUTHTOK_ENOMEM;
	err = at_derived_init(&r->keys, keys, AT_REFRESH, INFO);
	if (err != AUTHTOK_OK) {
		free(r);
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
	at_derived_clear(&refresh->keys);
	free(refresh);
}

/*
 * S and M alike: HMAC(K, label | kid | sid | gen | branch | last), cut. raw
 * begins as a token does.
 */
static bool
tag(const struct at_derived *key, const char *label, const uint8_t *raw,
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
check_tag(const struct at_derived *key, const char *label, const uint8_t *raw,
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
	const struct at_derived *key;
	uint8_t raw[RAW_LEN];
	enum authtok_err err;
	size_t n;

	if (len != AUTHTOK_REFRESH_LEN ||
	    memcmp(text, PREFIX, PREFIX_LEN) != 0 ||
	    !at_b64url_decode(text + PREFIX_LEN, len - PREFIX_LEN, raw, &n) ||
	    n != RAW_LEN)
		return AUTHTOK_EFORMAT;
	key = at_derived_find(&refresh->keys, raw[AT_KID]);
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
	const struct at_derived *key =
	    at_derived_find(&refresh->keys, token->kid);
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
	const struct at_derived *key = refresh->keys.current;
	uint8_t raw[RAW_LEN];
	enum authtok_err err = AUTHTOK_ECRYPTO;

	put_head(raw, key->number, row->sid, row->gen, row->branch);
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
	    &hmac, &refresh->keys.current->hmac, seed, AUTHTOK_SEED_LEN);
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
