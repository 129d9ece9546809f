/*
 * See sqlite_group.h.
 */
#include "sqlite_group.h"

#include <sched.h>

struct authtok_store *
open_group(const char *path, int64_t *ret_id)
{
	struct authtok_store *store = must_open(path, 10000);
	struct authtok_session session;
	struct authtok_user user;
	uint32_t i;

	make_user(&user, "ann");
	ck_assert_int_eq(
	    OP(store, user_create, &user, NULL, ret_id), AUTHTOK_OK);
	for (i = 0; i < GROUP; i++) {
		make_session(&session, *ret_id, i);
		ck_assert_int_eq(
		    OP(store, session_create, &session, 1, 0, &at_noon),
		    AUTHTOK_OK);
	}
	return store;
}

static enum authtok_err
broken_chain(void *arg, const uint8_t previous[AUTHTOK_MAC_LEN],
    struct authtok_audit_record *next)
{
	(void)arg;
	(void)previous;
	(void)next;
	return AUTHTOK_ECRYPTO;
}

void *
revoke_member(void *arg)
{
	struct member *me = arg;
	struct authtok_session session;
	struct authtok_act act = recorded;

	if (me->number == BAD)
		act.chain = broken_chain;
	make_session(&session, 0, me->number);
	me->err = OP(me->store, session_revoke, session.sid, &act);
	return NULL;
}

void *
rotate_member(void *arg)
{
	struct member *me = arg;
	struct authtok_session session;

	make_session(&session, 0, me->number);
	/* one of them comes too late */
	session.gen = me->number == BAD ? 7 : 1;
	me->err = OP(me->store, session_update, &session, session.gen - 1, 0,
	    false, NULL);
	return NULL;
}

void
start_member(struct member *member, struct authtok_store *store,
    uint32_t number, void *(*body)(void *))
{
	*member = (struct member){ .store = store, .number = number };
	ck_assert_int_eq(
	    pthread_create(&member->thread, NULL, body, member), 0);
}

void
join_member(struct member *member)
{
	pthread_join(member->thread, NULL);
}

void
start_group(struct authtok_store *store, struct member members[GROUP],
    void *(*body)(void *))
{
	struct at_sqlite *db = store->ctx;
	void *writer = at_pool_get(&db->writer, 0);
	struct at_waiter **before;
	uint32_t i;

	for (i = 0; i < GROUP; i++) {
		before = db->writer.last;
		start_member(&members[i], store, i, body);
		while (!stands_there(&db->writer, before))
			sched_yield();
	}
	at_pool_put(&db->writer, writer);
}

void
run_group(struct authtok_store *store, struct member members[GROUP],
    void *(*body)(void *))
{
	uint32_t i;

	start_group(store, members, body);
	for (i = 0; i < GROUP; i++)
		join_member(&members[i]);
}
