/*
 * What the files of the SQLite backend share: connections, the queues in
 * front of them, statements. Nothing outside lib/store includes this, but for
 * its tests.
 */
#ifndef AT_STORE_SQLITE_INTERNAL_H
#define AT_STORE_SQLITE_INTERNAL_H

#include <authtok/sqlite.h>

#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <time.h>

#define AT_SQLITE_BUSY_MS 5000
#define AT_SQLITE_READERS 4
/* rows that one transaction of purge, and of audit_cut, removes: the writer is
 * held for a millisecond or two, also by sessions that lie far apart */
#define AT_SQLITE_PURGE_BATCH 16
#define AT_SQLITE_CUT_BATCH   256
/* operations that whoever has the writer carries out at once, at most */
#define AT_SQLITE_GROUP_MAX 64
/* more than these hear of it before the writer goes on */
#define AT_SQLITE_GROUP_LARGE 16
/*
 * Frames of the log, of 4 KB each: the checkpointer wakes at every LOG_STEP of
 * them, takes its turn with the writer to copy about LOG_REST, and beyond
 * LOG_SLOW commits pause for it. LOG_PATIENCE_MS is for readers, in that turn.
 */
#define AT_SQLITE_LOG_STEP        4000
#define AT_SQLITE_LOG_REST        64
#define AT_SQLITE_LOG_SLOW        32000
#define AT_SQLITE_LOG_PAUSE_NS    1000000
#define AT_SQLITE_LOG_PATIENCE_MS 2
#define AT_SQLITE_GAP_PATIENCE_MS 50 /* for readers, when it has a gap */
#define AT_SQLITE_TIDY_WAIT_MS    1000
#define AT_SQLITE_STACK           131072 /* of the checkpointer */
/* rows that one call of purge looks at in one table */
#define AT_SQLITE_LOOK_MAX       262144
#define AT_SQLITE_APPLICATION_ID 0x61746f6b /* "atok" */

/* ---- sqlite_pool.c: connections are handed out first come, first served -- */

struct at_conn;
struct at_waiter;

struct at_pool {
	pthread_mutex_t lock;
	struct at_waiter *first, **last;
	size_t free_count;
	void *free[AT_SQLITE_READERS];
};

bool at_pool_init(struct at_pool *pool);
void at_pool_destroy(struct at_pool *pool);

/* So many milliseconds from now, by CLOCK_MONOTONIC. */
struct timespec at_deadline_in(int ms);

/* Take one, waiting at most timeout_ms in the queue; NULL when it took longer.
 */
void *at_pool_get(struct at_pool *pool, int timeout_ms);

/* What a thread wants done with the item that it waits for. */
typedef enum authtok_err at_op(struct at_conn *conn, void *arg);
struct at_job {
	struct at_job *next; /* whoever picked it may use this */
	struct at_waiter *waiter;
	bool done;      /* by somebody else */
	bool statement; /* op is one statement, and needs no transaction */
	bool reads;     /* op reads first, may write nothing, may run twice */
	at_op *op;
	void *arg;
	const bool *durable; /* NULL: need not be; op may set it */
	enum authtok_err err;
	uint64_t ticket;     /* see at_sync_wait */
	struct at_job *with; /* this one's owner waits for the disk for them */
	bool synced;         /* that was done for it */
};

/*
 * The same, or NULL with job->done: another did it meanwhile. A job that was
 * picked is waited for however long it takes.
 */
void *at_pool_get_for(struct at_pool *pool, struct at_job *job, int timeout_ms);
/* For who has the item: take what waits longest out of the queue, if it is a job. */
struct at_job *at_pool_pick(struct at_pool *pool);
/* Tell the owners of a list of picked jobs; after this the jobs are gone. */
void at_pool_done(struct at_job *first);

/* Take one that nobody uses or waits for, or NULL. */
void *at_pool_try(struct at_pool *pool);

/* Give one back: to whoever waits longest, directly. */
void at_pool_put(struct at_pool *pool, void *item);

/* ---- sqlite_conn.c: connections, statements, leases, faults -------------- */

