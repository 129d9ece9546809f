/*
 * authctl audit export: the old part of the log moves into a file, and is cut
 * from the database only when the file is on disk. The records keep their MACs
 * there, so the file proves as much as the log did: its first record hangs on
 * the last one of the export before it, the log's first on its last.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authctl/ctl.h"
#include "authd/text.h"

#define PAGE     64   /* records read at a time */
#define LINE_MAX 2048 /* bytes of one record: escapes are six times as long */

static bool
write_record(FILE *to, const struct authtok_audit_record *r)
{
	char memory[LINE_MAX];
	struct text text;

	text_init(&text, memory, sizeof(memory));
	text_add(&text, "{\"seq\":");
	text_int(&text, r->seq);
	text_add(&text, ",\"at\":");
	text_int(&text, r->at);
	text_add(&text, ",\"event\":");
	text_json(&text, authtok_event_name(r->event));
	text_add(&text, ",\"eventNumber\":");
	text_int(&text, r->event);
	text_add(&text, ",\"user\":");
	text_int(&text, r->user_id);
	text_add(&text, ",\"session\":");
	text_add(&text, r->has_sid ? "\"" : "null");
	if (r->has_sid) {
		text_hex(&text, r->sid, sizeof(r->sid));
		text_add(&text, "\"");
	}
	text_add(&text, ",\"address\":");
	text_json(&text, r->address);
	text_add(&text, ",\"count\":");
	text_int(&text, r->count);
	text_add(&text, ",\"detail\":");
	text_json(&text, r->detail);
	text_add(&text, ",\"key\":");
	text_int(&text, r->key);
	text_add(&text, ",\"mac\":\"");
	text_hex(&text, r->mac, sizeof(r->mac));
	text_add(&text, "\"}\n");
	return !text.cut && fwrite(text.at, 1, text.len, to) == text.len;
}

/* The part of the log that was verified, and may be cut. */
struct range {
	int64_t base; /* the last record before it */
	int64_t limit;
};

/*
 * Up to the limit, or to the first that is not before the time; ECHANGED when
 * the log does not begin any more where it did.
 */
static enum authtok_err
write_records(const struct ctl *ctl, const struct ctl_export *what,
    const struct range *range, FILE *to, int64_t *ret_last)
{
	struct authtok_audit_record *page = calloc(PAGE, sizeof(*page));
	enum authtok_err err = AUTHTOK_ENOMEM;
	int64_t after = range->base;
	size_t count = PAGE, i;

	while (page != NULL && count == PAGE) {
		err = ctl->store->ops->audit_list(
		    ctl->store->ctx, after, page, PAGE, &count);
		for (i = 0; err == AUTHTOK_OK && i < count; i++) {
			if (page[i].seq > range->limit ||
			    (what->before != 0 && page[i].at >= what->before)) {
				free(page);
				return AUTHTOK_OK;
			}
			if (page[i].seq != after + 1)
				err = AUTHTOK_ECHANGED;
			else if (!write_record(to, &page[i]))
				err = AUTHTOK_ENOSPC;
			else
				*ret_last = after = page[i].seq;
		}
		if (err != AUTHTOK_OK)
			break;
	}
	free(page);
	return err;
}

static bool
sync_folder(const char *path)
{
	char *copy = strdup(path);
	int fd = copy == NULL
	    ? -1
	    : open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	free(copy);
	return ok;
}

/* What cannot be trusted any more is not to be cut. */
static int
find_range(const struct ctl *ctl, const struct ctl_export *what,
    struct range *ret_range)
{
	struct authtok_audit_report report = AUTHTOK_AUDIT_REPORT_INIT;
	enum authtok_err err;

	err = authtok_audit_verify(ctl->audit, ctl->store, NULL, &report);
	if (err == AUTHTOK_ETAMPERED || err == AUTHTOK_EKEY) {
		ctl_say("record %" PRId64 ": %s; nothing was cut",
		    report.bad_seq,
		    report.what != NULL ? report.what : authtok_strerror(err));
		return CTL_FAILED;
	}
	if (err != AUTHTOK_OK)
		return ctl_failed(err, "audit export");
	ret_range->base = report.head.seq - report.checked;
	ret_range->limit = report.head.seq;
	if (what->upto > ret_range->limit) {
		ctl_say("record %" PRId64 " is the newest", report.head.seq);
		return CTL_FAILED;
	}
	if (what->upto != 0)
		ret_range->limit = what->upto;
	return CTL_OK;
}

/* The file, whole and on disk, or no file. */
static int
write_file(const struct ctl *ctl, const struct ctl_export *what,
    const struct range *range, int64_t *ret_last)
{
	/* an older export must not be lost */
	FILE *to = fopen(what->file, "wxe");
	enum authtok_err err;
	bool ok;

	if (to == NULL) {
		ctl_say("%s: %s", what->file, strerror(errno));
		return CTL_FAILED;
	}
	err = write_records(ctl, what, range, to, ret_last);
	ok = err == AUTHTOK_OK && fflush(to) == 0 && fsync(fileno(to)) == 0;
	ok = fclose(to) == 0 && ok && sync_folder(what->file);
	if (ok && *ret_last > 0)
		return CTL_OK;
	if (!ok)
		ctl_say("%s: %s", what->file,
		    err != AUTHTOK_OK && err != AUTHTOK_ENOSPC
			? authtok_strerror(err)
			: "cannot be written");
	unlink(what->file);
	return ok ? CTL_OK : CTL_FAILED;
}

int
ctl_audit_export(const struct ctl *ctl, const struct ctl_export *what)
{
	enum authtok_err err;
	struct range range = { 0, 0 };
	int64_t last = 0;
	int status = find_range(ctl, what, &range);

	if (status == CTL_OK)
		status = write_file(ctl, what, &range, &last);
	if (status != CTL_OK)
		return status;
	if (last == 0) {
		printf("nothing to export\n");
		return ctl_finish();
	}
	err = authtok_audit_cut(
	    ctl->audit, ctl->store, last, authtok_now(ctl->engine));
	if (err != AUTHTOK_OK) {
		ctl_say("%s is written, but to cut the log failed: %s",
		    what->file, authtok_strerror(err));
		return CTL_FAILED;
	}
	printf("exported and cut up to %" PRId64 "\n", last);
	return ctl_finish();
}
