/*
 * What the tests of the SQLite backend share: a scratch folder, records, waiting
 * for its threads, child processes.
 */
#ifndef TEST_STORE_SQLITE_UTIL_H
#define TEST_STORE_SQLITE_UTIL_H

#include "store/sqlite_internal.h"

#include <check.h>
#include <sys/types.h>

#define NOW   INT64_C(1800000000)
#define UNTIL (NOW + 3605)

/* An operation of a store. */
#define OP(store, op, ...) (store)->ops->op((store)->ctx, __VA_ARGS__)

extern const struct authtok_act at_noon;

/*
 * A chain: the mac of record n is n in all bytes, and it must be given that of
 * record n - 1, else ECRYPTO. The act is at_noon with a record.
 */
authtok_chain chain_by_seq;
extern const struct authtok_act recorded;

/* A folder of its own for each test; path is in it. */
struct scratch {
	char dir[64];
	char path[96];
};

void scratch_make(struct scratch *scratch);
void scratch_remove(struct scratch *scratch);
/* Permission bits of path followed by suffix. */
unsigned scratch_mode(const struct scratch *scratch, const char *suffix);
off_t scratch_size(const struct scratch *scratch, const char *suffix);

/* Open with a patience of busy_ms, or fail the test. */
struct authtok_store *must_open(const char *path, int busy_ms);
/* A plain connection, to look from outside or to be in the way. */
sqlite3 *raw_open(const char *path);
void raw_exec(sqlite3 *db, const char *sql);
int64_t raw_int(sqlite3 *db, const char *sql);
/* The connection that a store writes with. */
sqlite3 *writer_of(struct authtok_store *store);

void make_user(struct authtok_user *user, const char *name);
void make_session(
    struct authtok_session *session, int64_t user_id, uint32_t number);

/* Rotate a session without delay up to this generation. */
void rotate_to(
    struct authtok_store *store, struct authtok_session *session, uint32_t gen);
/* Until the checkpointer rests, however slow the disk is. */
void await_checkpointer(struct authtok_store *store);
/*
 * The same, but nothing is written while the checkpointer is at work: it never
 * finds others in its way, and a commit that wakes it is one that it copied, if
 * it can. STEP rotations wake it once at least.
 */
void rotate_in_step(
    struct authtok_store *store, struct authtok_session *session, uint32_t gen);
/* Rotate until the log has been copied whole, as nothing prevents, and begun
 * anew. */
void rotate_until_anew(
    struct authtok_store *store, struct authtok_session *session);

/* Whether somebody stands in the queue behind before. */
bool stands_there(struct at_pool *pool, struct at_waiter **before);

/* Run body in a child process; what it returns is its exit status. Returns
 * -1 when it was killed. No database may be open in the parent. */
pid_t child_start(int (*body)(void *arg), void *arg);
int child_wait(pid_t pid);

/* In a child: say where it failed, and fail. */
#define CHILD_CHECK(cond)                                                     \
	do {                                                                  \
		if (!(cond)) {                                                \
			fprintf(                                              \
			    stderr, "child, line %d: %s\n", __LINE__, #cond); \
			return 1;                                             \
		}                                                             \
	} while (0)

#endif
