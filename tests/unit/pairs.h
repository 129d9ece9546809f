/*
 * Key pairs of the RFCs as members of JWKs, and key sets of them.
 */
#ifndef TEST_PAIRS_H
#define TEST_PAIRS_H

#include "forge.h"

#include "token/keys.h"

/* RFC 8037 A.1 */
#define ED_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define ED_D "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
/* RFC 7515 A.3 */
#define EC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC_D "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
/* RFC 7515 A.2 */
#define RSA_N                                                          \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHm" \
	"fHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_" \
	"YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5" \
	"z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD" \
	"Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia" \
	"GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define RSA_D                                                          \
	"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97Ijl" \
	"A7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTG" \
	"oVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M" \
	"_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQ" \
	"UShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB" \
	"4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ"
#define RSA_P                                                          \
	"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYr" \
	"qBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t" \
	"7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc"
#define RSA_Q                                                          \
	"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaew" \
	"HgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njb" \
	"glfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc"
#define RSA_DP                                                         \
	"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLd" \
	"hrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCd" \
	"y7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0"
#define RSA_DQ                                                         \
	"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9" \
	"xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr" \
	"2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU"
#define RSA_QI                                                         \
	"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26" \
	"F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITr" \
	"JReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"

#define JWK(kty, kid, alg, parts) \
	"{\"kty\":\"" kty "\",\"kid\":\"" kid "\",\"alg\":\"" alg "\"" parts "}"
#define M(name, value) ",\"" name "\":\"" value "\""
#define SIGNS          ",\"key_ops\":[\"sign\",\"verify\"]"

#define ED_PUBLIC  M("crv", "Ed25519") M("x", ED_X)
#define EC_PUBLIC  M("crv", "P-256") M("x", EC_X) M("y", EC_Y)
#define RSA_PUBLIC M("n", RSA_N) M("e", "AQAB")
#define ED_PRIVATE ED_PUBLIC M("d", ED_D)
#define EC_PRIVATE EC_PUBLIC M("d", EC_D)
#define RSA_PRIMES    \
	M("p", RSA_P) \
	M("q", RSA_Q) M("dp", RSA_DP) M("dq", RSA_DQ) M("qi", RSA_QI)
#define RSA_PRIVATE RSA_PUBLIC M("d", RSA_D) RSA_PRIMES

#define SET(keys) "{\"keys\":[" keys "]}"

#define PAIRS 3

static const struct {
	enum authtok_alg alg;
	const char *name;
	const char *kid;
	const char *public_part;
	const char *private_part; /* which signs */
	size_t len;               /* of a signature */
} pairs[PAIRS] = {
	{ AUTHTOK_EDDSA, "EdDSA", "ed", JWK("OKP", "ed", "EdDSA", ED_PUBLIC),
	    JWK("OKP", "ed", "EdDSA", ED_PRIVATE SIGNS), 64 },
	{ AUTHTOK_ES256, "ES256", "ec", JWK("EC", "ec", "ES256", EC_PUBLIC),
	    JWK("EC", "ec", "ES256", EC_PRIVATE SIGNS), 64 },
	{ AUTHTOK_RS256, "RS256", "rsa", JWK("RSA", "rsa", "RS256", RSA_PUBLIC),
	    JWK("RSA", "rsa", "RS256", RSA_PRIVATE SIGNS), 256 },
};

static inline enum authtok_err
pairs_add(struct authtok_keys *keys, const char *jwk, const char **ret_why)
{
	char text[8192];

	snprintf(text, sizeof(text), "{\"keys\":[%s]}", jwk);
	return authtok_keys_add_jwks(keys, text, strlen(text), ret_why, NULL);
}

#endif
