/*
 * A PostgreSQL server for tests and benchmarks: in a temporary folder, on a
 * socket there, gone with the process that started it.
 */
#ifndef TESTS_PGSQL_SERVER_H
#define TESTS_PGSQL_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct pg_server {
	char dir[64];
	char conninfo[128]; /* of the administrator, to the database postgres */
	char bin[128];      /* the folder of initdb and postgres */
	const char *const *options;
	pid_t pid; /* of the postmaster; 0: it is not running */
};

/*
 * Make a cluster and start it; options are settings, NULL at the end, and stay.
 * On failure a sentence on stdout that begins with "# ".
 */
bool pg_server_make(struct pg_server *server, const char *const *options);
/* Stop it at once, as a crash would, and remove everything. */
void pg_server_remove(struct pg_server *server);

/* Between the two: stop in order, with what is under way undone; start again. */
void pg_server_stop(struct pg_server *server);
bool pg_server_start(struct pg_server *server);

/* In a child, to become who the server is when the caller is root. */
void pg_server_become(void);
/* Where pgbench is; "" when nowhere. */
const char *pg_server_pgbench(const struct pg_server *server);

#endif
