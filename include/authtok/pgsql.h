/*
 * authtok/pgsql.h - the PostgreSQL backend (link with authtok-pgsql).
 */
#ifndef AUTHTOK_PGSQL_H
#define AUTHTOK_PGSQL_H

#include <authtok/store.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define AUTHTOK_PGSQL_CONNECTIONS_MAX 256
#define AUTHTOK_PGSQL_TIMEOUT_MAX     600000 /* ms */

struct authtok_pgsql_config {
	size_t size;
	/* As libpq takes it: keywords and values, or a URI. NULL or "": what
	 * libpq does without, which is to ask the environment. Copied. */
	const char *conninfo;
	/* How many connections the store opens at most, each when it is first
	 * needed; 0: 8. */
	unsigned connections;
	/* Milliseconds after which an operation that is not done is EBUSY, its
	 * wait for a connection included; 0: 5000. */
	unsigned timeout_ms;
};

#define AUTHTOK_PGSQL_CONFIG_INIT                               \
	{                                                       \
		sizeof(struct authtok_pgsql_config), NULL, 0, 0 \
	}

/*
 * Open the database and bring the schema up to date: tables named authtok_...,
 * in the first schema of the connection's search_path. Any number of threads
 * may use the store, and any number of processes the database; a child of
 * fork(2) must not use its parent's store. The store starts no thread.
 * On failure a sentence on the cause goes into why (why_len bytes; NULL:
 * nowhere); "" for an argument that is out of range. Errors: EINVAL (also a
 * conninfo that libpq does not understand), ENOMEM, ENOTSUP (a server before
 * PostgreSQL 14, a libpq without threads, or tables that are not ours), ENEWER
 * (the schema is newer than this code), EBUSY (too many connections, starting
 * up or shutting down, or no answer in time), ESTORE.
 */
enum authtok_err authtok_store_pgsql(const struct authtok_pgsql_config *config,
    struct authtok_store **ret_store, char *why, size_t why_len);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
