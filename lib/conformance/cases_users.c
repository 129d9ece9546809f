/*
 * Cases: users are created, found, listed and deleted. May know: store.h.
 */
#include "suite.h"

#include <stdio.h>
#include <string.h>

static void
vtable(struct at_run *run)
{
	const struct authtok_store_ops *ops = run->store->ops;

	EXPECT_NUM(run, AUTHTOK_STORE_VERSION, ops->version, "ops->version");
	EXPECT(run,
	    ops->close && ops->user_create && ops->user_find &&
		ops->user_find_name && ops->user_find_email &&
		ops->user_update && ops->user_delete && ops->user_list,
	    "an operation on users is missing");
	EXPECT(run,
	    ops->session_create && ops->session_find && ops->session_update &&
		ops->session_list && ops->session_revoke &&
		ops->session_revoke_user && ops->session_delete &&
		ops->revoked_since && ops->purge,
	    "an operation on sessions is missing");
}

static void
empty(struct at_run *run)
{
	const int64_t all = INT64_MAX;
	struct authtok_user user;
	struct authtok_revocation event;
	size_t n = 7;

	if (EXPECT_ERR(run, AUTHTOK_OK, user_list, 0, &user, 1, &n))
		EXPECT_NUM(run, 0, n, "users in an empty store");
	n = 7;
	if (EXPECT_ERR(run, AUTHTOK_OK, revoked_since, 0, &event, 1, &n))
		EXPECT_NUM(run, 0, n, "revocations in an empty store");
	n = 7;
	if (EXPECT_ERR(
		run, AUTHTOK_OK, purge, all, all, 100, &n, &(bool){ false }))
		EXPECT_NUM(run, 0, n, "rows purged from an empty store");
}

static void
create_gives_id_and_version(struct at_run *run)
{
	struct authtok_user user;
	int64_t id = 0;

	at_user(&user, "anna");
	user.id = 4711;
	user.version = 99;
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &id))
		return;
	EXPECT(run, id >= 1 && id <= INT64_C(1) << 53,
	    "the id is not within 1 to 2^53");
	user.id = id;
	user.version = 1;
	EXPECT_USER(run, &user);
}

static void
create_takes_every_field(struct at_run *run)
{
	struct authtok_user user;

	at_user(&user, "Anna.B+c@d_e-f");
	user.epoch = INT64_C(1) << 53;
	user.created_at = INT64_C(1700000000);
	user.disabled = true;
	(void)snprintf(user.email, sizeof(user.email), "Anna@Example.org");
	user.role_count = 3;
	(void)snprintf(user.roles[0], sizeof(user.roles[0]), "user");
	(void)snprintf(user.roles[1], sizeof(user.roles[1]), "admin");
	(void)snprintf(user.roles[2], sizeof(user.roles[2]), "a-b_c0");
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id))
		return;
	user.version = 1;
	EXPECT_USER(run, &user);
}

static void
create_copies(struct at_run *run)
{
	struct authtok_user user, given;

	at_user(&user, "anna");
	given = user;
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &given, NULL, &user.id))
		return;
	memset(&given, 'x', sizeof(given));
	user.version = 1;
	EXPECT_USER(run, &user);
}

static void
empty_texts_and_no_roles(struct at_run *run)
{
	struct authtok_user user;

	at_user(&user, "a");
	user.hash[0] = '\0';
	user.role_count = 0;
	user.epoch = 0;
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id))
		return;
	user.version = 1;
	EXPECT_USER(run, &user);
}

/* What stands after the NUL of a text is no part of it. */
static void
texts_end_at_nul(struct at_run *run)
{
	struct authtok_user user, twin, got;

	at_user(&user, "");
	memset(user.name, 'x', sizeof(user.name) - 1);
	memset(user.email, 'y', sizeof(user.email) - 1);
	memset(user.hash, 'z', sizeof(user.hash) - 1);
	memset(user.roles[0], 'r', sizeof(user.roles[0]) - 1);
	user.name[2] = user.email[3] = user.hash[4] = user.roles[0][5] = '\0';
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id))
		return;
	user.version = 1;
	EXPECT_USER(run, &user);
	EXPECT_ERR(run, AUTHTOK_OK, user_find_name, "xx", &got);
	EXPECT_ERR(run, AUTHTOK_OK, user_find_email, "yyy", &got);
	at_user(&twin, "XX");
	EXPECT_ERR(run, AUTHTOK_ENAME, user_create, &twin, NULL, &twin.id);
	at_user(&twin, "x");
	(void)snprintf(twin.email, sizeof(twin.email), "YYY");
	EXPECT_ERR(run, AUTHTOK_EEMAIL, user_create, &twin, NULL, &twin.id);
}

