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

static int
session_list(const struct ctl *ctl, const char *which)
{
	struct recent recent;
	struct authtok_user user;
	enum authtok_err err;
	int status = ctl_find_user(ctl, which, &user);

	if (status != CTL_OK)
		return status;
	err = recent_sessions(ctl->sessions, user.id, &recent);
	if (err != AUTHTOK_OK)
		return ctl_failed(err, which);
	for (size_t i = 0; i < recent.count; i++)
		print_session(&recent.list[i]);
	if (recent.count < recent.total)
		ctl_say("%s has %zu sessions: these are the %zu used last",
		    which, recent.total, recent.count);
	recent_free(&recent);
	return ctl_finish();
}

static int
session_revoke(const struct ctl *ctl, const char *which)
{
	struct authtok_session session;
	struct authtok_owner owner;
	uint8_t sid[AUTHTOK_SID_LEN];
	enum authtok_err err;

	if (!ctl_parse_hex(which, sid, sizeof(sid))) {
		ctl_say("%s: not the id of a session", which);
		return CTL_USAGE;
	}
	err = ctl->store->ops->session_find(
	    ctl->store->ctx, sid, &session, &owner);
	if (err == AUTHTOK_OK)
		err = authtok_session_revoke(
		    ctl->sessions, session.user_id, sid, NULL);
	explicit_bzero(&session, sizeof(session));
	if (err == AUTHTOK_EUNKNOWN) {
		ctl_say("%s: no such session", which);
		return CTL_FAILED;
	}
	return err == AUTHTOK_OK ? CTL_OK : ctl_failed(err, which);
}

static int
session_revoke_user(const struct ctl *ctl, const char *which)
{
	struct authtok_user user;
	enum authtok_err err;
	size_t count = 0;
	int status = ctl_find_user(ctl, which, &user);

	if (status != CTL_OK)
		return status;
	err = authtok_session_revoke_user(
	    ctl->sessions, user.id, NULL, NULL, &count);
	if (err != AUTHTOK_OK)
		return ctl_failed(err, which);
	printf("%zu ended\n", count);
	return ctl_finish();
}

int
ctl_session(const char *file, const char *store, int argc, char **argv)
{
	int (*run)(const struct ctl *, const char *) = NULL;
	const char *verb = argc > 0 ? argv[0] : "", *which = NULL;
	struct ctl ctl;
	int status, i = 1;

	if (strcmp(verb, "list") == 0)
		run = session_list;
	else if (strcmp(verb, "revoke") == 0)
		run = session_revoke;
	if (run == session_revoke && argc > 1)
		which = ctl_value_of("--user", argc, argv, &i);
	if (which != NULL)
		run = session_revoke_user;
	else if (argc > 1 && strcmp(argv[1], "--") == 0)
		which = argc > 2 ? argv[i = 2] : NULL;
	else if (argc > 1 && argv[1][0] != '-')
		which = argv[1];
	if (run == NULL || which == NULL || i + 1 != argc) {
		ctl_say("session list USER, or "
			"session revoke ID|--user USER");
		return CTL_USAGE;
	}
	status = ctl_open(&ctl, file, store, false);
	if (status == CTL_OK)
		status = run(&ctl, which);
	ctl_close(&ctl);
	return status;
}

int
ctl_purge(const char *file, const char *store, int argc, char **argv)
{
	enum authtok_err err = AUTHTOK_OK;
	size_t count = PURGE_BATCH, total = 0;
	struct ctl ctl;
	int status;

	if (argc > 0) {
		ctl_say("purge: unexpected %s", argv[0]);
		return CTL_USAGE;
	}
	status = ctl_open(&ctl, file, store, false);
	while (status == CTL_OK && err == AUTHTOK_OK && count > 0) {
		err = authtok_sessions_purge(ctl.sessions, PURGE_BATCH, &count);
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
