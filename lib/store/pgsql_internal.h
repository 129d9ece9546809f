/*
 * What the files of the PostgreSQL backend share: connections, the queues in
 * front of them, statements. Nothing outside lib/store includes this, but for
 * its tests.
 */
#ifndef AT_STORE_PGSQL_INTERNAL_H
#define AT_STORE_PGSQL_INTERNAL_H

#include <authtok/pgsql.h>

#include <libpq-fe.h>
#include <pthread.h>

#define AT_PG_CONNECTIONS 8
#define AT_PG_TIMEOUT_MS  5000
#define AT_PG_TRIES       5 /* of a transaction that others made impossible */
/* operations of one statement that share a round trip and a commit, at most */
#define AT_PG_GROUP_MAX 64
/* how many such groups are under way at once, of each kind */
#define AT_PG_LANES 3
/* for how long one row may hold up a group */
#define AT_PG_GROUP_LOCK_MS "100"
#define AT_PG_BATCH_MAX     (2 * AT_PG_GROUP_MAX) /* queries in a round trip */
#define AT_PG_PARAMS_MAX    12
/* rows that one transaction of purge, and of audit_cut, removes */
#define AT_PG_PURGE_BATCH 256
#define AT_PG_CUT_BATCH   1024
#define AT_PG_PIECE       64   /* pages that one step of purge looks through */
#define AT_PG_LOOK_MAX    8192 /* pages that one call of purge looks through */

/* ---- pgsql_sql.c: the statements ------------------------------------------ */

enum at_pg_stmt {
	AT_PG_BEGIN,
	AT_PG_COMMIT,
	AT_PG_ROLLBACK,
	AT_PG_GROUP,
	/* users */
	AT_PG_USER_INSERT,
	AT_PG_USER_TAKEN,
	AT_PG_USER_BY_ID,
	AT_PG_USER_BY_NAME,
	AT_PG_USER_BY_EMAIL,
	AT_PG_USER_LOCK,
	AT_PG_USER_UPDATE,
	AT_PG_USER_RAISE,
	AT_PG_USER_DELETE,
	AT_PG_USER_LIST,
	/* sessions */
	AT_PG_SESSION_INSERT,
	AT_PG_SESSION_FIND,
	AT_PG_SESSION_UPDATE,
	AT_PG_SESSION_UPDATE_ASYNC,
	AT_PG_SESSION_LIST,
	AT_PG_SESSION_EXISTS,
	AT_PG_SESSION_REVOKE,
	AT_PG_SESSION_DELETE,
	AT_PG_SESSION_LIVE,
	AT_PG_SESSION_LOCK_LIVE,
	AT_PG_SESSION_LOCK_ALL,
	AT_PG_SESSION_OLDEST,
	AT_PG_SESSION_END_OLDEST,
	AT_PG_SESSION_END_USER,
	AT_PG_SESSION_DELETE_USER,
	AT_PG_SESSION_SWEEP,
	/* revocations */
	AT_PG_EVENT_USER,
	AT_PG_EVENT_SESSION,
	AT_PG_EVENT_SINCE,
	AT_PG_EVENT_PURGE,
	/* the log: revocations and audit records are written under its lock */
	AT_PG_LOG_LOCK,
	AT_PG_AUDIT_LAST,
	AT_PG_AUDIT_INSERT,
	AT_PG_AUDIT_LIST,
	AT_PG_AUDIT_BASE,
	AT_PG_AUDIT_CUT,
	AT_PG_AUDIT_PURGE,
	AT_PG_STMT_COUNT
};

const char *at_pg_stmt_sql(enum at_pg_stmt id);

/* ---- pgsql_conn.c: one connection ----------------------------------------- */

struct at_pgsql;

struct at_pg_conn {
	struct at_pg_conn *next; /* in the pool */
	struct at_pgsql *db;
	PGconn *pg;        /* NULL: not open */
	uint64_t prepared; /* a bit for each statement */
	int64_t deadline;  /* of the operation, by at_pg_now */
	size_t queued;     /* queries, with those that prepare */
	size_t count;      /* results */
	bool ran;          /* what is queued has been answered */
	enum authtok_err queue_err;
	uint8_t preparing[AT_PG_BATCH_MAX]; /* the statement + 1; 0: a query */
	PGresult *results[AT_PG_BATCH_MAX]; /* of the queries, in order */
	/* of the last failure */
	bool lost;  /* the connection is of no use any more */
	bool late;  /* the deadline passed */
	bool again; /* another transaction is to blame: worth another try */
	bool undo;  /* op succeeded, but nothing of it is to remain */
	bool committing;
	char fault[160];
};

