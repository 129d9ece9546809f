/*
 * What a verified token says. Nothing here fills it: see verify.c.
 */
#include "token/claims.h"

#include <stdlib.h>
#include <string.h>

enum authtok_err
authtok_claims_new(struct authtok_claims **ret_claims)
{
	struct authtok_claims *claims;

	if (ret_claims == NULL)
		return AUTHTOK_EINVAL;
	claims = calloc(1, sizeof(*claims));
	if (claims == NULL)
		return AUTHTOK_ENOMEM;
	claims->scratch = at_scratch_new();
	if (claims->scratch == NULL) {
		free(claims);
		return AUTHTOK_ENOMEM;
	}
	*ret_claims = claims;
	return AUTHTOK_OK;
}

void
authtok_claims_free(struct authtok_claims *claims)
{
	if (claims == NULL)
		return;
	at_scratch_free(claims->scratch);
	free(claims);
}

const char *
authtok_claims_subject(const struct authtok_claims *claims)
{
	return claims != NULL ? claims->said.subject : NULL;
}

int64_t
authtok_claims_user_id(const struct authtok_claims *claims)
{
	return claims != NULL ? claims->said.user_id : 0;
}

const char *
authtok_claims_issuer(const struct authtok_claims *claims)
{
	return claims != NULL ? claims->said.issuer : NULL;
}

const char *
authtok_claims_key_id(const struct authtok_claims *claims)
{
	return claims != NULL && claims->said.has_key ? claims->key_id : NULL;
}

const uint8_t *
authtok_claims_session(const struct authtok_claims *claims)
{
	return claims != NULL && claims->said.has_session ? claims->said.session
							  : NULL;
}

int64_t
authtok_claims_epoch(const struct authtok_claims *claims)
{
	return claims != NULL ? claims->said.epoch : 0;
}

int64_t
authtok_claims_issued_at(const struct authtok_claims *claims)
{
	return claims != NULL ? claims->said.issued_at : 0;
}

int64_t
authtok_claims_expires_at(const struct authtok_claims *claims)
{
	return claims != NULL ? claims->said.expires_at : 0;
}

size_t
authtok_claims_role_count(const struct authtok_claims *claims)
{
	return claims != NULL ? claims->said.role_count : 0;
}

const char *
authtok_claims_role(const struct authtok_claims *claims, size_t i)
{
	return i < authtok_claims_role_count(claims) ? claims->roles[i] : NULL;
}

bool
authtok_claims_has_role(const struct authtok_claims *claims, const char *role)
{
	size_t i;

	if (role == NULL)
		return false;
	for (i = 0; i < authtok_claims_role_count(claims); i++)
		if (strcmp(claims->roles[i], role) == 0)
			return true;
	return false;
}