enum at_stmt {
	AT_STMT_BEGIN,
	AT_STMT_BEGIN_READ,
	AT_STMT_COMMIT,
	AT_STMT_ROLLBACK,
	AT_STMT_SAVEPOINT,
	AT_STMT_RELEASE,
	AT_STMT_ROLLBACK_TO,
	/* users */
	AT_STMT_USER_INSERT,
	AT_STMT_USER_BY_ID,
	AT_STMT_USER_BY_NAME,
	AT_STMT_USER_BY_EMAIL,
	AT_STMT_USER_STATE,
	AT_STMT_USER_UPDATE,
	AT_STMT_USER_RAISE,
	AT_STMT_USER_DELETE,
	AT_STMT_USER_LIST,
	/* sessions */
	AT_STMT_SESSION_INSERT,
	AT_STMT_SESSION_FIND,
	AT_STMT_SESSION_UPDATE,
	AT_STMT_SESSION_LIST,
	AT_STMT_SESSION_EXISTS,
	AT_STMT_SESSION_REVOKE,
	AT_STMT_SESSION_DELETE,
	AT_STMT_SESSION_LIVE,
	AT_STMT_SESSION_OLDEST,
	AT_STMT_SESSION_REVOKE_OLDEST,
	AT_STMT_SESSION_REVOKE_USER,
	AT_STMT_SESSION_DELETE_USER,
	AT_STMT_SESSION_SWEEP,
	AT_STMT_SESSION_PURGE,
	/* revocations */
	AT_STMT_EVENT_USER,
	AT_STMT_EVENT_SESSION,
	AT_STMT_EVENT_OLDEST,
	AT_STMT_EVENT_SESSIONS,
	AT_STMT_EVENT_SINCE,
	AT_STMT_EVENT_SWEEP,
	AT_STMT_EVENT_PURGE,
	/* audit */
	AT_STMT_AUDIT_LAST,
	AT_STMT_AUDIT_INSERT,
	AT_STMT_AUDIT_LIST,
	AT_STMT_AUDIT_BASE,
	AT_STMT_AUDIT_CUT,
	AT_STMT_AUDIT_PURGE,
	AT_STMT_COUNT
};

struct at_conn {
	sqlite3 *db;
	sqlite3_stmt *stmts[AT_STMT_COUNT];
};

/* The thread that copies the log into the database: sqlite_checkpoint.c. */
struct at_checkpointer {
	struct at_conn conn;
	struct at_conn guard; /* reads while the other one copies */
	pthread_t thread;
	bool started;
	int seen;           /* frames after the last commit; the writer's */
	atomic_int wake_at; /* frames */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* guarded by lock */
	pthread_cond_t idle; /* by the steady clock */
	int wanted;          /* frames that there are; 0: sleep */
	bool busy;
	bool stop;
};

/* What is on the disk, and the queue of those who wait for it: sqlite_sync.c. */
struct at_sync_waiter;
struct at_sync {
	int fd; /* the log */
	_Atomic uint64_t tickets;
	/* what was copied into the database is not on the disk: the log must
	 * stay until all have closed the database */
	atomic_bool lost;
	pthread_mutex_t lock;
	/* guarded by lock */
	struct at_sync_waiter *first, **last;
	bool busy;               /* one of them leads */
	bool broken;             /* a gap may be in the log */
	unsigned breaks;         /* how often SQLite saw one */
	uint64_t synced, failed; /* tickets up to these */
};

struct at_sqlite {
	int busy_ms;
	struct at_pool writer; /* one */
	struct at_pool readers;
	struct at_conn writer_conn;
	struct at_conn reader_conns[AT_SQLITE_READERS];
	struct at_checkpointer checkpointer;
	struct at_sync sync;
	/* what went wrong last, for people */
	pthread_mutex_t fault_lock;
	char fault[192];
	/* where purge goes on; see sqlite_purge.c */
	pthread_mutex_t sweep_lock;
	int64_t session_cursor;
	int64_t event_cursor;
	bool sessions_over, events_over; /* their end was reached */
};

/* A connection that was taken for a while. */
struct at_lease {
	struct at_sqlite *db;
	struct at_pool *pool;
	struct at_conn *conn;
};

/* Where the constructor explains itself. */
struct at_why {
	const char *path;
	char *buf;
	size_t len;
};

