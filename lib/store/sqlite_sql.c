/*
 * Every statement of the SQLite backend. None is put together at run time. A
 * test asks SQLite for the plan of each: all of them begin at a key or at the
 * index on a session's user, none scans a table.
 */
#include "store/sqlite_internal.h"

#define USER_COLUMNS \
	"id, version, epoch, created_at, disabled, name, email, hash, roles"

#define SESSION_COLUMNS                                                \
	"s.sid, s.user_id, s.created_at, s.expires_at, s.revoked_at, " \
	"s.rotated_at, s.seed, s.rotation, s.address, s.agent"

#define EVENT_COLUMNS "user_id, epoch, sid, at, until"

#define AUDIT_COLUMNS \
	"seq, at, user_id, event, count, key, sid, address, detail, mac"

/* records up to this one are cut, whether their rows are gone yet or not */
#define AUDIT_BASE "(SELECT seq FROM audit_base WHERE id = 1)"

/* gen and branch, packed: the first eight bytes of rotation */
#define SAME_ROTATION(param) "substr(rotation, 1, 8) = " param

#define LIVE_OF_USER "user_id = ?1 AND revoked_at = 0 AND expires_at > ?2"

/* all but one; + keeps the planner on the index on users */
#define OTHERS_OF_USER LIVE_OF_USER " AND +sid <> ?4"

#define SESSION_IS_OVER                          \
	"(expires_at <= ?2 OR rotated_at <= ?3 " \
	"OR (revoked_at <> 0 AND revoked_at <= ?3))"

