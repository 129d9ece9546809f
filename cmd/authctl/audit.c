/*
 * authctl audit: list, verify, and the words of export.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authctl/ctl.h"

#define PAGE 64 /* records read at a time */

struct words {
	int64_t after, limit; /* list; limit 0: none */
	bool has_head;
	struct authtok_audit_head head; /* verify */
	struct ctl_export export;
};

static void
print_record(const struct authtok_audit_record *r)
{
	printf("%" PRId64 "\t", r->seq);
	ctl_print_time(r->at);
	printf("\t%s\t", authtok_event_name(r->event));
	if (r->user_id != 0)
		printf("%" PRId64 "\t", r->user_id);
	else
		printf("-\t");
	if (r->has_sid)
		ctl_print_hex(r->sid, sizeof(r->sid));
	else
		putchar('-');
	putchar('\t');
	ctl_print_safe(r->address[0] != '\0' ? r->address : "-");
	printf("\t%" PRIu32 "\t", r->count);
	ctl_print_safe(r->detail);
	putchar('\n');
}

static int
audit_list(const struct ctl *ctl, const struct words *words)
{
	struct authtok_audit_record *page = calloc(PAGE, sizeof(*page));
	int64_t after = words->after, left = words->limit;
	enum authtok_err err = AUTHTOK_ENOMEM;
	size_t count = PAGE, cap, i;

	if (left == 0)
		left = INT64_MAX;
	while (page != NULL && count == PAGE && left > 0) {
		cap = left < PAGE ? (size_t)left : PAGE;
		err = ctl->store->ops->audit_list(
		    ctl->store->ctx, after, page, cap, &count);
		if (err != AUTHTOK_OK)
			break;
		for (i = 0; i < count; i++)
			print_record(&page[i]);
		if (count > 0)
			after = page[count - 1].seq;
		left -= (int64_t)count;
	}
	free(page);
	return err == AUTHTOK_OK ? ctl_finish() : ctl_failed(err, "audit list");
}

static int
audit_verify(const struct ctl *ctl, const struct words *words)
{
	struct authtok_audit_report report = AUTHTOK_AUDIT_REPORT_INIT;
	enum authtok_err err;

	err = authtok_audit_verify(ctl->audit, ctl->store,
	    words->has_head ? &words->head : NULL, &report);
	if (err == AUTHTOK_ETAMPERED || err == AUTHTOK_EKEY) {
		ctl_say("record %" PRId64 ": %s", report.bad_seq,
		    report.what != NULL ? report.what : authtok_strerror(err));
		return CTL_FAILED;
	}
	if (err != AUTHTOK_OK)
		return ctl_failed(err, "audit verify");
	printf("records %" PRId64 "\nhead %" PRId64 ":", report.checked,
	    report.head.seq);
	ctl_print_hex(report.head.mac, sizeof(report.head.mac));
	/* the chain has no gaps */
	printf("\nfirst %" PRId64 "\n",
	    report.head.seq - (int64_t)report.checked + 1);
	return ctl_finish();
}

static int
audit_export(const struct ctl *ctl, const struct words *words)
{
	return ctl_audit_export(ctl, &words->export);
}

/* ---- words -------------------------------------------------------------- */

static bool
parse_head(const char *text, struct words *words)
{
	const char *colon = strchr(text, ':');

	words->has_head = true;
	return colon != NULL && ctl_parse_number(text, ':', &words->head.seq) &&
	    ctl_parse_hex(colon + 1, words->head.mac, sizeof(words->head.mac));
}

/* A day, or a second, of UTC. */
static bool
parse_date(const char *text, int64_t *ret_when)
{
	static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ" };
	const char *end;
	struct tm tm;

	for (size_t i = 0; i < 2; i++) {
		memset(&tm, 0, sizeof(tm));
		end = strptime(text, forms[i], &tm);
		if (end != NULL && *end == '\0') {
			*ret_when = (int64_t)timegm(&tm);
			return *ret_when > 0;
		}
	}
	return false;
}

enum verb {
	LIST,
	VERIFY,
	EXPORT,
	NONE
};

static bool
take(enum verb verb, struct words *words, int argc, char **argv, int *i)
{
	const char *word = argv[*i], *v;

	if (verb == LIST) {
		v = ctl_value_of("--after", argc, argv, i);
		if (v != NULL)
			return ctl_parse_number(v, '\0', &words->after);
		v = ctl_value_of("--limit", argc, argv, i);
		return v != NULL && ctl_parse_number(v, '\0', &words->limit) &&
		    words->limit > 0;
	}
	if (verb == VERIFY) {
		v = ctl_value_of("--head", argc, argv, i);
		return v != NULL && parse_head(v, words);
	}
	v = ctl_value_of("--before", argc, argv, i);
	if (v != NULL)
		return parse_date(v, &words->export.before);
	v = ctl_value_of("--upto", argc, argv, i);
	if (v != NULL)
		return ctl_parse_number(v, '\0', &words->export.upto) &&
		    words->export.upto > 0;
	if (word[0] == '-' || words->export.file != NULL)
		return false;
	words->export.file = word;
	return true;
}

static bool
complete(enum verb verb, const struct words *words)
{
	const struct ctl_export *e = &words->export;

	return verb != EXPORT ||
	    (e->file != NULL && (e->before == 0) != (e->upto == 0));
}

/* The words after the verb; what is wrong is said. */
static bool
read_words(enum verb verb, struct words *words, int argc, char **argv)
{
	static const char *const forms[] = { "list [--after SEQ] [--limit N]",
		"verify [--head SEQ:MAC]",
		"export FILE --before DATE | --upto SEQ" };

	for (int i = 1; i < argc; i++)
		if (!take(verb, words, argc, argv, &i)) {
			ctl_say("\"%s\" does not fit: audit %s", argv[i],
			    forms[verb]);
			return false;
		}
	if (!complete(verb, words)) {
		ctl_say("audit export needs FILE and "
			"--before DATE or --upto SEQ");
		return false;
	}
	return true;
}

int
ctl_audit(const char *file, const char *store, int argc, char **argv)
{
	static int (*const run[])(const struct ctl *,
	    const struct words *) = { audit_list, audit_verify, audit_export };
	static const char *const names[] = { "list", "verify", "export" };
	struct words words = { 0 };
	enum verb verb = LIST;
	struct ctl ctl;
	int status;

	if (argc == 0) {
		ctl_say("audit: list, verify or export? See authctl --help");
		return CTL_USAGE;
	}
	while (verb < NONE && strcmp(argv[0], names[verb]) != 0)
		verb++;
	if (verb == NONE) {
		ctl_say("audit: unknown command %s", argv[0]);
		return CTL_USAGE;
	}
	if (!read_words(verb, &words, argc, argv))
		return CTL_USAGE;
	status = ctl_open(&ctl, file, store, false);
	if (status == CTL_OK)
		status = run[verb](&ctl, &words);
	ctl_close(&ctl);
	return status;
}
