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

/*
 * Read a header (RFC 7515 section 4) of len bytes at text, which is written
 * to, and find its key. Errors: EFORMAT, EALG, EKEY.
 */
enum authtok_err at_header_read(const struct authtok *engine,
    struct at_json *json, char *text, size_t len,
    const struct at_engine_key **ret_key);

#endif
