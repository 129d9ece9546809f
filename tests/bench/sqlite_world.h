/*
 * What the benchmarks of SQLite share: a database with so many sessions in a
 * temporary folder, and the service over it.
 */
#ifndef TESTS_BENCH_SQLITE_WORLD_H
#define TESTS_BENCH_SQLITE_WORLD_H

#include <authtok/session.h>
#include <authtok/sqlite.h>

#include <sqlite3.h>
#include <sys/types.h>

#include "bench/bench.h"

#define WORLD_USER_OF 10 /* sessions of a user, in the mean */

/* A session that is refreshed, and the token that its client holds. */
struct world_client {
	uint8_t sid[AUTHTOK_SID_LEN];
	char token[AUTHTOK_REFRESH_LEN + 1];
};

struct world {
	char path[160];
	size_t sessions;
	double session_bytes; /* of the file, with both indexes */
	struct authtok *engine;
	struct authtok_audit *audit;
	struct authtok_sessions *service;
	struct authtok_store *store;
	/* some of the sessions, from everywhere in the table, shuffled */
	struct world_client *clients;
	size_t client_count, next;
};

/* A folder under $TMPDIR, or /tmp, gone with the process. */
const char *world_folder(void);

/* A database of sessions rows, of which every dead_of-th is over; 0: none. */
void world_fill(struct world *world, size_t sessions, size_t dead_of);
/* Open it, and pick the clients. */
void world_open(struct world *world);
void world_close(struct world *world);
void world_remove(struct world *world);

/* The next refresh of a client, by the public API. */
void world_refresh(struct world *world, struct world_client *client);
struct world_client *world_turn(struct world *world);
/* world_refresh of count clients; a bench_subject's run. */
void world_refreshes(void *world, size_t count);

/* Bytes that this process has asked the kernel to write so far. */
uint64_t world_written(void);
off_t world_file_size(const char *path);
void world_copy(const char *from, const char *to);

#endif
