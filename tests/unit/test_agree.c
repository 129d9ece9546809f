/*
 * The short cuts of verify and the strict reader never disagree: good tokens,
 * changed in a few places, with the signature made anew so that the claims are
 * reached, or left as it was. The same as `make fuzz`, from a fixed seed.
 */
#include "fuzz/agree.h"
#include "forge.h"

static uint64_t state;

static size_t
below(size_t bound)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (size_t)(state >> 33) % bound;
}

/* Change text in one place; room for 64 bytes more. */
static size_t
mutate(char *text, size_t len)
{
	static const char *const bits[] = { "\"", "\\", ",", ":", "{", "}", "[",
		"]", "0", "1", "9", "a", "f", "A", " ", "\n", "-", ".", "e",
		"\\u0061", "\\\"", "null", "true", "9007199254740992",
		"9007199254740993", "1800000000", "\xc3\xa9", "\xff", "\x7f",
		",\"nbf\":1", ",\"x\":{}", "\"id\":1001", ",\"exp\":1800000100",
		"\"admin\"", "\"admin\",", ",\"sid\":\"" };
	size_t at = below(len + 1), n = below(8), to = below(len + 1);
	const char *bit = bits[below(sizeof(bits) / sizeof(bits[0]))];
	size_t bit_len = strlen(bit);

	switch (below(6)) {
	case 0: /* insert */
		memmove(text + at + bit_len, text + at, len - at);
		memcpy(text + at, bit, bit_len);
		return len + bit_len;
	case 1: /* overwrite */
		if (at + bit_len <= len)
			memcpy(text + at, bit, bit_len);
		return len;
	case 2: /* cut */
		n = n < len - at ? n : len - at;
		memmove(text + at, text + at + n, len - at - n);
		return len - n;
	case 3: /* copy what stands elsewhere */
		n = 4 * n < len - at ? 4 * n : len - at;
		n = n < len - to ? n : len - to;
		memmove(text + to, text + at, n);
		return len;
	case 4: /* another digit or letter in the place of one */
		if (at < len && text[at] >= '0')
			text[at] = (char)(text[at] + (int)below(3) - 1);
		return len;
	default:
		if (at < len)
			text[at] = (char)below(256);
		return len;
	}
}

static size_t
grow(struct agree *a, struct authtok_grant grant, char *token)
{
	size_t len = 0;

	ck_assert_int_eq(authtok_issue(a->engine, &grant, token,
			     AUTHTOK_TOKEN_MAX + 1, &len, NULL),
	    0);
	ck_assert_int_eq(agree_token(a, token, len), 0);
	return len;
}

/* Tokens of every kind that we issue. */
static size_t
seed(struct agree *a, size_t which, char *token)
{
	static const char *const roles[] = { "user", "admin", "a", "b", "c-d",
		"e_f", "g0", "hh", "iii", "jjjj", "k", "l", "m", "n", "o", "p",
		"q", "r", "s", "t" };
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;

	grant.roles = roles;
	grant.role_count = which % 5 == 4 ? AUTHTOK_ROLES_MAX : (which % 5) % 3;
	grant.epoch = which % 7 == 6 ? AT_JSON_INT_MAX : (int64_t)which % 7;
	if (which % 3 != 0)
		grant.sid = (const uint8_t *)"\x00\xff"
					     "23456789abcdef";
	if (which % 4 == 3)
		grant.subject = which % 8 == 3 ? "someone" : "007";
	else
		grant.user_id = which % 4 == 2 ? AT_JSON_INT_MAX : 1001;
	return grow(a, grant, token);
}