/* Milliseconds of the steady clock. */
int64_t at_pg_now(void);

/* Connect, and set up the session. The reason of a failure is in fault. */
enum authtok_err at_pg_conn_open(struct at_pg_conn *conn);
void at_pg_conn_close(struct at_pg_conn *conn);
/* Whether nobody has closed it while nobody looked. */
bool at_pg_conn_alive(const struct at_pg_conn *conn);
/* Wait until the next call of PQgetResult does not block. */
bool at_pg_conn_await(struct at_pg_conn *conn);
/* The connection cannot be used any more. */
enum authtok_err at_pg_conn_lose(struct at_pg_conn *conn, bool late);

/* ---- pgsql_batch.c: queries that share a round trip ----------------------- */

struct at_pg_params {
	int count;
	const char *values[AT_PG_PARAMS_MAX];
	int lengths[AT_PG_PARAMS_MAX];
	int formats[AT_PG_PARAMS_MAX];
	uint8_t ints[AT_PG_PARAMS_MAX][8];
};

/* Lent: what they point to must stay until at_pg_add. */
void at_pg_int(struct at_pg_params *params, int64_t value);
void at_pg_bool(struct at_pg_params *params, bool value);
void at_pg_bytes(struct at_pg_params *params, const void *data, size_t len);
/* Up to the NUL, of size bytes at most. */
void at_pg_text(struct at_pg_params *params, const char *text, size_t size);
void at_pg_null(struct at_pg_params *params);

/*
 * Queue a query, NULL for params: without any. Returns the number of its result
 * among those of the next run; a failure shows there.
 */
size_t at_pg_add(struct at_pg_conn *conn, enum at_pg_stmt id,
    const struct at_pg_params *params);
/* Queue only that it is prepared, if it is not yet. */
void at_pg_prepare(struct at_pg_conn *conn, enum at_pg_stmt id);
/* As at_pg_add, of a text that is not prepared. */
size_t at_pg_add_sql(struct at_pg_conn *conn, const char *sql);
/* Send what is queued and read all results. The first failure of them. */
enum authtok_err at_pg_run(struct at_pg_conn *conn);
/* Of the last run, until the next at_pg_add. */
PGresult *at_pg_result(const struct at_pg_conn *conn, size_t i);
PGresult *at_pg_take(struct at_pg_conn *conn, size_t i); /* now the caller's */
void at_pg_clear(struct at_pg_conn *conn);

size_t at_pg_rows(const PGresult *result);
/* Rows that a statement has changed. */
size_t at_pg_changed(PGresult *result);
bool at_pg_is_null(const PGresult *result, size_t row, int column);
/* False when it is NULL or of another type: 0 may mean "live". */
bool at_pg_read_int(
    const PGresult *result, size_t row, int column, int64_t *out);
bool at_pg_read_bool(const PGresult *result, size_t row, int column, bool *out);
/* 0 and false then. */
int64_t at_pg_get_int(const PGresult *result, size_t row, int column);
bool at_pg_get_bool(const PGresult *result, size_t row, int column);
/* Exactly len bytes; false when it is not. */
bool at_pg_get_bytes(
    const PGresult *result, size_t row, int column, void *out, size_t len);
/* NUL-terminated into size bytes; false when it does not fit or has a NUL.
 * NULL is "". */
bool at_pg_get_text(
    const PGresult *result, size_t row, int column, char *out, size_t size);

/* ---- pgsql_pool.c: connections are handed out first come, first served ---- */

struct at_pg_waiter;

struct at_pg_pool {
	pthread_mutex_t lock;
	struct at_pg_waiter *first, **last;
	struct at_pg_conn *free; /* used last is first, not open is last */
};

bool at_pg_pool_init(struct at_pg_pool *pool);
void at_pg_pool_destroy(struct at_pg_pool *pool);
struct at_pg_conn *at_pg_pool_get(struct at_pg_pool *pool, int64_t deadline);
void at_pg_pool_put(struct at_pg_pool *pool, struct at_pg_conn *conn);

/* A condition whose waits are measured by the steady clock. */
bool at_pg_cond_init(pthread_cond_t *cond);
/* False when the deadline has passed. */
bool at_pg_cond_wait(
    pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline);

/* ---- pgsql_group.c: operations of one statement --------------------------- */

