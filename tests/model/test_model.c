/*
 * The rotation rule against its specification, case by case, in the whole
 * state space of the specification's model.
 *
 * The specification is a program in Python, rotation_model.py: the rule as
 * class ConfirmByUse, and explore(), a breadth-first walk through everything
 * that tabs, lost replies, late duplicates, a power cut and a thief can do. Its
 * transitions are not dumped: both were ported to C, the walk to walk.c and the
 * rule, in the walk's own terms, to rules.c. Every (state, fresh, token, key)
 * that the walk presents is also given to at_rotation_decide, as each of the
 * rows that stand for that state: verdict, token of the reply and next row must
 * agree. That the port is the program is held by its own figures: for each
 * policy and scenario the states, the presentations and the conclusion below
 * were printed by rotation_model.py with a counter in present().
 *
 * Last, faults are put between the walk and at_rotation_decide, those of
 * rotation_model.py --mutants: the walk must notice each.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"

static const struct model_scenario scenarios[] = {
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
#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

/* What rotation_model.py says. */
struct expectation {
	const char *name;
	bool keyed, leeway, strict;
	struct {
		size_t states, calls;
		bool logout, shadowed;
	} of[SCENARIOS];
};

static const struct expectation expectations[] = {
	{ "plain client", false, true, false,
	    {
		{ 114, 89, false, false },
		{ 22, 19, false, false },
		{ 1114, 369, false, false },
		{ 39, 259, true, false },
		{ 285, 95, false, false },
		{ 78, 25, false, false },
		{ 92, 269, true, false },
		{ 1013, 30602, false, false },
		{ 59942, 2404242, true, false },
		{ 13372, 463043, false, false },
		{ 3590, 166615, false, true },
	    } },
	{ "keyed client", true, true, false,
	    {
		{ 104, 79, false, false },
		{ 22, 19, false, false },
		{ 128, 49, false, false },
		{ 431, 455, false, false },
		{ 319, 105, false, false },
		{ 128, 49, false, false },
		{ 9689, 10169, false, false },
		{ 1010, 30599, false, false },
		{ 7602, 482549, false, false },
		{ 5154, 230847, false, false },
		{ 1503, 75133, false, false },
	    } },
	{ "keyed client, leeway 0", true, false, false,
	    {
		{ 104, 79, false, false },
		{ 22, 19, false, false },
		{ 128, 49, false, false },
		{ 431, 455, false, false },
		{ 319, 105, false, false },
		{ 128, 49, false, false },
		{ 9689, 10169, false, false },
		{ 1010, 30599, false, false },
		{ 7602, 482549, false, false },
		{ 5154, 230847, false, false },
		{ 1503, 75133, false, false },
	    } },
	{ "plain client, leeway 0, strict", false, false, true,
	    {
		{ 8, 248, true, false },
		{ 6, 3, true, false },
		{ 14, 247, true, false },
		{ 10, 248, true, false },
		{ 285, 95, false, false },
		{ 9, 246, true, false },
		{ 14, 248, true, false },
		{ 588, 22993, false, false },
		{ 2853, 176172, true, false },
		{ 1166, 63048, true, false },
		{ 833, 56462, false, false },
	    } },
};
#define POLICIES (sizeof(expectations) / sizeof(expectations[0]))

struct tally {
	size_t calls, rows, bad;
	size_t lines[7]; /* how often each of R1 to R6 decided */
};

/* The specification answers the walk; the code is asked the same. */
static void
present_both(const struct model_policy *policy, const struct model_state *state,
    bool fresh, int16_t token, int16_t key, bool dead,
    struct model_reply *ret_reply)
{
	struct tally *t = policy->arg;

	model_specify(policy, state, fresh, token, key, dead, ret_reply);
	t->calls++;
	t->lines[ret_reply->line]++;
	t->bad += model_compare(
	    policy, state, fresh, token, key, dead, ret_reply, &t->rows);
}