static const char *const sql[AT_STMT_COUNT] = {
	[AT_STMT_BEGIN] = "BEGIN IMMEDIATE",
	[AT_STMT_BEGIN_READ] = "BEGIN",
	[AT_STMT_COMMIT] = "COMMIT",
	[AT_STMT_ROLLBACK] = "ROLLBACK",
	[AT_STMT_SAVEPOINT] = "SAVEPOINT one",
	[AT_STMT_RELEASE] = "RELEASE one",
	[AT_STMT_ROLLBACK_TO] = "ROLLBACK TO one",

	[AT_STMT_USER_INSERT] =
	    "INSERT INTO users (version, epoch, created_at, disabled, name,"
	    " email, hash, roles) VALUES (1, ?1, ?2, ?3, ?4, nullif(?5, ''),"
	    " ?6, ?7)",
	[AT_STMT_USER_BY_ID] =
	    "SELECT " USER_COLUMNS " FROM users WHERE id = ?1",
	[AT_STMT_USER_BY_NAME] =
	    "SELECT " USER_COLUMNS " FROM users WHERE name = ?1",
	[AT_STMT_USER_BY_EMAIL] =
	    "SELECT " USER_COLUMNS " FROM users WHERE email = ?1",
	[AT_STMT_USER_STATE] =
	    "SELECT version, epoch, disabled FROM users WHERE id = ?1",
	[AT_STMT_USER_UPDATE] =
	    "UPDATE users SET version = version + 1, epoch = ?2,"
	    " disabled = ?3, name = ?4, email = nullif(?5, ''), hash = ?6,"
	    " roles = ?7 WHERE id = ?1",
	[AT_STMT_USER_RAISE] = "UPDATE users SET version = version + 1,"
			       " epoch = ?2 WHERE id = ?1",
	[AT_STMT_USER_DELETE] = "DELETE FROM users WHERE id = ?1",
	[AT_STMT_USER_LIST] = "SELECT " USER_COLUMNS
			      " FROM users WHERE id > ?1 ORDER BY id LIMIT ?2",

	[AT_STMT_SESSION_INSERT] =
	    "INSERT INTO sessions (sid, user_id, created_at, expires_at,"
	    " revoked_at, rotated_at, seed, rotation, address, agent)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	/* CROSS JOIN keeps this order */
	[AT_STMT_SESSION_FIND] =
	    "SELECT " SESSION_COLUMNS ", u.epoch, u.disabled, u.roles"
	    " FROM sessions AS s CROSS JOIN users AS u ON u.id = s.user_id"
	    " WHERE s.sid = ?1",
	[AT_STMT_SESSION_UPDATE] =
	    "UPDATE sessions SET rotated_at = ?1, rotation = ?2,"
	    " address = ?3, agent = ?4 WHERE sid = ?5 AND revoked_at = 0"
	    " AND " SAME_ROTATION("?6"),
	/* + again: never along all sids */
	[AT_STMT_SESSION_LIST] =
	    "SELECT " SESSION_COLUMNS " FROM sessions AS s"
	    " WHERE s.user_id = ?1 AND +s.sid > ?2 ORDER BY +s.sid LIMIT ?3",
	[AT_STMT_SESSION_EXISTS] = "SELECT 1 FROM sessions WHERE sid = ?1",
	[AT_STMT_SESSION_REVOKE] = "UPDATE sessions SET revoked_at = ?2"
				   " WHERE sid = ?1 AND revoked_at = 0",
	[AT_STMT_SESSION_DELETE] =
	    "DELETE FROM sessions WHERE sid = ?1 AND " SAME_ROTATION("?2"),
	[AT_STMT_SESSION_LIVE] =
	    "SELECT count(*) FROM sessions WHERE " LIVE_OF_USER,
	[AT_STMT_SESSION_OLDEST] =
	    "SELECT sid FROM sessions WHERE " LIVE_OF_USER
	    " ORDER BY rotated_at, id LIMIT ?3",
	[AT_STMT_SESSION_REVOKE_OLDEST] =
	    "UPDATE sessions SET revoked_at = ?2 WHERE id IN"
	    " (SELECT id FROM sessions WHERE " LIVE_OF_USER
	    " ORDER BY rotated_at, id LIMIT ?3)",
	[AT_STMT_SESSION_REVOKE_USER] =
	    "UPDATE sessions SET revoked_at = ?2 WHERE " OTHERS_OF_USER,
	[AT_STMT_SESSION_DELETE_USER] =
	    "DELETE FROM sessions WHERE user_id = ?1",
	[AT_STMT_SESSION_SWEEP] =
	    "SELECT id, " SESSION_IS_OVER
	    " FROM sessions WHERE id > ?1 ORDER BY id LIMIT ?4",
	[AT_STMT_SESSION_PURGE] =
	    "DELETE FROM sessions WHERE id = ?1 AND " SESSION_IS_OVER,

	[AT_STMT_EVENT_USER] = "INSERT INTO revocations (" EVENT_COLUMNS ")"
			       " VALUES (?1, ?2, NULL, ?3, ?4)",
	[AT_STMT_EVENT_SESSION] = "INSERT INTO revocations (" EVENT_COLUMNS ")"
				  " VALUES (0, 0, ?1, ?2, ?3)",
	[AT_STMT_EVENT_OLDEST] =
	    "INSERT INTO revocations (" EVENT_COLUMNS ")"
	    " SELECT 0, 0, sid, ?2, ?4 FROM sessions WHERE " LIVE_OF_USER
	    " ORDER BY rotated_at, id LIMIT ?3",
	[AT_STMT_EVENT_SESSIONS] =
	    "INSERT INTO revocations (" EVENT_COLUMNS ")"
	    " SELECT 0, 0, sid, ?2, ?3 FROM sessions WHERE " OTHERS_OF_USER,
	[AT_STMT_EVENT_SINCE] =
	    "SELECT seq, " EVENT_COLUMNS
	    " FROM revocations WHERE seq > ?1 ORDER BY seq LIMIT ?2",
	[AT_STMT_EVENT_SWEEP] =
	    "SELECT seq, until <= ?2"
	    " FROM revocations WHERE seq > ?1 ORDER BY seq LIMIT ?4",
	[AT_STMT_EVENT_PURGE] =
	    "DELETE FROM revocations WHERE seq = ?1 AND until <= ?2",

	[AT_STMT_AUDIT_LAST] =
	    "SELECT seq, mac FROM audit WHERE seq > " AUDIT_BASE
	    " ORDER BY seq DESC LIMIT 1",
	[AT_STMT_AUDIT_INSERT] =
	    "INSERT INTO audit (" AUDIT_COLUMNS ")"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[AT_STMT_AUDIT_LIST] =
	    "SELECT " AUDIT_COLUMNS " FROM audit"
	    " WHERE seq > max(?1, " AUDIT_BASE ") ORDER BY seq LIMIT ?2",
	[AT_STMT_AUDIT_BASE] = "SELECT seq, mac FROM audit_base WHERE id = 1",
	[AT_STMT_AUDIT_CUT] =
	    "UPDATE audit_base SET (seq, mac) ="
	    " (SELECT seq, mac FROM audit WHERE seq = ?1) WHERE id = 1",
	[AT_STMT_AUDIT_PURGE] =
	    "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit"
	    " WHERE seq <= " AUDIT_BASE " ORDER BY seq LIMIT ?1)",
};

const char *
at_stmt_sql(enum at_stmt id)
{
	return sql[id];
}
