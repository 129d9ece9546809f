/*
 * The rotation rule against its specification, case by case, in the whole
 * state space of the specification's model.
 *
 * The specification is a program in Python, rotation_model.py: the rules of
 * several systems, ours as class ConfirmByUse, and explore(), a breadth-first
 * walk through everything that tabs, lost replies, late duplicates, a power cut
 * and a thief can do. It was ported to C, the walk to walk.c, our rule in the
 * walk's own terms to rules.c, the others to systems.c, with two changes that
 * the search with spin made necessary: a thief may also send no retry key, and
 * the leeway of R2 is only for requests without one. That the port is the
 * program is held by its figures: states, presentations and conclusion of each
 * policy and scenario, printed by the program with these two changes and a
 * counter in present(). Neither change turns a cell of its table.
 *
 * Every (state, fresh, token, key) that the walk presents is also given to
 * at_rotation_decide, as each of the rows that stand for that state: verdict,
 * token of the reply and next row must agree.
 *
 * Last, faults are put between the walk and at_rotation_decide, those of
 * rotation_model.py --mutants: the walk must notice each.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "systems.h"

static const struct figures {
	size_t states, calls;
	bool logout, shadowed;
} expectations[MODEL_SYSTEMS][MODEL_SCENARIOS] = {
	/* strict one-use */
	{
	    { 8, 248, true, false },
	    { 6, 3, true, false },
	    { 14, 247, true, false },
	    { 10, 248, true, false },
	    { 15, 4, true, false },
	    { 9, 246, true, false },
	    { 14, 248, true, false },
	    { 588, 40701, false, false },
	    { 2853, 256155, true, false },
	    { 1166, 107252, true, false },
	    { 833, 100660, false, false },
	},
	/* grace, new child each (Ory, Auth0) */
	{
	    { 1839, 853, false, false },
	    { 448, 192, false, false },
	    { 22, 249, true, false },
	    { 18, 250, true, false },
	    { 15, 4, true, false },
	    { 12, 247, true, false },
	    { 34, 251, true, false },
	    { 632, 40179, false, false },
	    { 28621, 1991685, true, false },
	    { 5851, 396942, true, false },
	    { 5307, 165539, false, true },
	},
	/* GoTrue v2 counter */
	{
	    { 114, 89, false, false },
	    { 22, 19, false, false },
	    { 128, 49, false, false },
	    { 50, 268, true, false },
	    { 15, 4, true, false },
	    { 14, 5, false, false },
	    { 66, 23, true, false },
	    { 1362, 56381, false, true },
	    { 8364, 634641, false, true },
	    { 3257, 258650, false, true },
	    { 2720, 78042, false, true },
	},
	/* SuperTokens 12.1 (grace, re-rotate) */
	{
	    { 30, 257, true, false },
	    { 64, 46, false, false },
	    { 21, 249, true, false },
	    { 18, 250, true, false },
	    { 15, 247, true, false },
	    { 12, 247, true, false },
	    { 34, 251, true, false },
	    { 452, 30339, false, false },
	    { 7144, 644440, true, false },
	    { 1839, 169440, true, false },
	    { 1034, 94145, false, false },
	},
	/* two-phase, random child (SuperTokens <= 12.0, Airlock) */
	{
	    { 277, 198, false, false },
	    { 58, 41, false, false },
	    { 244, 75, false, false },
	    { 29, 257, true, false },
	    { 12, 4, true, false },
	    { 19, 6, false, false },
	    { 51, 18, true, false },
	    { 766, 39903, false, false },
	    { 29131, 1563251, false, false },
	    { 4347, 312823, false, false },
	    { 1111, 99819, false, false },
	},
	/* CONFIRM BY USE, plain client */
	{
	    { 114, 89, false, false },
	    { 22, 19, false, false },
	    { 1114, 369, false, false },
	    { 39, 259, true, false },
	    { 285, 95, false, false },
	    { 78, 25, false, false },
	    { 92, 269, true, false },
	    { 6636, 161318, false, false },
	    { 116718, 6879416, true, false },
	    { 32116, 1472024, false, false },
	    { 18922, 845268, false, true },
	},
	/* CONFIRM BY USE, keyed client */
	{
	    { 104, 79, false, false },
	    { 22, 19, false, false },
	    { 128, 49, false, false },
	    { 431, 455, false, false },
	    { 319, 105, false, false },
	    { 128, 49, false, false },
	    { 9689, 10169, false, false },
	    { 6633, 161315, false, false },
	    { 38904, 2552355, false, false },
	    { 21493, 945207, false, false },
	    { 11005, 467542, false, false },
	},
	/* CONFIRM BY USE, keyed client, leeway 0 */
	{
	    { 104, 79, false, false },
	    { 22, 19, false, false },
	    { 128, 49, false, false },
	    { 431, 455, false, false },
	    { 319, 105, false, false },
	    { 128, 49, false, false },
	    { 9689, 10169, false, false },
	    { 6633, 161315, false, false },
	    { 38904, 2552355, false, false },
	    { 21493, 945207, false, false },
	    { 11005, 467542, false, false },
	},
	/* CONFIRM BY USE, plain client, leeway 0, strict */
	{
	    { 8, 248, true, false },
	    { 6, 3, true, false },
	    { 14, 247, true, false },
	    { 10, 248, true, false },
	    { 285, 95, false, false },
	    { 9, 246, true, false },
	    { 14, 248, true, false },
	    { 3519, 97422, false, false },
	    { 8799, 657061, true, false },
	    { 4591, 224241, true, false },
	    { 5572, 274370, false, false },
	},
};