/* Say "path: ..." */
__attribute__((format(printf, 2, 3))) void at_why_say(
    const struct at_why *why, const char *format, ...);
/* Say what a result code of SQLite means, and give our code for it. */
enum authtok_err at_why_rc(
    const struct at_why *why, const struct at_conn *conn, int rc);

/* The text of a statement. */
const char *at_stmt_sql(enum at_stmt id);

/* EBUSY, ENOMEM or ESTORE for a result code that is a failure. */
enum authtok_err at_conn_err(int rc);

/* Open one connection. conn is zeroed before, closed after, also on failure. */
int at_conn_open(struct at_conn *conn, const char *path, int busy_ms);
/* One that reads no table, and does not read the schema. */
int at_conn_open_bare(struct at_conn *conn, const char *path, int busy_ms);
void at_conn_close(struct at_conn *conn);

/* Run SQL without parameters or results. */
int at_conn_exec(struct at_conn *conn, const char *sql);
/* Run SQL that gives one integer. */
int at_conn_int(struct at_conn *conn, const char *sql, int64_t *ret_value);

/* The prepared statement, ready to bind. */
int at_conn_stmt(
    struct at_conn *conn, enum at_stmt id, sqlite3_stmt **ret_stmt);
/* Run to the end a statement without rows: SQLITE_OK or a failure. Resets. */
int at_stmt_run(sqlite3_stmt *stmt);
/* The same of one that has no parameters. */
int at_conn_run(struct at_conn *conn, enum at_stmt id);
/* Forget bindings and release locks. */
void at_stmt_done(sqlite3_stmt *stmt);

void at_bind_int(sqlite3_stmt *stmt, int i, int64_t value);
void at_bind_blob(sqlite3_stmt *stmt, int i, const void *data, size_t len);
void at_bind_text(sqlite3_stmt *stmt, int i, const char *text, size_t size);

/* Copy a text column into out; false when it does not fit or has a NUL. */
bool at_column_text(sqlite3_stmt *stmt, int i, char *out, size_t size);
/* Copy a blob column of exactly len bytes; false when it is not. */
bool at_column_blob(sqlite3_stmt *stmt, int i, void *out, size_t len);

/* A connection for one point read, or for a read that may take longer. */
enum authtok_err at_lease_point(struct at_sqlite *db, struct at_lease *lease);
enum authtok_err at_lease_reader(struct at_sqlite *db, struct at_lease *lease);
void at_lease_end(struct at_lease *lease);

/* Remember for at_sqlite_explain what last failed on the connection, if it did. */
void at_fault_note(struct at_sqlite *db, const struct at_conn *conn);
/* The same of a wait in the queue that took too long. */
void at_fault_waited(struct at_sqlite *db);
/* The same of a call to the system. */
void at_fault_errno(struct at_sqlite *db, const char *what, int error);
void at_sqlite_explain(void *ctx, char *buf, size_t size);

/* ---- sqlite_write.c: operations of the writer ----------------------------- */

/*
 * Run op in a transaction of the writer, on stable storage when this returns
 * OK. When op fails nothing of it remains; ESTORE, EBUSY and ENOMEM may come
 * from what is shared, and then it may have happened. It may be run by another
 * thread while the caller waits; it runs once at most.
 */
enum authtok_err at_sqlite_write(struct at_sqlite *db, at_op *op, void *arg);
/*
 * The same of an op that reads first and may write nothing, and that may be run
 * twice: then it does not need the lock that other processes may have. On stable
 * storage only if *durable, which op may set.
 */
enum authtok_err at_sqlite_read_and_write(
    struct at_sqlite *db, at_op *op, void *arg, const bool *durable);
/*
 * The same of an op that is one statement, a read or a write. A write need not
 * be on stable storage: it may be lost with power, not with the process.
 */
enum authtok_err at_sqlite_statement(
    struct at_sqlite *db, at_op *op, void *arg);
/*
 * Run op in a transaction that need not be on stable storage: what tidies up
 * may be forgotten with power, and is then done again.
 */
enum authtok_err at_sqlite_tidy(struct at_sqlite *db, at_op *op, void *arg);

/* ---- sqlite_sync.c: waiting for the disk ---------------------------------- */

