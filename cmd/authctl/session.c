/*
 * authctl session: list, revoke; and authctl purge.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authctl/ctl.h"
#include "authd/recent.h"

#define PURGE_BATCH 500 /* rows removed in one step */

static void
print_session(const struct authtok_session *session)
{
	ctl_print_hex(session->sid, sizeof(session->sid));
	putchar('\t');
	ctl_print_time(session->created_at);
	putchar('\t');
	ctl_print_time(session->rotated_at);
	printf("\t%s\t", session->address);
	ctl_print_safe(session->agent);
	putchar('\n');
}

/* The words of a command. */
struct words {
	const char *plain; /* USER of list, ID of revoke; or NULL */
	const char *user;
	const char *keep;
	uint8_t id[AUTHTOK_SID_LEN]; /* of plain or keep */
	bool rest;                   /* "--" was there: no more options */
};

static int
session_list(const struct ctl *ctl, const struct words *words)
{
	struct recent recent;
	struct authtok_user user;
	enum authtok_err err;
	int status = ctl_find_user(ctl, words->plain, &user);

	if (status != CTL_OK)
		return status;
	err = recent_sessions(ctl->sessions, user.id, &recent);
	if (err != AUTHTOK_OK)
		return ctl_failed(err, words->plain);
	for (size_t i = 0; i < recent.count; i++)
		print_session(&recent.list[i]);
	if (recent.count < recent.total)
		ctl_say("%s has %zu sessions: these are the %zu used last",
		    words->plain, recent.total, recent.count);
	recent_free(&recent);
	return ctl_finish();
}

static int
revoke_one(const struct ctl *ctl, const struct words *words)
{
	struct authtok_session session;
	struct authtok_owner owner;
	enum authtok_err err;

	err = ctl->store->ops->session_find(
	    ctl->store->ctx, words->id, &session, &owner);
	if (err == AUTHTOK_OK)
		err = authtok_session_revoke(
		    ctl->sessions, session.user_id, words->id, NULL);
	explicit_bzero(&session, sizeof(session));
	if (err == AUTHTOK_EUNKNOWN) {
		ctl_say("%s: no such session", words->plain);
		return CTL_FAILED;
	}
	return err == AUTHTOK_OK ? CTL_OK : ctl_failed(err, words->plain);
}

/* Whether it is a live one of the user: all but none would be all. */
static int
find_kept(const struct ctl *ctl, const struct words *words, int64_t user_id)
{
	uint8_t before[AUTHTOK_SID_LEN];
	struct authtok_session next;
	size_t i = AUTHTOK_SID_LEN, count = 0;
	enum authtok_err err;
	bool borrow = true;

	/* the first live one after the id that comes before it */
	memcpy(before, words->id, sizeof(before));
	while (borrow && i > 0)
		borrow = before[--i]-- == 0;
	err = authtok_session_list(
	    ctl->sessions, user_id, borrow ? NULL : before, &next, 1, &count);
	if (err != AUTHTOK_OK)
		return ctl_failed(err, words->user);
	if (count == 1 && memcmp(next.sid, words->id, sizeof(next.sid)) == 0)
		return CTL_OK;
	ctl_say("%s: no such session of %s", words->keep, words->user);
	return CTL_FAILED;
}

static int
revoke_user(const struct ctl *ctl, const struct words *words)
{
	struct authtok_user user;
	enum authtok_err err;
	size_t count = 0;
	int status = ctl_find_user(ctl, words->user, &user);

	if (status == CTL_OK && words->keep != NULL)
		status = find_kept(ctl, words, user.id);
	if (status != CTL_OK)
		return status;
	err = authtok_session_revoke_user(ctl->sessions, user.id,
	    words->keep != NULL ? words->id : NULL, NULL, &count);
	if (err != AUTHTOK_OK)
		return ctl_failed(err, words->user);
	printf("%zu ended\n", count);
	return ctl_finish();
}

static int
session_revoke(const struct ctl *ctl, const struct words *words)
{
	return words->user != NULL ? revoke_user(ctl, words)
				   : revoke_one(ctl, words);
}