#define OURS (MODEL_SYSTEMS - MODEL_OTHERS)

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

/* ---- the table ----------------------------------------------------------- */
struct counted {
	const struct model_policy *policy;
	size_t calls;
};

static void
present_counted(const struct model_policy *policy,
    const struct model_state *state, bool fresh, int16_t token, int16_t key,
    bool dead, struct model_reply *ret_reply)
{
	struct counted *c = policy->arg;

	c->calls++;
	c->policy->present(
	    c->policy, state, fresh, token, key, dead, ret_reply);
}

/* Each cell of rotation_model.py, and how it came about. _i: the system */
START_TEST(table_is_that_of_the_program)
{
	const struct model_system *system = &model_systems[_i];
	struct model_policy policy = system->policy;
	struct counted counted = { &system->policy, 0 };

	policy.present = present_counted;
	policy.arg = &counted;
	for (size_t i = 0; i < MODEL_SCENARIOS; i++) {
		const struct figures *want = &expectations[_i][i];
		struct model_result r;

		counted.calls = 0;
		model_walk(&policy, &model_scenarios[i], &r);
		ck_assert_msg(
		    r.states == want->states && counted.calls == want->calls,
		    "%s, %s: %zu states, %zu calls", system->name,
		    model_scenarios[i].name, r.states, counted.calls);
		ck_assert(!r.undead);
		ck_assert_int_eq(r.logout, want->logout);
		ck_assert_int_eq(r.shadowed, want->shadowed);
	}
}
END_TEST

/* ---- our rule and the specification -------------------------------------- */
/* One of ours, answered by the specification. */
static struct model_policy
ours(int i, struct tally *tally)
{
	struct model_policy policy = model_systems[MODEL_OTHERS + i].policy;

	policy.present = present_both;
	policy.arg = tally;
	return policy;
}

/* _i: one of ours */
START_TEST(rule_is_the_specification)
{
	const char *name = model_systems[MODEL_OTHERS + _i].name;
	struct tally t = { 0 };
	struct model_policy policy = ours(_i, &t);
	size_t states = 0;

	for (size_t i = 0; i < MODEL_SCENARIOS; i++) {
		const struct figures *want =
		    &expectations[MODEL_OTHERS + _i][i];
		struct model_result r;

		model_walk(&policy, &model_scenarios[i], &r);
		ck_assert_msg(t.bad == 0, "%s, %s: %zu differ", name,
		    model_scenarios[i].name, t.bad);
		ck_assert_uint_eq(r.states, want->states);
		states += r.states;
	}
	printf("# %s: %zu states, %zu transitions, %zu rows compared\n", name,
	    states, t.calls, t.rows);
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
	struct model_result r[2];
	struct tally t = { 0 };
	struct model_policy policy = ours(_i, &t);

	model_walk(&policy, &all, &r[0]);
	model_walk(&policy, &theft, &r[1]);
	ck_assert_uint_eq(t.bad, 0);
	/* a walk that never came to a rule says nothing of it */
	for (int line = 0; line < 7; line++)
		if (!(policy.strict && (line == 2 || line == 3)))
			ck_assert_uint_gt(t.lines[line], 0);
	printf("# %s, beyond: %zu states, %zu transitions, %zu rows compared\n",
	    model_systems[MODEL_OTHERS + _i].name, r[0].states + r[1].states,
	    t.calls, t.rows);
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
	struct model_policy base = { .keyed = keyed,
		.leeway = leeway,
		.present = present_fault,
		.arg = &none };
	struct model_policy with = base;
	unsigned noticed = 0;

	with.arg = &fault;
	for (size_t i = 0; i < MODEL_SCENARIOS; i++) {
		struct model_result r;

		/* a keyed client has no bad end to begin with */
		model_walk(&base, &model_scenarios[i], &r);
		if (!keyed && bad_end(&model_scenarios[i], &r))
			continue;
		model_walk(&with, &model_scenarios[i], &r);
		if (r.undead || bad_end(&model_scenarios[i], &r))
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
	struct model_policy policy = {
		.keyed = true, .present = present_fault, .arg = &fault
	};
	struct model_result r;

	model_walk(&policy, &model_scenarios[7], &r);
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
	tcase_add_loop_test(tc, table_is_that_of_the_program, 0, MODEL_SYSTEMS);
	tcase_add_loop_test(tc, rule_is_the_specification, 0, OURS);
	tcase_add_loop_test(
	    tc, rule_is_the_specification_beyond_bad_ends, 0, OURS);
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