static void
walk(const char *issuer, unsigned rounds)
{
	static struct agree a;
	char token[AGREE_ROOM], claims[AGREE_ROOM];
	char *dot, *last;
	size_t len, n;
	unsigned i, k;

	agree_begin(&a, issuer);
	for (i = 0; i < rounds; i++) {
		len = seed(&a, below(1000), token);
		if (i % 4 == 0) {
			for (k = 0; k <= below(3); k++)
				len = mutate(token, len);
			agree_token(&a, token, len);
			continue;
		}
		dot = strchr(token, '.') + 1;
		last = strrchr(token, '.');
		ck_assert(at_b64url_decode_plain(
		    dot, (size_t)(last - dot), claims, &n));
		for (k = 0; k <= below(3); k++)
			n = mutate(claims, n);
		agree_claims(
		    &a, AGREE_HEADER, sizeof(AGREE_HEADER) - 1, claims, n);
	}
	printf("# %s: %lu refused, %lu accepted, %lu by the short cut\n",
	    issuer, a.refused, a.accepted - rounds, a.short_cut);
	/* All kinds were met: else nothing was compared. */
	ck_assert_uint_gt(a.refused, rounds / 4);
	ck_assert_uint_gt(a.accepted - rounds, rounds / 20);
	if (strchr(issuer, '"') == NULL) {
		ck_assert_uint_gt(a.short_cut, rounds / 50);
		ck_assert_uint_gt(a.accepted - rounds, a.short_cut);
	} else {
		ck_assert_uint_eq(a.short_cut, 0);
	}
	agree_end(&a);
}

START_TEST(mutations_of_claims)
{
	state = 1;
	walk("authd", 150000);
}
END_TEST

START_TEST(issuer_with_escapes)
{
	state = 2;
	walk("\"au\\thd\"", 20000);
}
END_TEST

/* By pairs, claims, header and signature changed. */
START_TEST(mutations_by_pairs)
{
	static struct agree a;
	char token[AGREE_ROOM], claims[AGREE_ROOM], header[AGREE_ROOM];
	enum authtok_err err;
	size_t n, len;
	char *dot;

	state = (uint64_t)(3 + _i);
	agree_begin(&a, "authd");
	for (unsigned i = 0; i < 1500; i++) {
		seed(&a, below(1000), token);
		dot = strchr(token, '.') + 1;
		ck_assert(at_b64url_decode_plain(
		    dot, (size_t)(strrchr(token, '.') - dot), claims, &n));
		strcpy(header, agree_headers[_i]);
		len = strlen(header);
		if (i % 4 == 1)
			n = mutate(claims, n);
		else if (i % 4 == 2)
			len = mutate(header, len);
		err = agree_pair(&a, _i, header, len, claims, n);
		if (i % 4 == 0)
			ck_assert_int_eq(err, 0);
		if (i % 4 == 3) {
			strcpy(token, a.token);
			agree_token(&a, token, mutate(token, strlen(token)));
		}
	}
	ck_assert_uint_gt(a.refused, 400);
	ck_assert_uint_gt(a.accepted, 1500 + 375);
	agree_end(&a);
}
END_TEST

/* Every byte of the claims, replaced by every other. */
START_TEST(every_byte_of_the_claims)
{
	static struct agree a;
	char token[AGREE_ROOM], claims[AGREE_ROOM];
	char *dot, was;
	size_t n, at;
	int c;

	agree_begin(&a, "authd");
	seed(&a, 1, token);
	dot = strchr(token, '.') + 1;
	ck_assert(at_b64url_decode_plain(
	    dot, (size_t)(strrchr(token, '.') - dot), claims, &n));
	for (at = 0; at < n; at++) {
		was = claims[at];
		for (c = 0; c < 256; c++) {
			claims[at] = (char)c;
			agree_claims(&a, AGREE_HEADER, sizeof(AGREE_HEADER) - 1,
			    claims, n);
		}
		claims[at] = was;
	}
	agree_end(&a);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("agree");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, mutations_of_claims);
	tcase_add_test(t, issuer_with_escapes);
	tcase_add_loop_test(t, mutations_by_pairs, 0, AGREE_PAIRS);
	tcase_add_test(t, every_byte_of_the_claims);
	return forge_run(t);
}
