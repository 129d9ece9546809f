/*
 * The claims of a token of our own make: the members that issue.c writes, in
 * its order and in its spelling, matched as bytes. Most tokens are such, and to
 * match them costs a fifth of reading them as JSON.
 *
 * What differs in a single byte is left to the strict reader (payload.c), whose
 * answer alone counts: a text is taken here only if it is one that the strict
 * reader would take, with the same meaning; nothing is ever refused here. Tests
 * hold the two against each other.
 */
#include <string.h>

#include "token/claims.h"

struct cursor {
	const char *p;
	const char *end;
};

static bool
pass(struct cursor *c, const char *text, size_t len)
{
	if ((size_t)(c->end - c->p) < len || memcmp(c->p, text, len) != 0)
		return false;
	c->p += len;
	return true;
}

#define PASS(c, literal) pass(c, literal, sizeof(literal) - 1)

/* An integer 0 to 2^53 in its one spelling; what follows is not looked at. */
static bool
pass_integer(struct cursor *c, int64_t *ret_value)
{
	size_t i, max = (size_t)(c->end - c->p);
	uint64_t v = 0;
	unsigned digit;

	if (max > 16)
		max = 16;
	for (i = 0; i < max; i++) {
		digit = (unsigned)(c->p[i] - '0');
		if (digit > 9)
			break;
		v = v * 10 + digit;
	}
	if (i == 0 || (i > 1 && *c->p == '0') || v > AT_JSON_INT_MAX)
		return false;
	c->p += i;
	*ret_value = (int64_t)v;
	return true;
}

/* The subject and its quote, and the user that it names, if it does. */
static bool
pass_subject(struct cursor *c, struct at_said *said)
{
	const char *p = c->p;

	while (p < c->end && *p >= ' ' && *p <= '~' && *p != '"' && *p != '\\')
		p++;
	said->subject = c->p;
	said->user_id = at_user_id_of(c->p, (size_t)(p - c->p));
	if (p == c->p || p - c->p > AT_NAME_MAX)
		return false;
	c->p = p;
	return PASS(c, "\"");
}

static bool
pass_session(struct cursor *c, struct at_said *said)
{
	const char *text = c->p;

	if (c->end - c->p < 2 * AUTHTOK_SID_LEN ||
	    !at_session_of(text, said->session))
		return false;
	said->has_session = true;
	c->p += 2 * AUTHTOK_SID_LEN;
	return PASS(c, "\"");
}

/* The rest of an array of roles, no role twice. */
static bool
pass_roles(struct cursor *c, struct authtok_claims *claims)
{
	const char *role;
	size_t i, len, n = 0;

	while (n < AUTHTOK_ROLES_MAX && PASS(c, "\"")) {
		role = c->p;
		len = at_role_len(role, (size_t)(c->end - role));
		c->p += len;
		if (len == 0 || !PASS(c, "\""))
			return false;
		for (i = 0; i < n; i++)
			if (memcmp(claims->roles[i], role, len + 1) == 0)
				return false;
		claims->roles[n++] = role;
		if (!PASS(c, ","))
			break;
	}
	claims->said.role_count = n;
	/* no comma before it */
	return c->p[-1] != ',' && PASS(c, "]");
}

static bool
pass_all(
    struct cursor *c, const struct authtok *engine, struct authtok_claims *to)
{
	struct at_said *said = &to->said;
	int64_t id;

	if (engine->layout_len == 0 ||
	    !pass(c, engine->layout, engine->layout_len) ||
	    !pass_subject(c, said))
		return false;
	if (PASS(c, ",\"id\":") &&
	    (!pass_integer(c, &id) || id != said->user_id))
		return false;
	if (PASS(c, ",\"sid\":\"") && !pass_session(c, said))
		return false;
	return PASS(c, ",\"epoch\":") && pass_integer(c, &said->epoch) &&
	    PASS(c, ",\"roles\":[") && pass_roles(c, to) &&
	    PASS(c, ",\"iat\":") && pass_integer(c, &said->issued_at) &&
	    PASS(c, ",\"exp\":") && pass_integer(c, &said->expires_at) &&
	    PASS(c, "}") && c->p == c->end;
}

/* Texts end where their closing quotes stand, as the strict reader has it. */
static void
end_texts(const struct authtok *engine, struct authtok_claims *claims)
{
	char *text = claims->text;
	struct at_said *said = &claims->said;
	size_t i;

	said->issuer = text + AT_LAYOUT_ISSUER;
	text[AT_LAYOUT_ISSUER + engine->issuer_len] = '\0';
	*strchr(text + engine->layout_len, '"') = '\0';
	for (i = 0; i < said->role_count; i++)
		*strchr(text + (claims->roles[i] - text), '"') = '\0';
}

bool
at_layout_read(
    const struct authtok *engine, struct authtok_claims *claims, size_t len)
{
	struct cursor c = { claims->text, claims->text + len };

	if (!pass_all(&c, engine, claims))
		return false;
	end_texts(engine, claims);
	return true;
}
