/*
 * The library lists by id; a user wants to see the last used first, and with too
 * many to show, the newest. So each page is read behind the newest so far, and
 * of both the newest are kept.
 */
#include "authd/recent.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 500 /* sessions read at a time */

static int
newest_first(const void *a, const void *b)
{
	const struct authtok_session *x = a, *y = b;

	if (x->rotated_at != y->rotated_at)
		return x->rotated_at < y->rotated_at ? 1 : -1;
	if (x->created_at != y->created_at)
		return x->created_at < y->created_at ? 1 : -1;
	return memcmp(x->sid, y->sid, sizeof(x->sid));
}

static void
keep_newest(struct recent *recent)
{
	qsort(recent->list, recent->count, sizeof(*recent->list), newest_first);
	if (recent->count > RECENT_MAX)
		recent->count = RECENT_MAX;
}

enum authtok_err
recent_sessions(const struct authtok_sessions *sessions, int64_t user_id,
    struct recent *ret)
{
	struct recent recent = { .count = 0 };
	uint8_t last[AUTHTOK_SID_LEN];
	const uint8_t *after = NULL;
	enum authtok_err err = AUTHTOK_OK;
	size_t n = PAGE;

	recent.list = calloc(RECENT_MAX + PAGE, sizeof(*recent.list));
	if (recent.list == NULL)
		return AUTHTOK_ENOMEM;
	while (err == AUTHTOK_OK && n == PAGE) {
		err = authtok_session_list(sessions, user_id, after,
		    recent.list + recent.count, PAGE, &n);
		if (err != AUTHTOK_OK)
			break;
		recent.count += n;
		recent.total += n;
		if (n > 0)
			memcpy(last, recent.list[recent.count - 1].sid,
			    sizeof(last));
		after = last;
		keep_newest(&recent);
	}
	if (err == AUTHTOK_OK)
		*ret = recent;
	else
		recent_free(&recent);
	return err;
}

void
recent_free(struct recent *recent)
{
	free(recent->list);
	recent->list = NULL;
}
