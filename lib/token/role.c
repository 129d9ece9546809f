/*
 * Role names, and the two questions that a service asks about them.
 */
#include <authtok.h>

static bool
role_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
	    c == '-';
}

bool
authtok_role_valid(const char *name)
{
	size_t i;

	if (name == NULL || name[0] < 'a' || name[0] > 'z')
		return false;
	for (i = 1; name[i] != '\0'; i++)
		if (i >= AUTHTOK_ROLE_MAX || !role_char(name[i]))
			return false;
	return true;
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
