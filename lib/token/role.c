/*
 * Role names, and the two questions that a service asks about them.
 */
#include "token/claims.h"

static bool
role_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
	    c == '-';
}

size_t
at_role_len(const char *text, size_t len)
{
	size_t i;

	if (len == 0 || text[0] < 'a' || text[0] > 'z')
		return 0;
	for (i = 1; i < len && role_char(text[i]); i++)
		if (i == AUTHTOK_ROLE_MAX)
			return 0;
	return i;
}

bool
authtok_role_valid(const char *name)
{
	size_t len;

	if (name == NULL)
		return false;
	/* NUL is of no role name: nothing is read behind it. */
	len = at_role_len(name, SIZE_MAX);
	return len > 0 && name[len] == '\0';
}

/* An empty list asks for nothing and so must not be taken as an answer. */
static bool
askable(const struct authtok_claims *claims, const char *const *roles)
{
	return claims != NULL && roles != NULL && roles[0] != NULL;
}

enum authtok_err
authtok_require_any(
    const struct authtok_claims *claims, const char *const *roles)
{
	if (!askable(claims, roles))
		return AUTHTOK_EINVAL;
	for (; *roles != NULL; roles++)
		if (authtok_claims_has_role(claims, *roles))
			return AUTHTOK_OK;
	return AUTHTOK_EROLE;
}

enum authtok_err
authtok_require_all(
    const struct authtok_claims *claims, const char *const *roles)
{
	if (!askable(claims, roles))
		return AUTHTOK_EINVAL;
	for (; *roles != NULL; roles++)
		if (!authtok_claims_has_role(claims, *roles))
			return AUTHTOK_EROLE;
	return AUTHTOK_OK;
}
