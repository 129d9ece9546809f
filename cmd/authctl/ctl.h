/*
 * authctl: what its files share. The library by its public headers, and how
 * authd reads its configuration and lists sessions; nothing else of authd.
 */
#ifndef AUTHCTL_CTL_H
#define AUTHCTL_CTL_H

#include <stddef.h>

#include <authtok/account.h>
#include <authtok/audit.h>

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
	struct authtok_audit *audit;
	struct authtok *engine;
	struct authtok_store *store;
	struct authtok_sessions *sessions;
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
 * Open what the configuration names, keys too, for acts are written to the
 * audit log. may_create: also a database that does not exist yet, with new
 * keys. Returns an exit status and has said why.
 */
int ctl_open(
    struct ctl *ctl, const char *file, const char *store, _Bool may_create);
void ctl_close(struct ctl *ctl);

/*
 * `user` and its words. Returns an exit status; opens the database itself, when
 * the words are in order.
 */
int ctl_user(const char *file, const char *store, int argc, char **argv);

/* The same for `session`, `audit`, `purge` and `keys`. */
int ctl_session(const char *file, const char *store, int argc, char **argv);
int ctl_audit(const char *file, const char *store, int argc, char **argv);
int ctl_purge(const char *file, const char *store, int argc, char **argv);
int ctl_keys(const char *file, const char *store, int argc, char **argv);

/* The user that a name, or #ID, means; an exit status, and why was said. */
int ctl_find_user(
    const struct ctl *ctl, const char *which, struct authtok_user *ret_user);
/* Say why a call failed; which is about whom. CTL_FAILED. */
int ctl_failed(enum authtok_err err, const char *which);
/* The exit status of what was printed. */
int ctl_finish(void);
/* A time, or bytes, as text: printed. */
void ctl_print_time(int64_t when);
void ctl_print_hex(const uint8_t *bytes, size_t len);
/* Text of others, without anything that a terminal would obey. */
void ctl_print_safe(const char *text);
/* len bytes from exactly 2 * len hexadecimal digits. */
_Bool ctl_parse_hex(const char *text, uint8_t *ret_bytes, size_t len);
/* A whole number from 0, up to the character end. */
_Bool ctl_parse_number(const char *text, char end, int64_t *ret_number);
/* The value of "--x V" or "--x=V", or NULL; *i moves past it. Without a value
 * it says so and exits. */
const char *ctl_value_of(const char *name, int argc, char **argv, int *i);

/* audit_export.c: the records before the time, or up to seq (0: not given). */
struct ctl_export {
	const char *file;
	int64_t before;
	int64_t upto;
};
int ctl_audit_export(const struct ctl *ctl, const struct ctl_export *what);

/* One line on standard error. */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
