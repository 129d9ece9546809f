/*
 * Many threads over one SQLite database, through the library. One token
 * presented by all of them at once; and clients that refresh in chains while
 * replies are lost, requests arrive twice or late, and the store forgets
 * writes, as it may when they do not wait for the disk.
 */
#include "world.h"

#include <authtok/session.h>
#include <authtok/sqlite.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define START      INT64_C(1700000000)
#define STEP       12 /* seconds between rounds: beyond the leeway of 10 */
#define CALLERS    64
#define WORKERS    16
#define FORGET_ONE 64 /* of so many updates that do not wait */

static _Atomic int64_t the_time;

static struct {
	char dir[64], path[96];
	struct authtok_keys *keys;
	struct authtok *engine;
	struct authtok_store *sqlite;
	struct authtok_store store; /* the same, forgetful */
	struct authtok_store_ops ops;
	struct authtok_sessions *sessions;
	struct authtok_user user;
	atomic_uint updates;
	atomic_bool forgetful;
} w;

static int64_t
now(void *arg)
{
	(void)arg;
	return atomic_load(&the_time);
}

struct forgetting {
	authtok_decide *decide;
	void *arg;
};

/* What a power cut right after the answer would do to it. */
static enum authtok_err
decide_and_forget(void *arg, struct authtok_change *change)
{
	const struct forgetting *f = arg;
	enum authtok_err err = f->decide(f->arg, change);
	unsigned n;

	if (err != AUTHTOK_OK || change->next == NULL)
		return err;
	n = atomic_fetch_add(&w.updates, 1);
	if (!change->durable && atomic_load(&w.forgetful) &&
	    n * 2654435761u % FORGET_ONE == 0)
		change->next = NULL;
	return AUTHTOK_OK;
}

static enum authtok_err
forget_some(void *ctx, const uint8_t *sid, struct authtok_session *ret_session,
    struct authtok_owner *ret_owner, authtok_decide *decide, void *arg)
{
	struct forgetting f = { decide, arg };

	return w.sqlite->ops->session_change(
	    ctx, sid, ret_session, ret_owner, decide_and_forget, &f);
}