static bool
bad_end(const struct model_scenario *sc, const struct model_result *r)
{
	return sc->thief ? r->shadowed : r->logout;
}

/* _i: one of the policies */
START_TEST(rule_is_the_specification)
{
	const struct expectation *e = &expectations[_i];
	struct model_policy policy = { e->keyed, e->leeway, e->strict,
		present_both, NULL };
	struct tally sum = { 0 };
	size_t states = 0;

	for (size_t i = 0; i < SCENARIOS; i++) {
		struct model_result r;
		struct tally t = { 0 };

		policy.arg = &t;
		model_walk(&policy, &scenarios[i], &r);
		ck_assert_msg(t.bad == 0, "%s, %s: %zu differ", e->name,
		    scenarios[i].name, t.bad);
		ck_assert_msg(
		    r.states == e->of[i].states && t.calls == e->of[i].calls,
		    "%s, %s: %zu states, %zu calls", e->name, scenarios[i].name,
		    r.states, t.calls);
		ck_assert(!r.undead);
		ck_assert_int_eq(r.logout, e->of[i].logout);
		ck_assert_int_eq(r.shadowed, e->of[i].shadowed);
		states += r.states;
		sum.calls += t.calls;
		sum.rows += t.rows;
		for (int line = 0; line < 7; line++)
			sum.lines[line] += t.lines[line];
	}
	printf("# %s: %zu states, %zu transitions, %zu rows compared\n",
	    e->name, states, sum.calls, sum.rows);
}
END_TEST

/*
 * rotation_model.py stops at the first bad end, which a plain or strict client
 * meets soon: here is the rest of the space, also with a thief after a power
 * cut, so that each rule is compared under each policy.
 */
START_TEST(rule_is_the_specification_beyond_bad_ends)
{
	static const struct model_scenario all = { .name = "all",
		.tabs = 2,
		.lose = true,
		.slow = true,
		.late = true,
		.rollback = true,
		.whole = true };
	static const struct model_scenario theft = { .name = "all, thief",
		.tabs = 1,
		.lose = true,
		.slow = true,
		.late = true,
		.rollback = true,
		.thief = true,
		.steal_key = true,
		.close = true,
		.whole = true };
	const struct expectation *e = &expectations[_i];
	struct model_result r[2];
	struct tally t = { 0 };
	struct model_policy policy = { e->keyed, e->leeway, e->strict,
		present_both, &t };

	model_walk(&policy, &all, &r[0]);
	model_walk(&policy, &theft, &r[1]);
	ck_assert_uint_eq(t.bad, 0);
	/* a walk that never came to a rule says nothing of it */
	for (int line = 0; line < 7; line++)
		if (!(e->strict && (line == 2 || line == 3)))
			ck_assert_uint_gt(t.lines[line], 0);
	printf("# %s, beyond: %zu states, %zu transitions, %zu rows compared\n",
	    e->name, r[0].states + r[1].states, t.calls, t.rows);
}
END_TEST

/* ---- faults ------------------------------------------------------------ */
enum fault {
	NO_FAULT,
	KEY_IGNORED,
	NO_ROLL_FORWARD,
	LATE_SAME_CHILD,
	ONE_KEY,
	NO_GENTLE_TIME,
	SESSION_KEPT,
	REPLACED_ACCEPTED,
};

static void
keep_one_key(struct model_state *s)
{
	if (s->ring_count < 2)
		return;
	s->ring[0] = s->ring[s->ring_count - 1];
	memset(&s->ring[1], 0, sizeof(s->ring) - sizeof(s->ring[0]));
	s->ring_count = 1;
}

