/*
 * Whole tokens of the RFCs, at both levels: whether the signature is right, and
 * what authtok_verify says. None of them is an access token of ours, so it
 * accepts none.
 */
#include "pairs.h"

#include <openssl/err.h>

#include "token/claims.h"
#include "token/signer.h"

/* RFC 7515 A.1, also RFC 7797 section 4 */
#define K_7515                                                         \
	"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3" \
	"Yj0iPS4hcgUuTwjAzZr1Z9CAow"
/* RFC 7520 section 3.5 */
#define K_7520 "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"
/* RFC 7520 section 3.3 */
#define N_7520                                                       \
	"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-X" \
	"V2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_Ns" \
	"YOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHY" \
	"pPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCu" \
	"EHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_" \
	"mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw"
/* RFC 7515 A.1 to A.5, RFC 7519 sections 3.1 and 6.1 */
#define CLAIMS_7515                                                    \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9l" \
	"eGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
/* RFC 7520 section 4 */
#define TEXT_7520                                                    \
	"SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3" \
	"V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlm" \
	"IHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3" \
	"dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"

static const struct example {
	const char *name;
	const char *jwk;
	const char *input;
	const char *sig;
	enum authtok_err err; /* of authtok_verify */
} examples[] = {
	{ "RFC 7515 A.1", JWK("oct", "k", "HS256", M("k", K_7515)),
	    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." CLAIMS_7515,
	    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", AUTHTOK_ECLAIM },
	/* from here on there is no typ */
	{ "RFC 7515 A.2", JWK("RSA", "k", "RS256", RSA_PUBLIC),
	    "eyJhbGciOiJSUzI1NiJ9." CLAIMS_7515,
	    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
	    "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
	    "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
	    "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
	    "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
	    "p0igcN_IoypGlUPQGe77Rw",
	    AUTHTOK_EFORMAT },
	{ "RFC 7515 A.3", JWK("EC", "k", "ES256", EC_PUBLIC),
	    "eyJhbGciOiJFUzI1NiJ9." CLAIMS_7515,
	    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
	    "pmWQxfKTUJqPP3-Kg6NU1Q",
	    AUTHTOK_EFORMAT },
	{ "RFC 8037 A.4 and A.5", JWK("OKP", "k", "EdDSA", ED_PUBLIC),
	    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
	    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5B"
	    "hVsPt9g7sVvpAr_MuM0KAg",
	    AUTHTOK_EFORMAT },
	{ "RFC 7520 4.1",
	    JWK("RSA", "k", "RS256", M("n", N_7520) M("e", "AQAB")),
	    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24u"
	    "ZXhhbXBsZSJ9." TEXT_7520,
	    "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoF"
	    "mKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-"
	    "Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5a"
	    "AE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrD"
	    "aLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJu"
	    "shZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
	    AUTHTOK_EFORMAT },
	{ "RFC 7520 4.4", JWK("oct", "k", "HS256", M("k", K_7520)),
	    "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2"
	    "LWVlZjMxNGJjNzAzNyJ9." TEXT_7520,
	    "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0", AUTHTOK_EFORMAT },
};

/* What has no signature that we check, or is no compact JWS at all. */
static const struct {
	const char *name;
	const char *jwk;
	const char *token;
} others[] = {
	{ "RFC 7515 A.5, RFC 7519 6.1: alg is none",
	    JWK("oct", "k", "HS256", M("k", K_7515)),
	    "eyJhbGciOiJub25lIn0." CLAIMS_7515 "." },
	{ "RFC 7515 E: crit", JWK("oct", "k", "HS256", M("k", K_7515)),
	    "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20v"
	    "VU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQi"
	    "OnRydWUNCn0.RkFJTA." },
	{ "RFC 7519 A.1: encrypted", JWK("RSA", "k", "RS256", RSA_PUBLIC),
	    "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0."
	    "QR1Owv2ug2WyPBnbQrRARTeEk9kDO2w8qDcjiHnSJflSdv1iNqhWXaKH4MqAkQtM"
	    "oNfABIPJaZm0HaA415sv3aeuBWnD8J-Ui7Ah6cWafs3ZwwFKDFUUsWHSK-IPKxLG"
	    "TkND09XyjORj_CHAgOPJ-Sd8ONQRnJvWn_hXV1BNMHzUjPyYwEsRhDhzjAD26ima"
	    "sOTsgruobpYGoQcXUwFDn7moXPRfDE8-NoQX7N7ZYMmpUDkR-Cx9obNGwJQ3nM52"
	    "YCitxoQVPzjbl7WBuB7AohdBoZOdZ24WlN1lVIeh8v1K4krB8xgKvRU8kgFrEn_a"
	    "1rZgN5TiysnmzTROF869lQ."
	    "AxY8DCtDaGlsbGljb3RoZQ."
	    "MKOle7UQrG6nSxTLX6Mqwt0orbHvAKeWnDYvpIAeZ72deHxz3roJDXQyhxx0wKaM"
	    "HDjUEOKIwrtkHthpqEanSBNYHZgmNOV7sln1Eu9g3J8."
	    "fiK51VwhsxJ-siBMR-YFiA" },
	{ "RFC 7520 4.2: PS384",
	    JWK("RSA", "k", "RS256", M("n", N_7520) M("e", "AQAB")),
	    "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24u"
	    "ZXhhbXBsZSJ9." TEXT_7520
	    ".cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsn"
	    "k2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSM"
	    "xbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJR"
	    "mBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8"
	    "cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho"
	    "0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw" },
	{ "RFC 7520 4.3: ES512", JWK("EC", "k", "ES256", EC_PUBLIC),
	    "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24u"
	    "ZXhhbXBsZSJ9." TEXT_7520
	    ".AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9"
	    "qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0"
	    "lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2" },
	{ "RFC 7520 4.5: detached content",
	    JWK("oct", "k", "HS256", M("k", K_7520)),
	    "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2"
	    "LWVlZjMxNGJjNzAzNyJ9.."
	    "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0" },
	{ "RFC 7797 4.2: content as it is",
	    JWK("oct", "k", "HS256", M("k", K_7515)),
	    "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19.."
	    "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY" },
};

/* Keys of theirs that are of no algorithm that we have. */
static const char *const unknown_keys[] = {
	/* RFC 7520 4.2 */
	JWK("RSA", "k", "PS384", M("n", N_7520) M("e", "AQAB")),
	/* RFC 7520 4.3 */
	JWK("EC", "k", "ES512",
	    M("crv", "P-521") M("x",
		"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkT"
		"KqjqvjyekWF-7ytDyRXYgCF5cj0Kt") M("y",
		"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUda"
		"QkAgDPrwQrJmbnX9cwlGfP-HqHZR1")),
};

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static struct authtok *engine;
static struct authtok_claims *claims;
static struct at_signer signer;

static int64_t
clock_now(void *arg)
{
	(void)arg;
	return 1300819379; /* the last second of exp in RFC 7515 */
}

static void
over(const char *jwk)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys;

	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	ck_assert_int_eq(pairs_add(keys, jwk, NULL), 0);
	config.issuer = "joe";
	config.audience = "x";
	config.typ = "JWT";
	config.allow_missing_kid = true;
	config.now = clock_now;
	ck_assert_int_eq(authtok_new(&config, keys, &engine), 0);
	ck_assert_int_eq(at_signer_init(&signer, at_keys_get(keys, 0)), 0);
	ck_assert_int_eq(authtok_claims_new(&claims), 0);
	authtok_keys_free(keys);
}

