/*
 * The inside of struct authtok_sessions, for the files that serve it.
 */
#ifndef AT_SESSION_SERVICE_H
#define AT_SESSION_SERVICE_H

#include <authtok/session.h>

#include "session/refresh.h"
#include "session/rotation.h"

#define AT_TRIES 8 /* lost compare-and-swaps before EBUSY */

struct authtok_sessions {
	const struct authtok *engine;
	struct authtok_store *store;
	struct at_refresh *refresh;
	struct at_rotation_policy policy;
	int64_t absolute;
	unsigned max_per_user;
	const struct authtok_audit *audit; /* NULL: no records */
};

/* ---- session.c ----------------------------------------------------------- */

/* A refresh token whose M is good, and what became of it. */
struct at_presented {
	struct at_refresh_token token;
	const char *retry_key; /* or NULL */
	struct authtok_session row, next;
	struct authtok_owner owner;
	enum at_verdict verdict;
};

/*
 * Check S against the row that was read, and decide; nothing is written.
 * Errors: ESIG, EKEY, ECRYPTO.
 */
enum authtok_err at_presented_judge(const struct authtok_sessions *sessions,
    int64_t now, struct at_presented *p);

/* Whether the token's session goes on with it. */
bool at_accepted(enum at_verdict verdict);

/* ---- client.c ------------------------------------------------------------ */

bool at_client_valid(const struct authtok_client *client);

/*
 * Copy a text that a client made up: cut to max bytes between characters;
 * controls, and bytes that are no UTF-8, become '?'.
 */
void at_copy_text(char *out, size_t max, const char *text);

/* ---- ended.c ------------------------------------------------------------- */

/* An act and the record that it carries: stays where it is. */
struct at_act {
	struct authtok_act act;
	struct authtok_audit_record record;
};

/* An act of now that carries no record. */
void at_act_init(int64_t now, struct at_act *act);

/* Let it carry a record; sid, client and detail may be NULL. */
void at_act_note(const struct authtok_sessions *sessions,
    enum authtok_event event, int64_t user_id, const uint8_t *sid,
    const struct authtok_client *client, const char *detail,
    struct at_act *act);

/* Beside that one, a record of each session that it leaves no room: *record,
 * which stays where it is too. */
void at_act_limit(const struct authtok_sessions *sessions, int64_t user_id,
    const struct authtok_client *client, struct authtok_audit_record *record,
    struct at_act *act);

/*
 * Tell the engine's revocation set, if there is one, what an act has ended:
 * a session, the epochs of a user below that one, or sessions that only the
 * store can name. ENOMEM; the last one also ESTORE, EBUSY.
 */
enum authtok_err at_ended_session(const struct authtok_sessions *sessions,
    const uint8_t *sid, const struct at_act *act);
enum authtok_err at_ended_epochs(const struct authtok_sessions *sessions,
    int64_t user_id, int64_t epoch, const struct at_act *act);
enum authtok_err at_ended_some(const struct authtok_sessions *sessions);

#endif
