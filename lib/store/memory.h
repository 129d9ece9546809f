/*
 * The reference backend, for its own files only. May know: store.h.
 *
 * One mutex guards everything: an operation is isolated because it is alone.
 * Users stand in an array by id, sessions in an array of their user by sid;
 * names, addresses and sids are found through hash tables, so that nothing on
 * the way of a sign-in or a refresh grows with the number of rows.
 *
 * Allocation comes first in each operation, then the audit record, which the
 * chain may refuse, and change after both: an operation that finds no memory
 * or no chain has done nothing.
 */
#ifndef AT_STORE_MEMORY_H
#define AT_STORE_MEMORY_H

#include <authtok/store.h>

#include <pthread.h>

/* The part of a row that hangs in a hash table. */
struct memory_link {
	struct memory_link *next;
	uint32_t hash;
	void *row;
};

struct memory_table {
	struct memory_link **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
};

struct memory_user {
	struct memory_link by_name;
	struct memory_link by_email; /* in its table unless email is "" */
	struct memory_session **sessions;
	size_t session_count, session_cap;
	struct authtok_user rec;
};

struct memory_session {
	struct memory_link by_sid;
	struct memory_user *user;
	struct authtok_session rec;
};

struct memory {
	pthread_mutex_t mutex;
	uint32_t hash_key; /* 1 to AT_MEMORY_PRIME - 1, secret */
	struct memory_table names, emails, sids;
	struct memory_user **users;
	size_t user_count, user_cap;
	int64_t last_id;
	struct authtok_revocation *events;
	size_t event_count, event_cap;
	int64_t last_seq;
	struct authtok_audit_record *audit; /* by seq, from audit_base + 1 */
	size_t audit_count, audit_cap;
	int64_t audit_base;
	uint8_t audit_base_mac[AUTHTOK_MAC_LEN];
	size_t purge_bucket; /* where the next purge goes on */
};

/* 0 as the time of a revocation would mean "live". */
static inline bool
at_memory_act_valid(const struct authtok_act *when)
{
	return when != NULL && when->now > 0;
}

/* memory.c */
void at_memory_lock(struct memory *m);
void at_memory_unlock(struct memory *m);
void at_memory_wipe(void *p, size_t len);
/* The array old, for at least need (> 0) elements; NULL when out of memory. */
void *at_memory_grow(void *old, size_t *cap, size_t need, size_t size);

/* memory_table.c */
#define AT_MEMORY_PRIME 2147483647u /* hashes are below it */
bool at_memory_table_init(struct memory_table *table);
/* Hash of a text without its ASCII case, and of bytes as they are. */
uint32_t at_memory_hash_text(const struct memory *m, const char *text);
uint32_t at_memory_hash_sid(const struct memory *m, const uint8_t *sid);
bool at_memory_same_text(const char *a, const char *b);
/* Cannot fail: a table that finds no memory to grow only becomes slower. */
void at_memory_table_add(struct memory_table *table, struct memory_link *link,
    uint32_t hash, void *row);
void at_memory_table_remove(
    struct memory_table *table, const struct memory_link *link);
/* The rows of one hash, one after the other; link NULL: the first. */
struct memory_link *at_memory_table_next(const struct memory_table *table,
    const struct memory_link *link, uint32_t hash);

/* memory_events.c */
/* Room for n (> 0) more events, so that adding them cannot fail. */
bool at_memory_events_reserve(struct memory *m, size_t n);
void at_memory_event_user(struct memory *m, int64_t user_id, int64_t epoch,
    const struct authtok_act *act);
void at_memory_event_session(
    struct memory *m, const uint8_t *sid, const struct authtok_act *act);
size_t at_memory_events_purge(struct memory *m, int64_t now, size_t limit);
enum authtok_err at_memory_revoked_since(void *ctx, int64_t after,
    struct authtok_revocation *ret_events, size_t cap, size_t *ret_count);

/* memory_audit.c */
/*
 * Append the record of an act, which may have none or be NULL. The last step
 * of an operation that can fail: room has been made for all that follows.
 */