/* The longest text, no two bytes of it alike in a row. */
static void
fill(char *text, size_t len, char first)
{
	size_t i;

	for (i = 0; i < len; i++)
		text[i] = (char)(first + (char)(i % 10));
	text[len] = '\0';
}

static void
longest_texts(struct at_run *run)
{
	struct authtok_user user, got;
	size_t i;

	at_user(&user, "");
	fill(user.name, AUTHTOK_NAME_MAX, 'a');
	fill(user.email, AUTHTOK_EMAIL_MAX, 'k');
	fill(user.hash, AUTHTOK_HASH_MAX, '0');
	user.role_count = AUTHTOK_ROLES_MAX;
	for (i = 0; i < AUTHTOK_ROLES_MAX; i++) {
		fill(user.roles[i], AUTHTOK_ROLE_MAX, 'a');
		user.roles[i][AUTHTOK_ROLE_MAX - 1] = (char)('a' + (char)i);
	}
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id))
		return;
	user.version = 1;
	EXPECT_USER(run, &user);
	EXPECT_ERR(run, AUTHTOK_OK, user_find_name, user.name, &got);
	EXPECT_ERR(run, AUTHTOK_OK, user_find_email, user.email, &got);
	/* all bytes of them count */
	user.name[AUTHTOK_NAME_MAX - 1] = '_';
	user.email[AUTHTOK_EMAIL_MAX - 1] = '_';
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_name, user.name, &got);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_email, user.email, &got);
	EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id);
}

static void
edges_of_numbers(struct at_run *run)
{
	struct authtok_user user;

	at_user(&user, "low");
	user.epoch = 0;
	user.created_at = INT64_MIN;
	if (EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id)) {
		user.version = 1;
		EXPECT_USER(run, &user);
	}
	at_user(&user, "high");
	user.epoch = INT64_MAX - 1;
	user.created_at = INT64_MAX;
	if (EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id)) {
		user.version = 1;
		EXPECT_USER(run, &user);
	}
}

static void
create_name_taken(struct at_run *run)
{
	struct authtok_user first, second;
	int64_t id;

	if (!at_user_add(run, &first, "anna"))
		return;
	at_poison(&id, sizeof(id));
	at_user(&second, "anna");
	EXPECT_ERR(run, AUTHTOK_ENAME, user_create, &second, NULL, &id);
	at_user(&second, "ANNa");
	EXPECT_ERR(run, AUTHTOK_ENAME, user_create, &second, NULL, &id);
	EXPECT(run, at_poisoned(&id, sizeof(id)),
	    "a failed user_create wrote ret_id");
	EXPECT_USER(run, &first);
}

static void
create_email_taken(struct at_run *run)
{
	struct authtok_user first, second;
	int64_t id;

	at_user(&first, "anna");
	(void)snprintf(first.email, sizeof(first.email), "Anna@example.org");
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &first, NULL, &first.id))
		return;
	at_poison(&id, sizeof(id));
	at_user(&second, "berta");
	(void)snprintf(second.email, sizeof(second.email), "Anna@example.org");
	EXPECT_ERR(run, AUTHTOK_EEMAIL, user_create, &second, NULL, &id);
	(void)snprintf(second.email, sizeof(second.email), "aNNA@EXAMPLE.ORG");
	EXPECT_ERR(run, AUTHTOK_EEMAIL, user_create, &second, NULL, &id);
	EXPECT(run, at_poisoned(&id, sizeof(id)),
	    "a failed user_create wrote ret_id");
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_name, "berta", &second);
}

static void
create_both_taken(struct at_run *run)
{
	struct authtok_user first, second;

	at_user(&first, "anna");
	(void)snprintf(first.email, sizeof(first.email), "a@b");
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &first, NULL, &first.id))
		return;
	second = first;
	EXPECT_ERR(run, AUTHTOK_ENAME, user_create, &second, NULL, &second.id);
	/* also when they belong to two users */
	at_user(&second, "berta");
	if (!EXPECT_ERR(
		run, AUTHTOK_OK, user_create, &second, NULL, &second.id))
		return;
	(void)snprintf(second.email, sizeof(second.email), "A@B");
	EXPECT_ERR(run, AUTHTOK_ENAME, user_create, &second, NULL, &second.id);
}

static void
no_email_is_never_taken(struct at_run *run)
{
	struct authtok_user user;

	at_user_add(run, &user, "anna");
	at_user_add(run, &user, "berta");
	at_user_add(run, &user, "carla");
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_email, "", &user);
}

/* Only A to Z have a case: no neighbour in ASCII, nothing beyond it, no space
 * at the end and no character of a pattern matches another. */
