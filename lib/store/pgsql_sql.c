/*
 * Every statement of the PostgreSQL backend. None is put together at run time.
 * A test asks the server for the plan of each: all of them begin at a key, or
 * at a range of pages, none reads a table.
 *
 * The order of locks is the same everywhere: a user, sessions by their sid, the
 * log. Whoever waits for a session that another one has may have some himself,
 * and whoever has the log waits for nobody.
 */
#include "store/pgsql_internal.h"

#define USER_COLUMNS \
	"id, version, epoch, created_at, disabled, name, email, hash, roles"

#define SESSION_COLUMNS                                                \
	"s.sid, s.user_id, s.created_at, s.expires_at, s.revoked_at, " \
	"s.rotated_at, s.seed, s.rotation, s.address, s.agent"

#define AUDIT_COLUMNS \
	"seq, at, user_id, event, count, key, sid, address, detail, mac"

/* records up to this one are cut, whether their rows are gone yet or not */
#define AUDIT_BASE "(SELECT seq FROM authtok_audit_base WHERE id = 1)"

/* gen and branch, packed: the first eight bytes of rotation */
#define SAME_ROTATION(param) "substr(rotation, 1, 8) = " param

#define LIVE_OF_USER "user_id = $1 AND revoked_at = 0 AND expires_at > $2"

#define SESSION_IS_OVER                          \
	"(expires_at <= $1 OR rotated_at <= $2 " \
	"OR (revoked_at <> 0 AND revoked_at <= $2))"

/* what tidies up need not be on stable storage */
#define ASYNC "set_config('synchronous_commit', 'off', true)"

#define SESSION_SWAP                                                  \
	"UPDATE authtok_sessions SET rotated_at = $1, rotation = $2," \
	" address = $3, agent = $4 WHERE sid = $5 AND revoked_at = 0" \
	" AND " SAME_ROTATION("$6")

/* all live ones of a user but the $3 that were used last, and the one of $4 */
#define OLDEST                                                     \
	"SELECT sid, rotated_at, created_at FROM authtok_sessions" \
	" WHERE " LIVE_OF_USER " AND sid <> $4"                    \
	" ORDER BY rotated_at DESC, created_at DESC, sid DESC OFFSET $3"