static void
teardown(void)
{
	authtok_claims_free(claims);
	at_signer_clear(&signer);
	authtok_free(engine);
	engine = NULL;
	claims = NULL;
	ck_assert_uint_eq(ERR_peek_error(), 0);
}

/* Both ways of reading agree. */
static enum authtok_err
verify(const char *token)
{
	size_t len = strlen(token);
	enum authtok_err err = authtok_verify(engine, token, len, claims);

	ck_assert_int_eq(at_verify(engine, token, len, claims, true), err);
	return err;
}

START_TEST(signatures_are_right)
{
	const struct example *e = &examples[_i];
	EVP_MD_CTX *scratch = at_scratch_new();
	size_t len, n = strlen(e->input);
	size_t payload = strcspn(e->input, ".") + 1;
	uint8_t sig[AT_SIGNATURE_MAX];

	over(e->jwk);
	ck_assert(at_b64url_decode(e->sig, strlen(e->sig), sig, &len));
	ck_assert_int_eq(
	    at_signer_check(&signer, scratch, e->input, n, sig, len), 0);
	/* not without its last character, nor without its content */
	ck_assert_int_eq(
	    at_signer_check(&signer, scratch, e->input, n - 1, sig, len),
	    AUTHTOK_ESIG);
	ck_assert_int_eq(
	    at_signer_check(&signer, scratch, e->input, payload, sig, len),
	    AUTHTOK_ESIG);
	sig[len - 1] ^= 1;
	ck_assert_int_eq(
	    at_signer_check(&signer, scratch, e->input, n, sig, len),
	    AUTHTOK_ESIG);
	at_scratch_free(scratch);
}
END_TEST

START_TEST(tokens_are_not_ours)
{
	const struct example *e = &examples[_i];
	char token[AUTHTOK_TOKEN_MAX + 1];

	over(e->jwk);
	snprintf(token, sizeof(token), "%s.%s", e->input, e->sig);
	ck_assert_msg(verify(token) == e->err, "%s", e->name);
	/* another key of the same kind, where the header is good */
	if (e->err == AUTHTOK_ECLAIM) {
		teardown();
		over(JWK("oct", "k", "HS256", M("k", K_7520)));
		ck_assert_int_eq(verify(token), AUTHTOK_ESIG);
		teardown();
		over(JWK("RSA", "k", "RS256", RSA_PUBLIC));
		ck_assert_int_eq(verify(token), AUTHTOK_EALG);
	}
}
END_TEST

START_TEST(others_are_refused)
{
	over(others[_i].jwk);
	ck_assert_msg(
	    verify(others[_i].token) == AUTHTOK_EFORMAT, "%s", others[_i].name);
}
END_TEST

START_TEST(unknown_keys_are_refused)
{
	struct authtok_keys *keys;

	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	ck_assert_int_eq(
	    pairs_add(keys, unknown_keys[_i], NULL), AUTHTOK_ENOTSUP);
	authtok_keys_free(keys);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("examples of the RFCs");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_loop_test(t, signatures_are_right, 0, COUNT(examples));
	tcase_add_loop_test(t, tokens_are_not_ours, 0, COUNT(examples));
	tcase_add_loop_test(t, others_are_refused, 0, COUNT(others));
	tcase_add_loop_test(
	    t, unknown_keys_are_refused, 0, COUNT(unknown_keys));
	return forge_run(t);
}
