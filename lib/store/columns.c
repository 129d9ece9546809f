/* See columns.h. */
#include "store/columns.h"

#include <string.h>

/* ---- rotation ------------------------------------------------------------ */

static uint8_t *
put32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
	return at + 4;
}

static uint32_t
get32(const uint8_t **at)
{
	const uint8_t *p = *at;

	*at += 4;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

void
at_pack_cas(uint32_t gen, uint32_t branch, uint8_t out[AT_CAS_LEN])
{
	put32(put32(out, gen), branch);
}

void
at_pack_rotation(const struct authtok_session *s, uint8_t out[AT_ROTATION_LEN])
{
	uint8_t *at = out + AT_CAS_LEN;
	uint32_t i;

	memset(out, 0, AT_ROTATION_LEN);
	at_pack_cas(s->gen, s->branch, out);
	at = put32(at, s->parent);
	at = put32(at, s->forwarded_gen);
	at = put32(at, (uint32_t)((uint64_t)s->forwarded_at >> 32));
	at = put32(at, (uint32_t)s->forwarded_at);
	*at++ = (uint8_t)s->retry_count;
	for (i = 0; i < s->retry_count; i++) {
		at = put32(at, s->retries[i].gen);
		memcpy(at, s->retries[i].mac, AUTHTOK_RETRY_LEN);
		at += AUTHTOK_RETRY_LEN;
	}
}

bool
at_unpack_rotation(const uint8_t *at, struct authtok_session *s)
{
	uint64_t high;
	uint32_t i;

	s->gen = get32(&at);
	s->branch = get32(&at);
	s->parent = get32(&at);
	s->forwarded_gen = get32(&at);
	high = get32(&at);
	s->forwarded_at = (int64_t)(high << 32 | get32(&at));
	s->retry_count = *at++;
	if (s->retry_count > AUTHTOK_RETRIES_MAX)
		return false;
	for (i = 0; i < s->retry_count; i++) {
		s->retries[i].gen = get32(&at);
		memcpy(s->retries[i].mac, at, AUTHTOK_RETRY_LEN);
		at += AUTHTOK_RETRY_LEN;
	}
	return true;
}

/* ---- roles --------------------------------------------------------------- */

bool
at_join_roles(const struct authtok_user *user, char out[AT_ROLES_TEXT])
{
	size_t i, len, used = 0;

	if (user->role_count > AUTHTOK_ROLES_MAX)
		return false;
	for (i = 0; i < user->role_count; i++) {
		len = strnlen(user->roles[i], sizeof(user->roles[i]));
		if (len == 0 || len > AUTHTOK_ROLE_MAX ||
		    memchr(user->roles[i], ' ', len) != NULL)
			return false;
		memcpy(out + used, user->roles[i], len);
		used += len;
		out[used++] = ' ';
	}
	out[used > 0 ? used - 1 : 0] = '\0';
	return true;
}

bool
at_split_roles(
    const char *text, size_t *ret_count, char (*roles)[AUTHTOK_ROLE_MAX + 1])
{
	const char *at = text;
	size_t len, count = 0;

	while (*at != '\0') {
		len = strcspn(at, " ");
		if (len == 0 || len > AUTHTOK_ROLE_MAX ||
		    count == AUTHTOK_ROLES_MAX)
			return false;
		memcpy(roles[count], at, len);
		roles[count++][len] = '\0';
		at += len;
		if (*at == ' ')
			at++;
	}
	*ret_count = count;
	return true;
}
