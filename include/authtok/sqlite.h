/*
 * authtok/sqlite.h - the SQLite backend (link with authtok-sqlite).
 */
#ifndef AUTHTOK_SQLITE_H
#define AUTHTOK_SQLITE_H

#include <authtok/store.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

/*
 * Open, or create with mode 0600, the database at path and bring its schema up
 * to date. Several processes may have it open at once, but a child of fork(2)
 * must not use its parent's. The store starts one thread, which copies SQLite's
 * log into the database and takes no signals; authtok_store_close ends it.
 * On failure a sentence that names the file and the cause goes into why
 * (why_len bytes; NULL: nowhere); "" for a NULL argument. Errors: EINVAL (also a
 * path that is empty or begins with ':' or "file:"), ENOMEM (also: no thread),
 * ENOTSUP (a SQLite without threads or before 3.37, not a database of ours, or a
 * file system without shared memory), ENEWER (the schema is newer than this
 * code), EBUSY, ESTORE.
 */
enum authtok_err authtok_store_sqlite(const char *path,
    struct authtok_store **ret_store, char *why, size_t why_len);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