/* Once each. */
static bool
take_option(struct words *words, int argc, char **argv, int *i)
{
	const struct {
		const char *name, **to;
	} options[] = { { "--user", &words->user },
		{ "--keep", &words->keep } };
	const char *value = NULL;
	size_t n;

	for (n = 0; n < 2; n++) {
		value = ctl_value_of(options[n].name, argc, argv, i);
		if (value != NULL)
			break;
	}
	/* cppcheck-suppress arrayIndexOutOfBounds ; with a value it is one of them
	 */
	if (value == NULL || *options[n].to != NULL)
		return false;
	*options[n].to = value;
	return true;
}

static bool
take(bool revokes, struct words *words, int argc, char **argv, int *i)
{
	const char *word = argv[*i];
	bool option = word[0] == '-' && !words->rest;

	if (option && strcmp(word, "--") == 0)
		return words->rest = true;
	if (option && revokes && take_option(words, argc, argv, i))
		return true;
	if (option || words->plain != NULL) {
		ctl_say("session %s: unexpected %s",
		    revokes ? "revoke" : "list", word);
		return false;
	}
	words->plain = word;
	return true;
}

/* What is missing or too much is said before the database is touched. */
static bool
complete(bool revokes, struct words *words)
{
	const char *id = words->keep != NULL ? words->keep : words->plain;

	if (!revokes && words->plain == NULL)
		ctl_say("session list: which user?");
	else if (words->keep != NULL && words->user == NULL)
		ctl_say("session revoke: --keep needs --user USER");
	else if (revokes && words->plain == NULL && words->user == NULL)
		ctl_say("session revoke: which? ID, or --user USER");
	else if (words->user != NULL && words->plain != NULL)
		ctl_say("session revoke: unexpected %s beside --user: "
			"to keep one session, --keep ID",
		    words->plain);
	else if (revokes && id != NULL &&
	    !ctl_parse_hex(id, words->id, sizeof(words->id)))
		ctl_say("\"%s\": not the id of a session, "
			"which is 32 hexadecimal digits",
		    id);
	else
		return true;
	return false;
}

int
ctl_session(const char *file, const char *store, int argc, char **argv)
{
	const char *verb = argc > 0 ? argv[0] : NULL;
	struct words words = { 0 };
	struct ctl ctl;
	bool revokes;
	int status;

	if (verb == NULL) {
		ctl_say("session: list or revoke? See authctl --help");
		return CTL_USAGE;
	}
	revokes = strcmp(verb, "revoke") == 0;
	if (!revokes && strcmp(verb, "list") != 0) {
		ctl_say("session: unknown command %s", verb);
		return CTL_USAGE;
	}
	for (int i = 1; i < argc; i++)
		if (!take(revokes, &words, argc, argv, &i))
			return CTL_USAGE;
	if (!complete(revokes, &words))
		return CTL_USAGE;
	status = ctl_open(&ctl, file, store, false);
	if (status == CTL_OK)
		status = revokes ? session_revoke(&ctl, &words)
				 : session_list(&ctl, &words);
	ctl_close(&ctl);
	return status;
}

int
ctl_purge(const char *file, const char *store, int argc, char **argv)
{
	enum authtok_err err = AUTHTOK_OK;
	size_t count, total = 0;
	bool more = true;
	struct ctl ctl;
	int status;

	if (argc > 0) {
		ctl_say("purge: unexpected %s", argv[0]);
		return CTL_USAGE;
	}
	status = ctl_open(&ctl, file, store, false);
	while (status == CTL_OK && err == AUTHTOK_OK && more) {
		err = authtok_sessions_purge(
		    ctl.sessions, PURGE_BATCH, &count, &more);
		total += err == AUTHTOK_OK ? count : 0;
	}
	if (status == CTL_OK) {
		printf("%zu removed\n", total);
		status =
		    err == AUTHTOK_OK ? ctl_finish() : ctl_failed(err, "purge");
	}
	ctl_close(&ctl);
	return status;
}