enum authtok_err at_memory_audit_act(
    struct memory *m, const struct authtok_act *act);
/* The same for an act on a user whom the caller could not know yet. */
enum authtok_err at_memory_audit_act_of(
    struct memory *m, const struct authtok_act *act, int64_t user_id);
/* The limit_record of an act, which may have none, for one session. */
enum authtok_err at_memory_audit_limit(
    struct memory *m, const struct authtok_act *act, const uint8_t *sid);
enum authtok_err at_memory_audit_append(
    void *ctx, const struct authtok_act *act);
enum authtok_err at_memory_audit_list(void *ctx, int64_t after,
    struct authtok_audit_record *ret_records, size_t cap, size_t *ret_count);
enum authtok_err at_memory_audit_base(
    void *ctx, int64_t *ret_seq, uint8_t *ret_mac);
enum authtok_err at_memory_audit_cut(
    void *ctx, int64_t seq, const struct authtok_act *act);

/* memory_users.c */
struct memory_user *at_memory_user_get(const struct memory *m, int64_t id);
void at_memory_user_free(struct memory_user *user);
enum authtok_err at_memory_user_create(void *ctx,
    const struct authtok_user *user, const struct authtok_act *act,
    int64_t *ret_id);
enum authtok_err at_memory_user_find(
    void *ctx, int64_t id, struct authtok_user *ret_user);
enum authtok_err at_memory_user_find_name(
    void *ctx, const char *name, struct authtok_user *ret_user);
enum authtok_err at_memory_user_find_email(
    void *ctx, const char *email, struct authtok_user *ret_user);
enum authtok_err at_memory_user_update(void *ctx,
    const struct authtok_user *user, enum authtok_end end, const uint8_t *keep,
    const struct authtok_act *act);
enum authtok_err at_memory_user_delete(
    void *ctx, int64_t id, const struct authtok_act *act);
enum authtok_err at_memory_user_list(void *ctx, int64_t after,
    struct authtok_user *ret_users, size_t cap, size_t *ret_count);

/* memory_sessions.c */
void at_memory_session_remove(struct memory *m, struct memory_session *s);
/* The user's live sessions but keep (NULL: all): how many, and end them. */
size_t at_memory_sessions_ending(
    const struct memory_user *user, const uint8_t *keep, int64_t now);
/* Events are reserved. */
void at_memory_sessions_end(struct memory *m, struct memory_user *user,
    const uint8_t *keep, const struct authtok_act *act);
enum authtok_err at_memory_session_create(void *ctx,
    const struct authtok_session *session, int64_t user_version,
    unsigned max_live, const struct authtok_act *act);
enum authtok_err at_memory_session_find(void *ctx, const uint8_t *sid,
    struct authtok_session *ret_session, struct authtok_owner *ret_owner);
enum authtok_err at_memory_session_update(void *ctx,
    const struct authtok_session *next, uint32_t gen, uint32_t branch,
    bool durable, const struct authtok_act *act);
enum authtok_err at_memory_session_change(void *ctx, const uint8_t *sid,
    struct authtok_session *ret_session, struct authtok_owner *ret_owner,
    authtok_decide *decide, void *arg);
enum authtok_err at_memory_session_list(void *ctx, int64_t user_id,
    const uint8_t *after, struct authtok_session *ret_sessions, size_t cap,
    size_t *ret_count);
enum authtok_err at_memory_session_revoke(
    void *ctx, const uint8_t *sid, const struct authtok_act *act);
enum authtok_err at_memory_session_revoke_user(void *ctx, int64_t user_id,
    const uint8_t *keep, const struct authtok_act *act, size_t *ret_count);
enum authtok_err at_memory_session_delete(
    void *ctx, const uint8_t *sid, uint32_t gen, uint32_t branch);
enum authtok_err at_memory_purge(void *ctx, int64_t now, int64_t idle_before,
    size_t limit, size_t *ret_count, bool *ret_more);

#endif
