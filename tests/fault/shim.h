/*
 * What the preloaded library and the tests share: a page of memory by which a
 * test arms the library, and the form of its log. Nothing of authd is known
 * here but the names of its database files.
 */
#ifndef TESTS_FAULT_SHIM_H
#define TESTS_FAULT_SHIM_H

#include <stdatomic.h>
#include <stdint.h>

#define SHIM_CONTROL "FAULT_CONTROL" /* path of a struct shim_control */
#define SHIM_LOG     "FAULT_LOG"     /* path of the log; unset: none */
#define SHIM_DB      "authd.db"      /* the database; -wal, -journal follow */

/* Mapped by the test and by each process that runs under the library. */
struct shim_control {
	atomic_uint calls;   /* writes and syncs of database files so far */
	atomic_uint kill_at; /* die before this one; 0: never */
};

enum shim_op {
	SHIM_WRITE = 1,
	SHIM_TRUNCATE,
	SHIM_SYNC,
	SHIM_UNLINK
};

enum shim_file {
	SHIM_MAIN,
	SHIM_WAL,
	SHIM_JOURNAL,
	SHIM_FILES
};

/* One record of the log; len bytes follow a write. */
struct shim_record {
	uint32_t op;
	uint32_t file;
	int64_t offset; /* of a truncate: the new length */
	uint64_t len;
};

#endif
