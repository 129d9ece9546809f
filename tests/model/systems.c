/*
 * The scenarios and the systems of the comparison. The others are what their
 * rules come down to, without their storage: tokens are 0, 1, 2, ... in the
 * order in which they were made.
 */
#include "systems.h"

#include <string.h>

#include "rules.h"

/* ---- scenarios ---------------------------------------------------------- */
const struct model_scenario model_scenarios[MODEL_SCENARIOS] = {
	{ .name = "2 tabs at once", .tabs = 2 },
	{ .name = "reply lost, retry in leeway", .quick = true },
	{ .name = "reply lost, retry later",
	    .tabs = 1,
	    .lose = true,
	    .slow = true },
	{ .name = "late duplicate request",
	    .tabs = 2,
	    .slow = true,
	    .late = true },
	{ .name = "DB loses last commit", .tabs = 1, .rollback = true },
	{ .name = "stock client",
	    .tabs = 1,
	    .stock = true,
	    .lose = true,
	    .slow = true },
	{ .name = "all but stock",
	    .tabs = 2,
	    .lose = true,
	    .slow = true,
	    .late = true,
	    .rollback = true },
	{ .name = "thief, spaced", .tabs = 1, .thief = true },
	{ .name = "thief, spaced, 2 tabs + loss",
	    .tabs = 2,
	    .thief = true,
	    .lose = true,
	    .slow = true },
	{ .name = "thief also has retry key",
	    .tabs = 1,
	    .thief = true,
	    .steal_key = true,
	    .lose = true,
	    .slow = true },
	{ .name = "thief always inside leeway",
	    .tabs = 1,
	    .thief = true,
	    .close = true },
};

const char *
model_cell(
    const struct model_scenario *scenario, const struct model_result *result)
{
	if (result->undead)
		return "UNDEAD";
	if (scenario->thief)
		return result->shadowed ? "SHADOWED" : "detected";
	return result->logout ? "LOGOUT" : "ok";
}

/* ---- the state of the others, kept where ours has its own --------------- */
struct other {
	int16_t next;    /* the token to be made, or the newest one */
	int16_t current; /* the one that is confirmed */
	int16_t before;  /* the one before the newest */
	int16_t live, used, recent; /* sets of tokens: bits */
	int16_t alive;
};

static struct other
load(const struct model_state *s)
{
	return (struct other){ s->gen, s->parent, s->ring[0].gen,
		s->ring[0].key, s->ring[1].gen, s->ring[1].key, s->alive };
}

static void
store(const struct other *o, struct model_state *s)
{
	model_initial(s);
	s->gen = o->next; /* what the walk takes for the size */
	s->parent = o->current;
	s->ring[0].gen = o->before;
	s->ring[0].key = o->live;
	s->ring[1].gen = o->used;
	s->ring[1].key = o->recent;
	s->alive = o->alive;
}

static int16_t
bit(int16_t token)
{
	return (int16_t)(token < 15 ? 1 << token : 0);
}

static void
served(struct model_reply *r, int16_t token, bool rotated)
{
	r->verdict = MODEL_OK;
	r->token = token;
	r->rotated = rotated;
}

static void
reused(struct model_reply *r, struct other *o)
{
	r->verdict = MODEL_REUSE;
	o->alive = 0;
}

/* What each rule does with a session that is alive. */
typedef void rule(
    struct other *o, bool fresh, int16_t token, struct model_reply *r);

static void
present_other(const struct model_policy *policy,
    const struct model_state *state, bool fresh, int16_t token, int16_t key,
    bool dead, struct model_reply *r)
{
	struct other o = load(state);

	(void)key;
	(void)dead;
	memset(r, 0, sizeof(*r));
	r->verdict = MODEL_NO;
	r->next = *state;
	if (!o.alive)
		return;
	(*(rule **)policy->arg)(&o, fresh, token, r);
	store(&o, &r->next);
}