static const char *const sql[AT_PG_STMT_COUNT] = {
	[AT_PG_BEGIN] = "BEGIN",
	[AT_PG_COMMIT] = "COMMIT",
	[AT_PG_ROLLBACK] = "ROLLBACK",
	[AT_PG_GROUP] =
	    "SELECT set_config('lock_timeout', '" AT_PG_GROUP_LOCK_MS
	    "', true), CASE WHEN $1 THEN '' ELSE " ASYNC " END",

	[AT_PG_USER_INSERT] =
	    "INSERT INTO authtok_users (version, epoch, created_at, disabled,"
	    " name, name_key, email, email_key, hash, roles)"
	    " VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8, $9)"
	    " ON CONFLICT DO NOTHING RETURNING id",
	[AT_PG_USER_TAKEN] = "SELECT EXISTS (SELECT 1 FROM authtok_users"
			     " WHERE name_key = $1 AND id <> $3),"
			     " EXISTS (SELECT 1 FROM authtok_users"
			     " WHERE email_key = $2 AND id <> $3)",
	[AT_PG_USER_BY_ID] =
	    "SELECT " USER_COLUMNS " FROM authtok_users WHERE id = $1",
	[AT_PG_USER_BY_NAME] =
	    "SELECT " USER_COLUMNS " FROM authtok_users WHERE name_key = $1",
	[AT_PG_USER_BY_EMAIL] =
	    "SELECT " USER_COLUMNS " FROM authtok_users WHERE email_key = $1",
	[AT_PG_USER_LOCK] = "SELECT version, epoch, disabled FROM authtok_users"
			    " WHERE id = $1 FOR UPDATE",
	[AT_PG_USER_UPDATE] =
	    "UPDATE authtok_users SET version = version + 1, epoch = $2,"
	    " disabled = $3, name = $4, name_key = $5, email = $6,"
	    " email_key = $7, hash = $8, roles = $9 WHERE id = $1",
	[AT_PG_USER_RAISE] =
	    "UPDATE authtok_users SET version = version + 1, epoch = $2"
	    " WHERE id = $1",
	[AT_PG_USER_DELETE] = "DELETE FROM authtok_users WHERE id = $1",
	[AT_PG_USER_LIST] =
	    "SELECT " USER_COLUMNS
	    " FROM authtok_users WHERE id > $1 ORDER BY id LIMIT $2",

	[AT_PG_SESSION_INSERT] =
	    "INSERT INTO authtok_sessions (sid, user_id, created_at,"
	    " expires_at, revoked_at, rotated_at, seed, rotation, address,"
	    " agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
	    " ON CONFLICT DO NOTHING",
	[AT_PG_SESSION_FIND] =
	    "SELECT " SESSION_COLUMNS ", u.epoch, u.disabled, u.roles"
	    " FROM authtok_sessions AS s"
	    " JOIN authtok_users AS u ON u.id = s.user_id WHERE s.sid = $1",
	[AT_PG_SESSION_UPDATE] = SESSION_SWAP,
	/* the row asks for its own kind of commit */
	[AT_PG_SESSION_UPDATE_ASYNC] = SESSION_SWAP " RETURNING " ASYNC,
	[AT_PG_SESSION_LIST] =
	    "SELECT " SESSION_COLUMNS " FROM authtok_sessions AS s"
	    " WHERE s.user_id = $1 AND s.sid >= $2 ORDER BY s.sid LIMIT $3",
	[AT_PG_SESSION_EXISTS] =
	    "SELECT 1 FROM authtok_sessions WHERE sid = $1",
	[AT_PG_SESSION_REVOKE] = "UPDATE authtok_sessions SET revoked_at = $2"
				 " WHERE sid = $1 AND revoked_at = 0",
	[AT_PG_SESSION_DELETE] = "DELETE FROM authtok_sessions"
				 " WHERE sid = $1 AND " SAME_ROTATION("$2"),
	[AT_PG_SESSION_LIVE] =
	    "SELECT count(*) FROM authtok_sessions WHERE " LIVE_OF_USER,
	/* sorted before they are locked */
	[AT_PG_SESSION_LOCK_LIVE] =
	    "SELECT count(*) FROM (SELECT 1 FROM authtok_sessions"
	    " WHERE " LIVE_OF_USER " AND sid IS DISTINCT FROM $3"
	    " ORDER BY sid FOR UPDATE) AS locked",
	[AT_PG_SESSION_LOCK_ALL] =
	    "SELECT count(*) FROM (SELECT 1 FROM authtok_sessions"
	    " WHERE user_id = $1 ORDER BY sid FOR UPDATE) AS locked",
	[AT_PG_SESSION_OLDEST] = "SELECT sid FROM (" OLDEST ") AS oldest"
				 " ORDER BY rotated_at, created_at, sid",
	[AT_PG_SESSION_END_OLDEST] =
	    "WITH oldest AS (" OLDEST "), ended AS ("
	    "UPDATE authtok_sessions AS s SET revoked_at = $2 FROM oldest"
	    " WHERE s.sid = oldest.sid RETURNING s.sid)"
	    " INSERT INTO authtok_revocations (user_id, epoch, at, until, sid)"
	    " SELECT 0, 0, $2, $5, oldest.sid FROM oldest JOIN ended"
	    " USING (sid) ORDER BY rotated_at, created_at, sid",
	[AT_PG_SESSION_END_USER] =
	    "WITH ended AS (UPDATE authtok_sessions SET revoked_at = $2"
	    " WHERE " LIVE_OF_USER " AND sid IS DISTINCT FROM $3"
	    " RETURNING sid)"
	    " INSERT INTO authtok_revocations (user_id, epoch, at, until, sid)"
	    " SELECT 0, 0, $2, $4, sid FROM ended",
	[AT_PG_SESSION_DELETE_USER] =
	    "DELETE FROM authtok_sessions WHERE user_id = $1",
	/* who holds a row is using it, and will find it again */
	[AT_PG_SESSION_SWEEP] =
	    "WITH gone AS (DELETE FROM authtok_sessions"
	    " WHERE " SESSION_IS_OVER " AND sid = ANY (ARRAY ("
	    "SELECT sid FROM authtok_sessions WHERE ctid >= $3 AND ctid < $4"
	    " AND " SESSION_IS_OVER " LIMIT $5 FOR UPDATE SKIP LOCKED))"
	    " RETURNING 1)"
	    " SELECT count(*), pg_relation_size('authtok_sessions')"
	    " / current_setting('block_size')::bigint, " ASYNC " FROM gone",

	[AT_PG_EVENT_USER] =
	    "INSERT INTO authtok_revocations (user_id, epoch, at, until, sid)"
	    " VALUES ($1, $2, $3, $4, NULL)",
	[AT_PG_EVENT_SESSION] =
	    "INSERT INTO authtok_revocations (user_id, epoch, at, until, sid)"
	    " VALUES (0, 0, $2, $3, $1)",
	[AT_PG_EVENT_SINCE] =
	    "SELECT seq, user_id, epoch, at, until, sid"
	    " FROM authtok_revocations WHERE seq > $1 ORDER BY seq LIMIT $2",
	[AT_PG_EVENT_PURGE] =
	    "WITH gone AS (DELETE FROM authtok_revocations"
	    " WHERE seq = ANY (ARRAY (SELECT seq FROM authtok_revocations"
	    " WHERE until <= $1 ORDER BY until LIMIT $2"
	    " FOR UPDATE SKIP LOCKED)) RETURNING 1)"
	    " SELECT count(*), " ASYNC " FROM gone",

	[AT_PG_LOG_LOCK] = "SELECT seq FROM authtok_audit_base WHERE id = 1"
			   " FOR NO KEY UPDATE",
	[AT_PG_AUDIT_LAST] =
	    "SELECT seq, mac FROM (SELECT seq, mac FROM authtok_audit"
	    " ORDER BY seq DESC LIMIT 1) AS newest"
	    " UNION ALL SELECT seq, mac FROM authtok_audit_base WHERE id = 1"
	    " ORDER BY seq DESC LIMIT 1",
	/* fails when a trigger that is not ours lets the record vanish */
	[AT_PG_AUDIT_INSERT] =
	    "WITH written AS (INSERT INTO authtok_audit (" AUDIT_COLUMNS ")"
	    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING 1)"
	    " SELECT 1 / count(*) FROM written",
	[AT_PG_AUDIT_LIST] =
	    "SELECT " AUDIT_COLUMNS " FROM authtok_audit"
	    " WHERE seq > greatest($1, " AUDIT_BASE ") ORDER BY seq LIMIT $2",
	[AT_PG_AUDIT_BASE] =
	    "SELECT seq, mac FROM authtok_audit_base WHERE id = 1",
	[AT_PG_AUDIT_CUT] =
	    "UPDATE authtok_audit_base SET (seq, mac) ="
	    " (SELECT seq, mac FROM authtok_audit WHERE seq = $1)"
	    " WHERE id = 1",
	[AT_PG_AUDIT_PURGE] =
	    "WITH gone AS (DELETE FROM authtok_audit WHERE seq = ANY (ARRAY ("
	    "SELECT seq FROM authtok_audit WHERE seq <= " AUDIT_BASE
	    " ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1)"
	    " SELECT count(*), " ASYNC " FROM gone",
};

const char *
at_pg_stmt_sql(enum at_pg_stmt id)
{
	return sql[id];
}
