/*
 * What the acts of the session service leave behind: a record in the audit log,
 * and in the engine's revocation set what they ended. Known here: the engine,
 * its set and the store's revocations.
 */
#include "session/service.h"

#include <string.h>

#include "token/revocation.h"

#define PAGE    64 /* revocations read at a time */
#define OVERLAP 10 /* s by which commits may come out of order */

void
at_act_init(int64_t now, struct at_act *act)
{
	memset(act, 0, sizeof(*act));
	/* a clock that was never set must not keep a session from its end */
	act->act.now = now > 0 ? now : 1;
	act->act.until = at_time_add(act->act.now, AUTHTOK_HORIZON_MAX);
}

static void
fill(struct authtok_audit_record *r, int64_t now, enum authtok_event event,
    int64_t user_id, const struct authtok_client *client, const char *detail)
{
	r->at = now;
	r->user_id = user_id;
	r->event = event;
	r->count = 1;
	if (client != NULL && client->address != NULL)
		at_copy_text(r->address, AUTHTOK_ADDRESS_MAX, client->address);
	if (detail != NULL)
		at_copy_text(r->detail, AUTHTOK_DETAIL_MAX, detail);
}

void
at_act_note(const struct authtok_sessions *sessions, enum authtok_event event,
    int64_t user_id, const uint8_t *sid, const struct authtok_client *client,
    const char *detail, struct at_act *act)
{
	struct authtok_audit_record *r = &act->record;

	fill(r, act->act.now, event, user_id, client, detail);
	if (sid != NULL) {
		r->has_sid = true;
		memcpy(r->sid, sid, sizeof(r->sid));
	}
	authtok_audit_attach(sessions->audit, r, &act->act);
}

void
at_act_limit(const struct authtok_sessions *sessions, int64_t user_id,
    const struct authtok_client *client, struct authtok_audit_record *record,
    struct at_act *act)
{
	if (sessions->audit == NULL)
		return;
	memset(record, 0, sizeof(*record));
	fill(record, act->act.now, AUTHTOK_EVENT_REVOKE, user_id, client,
	    "limit");
	act->act.limit_record = record;
}

/*
 * A store keeps a revocation for the longest horizon there may be, since it
 * does not know who reads; the set for its engines' own.
 */
static void
bound(const struct authtok_revocations *set, struct authtok_revocation *event)
{
	int64_t until = at_time_add(event->at, at_revocations_horizon(set));

	if (event->until > until)
		event->until = until;
}

static enum authtok_err
tell(const struct authtok_sessions *sessions, const struct at_act *act,
    struct authtok_revocation *event)
{
	struct authtok_revocations *set;

	set = at_engine_revocations(sessions->engine);
	if (set == NULL)
		return AUTHTOK_OK;
	event->at = act->act.now;
	event->until = act->act.until;
	bound(set, event);
	return authtok_revocations_add(set, event, 1, act->act.now);
}

enum authtok_err
at_ended_session(const struct authtok_sessions *sessions, const uint8_t *sid,
    const struct at_act *act)
{
	struct authtok_revocation event = { 0 };

	memcpy(event.sid, sid, sizeof(event.sid));
	return tell(sessions, act, &event);
}

enum authtok_err
at_ended_epochs(const struct authtok_sessions *sessions, int64_t user_id,
    int64_t epoch, const struct at_act *act)
{
	struct authtok_revocation event = { 0 };

	event.user_id = user_id;
	event.epoch = epoch;
	return tell(sessions, act, &event);
}

enum authtok_err
at_ended_some(const struct authtok_sessions *sessions)
{
	return authtok_revocations_pull(sessions->engine, sessions->store);
}

/*
 * Where the next pull begins: behind an event that is at least OVERLAP older
 * than one seen later. mark is such an event to be, the first after cursor; so
 * the cursor lags by one to two overlaps, and no list of events is kept.
 */
struct place {
	int64_t cursor;
	int64_t mark_seq; /* 0: none yet */
	int64_t mark_at;
};

static void
advance(struct place *place, const struct authtok_revocation *event)
{
	if (place->mark_seq != 0) {
		if (event->at < at_time_add(place->mark_at, OVERLAP))
			return;
		place->cursor = place->mark_seq;
	}
	place->mark_seq = event->seq;
	place->mark_at = event->at;
}

/* Read what is after the place, page by page, into the set. */
static enum authtok_err
pull(struct authtok_revocations *set, const struct authtok_store *store,
    int64_t now, struct place *place)
{
	struct authtok_revocation events[PAGE];
	int64_t after = place->cursor;
	enum authtok_err err;
	size_t i, n;

	do {
		err = store->ops->revoked_since(
		    store->ctx, after, events, PAGE, &n);
		for (i = 0; err == AUTHTOK_OK && i < n; i++)
			bound(set, &events[i]);
		if (err == AUTHTOK_OK)
			err = authtok_revocations_add(set, events, n, now);
		if (err != AUTHTOK_OK)
			return err;
		for (i = 0; i < n; i++)
			advance(place, &events[i]);
		if (n > 0)
			after = events[n - 1].seq;
	} while (n == PAGE);
	return AUTHTOK_OK;
}

enum authtok_err
authtok_revocations_pull(
    const struct authtok *engine, const struct authtok_store *store)
{
	struct authtok_revocations *set;
	struct place place = { 0 };
	enum authtok_err err;
	int64_t now;

	if (engine == NULL || store == NULL ||
	    store->ops->version != AUTHTOK_STORE_VERSION)
		return AUTHTOK_EINVAL;
	set = at_engine_revocations(engine);
	if (set == NULL)
		return AUTHTOK_OK;
	at_revocations_pull_begin(set, engine, &now, &place.cursor);
	err = pull(set, store, now, &place);
	at_revocations_pull_end(set, place.cursor);
	return err;
}