/* ---- the others ---------------------------------------------------------- */
/* Ory, Glewlwyd, Keycloak with maxReuse 0, one request at a time. */
static void
strict(struct other *o, bool fresh, int16_t token, struct model_reply *r)
{
	(void)fresh;
	if (token == o->next)
		served(r, ++o->next, true);
	else if (token < o->next)
		reused(r, o);
}

/* Ory and Auth0: in a time of grace each reuse gets a child of its own. */
static void
grace(struct other *o, bool fresh, int16_t token, struct model_reply *r)
{
	int16_t it = bit(token);

	(void)fresh;
	if ((o->live & it) != 0) {
		o->live = (int16_t)((o->live & ~it) | bit(o->next));
		o->used |= it;
		o->recent |= it;
		served(r, o->next++, true);
	} else if ((o->recent & it) != 0) {
		o->live |= bit(o->next);
		served(r, o->next++, false);
	} else if ((o->used & it) != 0) {
		reused(r, o);
	}
}

static void
grace_tick(struct model_state *s)
{
	struct other o = load(s);

	o.recent = 0;
	store(&o, s);
}

static void
grace_begin(struct model_state *s)
{
	struct other o = { .next = 1, .live = 1, .alive = 1 };

	store(&o, s);
}

/* A counter: the one before the newest is always good. */
static void
gotrue(struct other *o, bool fresh, int16_t token, struct model_reply *r)
{
	if (token == o->next)
		served(r, ++o->next, true);
	else if (token < o->next && (o->next - token == 1 || fresh))
		served(r, o->next, false);
	else if (token < o->next)
		reused(r, o);
}

static void
supertokens(struct other *o, bool fresh, int16_t token, struct model_reply *r)
{
	if (token == o->current) {
		o->before = o->current;
		o->current = o->next;
		served(r, o->next++, true);
	} else if (token == o->before && fresh) {
		o->current = o->next;
		served(r, o->next++, false);
	} else {
		reused(r, o);
	}
}

static void
supertokens_begin(struct model_state *s)
{
	struct other o = { .next = 1, .before = -1, .alive = 1 };

	store(&o, s);
}

/* A child is confirmed by its use; each retry gets a new random one. */
static void
two_phase(struct other *o, bool fresh, int16_t token, struct model_reply *r)
{
	(void)fresh;
	if (token == o->current) {
		o->live |= bit(o->next);
		served(r, o->next++, false);
	} else if (token < o->next && (o->live & bit(token)) != 0) {
		o->current = token;
		o->live = bit(o->next);
		served(r, o->next++, true);
	} else if (token < o->next) {
		reused(r, o);
	}
}

static void
two_phase_begin(struct model_state *s)
{
	struct other o = { .next = 1, .alive = 1 };

	store(&o, s);
}

static rule *rules[MODEL_OTHERS] = { strict, grace, gotrue, supertokens,
	two_phase };

const struct model_system model_systems[MODEL_SYSTEMS] = {
	{ "strict one-use", { .present = present_other, .arg = &rules[0] } },
	{ "grace, new child each (Ory, Auth0)",
	    { .present = present_other,
		.arg = &rules[1],
		.tick = grace_tick,
		.begin = grace_begin } },
	{ "GoTrue v2 counter", { .present = present_other, .arg = &rules[2] } },
	{ "SuperTokens 12.1 (grace, re-rotate)",
	    { .present = present_other,
		.arg = &rules[3],
		.begin = supertokens_begin } },
	{ "two-phase, random child (SuperTokens <= 12.0, Airlock)",
	    { .present = present_other,
		.arg = &rules[4],
		.begin = two_phase_begin } },
	{ "CONFIRM BY USE, plain client",
	    { .leeway = true, .present = model_decide } },
	{ "CONFIRM BY USE, keyed client",
	    { .keyed = true, .leeway = true, .present = model_decide } },
	{ "CONFIRM BY USE, keyed client, leeway 0",
	    { .keyed = true, .present = model_decide } },
	{ "CONFIRM BY USE, plain client, leeway 0, strict",
	    { .strict = true, .present = model_decide } },
};
