/*
 * JWK Sets (RFC 7517 section 5) written: keys for a start without any, and the
 * public parts of those that have one.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "token/alg.h"
#include "token/base64url.h"
#include "token/jwk.h"
#include "token/keyset.h"

/* Text under construction; what does not fit is counted, not written. */
struct out {
	char *text;
	size_t size;
	size_t len;
};

static void
put(struct out *out, const char *text, size_t len)
{
	if (out->len < out->size && len <= out->size - out->len)
		memcpy(out->text + out->len, text, len);
	out->len += len;
}

static void
put_text(struct out *out, const char *text)
{
	put(out, text, strlen(text));
}

/* ,"name":"value"; first: without the comma. */
static void
put_member(struct out *out, const char *name, const char *value, bool first)
{
	put_text(out, first ? "\"" : ",\"");
	put_text(out, name);
	put_text(out, "\":\"");
	put_text(out, value);
	put_text(out, "\"");
}

static void
put_bytes(struct out *out, const char *name, const uint8_t *bytes, size_t len)
{
	char text[AT_B64URL_LEN(AT_PART_MAX) + 1];

	text[at_b64url_encode(bytes, len, text)] = '\0';
	put_member(out, name, text, false);
	OPENSSL_cleanse(text, sizeof(text));
}

/* ---- pairs --------------------------------------------------------------- */

const char *const at_part_names[AT_PARTS] = {
	[AT_PART_K] = "k",
	[AT_PART_X] = "x",
	[AT_PART_Y] = "y",
	[AT_PART_D] = "d",
	[AT_PART_N] = "n",
	[AT_PART_E] = "e",
	[AT_PART_P] = "p",
	[AT_PART_Q] = "q",
	[AT_PART_DP] = "dp",
	[AT_PART_DQ] = "dq",
	[AT_PART_QI] = "qi",
};

const struct at_jwk_form at_jwk_forms[AT_JWK_FORMS] = {
	{ "oct", NULL, (enum authtok_alg)0, 1, 1, { AT_PART_K } },
	{ "OKP", "Ed25519", AUTHTOK_EDDSA, 1, 2, { AT_PART_X, AT_PART_D } },
	{ "EC", "P-256", AUTHTOK_ES256, 2, 3,
	    { AT_PART_X, AT_PART_Y, AT_PART_D } },
	{ "RSA", NULL, AUTHTOK_RS256, 2, 8,
	    { AT_PART_N, AT_PART_E, AT_PART_D, AT_PART_P, AT_PART_Q, AT_PART_DP,
		AT_PART_DQ, AT_PART_QI } },
};

/* alg is one of pairs. */
static const struct at_jwk_form *
form_of(enum authtok_alg alg)
{
	const struct at_jwk_form *form = at_jwk_forms;

	while (form->alg != alg)
		form++;
	return form;
}

/* False: OpenSSL does not give a part. */
static bool
put_pair(struct out *out, enum authtok_alg alg, const EVP_PKEY *pair,
    const char *kid, bool private_too)
{
	const struct at_jwk_form *form = form_of(alg);
	size_t i, len, count = private_too ? form->count : form->public_count;
	uint8_t bytes[AT_PART_MAX];

	put_text(out, "{");
	put_member(out, "kty", form->kty, true);
	if (form->crv != NULL)
		put_member(out, "crv", form->crv, false);
	put_member(out, "use", "sig", false);
	put_member(out, "kid", kid, false);
	put_member(out, "alg", at_alg_name(alg), false);
	for (i = 0; i < count; i++) {
		len = at_pair_part(alg, pair, form->parts[i], bytes);
		if (len == 0)
			break;
		put_bytes(out, at_part_names[form->parts[i]], bytes, len);
	}
	OPENSSL_cleanse(bytes, sizeof(bytes));
	put_text(out,
	    private_too ? ",\"key_ops\":[\"sign\",\"verify\"]}"
			: ",\"key_ops\":[\"verify\"]}");
	return i == count;
}

