/*
 * authctl: what its files share. The library by its public headers, and how
 * authd reads its configuration; nothing else of authd.
 */
#ifndef AUTHCTL_CTL_H
#define AUTHCTL_CTL_H

#include <stddef.h>

#include <authtok/account.h>

#include "authd/config.h"

/* Exit statuses. */
enum {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
};

/* The database, opened. */
struct ctl {
	struct config *config;
	struct authtok *engine;
	struct authtok_store *store;
	struct authtok_accounts *accounts;
};

/* The room for a password line: the longest, one more to see it is too long. */
#define CTL_PASSWORD_SIZE (AUTHTOK_PASSWORD_MAX + 2)

/*
 * Read a secret that is called what: from the terminal, twice and without echo,
 * or the first line of standard input when that is no terminal. buf takes
 * CTL_PASSWORD_SIZE bytes, NUL-terminated; the caller wipes it. Returns an exit
 * status and has said why.
 */
int ctl_read_secret(const char *what, char *buf, size_t *ret_len);

/*
 * Open what the configuration names. may_create: also a database that does not
 * exist yet. Returns an exit status and has said why.
 */
int ctl_open(
    struct ctl *ctl, const char *file, const char *store, _Bool may_create);
void ctl_close(struct ctl *ctl);

/*
 * `user` and its words. Returns an exit status; opens the database itself, when
 * the words are in order.
 */
int ctl_user(const char *file, const char *store, int argc, char **argv);

/* One line on standard error. */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