/* Nothing is open yet. destroy closes what is. */
bool at_sync_init(struct at_sync *sync);
void at_sync_destroy(struct at_sync *sync);
enum authtok_err at_sync_open(struct at_sqlite *db, const struct at_why *why);

/* The database itself, of which a checkpoint may have copied a part. */
bool at_sync_database(struct at_conn *conn, int *ret_errno);
/* For people, when that failed. */
void at_sync_say_lost(struct at_sqlite *db, int error);
/* A wait that SQLite did has failed: the log may have a gap. */
void at_sync_break(struct at_sqlite *db);
/* Whether the log may have a gap: then it is not to be copied as it is. */
bool at_sync_broken(struct at_sqlite *db);
/* Nobody waits any more: false when it still may, and is not to be copied. */
bool at_sync_settle(struct at_sqlite *db);
/* For what the writer has committed; the writer is the caller's. */
uint64_t at_sync_ticket(struct at_sqlite *db);
/*
 * Wait until all that was committed before the ticket is on stable storage.
 * The writer is not the caller's. ESTORE: it may be or not.
 */
enum authtok_err at_sync_wait(struct at_sqlite *db, uint64_t ticket);

/* ---- sqlite_checkpoint.c -------------------------------------------------- */

/*
 * After the writer is open: the connections, then, when the readers are, too, the
 * thread. stop also undoes what failed or never was.
 */
enum authtok_err at_checkpointer_open(
    struct at_sqlite *db, const struct at_why *why);
enum authtok_err at_checkpointer_start(
    struct at_sqlite *db, const struct at_why *why);
void at_checkpointer_stop(struct at_sqlite *db);
/* How far a checkpoint came; -1: nobody knows. */
struct at_extent {
	int log;    /* frames in the log when it began */
	int copied; /* of them */
};
/*
 * Copy what can be copied beside others: the thread does, or who opens while
 * there is none. SQLite's code. The guard goes on reading until it is told.
 */
int at_checkpoint(struct at_sqlite *db, struct at_extent *ret_extent);
void at_unguard_log(struct at_sqlite *db);
/* What was copied is lost: let nobody begin the log anew. */
void at_checkpointer_keep(struct at_sqlite *db);
/*
 * Wait while it is at work, for a second at most: for who writes much and is in
 * no hurry, since the thread never ends when the log grows as fast as it copies;
 * and before a log that may have a gap is begun anew.
 */
void at_checkpointer_wait(struct at_sqlite *db);

/* ---- sqlite_schema.c ------------------------------------------------------ */

/* The version of the schema that this code writes. */
int64_t at_schema_version(void);

/* Recognise the database, switch it to WAL, bring the schema up to date. */
enum authtok_err at_schema_open(
    struct at_conn *conn, int busy_ms, const struct at_why *why);

/* ---- sqlite.c ------------------------------------------------------------ */

/* authtok_store_sqlite with another patience. */
enum authtok_err at_store_sqlite(const char *path, int busy_ms,
    struct authtok_store **ret_store, char *why, size_t why_len);

/* ---- the operations ------------------------------------------------------ */

/* sqlite_users.c */
enum authtok_err at_sqlite_user_create(void *ctx,
    const struct authtok_user *user, const struct authtok_act *act,
    int64_t *ret_id);
enum authtok_err at_sqlite_user_find(
    void *ctx, int64_t id, struct authtok_user *ret_user);
enum authtok_err at_sqlite_user_find_name(
    void *ctx, const char *name, struct authtok_user *ret_user);
enum authtok_err at_sqlite_user_find_email(
    void *ctx, const char *email, struct authtok_user *ret_user);
enum authtok_err at_sqlite_user_update(void *ctx,
    const struct authtok_user *user, enum authtok_end end, const uint8_t *keep,
    const struct authtok_act *act);
enum authtok_err at_sqlite_user_delete(
    void *ctx, int64_t id, const struct authtok_act *act);
enum authtok_err at_sqlite_user_list(void *ctx, int64_t after,
    struct authtok_user *ret_users, size_t cap, size_t *ret_count);

