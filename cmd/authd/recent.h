/*
 * A user's sessions, the last used first; authctl shows them too. Known here:
 * the session service.
 */
#ifndef AUTHD_RECENT_H
#define AUTHD_RECENT_H

#include <authtok/session.h>

#define RECENT_MAX 1000 /* sessions shown */

struct recent {
	struct authtok_session *list;
	size_t count;
	size_t total; /* live ones; more than count when some are left out */
};

/* Those of RECENT_MAX that were used last, in bounded memory however many there
 * are. Freed by recent_free. Errors: ENOMEM and those of authtok_session_list. */
enum authtok_err recent_sessions(const struct authtok_sessions *sessions,
    int64_t user_id, struct recent *ret);
void recent_free(struct recent *recent);

#endif
