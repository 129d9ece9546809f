/*
 * The list of cases, how one is run, and how it says what it found. May know:
 * conformance.h.
 */
#include "suite.h"

#include <stdio.h>

static const struct at_case *const lists[] = {
	at_cases_users,
	at_cases_user_update,
	at_cases_sessions,
	at_cases_rotation,
	at_cases_change,
	at_cases_revoke,
	at_cases_purge,
	at_cases_handles,
	at_cases_races,
	at_cases_race_sessions,
	at_cases_audit,
	at_cases_audit_cut,
	at_cases_audit_acts,
	at_cases_race_audit,
};

static const struct at_case *
case_at(size_t i)
{
	const struct at_case *c;
	size_t list;

	for (list = 0; list < sizeof(lists) / sizeof(lists[0]); list++)
		for (c = lists[list]; c->name; c++)
			if (i-- == 0)
				return c;
	return NULL;
}

size_t
authtok_conformance_count(void)
{
	size_t n = 0;

	while (case_at(n))
		n++;
	return n;
}

const char *
authtok_conformance_name(size_t i)
{
	const struct at_case *c = case_at(i);

	return c ? c->name : NULL;
}

void
at_fail(struct at_run *run, const char *file, int line, const char *what)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%s:%d: %s", file, line, what);
	run->failures++;
	run->suite->report(run->suite->arg, run->name, text);
}

bool
at_expect_err(struct at_run *run, const char *file, int line, const char *op,
    enum authtok_err want, enum authtok_err got)
{
	char text[256];

	if (got == want)
		return true;
	(void)snprintf(text, sizeof(text),
	    "%s gave 0x%x (%s), wanted 0x%x (%s)", op, (unsigned)got,
	    authtok_strerror(got), (unsigned)want, authtok_strerror(want));
	at_fail(run, file, line, text);
	return false;
}

bool
at_expect_num(struct at_run *run, const char *file, int line, const char *what,
    int64_t want, int64_t got)
{
	char text[256];

	if (got == want)
		return true;
	(void)snprintf(text, sizeof(text), "%s: %lld, wanted %lld", what,
	    (long long)got, (long long)want);
	at_fail(run, file, line, text);
	return false;
}

static bool
usable(const struct authtok_conformance *suite)
{
	return suite && suite->size >= sizeof(*suite) && suite->open &&
	    suite->report;
}

unsigned
authtok_conformance_run(const struct authtok_conformance *suite, size_t i)
{
	const struct at_case *c = case_at(i);
	struct at_run run = { suite, c ? c->name : "", 0, NULL, NULL };
	struct authtok_store *again = NULL;

	if (!c || !usable(suite))
		return 1;
	run.store = suite->open(suite->arg);
	if (!run.store) {
		at_fail(&run, __FILE__, __LINE__, "open gave no store");
		return run.failures;
	}
	if (suite->again)
		again = suite->again(suite->arg);
	run.other = again ? again : run.store;
	c->body(&run);
	/* a case that opened again has changed both */
	if (run.other != run.store)
		authtok_store_close(run.other);
	authtok_store_close(run.store);
	return run.failures;
}
