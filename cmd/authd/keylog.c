/*
 * Changes of keys, for the audit log. Known here: how to read the log from its
 * end, which the store does not offer: numbers without a gap can be halved.
 */
#include "authd/keylog.h"

#include <stdlib.h>
#include <string.h>

#define PAGE    32
#define PAGES   256 /* what is further back is written once more */
#define SEQ_MAX (INT64_C(1) << 53)

static enum authtok_err
list(const struct app *app, int64_t after, struct authtok_audit_record *page,
    size_t cap, size_t *ret_count)
{
	return app->store->ops->audit_list(
	    app->store->ctx, after, page, cap, ret_count);
}

/* The number of the newest record, or of the one before the first. */
static enum authtok_err
find_end(
    const struct app *app, struct authtok_audit_record *page, int64_t *ret_seq)
{
	int64_t low = 0, high = SEQ_MAX, middle;
	enum authtok_err err;
	size_t n;

	while (low < high) {
		middle = low + (high - low) / 2;
		err = list(app, middle, page, 1, &n);
		if (err != AUTHTOK_OK)
			return err;
		if (n > 0)
			low = page[0].seq;
		else
			high = middle;
	}
	*ret_seq = low;
	return AUTHTOK_OK;
}

/* The record of keys that is nearest to the end of the page. */
static const struct authtok_audit_record *
last_of(const struct authtok_audit_record *page, size_t n)
{
	while (n-- > 0)
		if (page[n].event == AUTHTOK_EVENT_KEYS)
			return &page[n];
	return NULL;
}

static enum authtok_err
look_back(
    const struct app *app, struct authtok_audit_record *page, bool *ret_noted)
{
	const struct authtok_audit_record *found = NULL;
	enum authtok_err err;
	int64_t end, after;
	size_t n;

	err = find_end(app, page, &end);
	for (int i = 0; i < PAGES && err == AUTHTOK_OK && end > 0; i++) {
		after = end > PAGE ? end - PAGE : 0;
		err = list(app, after, page, PAGE, &n);
		if (err == AUTHTOK_OK)
			found = last_of(page, n);
		if (found != NULL || after == 0)
			break;
		end = after;
	}
	if (err == AUTHTOK_OK)
		*ret_noted =
		    found != NULL && strcmp(found->detail, app->key_ids) == 0;
	return err;
}

static enum authtok_err
append(const struct app *app)
{
	struct authtok_audit_record record = {
		.event = AUTHTOK_EVENT_KEYS,
		.count = 1,
	};
	struct authtok_act act = { .now = authtok_now(app->engine) };

	act.until = act.now + AUTHTOK_HORIZON_MAX;
	record.at = act.now;
	memcpy(record.detail, app->key_ids, sizeof(record.detail));
	authtok_audit_attach(app->audit, &record, &act);
	return app->store->ops->audit_append(app->store->ctx, &act);
}

void
keylog_note(const struct app *app)
{
	struct authtok_audit_record *page = calloc(PAGE, sizeof(*page));
	enum authtok_err err = AUTHTOK_ENOMEM;
	bool noted = false;

	if (page != NULL)
		err = look_back(app, page, &noted);
	if (err == AUTHTOK_OK && !noted)
		err = append(app);
	if (err != AUTHTOK_OK)
		log_event(&app->log, "error", "audit_failed", "cause",
		    authtok_strerror(err), NULL);
	free(page);
}