static void
only_ascii_letters_fold(struct at_run *run)
{
	static const char *const names[] = { "x[", "x{", "x@", "x`", "x^", "x~",
		"\xc3\xa9", "\xc3\x89", "x", "x ", " x", "a_b", "axb", "a%b",
		"a*b", "a?b", "x_", "x-", "0", "00", "k", "\xe2\x84\xaa", "i",
		"\xc4\xb0", "\xc4\xb1" };
	struct authtok_user user, got;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		at_user(&user, names[i]);
		(void)snprintf(user.email, sizeof(user.email), "%s", names[i]);
		if (!EXPECT_ERR(
			run, AUTHTOK_OK, user_create, &user, NULL, &user.id))
			return;
	}
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!EXPECT_ERR(
			run, AUTHTOK_OK, user_find_name, names[i], &got))
			return;
		EXPECT(run, strcmp(got.name, names[i]) == 0,
		    "user_find_name found another name");
		if (!EXPECT_ERR(
			run, AUTHTOK_OK, user_find_email, names[i], &got))
			return;
		EXPECT(run, strcmp(got.email, names[i]) == 0,
		    "user_find_email found another address");
	}
}

static void
find_without_case(struct at_run *run)
{
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
	struct authtok_user user, got;
	const char *wrong;

	at_user(&user, upper);
	(void)snprintf(user.email, sizeof(user.email), "%s@X", lower);
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id))
		return;
	user.version = 1;
	if (EXPECT_ERR(run, AUTHTOK_OK, user_find_name, lower, &got)) {
		wrong = at_user_differs(&user, &got);
		EXPECT(run, !wrong, wrong);
	}
	(void)snprintf(got.email, sizeof(got.email), "%s@x", upper);
	if (EXPECT_ERR(run, AUTHTOK_OK, user_find_email, got.email, &got)) {
		wrong = at_user_differs(&user, &got);
		EXPECT(run, !wrong, wrong);
	}
}

static void
find_nobody(struct at_run *run)
{
	struct authtok_user user, got;

	if (!at_user_add(run, &user, "anna"))
		return;
	at_poison(&got, sizeof(got));
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find, user.id + 1, &got);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find, 0, &got);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find, -user.id, &got);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find, INT64_MAX, &got);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_name, "ann", &got);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_name, "annaa", &got);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_name, "", &got);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_email, "anna", &got);
	EXPECT(run, at_poisoned(&got, sizeof(got)),
	    "a find that failed wrote ret_user");
}

static void
many_users(struct at_run *run)
{
	struct authtok_user user, got;
	char name[16];
	unsigned i;

	for (i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "user%u", i);
		if (!at_user_add(run, &user, name))
			return;
	}
	for (i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "USER%u", i);
		if (!EXPECT_ERR(run, AUTHTOK_OK, user_find_name, name, &got))
			return;
		(void)snprintf(name, sizeof(name), "user%u", i);
		EXPECT(run, strcmp(got.name, name) == 0,
		    "one of many names found another user");
	}
}

static void
list_pages(struct at_run *run)
{
	static const char *const names[] = { "e", "d", "c", "b", "a" };
	struct authtok_user user, page[3];
	int64_t ids[5], after = 0;
	size_t i, n, seen = 0;

	for (i = 0; i < 5; i++) {
		if (!at_user_add(run, &user, names[i]))
			return;
		ids[i] = user.id;
	}
	EXPECT_ERR(run, AUTHTOK_OK, user_delete, ids[2], &at_when);
	do {
		at_poison(&page[2], sizeof(page[2]));
		if (!EXPECT_ERR(
			run, AUTHTOK_OK, user_list, after, page, 2, &n) ||
		    !EXPECT(run, n <= 2, "user_list gave more than cap"))
			return;
		EXPECT(run, at_poisoned(&page[2], sizeof(page[2])),
		    "user_list wrote beyond cap");
		for (i = 0; i < n; i++) {
			if (!EXPECT(run, page[i].id > after,
				"user_list is not in order of ids"))
				return;
			after = page[i].id;
			seen++;
		}
	} while (n == 2);
	EXPECT_NUM(run, 4, seen, "users that the pages had");
	EXPECT_NUM(run, ids[4], after, "the id of the last user listed");
}

static void
list_whole_records(struct at_run *run)
{
	struct authtok_user users[2], got[3];
	const char *wrong;
	size_t i, n;

	if (!at_user_add(run, &users[0], "anna") ||
	    !at_user_add(run, &users[1], "berta"))
		return;
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_list, 0, got, 3, &n) ||
	    !EXPECT_NUM(run, 2, n, "users listed"))
		return;
	for (i = 0; i < 2; i++) {
		wrong = at_user_differs(&users[i], &got[i]);
		EXPECT(run, !wrong, wrong);
	}
	EXPECT_ERR(run, AUTHTOK_OK, user_list, users[1].id, got, 3, &n);
	EXPECT_NUM(run, 0, n, "users listed after the last");
}

