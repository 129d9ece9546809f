/*
 * Verify and issue against bare HMAC-SHA256 over the token's own signing input,
 * and for key pairs against the bare EVP call over the same bytes.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/hmac.h>

#include <authtok.h>

#include "bench/bench.h"
#include "bench/floor.h"
#include "token/base64url.h"

#define SLICE_MS 8
#define TOKENS   1024 /* of as many users and sessions */
#define REVOKED  100000
#define ISSUER   "authd"
#define AUDIENCE "api"
/* bytes for a token: close together, as they are in what a server reads; each
 * in a page of its own, they would evict each other from the cache */
#define TOKEN_ROOM 768

struct subject {
	struct authtok *engine;
	struct authtok_claims *claims;
	const uint8_t *sid;
	size_t count; /* of tokens, a power of two */
	char (*tokens)[TOKEN_ROOM];
	size_t *lens;
};

/* ---- subjects ------------------------------------------------------------ */
static void
issue(const struct subject *s, int64_t user, const uint8_t *sid, char *buf,
    size_t *ret_len)
{
	static const char *const roles[] = { "user" };
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;

	grant.user_id = user;
	grant.sid = sid;
	grant.roles = roles;
	grant.role_count = 1;
	bench_check(authtok_issue(s->engine, &grant, buf, TOKEN_ROOM, ret_len,
			NULL) == AUTHTOK_OK);
}

/* A sid that looks like a random one. */
static void
make_sid(uint64_t number, uint8_t *sid)
{
	size_t i;

	for (i = 0; i < AUTHTOK_SID_LEN; i++) {
		number = number * UINT64_C(6364136223846793005) + 1442695041;
		sid[i] = (uint8_t)(number >> 56);
	}
}

/* With a key pair in PEM, or, when that is NULL, with the secret. */
static void
subject_begin_with(struct subject *s, enum authtok_alg alg, const char *pem,
    size_t count, struct authtok_revocations *revocations)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys;
	uint8_t sid[AUTHTOK_SID_LEN];
	enum authtok_err err;

	config.issuer = ISSUER;
	config.audience = AUDIENCE;
	config.revocations = revocations;
	bench_check(authtok_keys_new(&keys) == AUTHTOK_OK);
	err = pem != NULL
	    ? authtok_keys_add_pem(
		  keys, "k1", alg, pem, strlen(pem), true, NULL)
	    : authtok_keys_add_hmac(keys, "k1", alg, bench_secret, 64, true);
	bench_check(err == AUTHTOK_OK);
	bench_check(authtok_new(&config, keys, &s->engine) == AUTHTOK_OK);
	authtok_keys_free(keys);
	bench_check(authtok_claims_new(&s->claims) == AUTHTOK_OK);
	s->sid = (const uint8_t *)"0123456789abcdef";
	s->count = count;
	s->tokens = calloc(count, sizeof(s->tokens[0]));
	s->lens = calloc(count, sizeof(s->lens[0]));
	bench_check(s->tokens != NULL && s->lens != NULL);
	for (size_t i = 0; i < count; i++) {
		make_sid(i, sid);
		issue(s, (int64_t)i + 1001, sid, s->tokens[i], &s->lens[i]);
	}
}

static void
subject_begin(struct subject *s, enum authtok_alg alg, size_t count,
    struct authtok_revocations *revocations)
{
	subject_begin_with(s, alg, NULL, count, revocations);
}

static void
subject_end(struct subject *s)
{
	authtok_claims_free(s->claims);
	authtok_free(s->engine);
	free(s->tokens);
	free(s->lens);
}

static void
verify_with(
    const struct subject *s, struct authtok_claims *claims, size_t count)
{
	while (count-- > 0) {
		size_t i = count & (s->count - 1);

		if (authtok_verify(s->engine, s->tokens[i], s->lens[i],
			claims) != AUTHTOK_OK ||
		    authtok_claims_user_id(claims) != (int64_t)i + 1001)
			bench_die("a good token was refused");
	}
}

static void
verify_run(void *arg, size_t count)
{
	const struct subject *s = arg;

	verify_with(s, s->claims, count);
}

static void
issue_run(void *arg, size_t count)
{
	const struct subject *s = arg;
	char buf[AUTHTOK_TOKEN_MAX + 1];
	size_t len;

	while (count-- > 0)
		issue(s, 1001, s->sid, buf, &len);
}

/* ---- two threads --------------------------------------------------------- */
struct share {
	void (*work)(void *arg, size_t count);
	void *arg;
	size_t count;
};

