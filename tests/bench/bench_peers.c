/*
 * What other libraries need for the same: verify an HS256 token with exp, iss
 * and aud checked, and issue one, all against F1 of the same run. Those that
 * are not installed are named and left out; `make bench-peers` installs them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <authtok.h>

#include "bench/bench.h"
#include "bench/floor.h"
#include "bench/peers/peers.h"

#define SLICE_MS 8
#define PEERS    4 /* in C, ours among them */

static struct authtok *engine;
static struct authtok_claims *claims;
static char token[AUTHTOK_TOKEN_MAX + 1];
static size_t token_len;

_Noreturn void
peer_failed(const char *name, const char *what)
{
	bench_die("%s: %s failed", name, what);
}

/* ---- ours ---------------------------------------------------------------- */
static size_t
our_issue_into(char *buf)
{
	static const char *const roles[] = { "user" };
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	size_t len;

	grant.user_id = PEER_ID;
	grant.sid = (const uint8_t *)"0123456789abcdef"; /* PEER_SID */
	grant.roles = roles;
	grant.role_count = 1;
	bench_check(authtok_issue(engine, &grant, buf, AUTHTOK_TOKEN_MAX + 1,
			&len, NULL) == AUTHTOK_OK);
	return len;
}

static size_t
our_issue(void)
{
	char buf[AUTHTOK_TOKEN_MAX + 1];

	return our_issue_into(buf);
}

static void
our_verify(const char *text, size_t len)
{
	bench_check(authtok_verify(engine, text, len, claims) == AUTHTOK_OK);
}

/* Some of the others take no "typ" but JWT. */
static void
our_begin(const char *key)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys;

	config.issuer = PEER_ISS;
	config.audience = PEER_AUD;
	config.lifetime = PEER_LIFETIME;
	config.typ = "JWT";
	bench_check(authtok_keys_new(&keys) == AUTHTOK_OK);
	bench_check(authtok_keys_add_hmac(keys, PEER_KID, AUTHTOK_HS256, key,
			PEER_KEY_LEN, true) == AUTHTOK_OK);
	bench_check(authtok_new(&config, keys, &engine) == AUTHTOK_OK);
	authtok_keys_free(keys);
	bench_check(authtok_claims_new(&claims) == AUTHTOK_OK);
	token_len = our_issue_into(token);
}

/* ---- those in C ---------------------------------------------------------- */
static void
verify_run(void *arg, size_t count)
{
	const struct peer *peer = arg;

	while (count-- > 0)
		peer->verify(token, token_len);
}

static void
issue_run(void *arg, size_t count)
{
	const struct peer *peer = arg;

	while (count-- > 0)
		bench_check(peer->issue() > 100);
}

static size_t
peers(struct peer *list)
{
	size_t n = 0;

	list[n++] = (struct peer){ "ours", our_begin, our_verify, our_issue };
#ifdef PEER_libjwt
	list[n++] = peer_libjwt;
#else
	bench_say("libjwt is not installed");
#endif
#ifdef PEER_cjose
	list[n++] = peer_cjose;
#else
	bench_say("cjose is not installed");
#endif
#ifdef PEER_rhonabwy
	list[n++] = peer_rhonabwy;
#else
	bench_say("rhonabwy is not installed");
#endif
	return n;
}

static void
row(const char *act, const char *name, const struct bench_figure *figure,
    const struct bench_figure *floor)
{
	char what[64];

	snprintf(what, sizeof(what), "%s %s", act, name);
	bench_row_cpu(what, figure, "F1", floor, 0, 0);
}

/* ---- those in other languages -------------------------------------------- */

/* Their scripts tell one line: a name and two figures. */
static void
script(const char *name, const char *command, const struct bench_figure *floor)
{
	char line[2 * AUTHTOK_TOKEN_MAX], who[64], what[96];
	double ns[2];
	FILE *pipe;
	size_t i;
	int n;

	snprintf(line, sizeof(line), "%s '%.2000s' '%s' '%.2000s' 2>/dev/null",
	    command, token, bench_secret,
	    getenv("PEERS_NODE") != NULL ? getenv("PEERS_NODE") : ".");
	pipe = popen(line, "r");
	bench_check(pipe != NULL);
	n = fscanf(pipe, "%63s %lf %lf", who, &ns[0], &ns[1]);
	if (pclose(pipe) != 0 || n != 3) {
		bench_say("%s is not installed", name);
		return;
	}
	for (i = 0; i < 2; i++) {
		struct bench_row r = { .what = what,
			.figure = ns[i],
			.unit = "ns",
			.floor_name = "F1",
			.floor = floor->cpu,
			.ratio = ns[i] / floor->cpu };

		snprintf(what, sizeof(what), "%s %s",
		    i == 0 ? "verify" : "issue", who);
		bench_row(&r);
	}
}

int
main(int argc, char **argv)
{
	static struct bench_floor floor;
	struct peer list[PEERS];
	struct bench_subject subjects[1 + 2 * PEERS];
	struct bench_figure figures[1 + 2 * PEERS];
	size_t count, i;

	bench_begin("peers", argc, argv);
	count = peers(list);
	for (i = 0; i < count; i++)
		list[i].begin(bench_secret);
	bench_floor_begin(&floor, token);
	subjects[0] = (struct bench_subject){ "F1", bench_floor_run, &floor };
	for (i = 0; i < count; i++) {
		subjects[1 + i] = (struct bench_subject){ list[i].name,
			verify_run, &list[i] };
		subjects[1 + count + i] =
		    (struct bench_subject){ list[i].name, issue_run, &list[i] };
	}
	bench_measure(subjects, 1 + 2 * count, SLICE_MS, figures);
	for (i = 0; i < count; i++)
		row("verify", list[i].name, &figures[1 + i], figures);
	for (i = 0; i < count; i++)
		row("issue", list[i].name, &figures[1 + count + i], figures);
	script("python3-jwt", "/usr/bin/python3 tests/bench/peers/pyjwt.py",
	    figures);
	script(
	    "jsonwebtoken", "node tests/bench/peers/jsonwebtoken.cjs", figures);
	authtok_claims_free(claims);
	authtok_free(engine);
	return bench_end();
}
