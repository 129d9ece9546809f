/*
 * An audit log that is an array, so that anything can be done to it before it
 * is verified.
 */
#ifndef UNIT_AUDIT_LOG_H
#define UNIT_AUDIT_LOG_H

#include <authtok/audit.h>

#define LOG_MAX 120

struct audit_log {
	struct authtok_store store;
	struct authtok_audit_record records[LOG_MAX];
	size_t n;
	int64_t base_seq;
	uint8_t base_mac[AUTHTOK_MAC_LEN];

	int lists, bases; /* calls */
	int fail_list;    /* so many calls go well before one fails; -1: all */
	int fail_base;
	int cut_at_list; /* in which call somebody cuts, 0: none */
	size_t cut;
	bool unsaid; /* and says nothing of it */
};

extern struct audit_log audit_log;
extern struct authtok_audit
    *log_audit; /* of log_secrets 1 and 2; 2 is current */
extern uint8_t log_secrets[3][32];
/* What a verification must leave as it is. */
extern const struct authtok_audit_report log_untouched;

void log_setup(void); /* 5 records */
void log_teardown(void);

/* A log of n records that differ in all that they can. */
void log_fill(size_t n);
struct authtok_audit_record log_sample(size_t i);
/* Chain one more record, as a store does. */
void log_append(
    const struct authtok_audit *by, const struct authtok_audit_record *what);
/* Take the first ones away, as it is meant to be done; or without a word. */
void log_cut(size_t records);
void log_lose(size_t records);
/* The record of a cut, with any words. */
struct authtok_audit_record log_said(const char *detail);
/* The head as it was behind record i. */
struct authtok_audit_head log_head(size_t i);

/* Another key set, of one secret. */
struct authtok_audit *log_one_key(unsigned number, const uint8_t *secret);

/* Verify, for this answer; all is good; or it is not: checked records precede
 * the bad one, and end with a good head. */
struct authtok_audit_report log_verify(
    enum authtok_err want, const struct authtok_audit_head *known);
void log_good(const struct authtok_audit_head *known);
void log_bad(const struct authtok_audit_head *known, int64_t bad_seq,
    int64_t checked, const char *what);

#endif