/* As manuals say: each thread makes claims of its own. */
static void
own_claims_run(void *arg, size_t count)
{
	struct authtok_claims *claims;

	bench_check(authtok_claims_new(&claims) == AUTHTOK_OK);
	verify_with(arg, claims, count);
	authtok_claims_free(claims);
}

static void *
share_run(void *arg)
{
	const struct share *share = arg;

	share->work(share->arg, share->count);
	return NULL;
}

static void
threads_run(const struct share *share, size_t threads, size_t count)
{
	struct share part = *share;
	pthread_t thread[2];

	part.count = count / threads + 1;
	for (size_t i = 0; i < threads; i++)
		bench_check(
		    pthread_create(&thread[i], NULL, share_run, &part) == 0);
	for (size_t i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
}

static void
one_run(void *arg, size_t count)
{
	threads_run(arg, 1, count);
}

static void
two_run(void *arg, size_t count)
{
	threads_run(arg, 2, count);
}

/* ---- parts --------------------------------------------------------------- */

/* The same token with its header in another order: the strict reader's. */
static void
reorder(struct subject *s)
{
	static const char header[] =
	    "{\"kid\":\"k1\",\"typ\":\"at+jwt\",\"alg\":\"HS256\"}";
	char *token = s->tokens[0], *dot = strchr(token, '.');
	char copy[AUTHTOK_TOKEN_MAX + 1], *p = copy;
	uint8_t tag[32];
	size_t len = (size_t)(strrchr(token, '.') - dot);

	p += at_b64url_encode(header, sizeof(header) - 1, p);
	memcpy(p, dot, len);
	p += len;
	bench_check(HMAC(EVP_sha256(), bench_secret, 64, (const uint8_t *)copy,
			(size_t)(p - copy), tag, NULL) != NULL);
	*p++ = '.';
	p += at_b64url_encode(tag, sizeof(tag), p);
	s->lens[0] = (size_t)(p - copy);
	memcpy(token, copy, s->lens[0]);
}

static void
single(void)
{
	static const enum authtok_alg algs[] = { AUTHTOK_HS256, AUTHTOK_HS384,
		AUTHTOK_HS512, AUTHTOK_HS256 };
	static struct bench_floor f;
	struct subject s[4];
	struct bench_figure figures[8];
	struct bench_subject subjects[8] = { { "F1", bench_floor_run, &f } };

	for (size_t i = 0; i < 4; i++) {
		subject_begin(&s[i], algs[i], 1, NULL);
		subjects[1 + i] =
		    (struct bench_subject){ "verify", verify_run, &s[i] };
		if (i < 3)
			subjects[5 + i] =
			    (struct bench_subject){ "issue", issue_run, &s[i] };
	}
	bench_floor_begin(&f, s[0].tokens[0]);
	reorder(&s[3]);
	bench_measure(subjects, 8, SLICE_MS, figures);
	bench_say("F1: HMAC-SHA256 over %zu bytes from prepared states", f.len);
	bench_row_cpu("verify HS256", &figures[1], "F1", figures, 2.8, 2.2);
	bench_row_cpu(
	    "issue HS256 with sid", &figures[5], "F1", figures, 2.2, 1.8);
	bench_check(figures[1].mallocs == 0 && figures[5].mallocs == 0);
	bench_row_cpu("verify HS384", &figures[2], "F1", figures, 0, 0);
	bench_row_cpu("verify HS512", &figures[3], "F1", figures, 0, 0);
	bench_row_cpu("issue HS384 with sid", &figures[6], "F1", figures, 0, 0);
	bench_row_cpu("issue HS512 with sid", &figures[7], "F1", figures, 0, 0);
	bench_row_cpu("verify HS256, header in another order", &figures[4],
	    "F1", figures, 0, 0);
	for (size_t i = 0; i < 4; i++)
		subject_end(&s[i]);
}

static void
pair(enum authtok_alg alg, const char *name)
{
	static struct bench_pair f;
	char pem[4096], row[64], floor[64];
	struct subject s;
	struct bench_subject subjects[4] = {
		{ "check", bench_pair_check_run, &f },
		{ "verify", verify_run, &s },
		{ "sign", bench_pair_sign_run, &f },
		{ "issue", issue_run, &s },
	};
	struct bench_figure figures[4];

	bench_pair_new(&f, alg, pem);
	subject_begin_with(&s, alg, pem, 1, NULL);
	bench_pair_begin(&f, s.tokens[0]);
	bench_measure(subjects, 4, SLICE_MS, figures);
	snprintf(row, sizeof(row), "verify %s", name);
	snprintf(floor, sizeof(floor), "bare check of %s", name);
	bench_row_cpu(row, &figures[1], floor, &figures[0], 1.10, 1.03);
	bench_check(figures[1].mallocs == 0 && figures[3].mallocs == 0);
	snprintf(row, sizeof(row), "issue %s", name);
	snprintf(floor, sizeof(floor), "bare signature of %s", name);
	bench_row_cpu(row, &figures[3], floor, &figures[2], 0, 0);
	subject_end(&s);
	bench_pair_end(&f);
}

static void
pairs(void)
{
	pair(AUTHTOK_EDDSA, "EdDSA");
	pair(AUTHTOK_ES256, "ES256");
	pair(AUTHTOK_RS256, "RS256");
}

static void
threads(void)
{
	static struct bench_floor f;
	struct subject s;
	struct share bare = { bench_floor_run, &f, 0 };
	struct share verify = { own_claims_run, &s, 0 };
	struct bench_subject subjects[4] = { { "F1 by 1", one_run, &bare },
		{ "F1 by 2", two_run, &bare }, { "by 1", one_run, &verify },
		{ "by 2", two_run, &verify } };
	struct bench_figure figures[4];

	subject_begin(&s, AUTHTOK_HS256, 1, NULL);
	bench_floor_begin(&f, s.tokens[0]);
	bench_measure(subjects, 4, 2 * SLICE_MS, figures);
	bench_row_cpu("F1 by 2 threads: what this machine makes of it",
	    &figures[1], "F1 by 1", &figures[0], 0, 0);
	bench_row_cpu("verify by 2 threads", &figures[3], "verify by 1",
	    &figures[2], 1.10, 1.03);
	subject_end(&s);
}

static void
revoke_many(struct authtok_revocations *set, int64_t now)
{
	struct authtok_revocation *events = calloc(REVOKED, sizeof(*events));

	bench_check(events != NULL);
	for (size_t i = 0; i < REVOKED; i++) {
		events[i].until = now + 3600;
		if (i % 2 == 0)
			make_sid(TOKENS + i, events[i].sid);
		else
			events[i].user_id = (int64_t)(1001 + TOKENS + i);
	}
	bench_check(
	    authtok_revocations_add(set, events, REVOKED, now) == AUTHTOK_OK);
	bench_check(authtok_revocations_count(set) == REVOKED);
	free(events);
}

/*
 * Where things come to lie in memory, which nobody chooses, can cost a verify
 * some hundredths for as long as the process lives. So each turn has another set,
 * engine and tokens than the one before.
 */
#define PLACES 8

struct placed {
	struct subject subjects[PLACES];
	struct authtok_revocations *sets[PLACES];
	size_t turn;
};

static void
placed_begin(struct placed *placed, bool with_set, bool full)
{
	for (size_t i = 0; i < PLACES; i++) {
		struct subject *s = &placed->subjects[i];

		if (with_set)
			bench_check(authtok_revocations_new(&placed->sets[i]) ==
			    AUTHTOK_OK);
		subject_begin(s, AUTHTOK_HS256, TOKENS, placed->sets[i]);
		if (full)
			revoke_many(placed->sets[i], authtok_now(s->engine));
	}
}

static void
placed_end(struct placed *placed)
{
	for (size_t i = 0; i < PLACES; i++) {
		subject_end(&placed->subjects[i]);
		authtok_revocations_free(placed->sets[i]);
	}
}

static void
placed_run(void *arg, size_t count)
{
	struct placed *placed = arg;

	verify_run(&placed->subjects[placed->turn++ % PLACES], count);
}

static void
revocations(void)
{
	struct placed none = { .turn = 0 }, empty = { .turn = 0 },
		      full = { .turn = 0 };
	struct bench_figure figures[3];
	struct bench_subject subjects[3] = { { "none", placed_run, &none },
		{ "empty", placed_run, &empty },
		{ "full", placed_run, &full } };

	placed_begin(&none, false, false);
	placed_begin(&empty, true, false);
	placed_begin(&full, true, true);
	bench_measure(subjects, 3, SLICE_MS, figures);
	bench_row_cpu("verify, 10^5 revocations, 1,024 tokens", &figures[2],
	    "an empty set", &figures[1], 1.10, 1.03);
	bench_row_cpu("the same against no set at all", &figures[2], "no set",
	    &figures[0], 0, 0);
	placed_end(&none);
	placed_end(&empty);
	placed_end(&full);
}

int
main(int argc, char **argv)
{
	bench_begin("token", argc, argv);
	if (bench_wanted("single"))
		single();
	if (bench_wanted("pairs"))
		pairs();
	if (bench_wanted("threads"))
		threads();
	if (bench_wanted("revocations"))
		revocations();
	return bench_end();
}