/* at_rotation_decide with a fault around it. */
static void
present_fault(const struct model_policy *policy,
    const struct model_state *state, bool fresh, int16_t token, int16_t key,
    bool dead, struct model_reply *ret_reply)
{
	const enum fault fault = *(const enum fault *)policy->arg;
	struct model_state s = *state;

	if (fault == KEY_IGNORED)
		key = 0;
	if (fault == LATE_SAME_CHILD)
		fresh = true;
	if (fault == NO_GENTLE_TIME)
		s.floor = -1;
	if (fault == REPLACED_ACCEPTED && s.alive && token / 100 == s.gen &&
	    token % 100 <= s.branch)
		token = (int16_t)MODEL_TOKEN(s.gen, s.branch);
	model_decide(policy, &s, fresh, token, key, dead, ret_reply);
	if (fault == NO_ROLL_FORWARD && s.alive && token / 100 > s.gen) {
		ret_reply->verdict = MODEL_REUSE;
		ret_reply->next = s;
		ret_reply->next.alive = 0;
	}
	if (fault == ONE_KEY)
		keep_one_key(&ret_reply->next);
	if (fault == NO_GENTLE_TIME)
		ret_reply->next.floor = -1;
	if (fault == SESSION_KEPT)
		ret_reply->next.alive = 1;
}

/* How many scenarios end worse with the fault than without. */
static unsigned
noticed_by(enum fault fault, bool keyed, bool leeway)
{
	enum fault none = NO_FAULT;
	struct model_policy base = { keyed, leeway, false, present_fault,
		&none };
	struct model_policy with = base;
	unsigned noticed = 0;

	with.arg = &fault;
	for (size_t i = 0; i < SCENARIOS; i++) {
		struct model_result r;

		/* a keyed client has no bad end to begin with */
		model_walk(&base, &scenarios[i], &r);
		if (!keyed && bad_end(&scenarios[i], &r))
			continue;
		model_walk(&with, &scenarios[i], &r);
		if (r.undead || bad_end(&scenarios[i], &r))
			noticed |= 1u << i;
	}
	return noticed;
}

static const struct {
	const char *name;
	enum fault fault;
	bool keyed, leeway;
	unsigned by; /* scenarios that notice, by rotation_model.py --mutants */
} faults[] = {
	{ "retry key ignored", KEY_IGNORED, true, false,
	    1u << 0 | 1u << 3 | 1u << 6 },
	{ "no roll forward", NO_ROLL_FORWARD, true, false, 1u << 4 | 1u << 6 },
	{ "late retry answered with the same child", LATE_SAME_CHILD, false,
	    true, 1u << 7 | 1u << 8 | 1u << 9 },
	{ "one key remembered", ONE_KEY, true, false, 1u << 3 | 1u << 6 },
	{ "no gentle time after a rollback", NO_GENTLE_TIME, true, false,
	    1u << 6 },
	{ "replaced child accepted", REPLACED_ACCEPTED, true, false,
	    1u << 7 | 1u << 8 | 1u << 9 | 1u << 10 },
	{ "control: no fault", NO_FAULT, true, false, 0 },
};

START_TEST(fault_is_noticed)
{
	unsigned by =
	    noticed_by(faults[_i].fault, faults[_i].keyed, faults[_i].leeway);

	ck_assert_msg(by == faults[_i].by, "%s: noticed by %x, wanted %x",
	    faults[_i].name, by, faults[_i].by);
}
END_TEST

/* There the program stops at the first token accepted after a reuse. */
START_TEST(session_kept_after_reuse_is_noticed)
{
	enum fault fault = SESSION_KEPT;
	struct model_policy policy = { true, false, false, present_fault,
		&fault };
	struct model_result r;

	model_walk(&policy, &scenarios[7], &r);
	ck_assert(r.undead);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("model");
	TCase *tc = tcase_create("walk");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc, rule_is_the_specification, 0, POLICIES);
	tcase_add_loop_test(
	    tc, rule_is_the_specification_beyond_bad_ends, 0, POLICIES);
	tcase_add_loop_test(
	    tc, fault_is_noticed, 0, sizeof(faults) / sizeof(faults[0]));
	tcase_add_test(tc, session_kept_after_reuse_is_noticed);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