static void
delete_removes(struct at_run *run)
{
	struct authtok_user user, got;

	at_user(&user, "anna");
	(void)snprintf(user.email, sizeof(user.email), "a@b");
	if (!EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id))
		return;
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_delete, user.id + 1, &at_when);
	EXPECT_NUM(run, 0, at_events(run),
	    "revocations after a user_delete that failed");
	EXPECT_ERR(run, AUTHTOK_OK, user_delete, user.id, &at_when);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find, user.id, &got);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_name, "anna", &got);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_find_email, "a@b", &got);
	EXPECT_ERR(run, AUTHTOK_EUNKNOWN, user_delete, user.id, &at_when);
	EXPECT_NUM(run, 1, at_events(run), "revocations of one deletion");
	/* name and address are free again */
	EXPECT_ERR(run, AUTHTOK_OK, user_create, &user, NULL, &user.id);
}

static void
delete_is_a_revocation(struct at_run *run)
{
	struct authtok_user user;
	struct authtok_revocation event;

	if (!at_user_add(run, &user, "anna"))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, user_delete, user.id, &at_when);
	if (!at_last_event(run, &event))
		return;
	EXPECT_NUM(run, user.id, event.user_id, "its user_id");
	EXPECT_NUM(run, INT64_MAX, event.epoch, "its epoch");
	EXPECT_NUM(run, AT_NOW, event.at, "its at");
	EXPECT_NUM(run, AT_UNTIL, event.until, "its until");
}

static void
delete_removes_sessions(struct at_run *run)
{
	struct authtok_user anna, berta;
	struct authtok_session first, second, others;
	struct authtok_session got;
	struct authtok_owner owner;

	if (!at_user_add(run, &anna, "anna") ||
	    !at_user_add(run, &berta, "berta") ||
	    !at_session_add(run, &first, anna.id, 1) ||
	    !at_session_add(run, &others, berta.id, 2) ||
	    !at_session_add(run, &second, anna.id, 3))
		return;
	EXPECT_ERR(run, AUTHTOK_OK, session_revoke, second.sid, &at_when);
	EXPECT_ERR(run, AUTHTOK_OK, user_delete, anna.id, &at_when);
	EXPECT_ERR(
	    run, AUTHTOK_EUNKNOWN, session_find, first.sid, &got, &owner);
	EXPECT_ERR(
	    run, AUTHTOK_EUNKNOWN, session_find, second.sid, &got, &owner);
	EXPECT_SESSION(run, &others);
	EXPECT_NUM(run, 1, at_events_of_user(run, anna.id, INT64_MAX),
	    "revocations of the deleted user");
}

static void
ids_are_not_reused(struct at_run *run)
{
	struct authtok_user user;
	int64_t ids[4];
	unsigned i, k;

	for (i = 0; i < 4; i++) {
		if (!at_user_add(run, &user, "anna"))
			return;
		for (k = 0; k < i; k++)
			/* cppcheck-suppress uninitvar ; k is below i */
			EXPECT(run, user.id != ids[k],
			    "the id of a deleted user came again");
		ids[i] = user.id;
		EXPECT_ERR(run, AUTHTOK_OK, user_delete, user.id, &at_when);
	}
}

const struct at_case at_cases_users[] = {
	{ "vtable", vtable },
	{ "empty store", empty },
	{ "user_create gives id and version", create_gives_id_and_version },
	{ "user_create takes every field", create_takes_every_field },
	{ "user_create copies its argument", create_copies },
	{ "user_create without hash, roles, email", empty_texts_and_no_roles },
	{ "texts end at their NUL", texts_end_at_nul },
	{ "user with the longest texts", longest_texts },
	{ "user with the largest numbers", edges_of_numbers },
	{ "user_create: name taken", create_name_taken },
	{ "user_create: email taken", create_email_taken },
	{ "user_create: both taken", create_both_taken },
	{ "no email is never taken", no_email_is_never_taken },
	{ "only ASCII letters have a case", only_ascii_letters_fold },
	{ "user_find_name and _email without case", find_without_case },
	{ "user_find of nobody", find_nobody },
	{ "many users", many_users },
	{ "user_list in pages", list_pages },
	{ "user_list gives whole records", list_whole_records },
	{ "user_delete removes the user", delete_removes },
	{ "user_delete is a revocation", delete_is_a_revocation },
	{ "user_delete removes the sessions", delete_removes_sessions },
	{ "ids are never reused", ids_are_not_reused },
	{ NULL, NULL },
};
