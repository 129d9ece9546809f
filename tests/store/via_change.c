#include "via_change.h"

#include <string.h>

static struct authtok_store_ops ops;

struct swap {
	struct authtok_session row;
	struct authtok_owner owner;
	const struct authtok_session *next;
	uint32_t gen, branch;
	bool durable;
	const struct authtok_act *act;
};

static enum authtok_err
compare(void *arg, struct authtok_change *change)
{
	const struct swap *swap = arg;

	if (swap->row.gen != swap->gen || swap->row.branch != swap->branch)
		return AUTHTOK_ECHANGED;
	change->next = swap->next;
	change->durable = swap->durable;
	change->act = swap->act;
	return AUTHTOK_OK;
}

static enum authtok_err
update(void *ctx, const struct authtok_session *next, uint32_t gen,
    uint32_t branch, bool durable, const struct authtok_act *act)
{
	struct swap swap = {
		.next = next,
		.gen = gen,
		.branch = branch,
		.durable = durable,
		.act = act,
	};
	enum authtok_err err;

	err = ops.session_change(
	    ctx, next->sid, &swap.row, &swap.owner, compare, &swap);
	return err == AUTHTOK_EUNKNOWN ? AUTHTOK_ECHANGED : err;
}

void
via_change(struct authtok_store *store)
{
	ops = *store->ops;
	ops.session_update = update;
	store->ops = &ops;
}
