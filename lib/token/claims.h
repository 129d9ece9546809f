/*
 * The claims object's own shape, for the files that fill it.
 */
#ifndef AT_TOKEN_CLAIMS_H
#define AT_TOKEN_CLAIMS_H

#include <authtok.h>

#include "token/engine.h"
#include "token/json.h"

/* Bytes that the three parts of the longest token decode to, at most. */
#define AT_DECODED_MAX (AUTHTOK_TOKEN_MAX * 3 / 4)

struct authtok_claims {
	/* What the getters show; all zero when empty. Text points into text,
	 * unescaped in place. */
	struct at_said {
		const char *subject;
		const char *issuer;
		bool has_key;
		bool has_session;
		uint8_t session[AUTHTOK_SID_LEN];
		int64_t user_id;
		int64_t epoch;
		int64_t issued_at;
		int64_t expires_at;
		size_t role_count;
	} said;
	const char *roles[AUTHTOK_ROLES_MAX];
	char key_id[AUTHTOK_KID_MAX + 1];

	/* Room to verify in, so that nothing is allocated then. */
	EVP_MD_CTX *scratch;
	struct at_json json;
	char text[AT_DECODED_MAX];
};

/*
 * Read the claims (RFC 7519 section 4) from the first len bytes of
 * claims->text and hold them against the engine's settings and clock.
 * Errors: EFORMAT, ECLAIM, EEXPIRED, EEARLY; claims are then half filled.
 */
enum authtok_err at_payload_read(
    const struct authtok *engine, struct authtok_claims *claims, size_t len);

/* The same, for claims that are not of our own layout or not known to be. */
enum authtok_err at_payload_read_strict(
    const struct authtok *engine, struct authtok_claims *claims, size_t len);

/*
 * Read claims as issue.c writes them into claims->said, time not looked at.
 * False: perhaps they are not; claims->text is then as it was and the strict
 * reader's to judge, claims->said half filled.
 */
bool at_layout_read(
    const struct authtok *engine, struct authtok_claims *claims, size_t len);

/* Parts of claims, as both readers want them. */

/* A canonical decimal number, 1 to 2^53, or 0. */
int64_t at_user_id_of(const char *subject, size_t len);
/* The 2 * AUTHTOK_SID_LEN lower-case hexadecimal digits at hex. */
bool at_session_of(const char *hex, uint8_t *ret_session);
/* Bytes of the role name that the len bytes at text begin with, or 0. */
size_t at_role_len(const char *text, size_t len);

/*
 * authtok_verify, which claims are made for. With strict it takes none of the
 * short cuts for tokens of our own make, as tests want it to compare with.
 */
enum authtok_err at_verify(const struct authtok *engine, const char *token,
    size_t len, struct authtok_claims *claims, bool strict);

/*
 * Read a header (RFC 7515 section 4) of len bytes at text, which is written
 * to, and find its key. Errors: EFORMAT, EALG, EKEY.
 */
enum authtok_err at_header_read(const struct authtok *engine,
    struct at_json *json, char *text, size_t len,
    const struct at_engine_key **ret_key);

#endif