static void
make_keys(void)
{
	uint8_t secret[32];
	size_t i;

	for (i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(i * 7 + 1);
	ck_assert_int_eq(authtok_keys_new(&w.keys), AUTHTOK_OK);
	ck_assert_int_eq(authtok_keys_add_hmac(w.keys, "k1", AUTHTOK_HS256,
			     secret, sizeof(secret), true),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_keys_add_refresh(w.keys, 1, secret, sizeof(secret), true),
	    AUTHTOK_OK);
}

static void
make_user(void)
{
	struct authtok_user user = { .name = "ann",
		.email = "ann@example.org",
		.role_count = 1,
		.created_at = START };
	struct authtok_act act = { .now = START, .until = START + 3605 };
	int64_t id;

	strcpy(user.roles[0], "user");
	ck_assert_int_eq(
	    w.sqlite->ops->user_create(w.sqlite->ctx, &user, &act, &id),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    w.sqlite->ops->user_find(w.sqlite->ctx, id, &w.user), AUTHTOK_OK);
}

static void
open_world(void)
{
	struct authtok_config engine = AUTHTOK_CONFIG_INIT;
	struct authtok_sessions_config config = AUTHTOK_SESSIONS_CONFIG_INIT;

	memset(&w, 0, sizeof(w));
	atomic_store(&the_time, START);
	snprintf(w.dir, sizeof(w.dir), "/tmp/authtok-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(w.dir));
	snprintf(w.path, sizeof(w.path), "%s/s.db", w.dir);
	make_keys();
	engine.issuer = engine.audience = "tests";
	engine.now = now;
	ck_assert_int_eq(authtok_new(&engine, w.keys, &w.engine), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_store_sqlite(w.path, &w.sqlite, NULL, 0), AUTHTOK_OK);
	make_user();
	w.ops = *w.sqlite->ops;
	w.ops.session_change = forget_some;
	w.store.ops = &w.ops;
	w.store.ctx = w.sqlite->ctx;
	config.max_per_user = 0;
	ck_assert_int_eq(authtok_sessions_new(
			     &config, w.engine, w.keys, &w.store, &w.sessions),
	    AUTHTOK_OK);
}

static void
close_world(void)
{
	authtok_sessions_free(w.sessions);
	authtok_store_close(w.sqlite);
	look_for_damage(w.path);
	authtok_free(w.engine);
	authtok_keys_free(w.keys);
	(void)unlink(w.path);
	strcat(w.path, "-wal");
	(void)unlink(w.path);
	memcpy(strrchr(w.path, '-'), "-shm", 4);
	(void)unlink(w.path);
	ck_assert_int_eq(rmdir(w.dir), 0);
}

/* ---- one token, many threads ------------------------------------------------ */

struct caller {
	pthread_t thread;
	const char *token, *key;
	pthread_barrier_t *gate;
	enum authtok_err err;
	enum authtok_outcome outcome;
	struct authtok_tokens tokens;
};

static void *
call_once(void *arg)
{
	struct caller *c = arg;

	c->tokens = (struct authtok_tokens)AUTHTOK_TOKENS_INIT;
	pthread_barrier_wait(c->gate);
	c->err = authtok_session_refresh(w.sessions, c->token, strlen(c->token),
	    c->key, NULL, &c->outcome, &c->tokens);
	return NULL;
}

/* All at once; token becomes the one child. */
static void
storm(char token[AUTHTOK_REFRESH_LEN + 1], const char *key)
{
	static struct caller callers[CALLERS];
	pthread_barrier_t gate;
	unsigned i, rotated = 0, repeated = 0;

	ck_assert_int_eq(pthread_barrier_init(&gate, NULL, CALLERS), 0);
	for (i = 0; i < CALLERS; i++) {
		callers[i].token = token;
		callers[i].key = key;
		callers[i].gate = &gate;
		ck_assert_int_eq(pthread_create(&callers[i].thread, NULL,
				     call_once, &callers[i]),
		    0);
	}
	for (i = 0; i < CALLERS; i++)
		pthread_join(callers[i].thread, NULL);
	pthread_barrier_destroy(&gate);
	for (i = 0; i < CALLERS; i++) {
		ck_assert_int_eq(callers[i].err, AUTHTOK_OK);
		rotated += callers[i].outcome == AUTHTOK_ROTATED;
		repeated += callers[i].outcome == AUTHTOK_REPEATED;
		ck_assert_str_eq(
		    callers[i].tokens.refresh, callers[0].tokens.refresh);
	}
	ck_assert_uint_eq(rotated, 1);
	ck_assert_uint_eq(repeated, CALLERS - 1);
	strcpy(token, callers[0].tokens.refresh);
}

START_TEST(one_token_64_threads)
{
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;
	char key[16];
	int round;

	open_world();
	ck_assert_int_eq(
	    authtok_session_open(w.sessions, &w.user, NULL, &tokens),
	    AUTHTOK_OK);
	for (round = 0; round < 10; round++) {
		snprintf(key, sizeof(key), "key-%d", round);
		storm(tokens.refresh, round % 2 == 0 ? key : NULL);
	}
	close_world();
}
END_TEST

/* ---- a population ------------------------------------------------------------ */

enum {
	ROTATED,
	REPEATED,
	REPLACED,
	FORWARDED,
	SUPERSEDED,
	REUSE,
	OTHER,
	OUTCOMES
};
static const char *const outcome_names[OUTCOMES] = { "rotated", "repeated",
	"replaced", "rolled-forward", "superseded", "reuse", "other" };

#define BEHIND 3 /* how many tokens a keyed client's duplicates go back */

struct one {
	bool keyed;
	unsigned generation;
	/* what is and was held, newest first; the key of each goes with it */
	char held[BEHIND][AUTHTOK_REFRESH_LEN + 1];
	unsigned generations[BEHIND];
	/* of this round: what arrives twice, and what came for what was held */
	unsigned twice; /* index into sent; BEHIND: nothing */
	char sent[BEHIND][AUTHTOK_REFRESH_LEN + 1];
	unsigned sent_generations[BEHIND];
	char child[2][AUTHTOK_REFRESH_LEN + 1]; /* of owner and duplicate */
	/* when the store was last found to be behind, by which token */
	_Atomic int64_t forwarded_at;
	atomic_uint forwarded;
};

static struct one *ones;
static unsigned one_count, round_goal;
static int64_t end_at; /* monotonic seconds; 0: by rounds */
static pthread_barrier_t gate;
static atomic_bool over;
static unsigned rounds_done;

struct worker {
	pthread_t thread;
	unsigned number, seed;
	unsigned long counts[OUTCOMES];
	unsigned long lost, signed_out, twofold;
};

static unsigned
any(struct worker *me, unsigned below)
{
	return (unsigned)rand_r(&me->seed) % below;
}

static int
present(struct worker *me, struct one *c, unsigned id, const char *token,
    unsigned generation, char *ret_child)
{
	static const int of[] = { OTHER, ROTATED, REPEATED, REPLACED, OTHER,
		FORWARDED };
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;
	enum authtok_outcome outcome = (enum authtok_outcome)0;
	char key[32];
	enum authtok_err err;
	int how;

	snprintf(key, sizeof(key), "%u-%u", id, generation);
	err = authtok_session_refresh(w.sessions, token, strlen(token),
	    c->keyed ? key : NULL, NULL, &outcome, &tokens);
	how = err == AUTHTOK_OK      ? of[outcome]
	    : err == AUTHTOK_ESTALE  ? SUPERSEDED
	    : err == AUTHTOK_EREUSED ? REUSE
				     : OTHER;
	me->counts[how]++;
	if (how == FORWARDED) {
		atomic_store(&c->forwarded, generation);
		atomic_store(&c->forwarded_at, atomic_load(&the_time));
	}
	if (err == AUTHTOK_OK)
		strcpy(ret_child, tokens.refresh);
	return how;
}

/* Keep the child; what was held moves back. */
static void
keep(struct one *c, const char *child)
{
	memmove(c->held[1], c->held[0], sizeof(c->held[0]) * (BEHIND - 1));
	memmove(&c->generations[1], &c->generations[0],
	    sizeof(c->generations[0]) * (BEHIND - 1));
	strcpy(c->held[0], child);
	c->generations[0] = ++c->generation;
}

/* The client's own step: present, perhaps lose the reply, perhaps again. */
static void
step(struct worker *me, unsigned id)
{
	struct one *c = &ones[id];
	int how;

	if (any(me, 16) == 0)
		return;
	how = present(me, c, id, c->held[0], c->generations[0], c->child[0]);
	if (how < SUPERSEDED && any(me, 8) == 0) {
		me->lost++;
		if (any(me, 2) == 0) /* comes back beyond the leeway */
			return;
		how = present(
		    me, c, id, c->held[0], c->generations[0], c->child[0]);
	}
	if (how >= SUPERSEDED)
		me->signed_out++; /* nothing newer is to be had */
	else
		keep(c, c->child[0]);
}

/* A request that the network, or another tab, sends as well. */
static void
echo(struct worker *me, unsigned id)
{
	struct one *c = &ones[id];
	unsigned at = c->twice;

	if (at < BEHIND && c->sent[at][0] != '\0')
		(void)present(me, c, id, c->sent[at], c->sent_generations[at],
		    at == 0 ? c->child[1]
			    : (char[AUTHTOK_REFRESH_LEN + 1]){ 0 });
}

/*
 * Between rounds: one parent has one child at a time, whoever asked for it. And
 * choose what the next round sends twice: a plain client's own token, a
 * keyed one's up to two before it.
 */
static void
look(struct worker *me, unsigned id)
{
	struct one *c = &ones[id];

	if (c->child[0][0] != '\0' && c->child[1][0] != '\0' &&
	    strcmp(c->child[0], c->child[1]) != 0)
		me->twofold++;
	c->child[0][0] = c->child[1][0] = '\0';
	memcpy(c->sent, c->held, sizeof(c->sent));
	memcpy(
	    c->sent_generations, c->generations, sizeof(c->sent_generations));
	c->twice = any(me, 4) != 0 ? BEHIND : c->keyed ? any(me, BEHIND) : 0;
	/* the exception that authtok-rotation(7) names: from before the store
	 * was behind, and later than 60 s */
	if (c->twice != BEHIND &&
	    c->sent_generations[c->twice] < atomic_load(&c->forwarded) &&
	    atomic_load(&the_time) + STEP > atomic_load(&c->forwarded_at) + 60)
		c->twice = BEHIND;
}

static void
next_round(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	atomic_fetch_add(&the_time, STEP);
	rounds_done++;
	if (end_at != 0 ? at.tv_sec >= end_at : rounds_done >= round_goal)
		atomic_store(&over, true);
}

static void *
work(void *arg)
{
	struct worker *me = arg;
	unsigned i;

	while (!atomic_load(&over)) {
		/* own clients, and the duplicates of a neighbour's */
		for (i = 0; i + WORKERS <= one_count; i += WORKERS) {
			step(me, i + me->number);
			echo(me, i + (me->number + 1) % WORKERS);
		}
		pthread_barrier_wait(&gate);
		for (i = me->number; i < one_count; i += WORKERS)
			look(me, i);
		if (pthread_barrier_wait(&gate) ==
		    PTHREAD_BARRIER_SERIAL_THREAD)
			next_round();
		pthread_barrier_wait(&gate);
	}
	return NULL;
}

static void
sign_in_all(void)
{
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;
	unsigned i;

	for (i = 0; i < one_count; i++) {
		ck_assert_int_eq(
		    authtok_session_open(w.sessions, &w.user, NULL, &tokens),
		    AUTHTOK_OK);
		ones[i].keyed = i / WORKERS % 2 == 0;
		ones[i].twice = BEHIND;
		keep(&ones[i], tokens.refresh);
	}
}

static void
run_all(struct worker workers[WORKERS])
{
	struct timespec at;
	unsigned i, seconds = number_of("SOAK_SECONDS", 0);

	clock_gettime(CLOCK_MONOTONIC, &at);
	end_at = seconds > 0 ? at.tv_sec + seconds : 0;
	ck_assert_int_eq(pthread_barrier_init(&gate, NULL, WORKERS), 0);
	for (i = 0; i < WORKERS; i++) {
		workers[i].number = i;
		workers[i].seed = 20261124 + i;
		ck_assert_int_eq(
		    pthread_create(&workers[i].thread, NULL, work, &workers[i]),
		    0);
	}
	for (i = 0; i < WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_barrier_destroy(&gate);
}

static void
tell(const struct worker workers[WORKERS], unsigned long counts[OUTCOMES])
{
	unsigned long lost = 0;
	unsigned i, k;

	for (i = 0; i < WORKERS; i++) {
		for (k = 0; k < OUTCOMES; k++)
			counts[k] += workers[i].counts[k];
		lost += workers[i].lost;
	}
	printf("# %u clients, %u rounds, %lu replies lost:", one_count,
	    rounds_done, lost);
	for (k = 0; k < OUTCOMES; k++)
		printf(" %s %lu", outcome_names[k], counts[k]);
	printf("\n");
	fflush(stdout);
}

START_TEST(a_population_with_losses)
{
	static struct worker workers[WORKERS];
	unsigned long counts[OUTCOMES] = { 0 };
	unsigned i, k;

	/* the same number for each worker */
	one_count = number_of("CLIENTS", 1000) / WORKERS * WORKERS;
	round_goal = 20;
	ones = calloc(one_count, sizeof(*ones));
	ck_assert_ptr_nonnull(ones);
	open_world();
	sign_in_all();
	atomic_store(&w.forgetful, true);
	run_all(workers);
	tell(workers, counts);
	for (i = 0; i < WORKERS; i++) {
		ck_assert_uint_eq(workers[i].signed_out, 0);
		ck_assert_uint_eq(workers[i].twofold, 0);
	}
	ck_assert_uint_eq(counts[REUSE], 0);
	ck_assert_uint_eq(counts[OTHER], 0);
	/* else something was not put to the test */
	for (k = ROTATED; k <= SUPERSEDED; k++)
		ck_assert_msg(counts[k] > 0, "never %s", outcome_names[k]);
	free(ones);
	close_world();
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { one_token_64_threads,
		a_population_with_losses, NULL };

	return run_tests("contention", NULL, NULL, tests);
}