/* Read the roles column. False when it is not what we write. */
bool at_column_roles(sqlite3_stmt *stmt, int i, size_t *ret_count,
    char (*roles)[AUTHTOK_ROLE_MAX + 1]);

/* sqlite_sessions.c */
enum authtok_err at_sqlite_session_create(void *ctx,
    const struct authtok_session *session, int64_t user_version,
    unsigned max_live, const struct authtok_act *act);
enum authtok_err at_sqlite_session_find(void *ctx, const uint8_t *sid,
    struct authtok_session *ret_session, struct authtok_owner *ret_owner);
enum authtok_err at_sqlite_session_update(void *ctx,
    const struct authtok_session *next, uint32_t gen, uint32_t branch,
    bool durable, const struct authtok_act *act);
enum authtok_err at_sqlite_session_change(void *ctx, const uint8_t *sid,
    struct authtok_session *ret_session, struct authtok_owner *ret_owner,
    authtok_decide *decide, void *arg);
enum authtok_err at_sqlite_session_list(void *ctx, int64_t user_id,
    const uint8_t *after, struct authtok_session *ret_sessions, size_t cap,
    size_t *ret_count);
enum authtok_err at_sqlite_session_delete(
    void *ctx, const uint8_t *sid, uint32_t gen, uint32_t branch);

/* sqlite_revoke.c */
enum authtok_err at_sqlite_session_revoke(
    void *ctx, const uint8_t *sid, const struct authtok_act *act);
enum authtok_err at_sqlite_session_revoke_user(void *ctx, int64_t user_id,
    const uint8_t *keep, const struct authtok_act *act, size_t *ret_count);
enum authtok_err at_sqlite_revoked_since(void *ctx, int64_t after,
    struct authtok_revocation *ret_events, size_t cap, size_t *ret_count);

/* Inside a transaction: revoke a user's live sessions but keep (NULL: all). */
enum authtok_err at_revoke_user(struct at_conn *conn, int64_t user_id,
    const uint8_t *keep, const struct authtok_act *act, size_t *ret_count);
/* Inside a transaction: revoke the count live ones that rotated first. */
enum authtok_err at_revoke_oldest(struct at_conn *conn, int64_t user_id,
    int64_t count, const struct authtok_act *act);
/* OK or EUNKNOWN. */
enum authtok_err at_session_exists(struct at_conn *conn, const uint8_t *sid);
/* Inside a transaction: what a change of the user depends on. EUNKNOWN. */
enum authtok_err at_user_state(
    struct at_conn *conn, int64_t id, int64_t *ret_version, int64_t *ret_epoch);

/* Inside a transaction: access tokens below epoch are revoked. */
enum authtok_err at_revoke_epoch(struct at_conn *conn, int64_t user_id,
    int64_t epoch, const struct authtok_act *act);
/* Whether act can be stored: 0 as a time of revocation would mean "live". */
bool at_act_valid(const struct authtok_act *act);

/* sqlite_audit.c */
enum authtok_err at_sqlite_audit_append(
    void *ctx, const struct authtok_act *act);
enum authtok_err at_sqlite_audit_list(void *ctx, int64_t after,
    struct authtok_audit_record *ret_records, size_t cap, size_t *ret_count);
enum authtok_err at_sqlite_audit_base(
    void *ctx, int64_t *ret_seq, uint8_t ret_mac[AUTHTOK_MAC_LEN]);
enum authtok_err at_sqlite_audit_cut(
    void *ctx, int64_t seq, const struct authtok_act *act);

/*
 * Inside a transaction, after all that the act changes: append its record; OK
 * without act or record.
 */
enum authtok_err at_audit_act(
    struct at_conn *conn, const struct authtok_act *act);
/* The same for an act on a user whom the caller could not know yet. */
enum authtok_err at_audit_act_of(
    struct at_conn *conn, const struct authtok_act *act, int64_t user_id);
/* Append the limit_record of the act, which has one, for one session. */
enum authtok_err at_audit_limit(
    struct at_conn *conn, const struct authtok_act *act, const uint8_t *sid);

/* sqlite_purge.c */
enum authtok_err at_sqlite_purge(void *ctx, int64_t now, int64_t idle_before,
    size_t limit, size_t *ret_count, bool *ret_more);

#endif
