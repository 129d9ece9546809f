/*
 * What the tests of the PostgreSQL backend share: one server a program, an
 * empty schema a test, plain connections to look from outside. Records and
 * children are those of sqlite_util.h.
 */
#ifndef TEST_STORE_PGSQL_UTIL_H
#define TEST_STORE_PGSQL_UTIL_H

#include "pgsql_server.h"
#include "sqlite_util.h"
#include "store/pgsql_internal.h"

extern struct pg_server server;

/* Make the server of this program, run its suite in it, and remove it. */
int pgsql_main(Suite *suite, enum fork_status fork);

/* Where the tables of a test are: gone and made anew, empty. */
void fresh_schema(void);
/* A conninfo that leads there, with more at its end. */
const char *conninfo_with(const char *more);

/* Open, or fail the test. */
struct authtok_store *pgsql_open(unsigned connections, unsigned timeout_ms);
struct at_pgsql *pgsql_of(struct authtok_store *store);

/* A plain connection of the administrator, in the schema of the tests. */
PGconn *plain_open(void);
void plain_exec(PGconn *pg, const char *sql);
int64_t plain_int(PGconn *pg, const char *sql);
/* One value, freed by the caller. */
char *plain_text(PGconn *pg, const char *sql);
/* Until a query says true. */
void plain_await(PGconn *pg, const char *sql);
/* Until a process that was sent SIGSTOP has stopped: what is asked of it
 * meanwhile is answered. */
void await_stopped(int pid);

/* A user and a session of him. */
void add_user(
    struct authtok_store *store, struct authtok_user *user, const char *name);
void add_session(struct authtok_store *store, struct authtok_session *session,
    int64_t user_id, uint32_t number);

#endif