struct at_pg_job {
	struct at_pg_job *next;
	enum at_pg_stmt stmt;
	const struct at_pg_params *params;
	const uint8_t *sid; /* rows are locked in its order */
	pthread_cond_t wake;
	int64_t deadline;
	bool done, leads;
	bool alone;       /* the group failed, and nothing of it remains */
	PGresult *result; /* the job's owner clears it */
	enum authtok_err err;
};

/* Jobs of one kind. */
struct at_pg_lane {
	pthread_mutex_t lock;
	struct at_pg_job *first, **last;
	unsigned running;
	bool writes;
	bool durable;
};

bool at_pg_lane_init(struct at_pg_lane *lane, bool writes, bool durable);
void at_pg_lane_destroy(struct at_pg_lane *lane);
/* OK: job->result is the result of its statement. */
enum authtok_err at_pg_job_run(
    struct at_pgsql *db, struct at_pg_lane *lane, struct at_pg_job *job);

/* ---- pgsql_write.c: reads and transactions -------------------------------- */

struct at_pgsql {
	char *conninfo;
	unsigned timeout_ms;
	unsigned connection_count;
	struct at_pg_conn *conns;
	struct at_pg_pool pool;
	struct at_pg_lane finds, swaps, durable_swaps;
	/* what went wrong last, for people */
	pthread_mutex_t fault_lock;
	char fault[192];
	/* where purge goes on; see pgsql_purge.c */
	pthread_mutex_t sweep_lock;
	int64_t sweep_page;
	bool sweep_over;
};

typedef enum authtok_err at_pg_op(struct at_pg_conn *conn, void *arg);

/* A connection that is open, for an operation that begins now. */
enum authtok_err at_pg_lease(
    struct at_pgsql *db, int64_t deadline, struct at_pg_conn **ret_conn);
/* Remember what went wrong, if err says that something did, and give it back. */
void at_pg_release(struct at_pg_conn *conn, enum authtok_err err);
int64_t at_pg_deadline(const struct at_pgsql *db);
/* What the next explanation says. */
void at_pg_fault(struct at_pgsql *db, const char *text);
void at_pg_explain(void *ctx, char *buf, size_t size);

/* Run op, which only reads; again when the connection breaks. */
enum authtok_err at_pg_read(struct at_pgsql *db, at_pg_op *op, void *arg);
/* One row into its item; false when it is not what we write. */
typedef bool at_pg_row(const PGresult *result, size_t row, void *ret_item);
/*
 * The rows that stmt, of a key and a count, finds beyond after: up to cap items
 * of size bytes each.
 */
enum authtok_err at_pg_page(struct at_pgsql *db, enum at_pg_stmt stmt,
    int64_t after, at_pg_row *read, void *ret_items, size_t size, size_t cap,
    size_t *ret_count);
/* Run op, whose statements are one round trip: they are a transaction. */
enum authtok_err at_pg_once(struct at_pgsql *db, at_pg_op *op, void *arg);
/* Either of them, until then. */
enum authtok_err at_pg_attempt(
    struct at_pgsql *db, at_pg_op *op, void *arg, bool reads, int64_t deadline);
/*
 * Run op in a transaction, on stable storage when this returns OK; when op
 * fails nothing of it remains. What op has queued and not run goes with the
 * commit. It may be run several times.
 */
enum authtok_err at_pg_write(struct at_pgsql *db, at_pg_op *op, void *arg);

/* ---- pgsql_schema.c ------------------------------------------------------- */

/* The version of the schema that this code writes. */
int64_t at_pg_schema_version(void);
/* Recognise the tables, make them or bring them up to date. */
enum authtok_err at_pg_schema_open(
    struct at_pg_conn *conn, char *why, size_t why_len);

/* ---- the operations ------------------------------------------------------- */

/* pgsql_users.c */
enum authtok_err at_pg_user_create(void *ctx, const struct authtok_user *user,
    const struct authtok_act *act, int64_t *ret_id);
enum authtok_err at_pg_user_find(
    void *ctx, int64_t id, struct authtok_user *ret_user);
enum authtok_err at_pg_user_find_name(
    void *ctx, const char *name, struct authtok_user *ret_user);
enum authtok_err at_pg_user_find_email(
    void *ctx, const char *email, struct authtok_user *ret_user);
enum authtok_err at_pg_user_update(void *ctx, const struct authtok_user *user,
    enum authtok_end end, const uint8_t *keep, const struct authtok_act *act);
enum authtok_err at_pg_user_delete(
    void *ctx, int64_t id, const struct authtok_act *act);
