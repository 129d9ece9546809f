/* See sqlite_util.h. */
#include "sqlite_util.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const struct authtok_act at_noon = { .now = NOW, .until = UNTIL };

static const struct authtok_audit_record record = {
	.at = NOW,
	.user_id = 1,
	.event = 2,
	.count = 1,
	.has_sid = true,
	.sid = { 1, 2, 3 },
	.address = "192.0.2.200",
	.detail = "what happened",
};

const struct authtok_act recorded = {
	.now = NOW, .until = UNTIL, .record = &record, .chain = chain_by_seq
};

enum authtok_err
chain_by_seq(void *arg, const uint8_t previous[AUTHTOK_MAC_LEN],
    struct authtok_audit_record *next)
{
	size_t i;

	(void)arg;
	for (i = 0; i < AUTHTOK_MAC_LEN; i++)
		if (previous[i] != (uint8_t)(next->seq - 1))
			return AUTHTOK_ECRYPTO;
	memset(next->mac, (uint8_t)next->seq, sizeof(next->mac));
	next->key = 3;
	return AUTHTOK_OK;
}

void
scratch_make(struct scratch *scratch)
{
	const char *base = getenv("TMPDIR");

	if (base == NULL || strlen(base) > 32)
		base = "/tmp";
	snprintf(scratch->dir, sizeof(scratch->dir), "%s/authtok-XXXXXX", base);
	ck_assert_ptr_nonnull(mkdtemp(scratch->dir));
	snprintf(
	    scratch->path, sizeof(scratch->path), "%s/test.db", scratch->dir);
}

void
scratch_remove(struct scratch *scratch)
{
	DIR *dir;
	const struct dirent *entry;
	char path[512];

	chmod(scratch->dir, 0700);
	dir = opendir(scratch->dir);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(
		    path, sizeof(path), "%s/%s", scratch->dir, entry->d_name);
		if (unlink(path) != 0)
			rmdir(path);
	}
	closedir(dir);
	ck_assert_int_eq(rmdir(scratch->dir), 0);
}

static struct stat
status_of(const struct scratch *scratch, const char *suffix)
{
	struct stat st;
	char path[128];

	snprintf(path, sizeof(path), "%s%s", scratch->path, suffix);
	ck_assert_int_eq(stat(path, &st), 0);
	return st;
}

unsigned
scratch_mode(const struct scratch *scratch, const char *suffix)
{
	return status_of(scratch, suffix).st_mode & 07777;
}

off_t
scratch_size(const struct scratch *scratch, const char *suffix)
{
	return status_of(scratch, suffix).st_size;
}

struct authtok_store *
must_open(const char *path, int busy_ms)
{
	struct authtok_store *store = NULL;
	char why[256] = "";
	enum authtok_err err =
	    at_store_sqlite(path, busy_ms, &store, why, sizeof(why));

	ck_assert_msg(err == AUTHTOK_OK, "%x: %s", (unsigned)err, why);
	return store;
}

sqlite3 *
raw_open(const char *path)
{
	sqlite3 *db = NULL;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	return db;
}

sqlite3 *
writer_of(struct authtok_store *store)
{
	return ((struct at_sqlite *)store->ctx)->writer_conn.db;
}

void
raw_exec(sqlite3 *db, const char *sql)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	ck_assert_msg(rc == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
}

int64_t
raw_int(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t value;

	ck_assert_int_eq(
	    sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

void
make_user(struct authtok_user *user, const char *name)
{
	memset(user, 0, sizeof(*user));
	user->epoch = 1;
	user->created_at = NOW;
	snprintf(user->name, sizeof(user->name), "%s", name);
	snprintf(user->hash, sizeof(user->hash), "$argon2id$stand-in");
	user->role_count = 2;
	strcpy(user->roles[0], "user");
	strcpy(user->roles[1], "moderator");
}

void
make_session(struct authtok_session *session, int64_t user_id, uint32_t number)
{
	memset(session, 0, sizeof(*session));
	memcpy(session->sid, &number, sizeof(number));
	session->user_id = user_id;
	session->created_at = NOW;
	session->rotated_at = NOW;
	session->expires_at = NOW + 2592000;
	memset(session->seed, 0x5a, sizeof(session->seed));
	strcpy(session->address, "192.0.2.200");
	/* 64 bytes */
	strcpy(session->agent,
	    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox");
	session->agent[64] = '\0';
}

static struct at_checkpointer *
checkpointer_of(struct authtok_store *store)
{
	return &((struct at_sqlite *)store->ctx)->checkpointer;
}

void
rotate_to(
    struct authtok_store *store, struct authtok_session *session, uint32_t gen)
{
	while (session->gen < gen) {
		session->gen++;
		ck_assert_int_eq(OP(store, session_update, session,
				     session->gen - 1, 0, false, NULL),
		    AUTHTOK_OK);
	}
}

void
await_checkpointer(struct authtok_store *store)
{
	struct at_checkpointer *c = checkpointer_of(store);

	pthread_mutex_lock(&c->lock);
	while (c->busy)
		pthread_cond_wait(&c->idle, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

void
rotate_in_step(
    struct authtok_store *store, struct authtok_session *session, uint32_t gen)
{
	await_checkpointer(store);
	while (session->gen < gen) {
		rotate_to(store, session, session->gen + 1);
		await_checkpointer(store);
	}
}

void
rotate_until_anew(struct authtok_store *store, struct authtok_session *session)
{
	const struct at_checkpointer *c = checkpointer_of(store);
	/* one more to write to the beginning */
	uint32_t end = session->gen + AT_SQLITE_LOG_STEP + 1;
	int before;

	do {
		ck_assert_uint_lt(session->gen, end);
		before = c->seen;
		rotate_in_step(store, session, session->gen + 1);
	} while (c->seen >= before);
}

bool
stands_there(struct at_pool *pool, struct at_waiter **before)
{
	bool more;

	pthread_mutex_lock(&pool->lock);
	more = pool->last != before;
	pthread_mutex_unlock(&pool->lock);
	return more;
}

#ifdef AUTHTOK_COVERAGE
void __gcov_dump(void);
#endif

pid_t
child_start(int (*body)(void *arg), void *arg)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		status = body(arg);
#ifdef AUTHTOK_COVERAGE
		__gcov_dump(); /* which _exit does not */
#endif
		_exit(status);
	}
	return pid;
}

int
child_wait(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
