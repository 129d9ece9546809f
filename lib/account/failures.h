/*
 * Failed sign-ins that wait to be written to the audit log, counted by name,
 * network and minute in a table of fixed size.
 */
#ifndef AT_ACCOUNT_FAILURES_H
#define AT_ACCOUNT_FAILURES_H

#include "account/network.h"

struct at_failures;

#define AT_FAILURES_MAX 1024 /* entries, and so records of one flush */

enum at_failure_kind {
	AT_FAILURE_TYPED = 0,  /* a name of good form; whose is not known yet */
	AT_FAILURE_USER = 1,   /* a user's */
	AT_FAILURE_NOBODY = 2, /* no user's, or whose is not known any more */
	AT_FAILURE_OTHERS = 3, /* what found no place: all in one */
};

/* What is counted. Bytes after the NUL of the name do not matter. */
struct at_failure {
	enum at_failure_kind kind;
	int64_t user_id;                 /* USER; else 0 */
	int64_t minute;                  /* its first second */
	uint8_t network[AT_NETWORK_LEN]; /* all but OTHERS */
	char name[AUTHTOK_NAME_MAX + 1]; /* TYPED: folded; USER; else "" */
};

/* ENOMEM. */
enum authtok_err at_failures_new(struct at_failures **ret_failures);
void at_failures_free(struct at_failures *failures);

/*
 * Count one more. Never fails: a table that fills up first forgets names, then
 * networks, but no failure.
 */
void at_failures_count(
    struct at_failures *failures, const struct at_failure *what);

/*
 * For the one who writes them down: between claim and release nobody else
 * takes entries away, while counting goes on.
 */
void at_failures_claim(struct at_failures *failures);
void at_failures_release(struct at_failures *failures);

/* Entries in use. */
size_t at_failures_size(struct at_failures *failures);

/* The oldest entry that is typed, or the oldest that is not. */
bool at_failures_first(struct at_failures *failures, bool typed,
    struct at_failure *ret_what, uint64_t *ret_count);

/* What was counted as one thing is another; the two become one. */
void at_failures_rename(struct at_failures *failures,
    const struct at_failure *from, const struct at_failure *to);

/* So many of an entry are written down. */
void at_failures_written(struct at_failures *failures,
    const struct at_failure *what, uint64_t count);

#endif
