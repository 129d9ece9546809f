/*
 * A user's sessions, to be seen and ended. Known here: the store's sessions and
 * how the policy says that one is live.
 */
#include "session/service.h"

#include <string.h>

#include <openssl/crypto.h>

/* ---- seeing -------------------------------------------------------------- */

static bool
live(const struct authtok_sessions *s, const struct authtok_session *row,
    int64_t now)
{
	return row->revoked_at == 0 &&
	    now < at_rotation_expiry(&s->policy, row);
}

/* What only the rotation needs stays here. */
static void
hide(struct authtok_session *row)
{
	OPENSSL_cleanse(row->seed, sizeof(row->seed));
	OPENSSL_cleanse(row->retries, sizeof(row->retries));
	row->retry_count = 0;
}

/*
 * Keep the live ones of n rows, in their order, and wipe the rest: how many.
 */
static size_t
keep_live(const struct authtok_sessions *s, struct authtok_session *rows,
    size_t n, int64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (!live(s, &rows[i], now))
			continue;
		if (kept < i)
			rows[kept] = rows[i];
		hide(&rows[kept++]);
	}
	OPENSSL_cleanse(rows + kept, (n - kept) * sizeof(*rows));
	return kept;
}

/*
 * The store lists what is dead too, so one page of it may leave room for more.
 */
enum authtok_err
authtok_session_list(const struct authtok_sessions *sessions, int64_t user_id,
    const uint8_t *after, struct authtok_session *ret_sessions, size_t cap,
    size_t *ret_count)
{
	const struct authtok_store *store;
	uint8_t last[AUTHTOK_SID_LEN];
	size_t count = 0, asked, n;
	enum authtok_err err;
	int64_t now;

	if (sessions == NULL || user_id < 1 ||
	    (ret_sessions == NULL && cap > 0) || ret_count == NULL)
		return AUTHTOK_EINVAL;
	store = sessions->store;
	now = authtok_now(sessions->engine);
	while (count < cap) {
		struct authtok_session *rows = ret_sessions + count;

		asked = cap - count;
		err = store->ops->session_list(
		    store->ctx, user_id, after, rows, asked, &n);
		if (err != AUTHTOK_OK)
			return err;
		if (n > 0) {
			memcpy(last, rows[n - 1].sid, sizeof(last));
			after = last;
		}
		count += keep_live(sessions, rows, n, now);
		if (n < asked)
			break;
	}
	*ret_count = count;
	return AUTHTOK_OK;
}

enum authtok_err
authtok_session_identify(const struct authtok_sessions *sessions,
    const char *token, size_t len, uint8_t ret_sid[AUTHTOK_SID_LEN],
    int64_t *ret_user_id)
{
	const struct authtok_store *store;
	struct at_refresh_token parsed;
	struct authtok_session row;
	struct authtok_owner owner;
	enum authtok_err err;

	if (sessions == NULL || token == NULL || ret_sid == NULL ||
	    ret_user_id == NULL)
		return AUTHTOK_EINVAL;
	store = sessions->store;
	err = at_refresh_parse(sessions->refresh, token, len, &parsed);
	if (err != AUTHTOK_OK)
		return err;
	err = store->ops->session_find(store->ctx, parsed.sid, &row, &owner);
	if (err == AUTHTOK_OK)
		err = at_refresh_check(sessions->refresh, &parsed, row.seed);
	if (err == AUTHTOK_OK) {
		memcpy(ret_sid, row.sid, sizeof(row.sid));
		*ret_user_id = row.user_id;
	}
	OPENSSL_cleanse(&parsed, sizeof(parsed));
	OPENSSL_cleanse(&row, sizeof(row));
	return err;
}

/* ---- ending -------------------------------------------------------------- */

enum authtok_err
authtok_session_revoke(const struct authtok_sessions *sessions, int64_t user_id,
    const uint8_t *sid, const struct authtok_client *client)
{
	const struct authtok_store *store;
	struct authtok_session row;
	struct authtok_owner owner;
	enum authtok_err err;
	struct at_act act;
	bool theirs;

	if (sessions == NULL || user_id < 1 || sid == NULL ||
	    !at_client_valid(client))
		return AUTHTOK_EINVAL;
	store = sessions->store;
	at_act_init(authtok_now(sessions->engine), &act);
	err = store->ops->session_find(store->ctx, sid, &row, &owner);
	if (err != AUTHTOK_OK)
		return err;
	theirs = row.user_id == user_id && live(sessions, &row, act.act.now);
	OPENSSL_cleanse(&row, sizeof(row));
	if (!theirs)
		return AUTHTOK_EUNKNOWN;
	at_act_note(
	    sessions, AUTHTOK_EVENT_REVOKE, user_id, sid, client, NULL, &act);
	err = store->ops->session_revoke(store->ctx, sid, &act.act);
	if (err != AUTHTOK_OK)
		return err;
	return at_ended_session(sessions, sid, &act);
}

enum authtok_err
authtok_session_revoke_user(const struct authtok_sessions *sessions,
    int64_t user_id, const uint8_t *keep, const struct authtok_client *client,
    size_t *ret_count)
{
	const struct authtok_store *store;
	enum authtok_err err;
	struct at_act act;
	size_t count;

	if (sessions == NULL || user_id < 1 || !at_client_valid(client))
		return AUTHTOK_EINVAL;
	store = sessions->store;
	at_act_init(authtok_now(sessions->engine), &act);
	at_act_note(sessions, AUTHTOK_EVENT_REVOKE, user_id, NULL, client,
	    keep != NULL ? "others" : "all", &act);
	err = store->ops->session_revoke_user(
	    store->ctx, user_id, keep, &act.act, &count);
	if (err == AUTHTOK_OK)
		err = at_ended_some(sessions);
	if (err == AUTHTOK_OK && ret_count != NULL)
		*ret_count = count;
	return err;
}
