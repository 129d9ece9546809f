/*
 * authtok/conformance.h - the suite that every storage backend must pass (link
 * with authtok-conformance). Works with any test framework, or none.
 */
#ifndef AUTHTOK_CONFORMANCE_H
#define AUTHTOK_CONFORMANCE_H

#include <authtok/store.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

struct authtok_conformance {
	size_t size;
	/* Make an empty store; every case gets a fresh one. NULL on failure. */
	struct authtok_store *(*open)(void *arg);
	/* A second handle on the database of the last open, or NULL when the
	 * backend has none (memory): those cases then use one handle. */
	struct authtok_store *(*again)(void *arg);
	/* Close, and reopen: what was durable must be there. NULL: cannot. */
	struct authtok_store *(*reopen)(void *arg, struct authtok_store *store);
	/* One line a failure: which case, what was expected. */
	void (*report)(void *arg, const char *name, const char *what);
	void *arg;
	unsigned threads; /* of the contended cases; 0: 8 */
	unsigned rounds;  /* of the contended cases; 0: 200 */
};

#define AUTHTOK_CONFORMANCE_INIT                                            \
	{                                                                   \
		sizeof(struct authtok_conformance), NULL, NULL, NULL, NULL, \
		    NULL, 0, 0                                              \
	}

/* The number of cases, and the name of each; NULL for a number that is none. */
size_t authtok_conformance_count(void);
const char *authtok_conformance_name(size_t i);

/*
 * Run case i. Returns the number of failures, each of them reported; 1 without a
 * report when there is no such case, or suite lacks open or report.
 */
unsigned authtok_conformance_run(
    const struct authtok_conformance *suite, size_t i);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