/* False: as above. */
static bool
put_public(struct out *out, const struct authtok_keys *keys)
{
	const char *before = "{\"keys\":[";

	for (size_t i = 0; i < keys->count; i++) {
		const struct at_key *key = &keys->all[i];

		if (key->pair == NULL)
			continue;
		put_text(out, before);
		if (!put_pair(out, key->alg, key->pair, key->kid, false))
			return false;
		before = ",";
	}
	if (out->len > 0)
		put_text(out, "]}");
	return true;
}

enum authtok_err
authtok_keys_public(
    const struct authtok_keys *keys, char *buf, size_t size, size_t *ret_len)
{
	struct out count = { 0 }, out = { .text = buf, .size = size };

	if (keys == NULL || buf == NULL || ret_len == NULL)
		return AUTHTOK_EINVAL;
	/* the first time it is only counted, to leave buf alone on failure */
	if (!put_public(&count, keys))
		return AUTHTOK_ECRYPTO;
	if (count.len == 0)
		return AUTHTOK_EKEY;
	if (count.len >= size)
		return AUTHTOK_ENOSPC;
	if (!put_public(&out, keys))
		return AUTHTOK_ECRYPTO;
	buf[out.len] = '\0';
	*ret_len = out.len;
	return AUTHTOK_OK;
}

/* ---- new keys ------------------------------------------------------------ */

/* A secret of its own use, which has no alg. */
static bool
put_secret(struct out *out, const char *use, const char *kid, const char *alg,
    size_t len)
{
	uint8_t secret[64];

	if (RAND_priv_bytes(secret, (int)len) != 1)
		return false;
	put_text(out, "{");
	put_member(out, "kty", "oct", true);
	put_member(out, "use", use, false);
	put_member(out, "kid", kid, false);
	if (alg != NULL)
		put_member(out, "alg", alg, false);
	put_bytes(out, "k", secret, len);
	put_text(out, ",\"key_ops\":[\"sign\",\"verify\"]}");
	OPENSSL_cleanse(secret, sizeof(secret));
	return true;
}

static bool
put_signing(struct out *out, enum authtok_alg alg, const char *kid)
{
	EVP_PKEY *pair;
	bool done;

	if (at_alg_secret_min(alg) > 0)
		return put_secret(
		    out, "sig", kid, at_alg_name(alg), at_alg_secret_min(alg));
	pair = at_pair_generate(alg);
	done = pair != NULL && put_pair(out, alg, pair, kid, true);
	EVP_PKEY_free(pair);
	return done;
}

/* False: OpenSSL failed. */
static bool
put_set(struct out *out, enum authtok_alg alg, const char *kid)
{
	put_text(out, "{\"keys\":[\n");
	if (!put_signing(out, alg, kid))
		return false;
	put_text(out, ",\n");
	if (!put_secret(out, "authtok-refresh", "1", NULL, 32))
		return false;
	put_text(out, ",\n");
	if (!put_secret(out, "authtok-audit", "1", NULL, 32))
		return false;
	put_text(out, "\n]}\n");
	return true;
}

enum authtok_err
authtok_keys_generate(enum authtok_alg alg, const char *kid, char *buf,
    size_t size, size_t *ret_len)
{
	char text[AUTHTOK_GENERATED_MAX];
	struct out out = { .text = text, .size = sizeof(text) };
	enum authtok_err err = AUTHTOK_OK;

	if (kid == NULL || buf == NULL || ret_len == NULL ||
	    !at_kid_valid(kid) || at_alg_name(alg)[0] == '\0')
		return AUTHTOK_EINVAL;
	if (!put_set(&out, alg, kid) || out.len >= sizeof(text)) {
		err = AUTHTOK_ECRYPTO;
	} else if (out.len >= size) {
		err = AUTHTOK_ENOSPC;
	} else {
		memcpy(buf, text, out.len);
		buf[out.len] = '\0';
		*ret_len = out.len;
	}
	OPENSSL_cleanse(text, sizeof(text));
	return err;
}