enum authtok_err at_pg_user_list(void *ctx, int64_t after,
    struct authtok_user *ret_users, size_t cap, size_t *ret_count);

/* Read the roles column. False when it is not what we write. */
bool at_pg_get_roles(const PGresult *result, size_t row, int column,
    size_t *ret_count, char (*roles)[AUTHTOK_ROLE_MAX + 1]);
/* Queue the lock on the user's row: version, epoch, disabled. */
size_t at_pg_user_lock(struct at_pg_conn *conn, int64_t id);

/* pgsql_sessions.c */
enum authtok_err at_pg_session_create(void *ctx,
    const struct authtok_session *session, int64_t user_version,
    unsigned max_live, const struct authtok_act *act);
enum authtok_err at_pg_session_find(void *ctx, const uint8_t *sid,
    struct authtok_session *ret_session, struct authtok_owner *ret_owner);
enum authtok_err at_pg_session_update(void *ctx,
    const struct authtok_session *next, uint32_t gen, uint32_t branch,
    bool durable, const struct authtok_act *act);
enum authtok_err at_pg_session_list(void *ctx, int64_t user_id,
    const uint8_t *after, struct authtok_session *ret_sessions, size_t cap,
    size_t *ret_count);
enum authtok_err at_pg_session_delete(
    void *ctx, const uint8_t *sid, uint32_t gen, uint32_t branch);

/* pgsql_revoke.c */
enum authtok_err at_pg_session_revoke(
    void *ctx, const uint8_t *sid, const struct authtok_act *act);
enum authtok_err at_pg_session_revoke_user(void *ctx, int64_t user_id,
    const uint8_t *keep, const struct authtok_act *act, size_t *ret_count);
enum authtok_err at_pg_revoked_since(void *ctx, int64_t after,
    struct authtok_revocation *ret_events, size_t cap, size_t *ret_count);

/* Whether act can be stored: 0 as a time of revocation would mean "live". */
bool at_pg_act_valid(const struct authtok_act *act);
/*
 * Queue the lock on the user's live sessions but keep (NULL: all), which come
 * before the log; and, behind the log's lock, their end. The latter's rows
 * changed are how many.
 */
void at_pg_lock_live(struct at_pg_conn *conn, int64_t user_id,
    const uint8_t *keep, const struct authtok_act *act);
size_t at_pg_end_live(struct at_pg_conn *conn, int64_t user_id,
    const uint8_t *keep, const struct authtok_act *act);
/* Queue, behind the log's lock: access tokens below epoch are revoked. */
void at_pg_revoke_epoch(struct at_pg_conn *conn, int64_t user_id, int64_t epoch,
    const struct authtok_act *act);

/* pgsql_audit.c */
enum authtok_err at_pg_audit_append(void *ctx, const struct authtok_act *act);
enum authtok_err at_pg_audit_list(void *ctx, int64_t after,
    struct authtok_audit_record *ret_records, size_t cap, size_t *ret_count);
enum authtok_err at_pg_audit_base(
    void *ctx, int64_t *ret_seq, uint8_t ret_mac[AUTHTOK_MAC_LEN]);
enum authtok_err at_pg_audit_cut(
    void *ctx, int64_t seq, const struct authtok_act *act);

/* The end of the log while it is locked. */
struct at_pg_log {
	size_t base_result, last_result;
	int64_t base; /* seq of the last record that was cut */
	int64_t seq;
	uint8_t mac[AUTHTOK_MAC_LEN];
};

/*
 * Queue the lock of the log, behind which everything that others may come upon
 * in the order of its number is written; and, after the run, read its end.
 * Whoever has the lock waits for no other one.
 */
void at_pg_log_lock(struct at_pg_conn *conn, struct at_pg_log *log);
enum authtok_err at_pg_log_read(
    const struct at_pg_conn *conn, struct at_pg_log *log);
/*
 * Queue the record of the act, OK without act or record. user_id other than 0
 * is put in; with sid it is the limit_record, for that session.
 */
enum authtok_err at_pg_log_act(struct at_pg_conn *conn, struct at_pg_log *log,
    const struct authtok_act *act, int64_t user_id);
enum authtok_err at_pg_log_limit(struct at_pg_conn *conn, struct at_pg_log *log,
    const struct authtok_act *act, const uint8_t *sid);

/* pgsql_purge.c */
enum authtok_err at_pg_purge(void *ctx, int64_t now, int64_t idle_before,
    size_t limit, size_t *ret_count, bool *ret_more);

#endif
