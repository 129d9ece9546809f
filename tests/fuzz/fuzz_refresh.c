/*
 * Fuzz refreshes with libFuzzer: the input is a history of two sessions, with
 * tabs, lost and late messages, a thief, a power cut, a clock that jumps, and
 * two requests at once. It is played on the session service over the memory
 * store; before each presentation the specification (tests/model/rules.c) says
 * what must come of it. Verdict, token and row must agree, and over the whole
 * history: no token text is issued twice, an ended session stays ended, a
 * client with retry keys is not signed out, and thief and victim do not both
 * go on, as far as authtok-rotation(7) promises it.
 *
 * Two things the specification does not know are added here: when a session
 * expires, and what of two requests at once may come first.
 */
#include <stdint.h>

#include <authtok/session.h>

#include "fuzz/sure.h"
#include "model/rules.h"
#include "session/service.h"

#define START      INT64_C(1700000000)
#define LEEWAY     10
#define IDLE       86400
#define LIFETIME   (INT64_C(30) * 86400)
#define STEPS_MAX  64 /* generation and branch stay under 100 */
#define TOKENS_MAX (2 * STEPS_MAX + 2)
#define OUT_MAX    4
#define SESSIONS   2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the specification says of a row, and what it says nothing of. */
struct row {
	struct model_state spec;
	int64_t rotated_at, forwarded_at, expires_at;
	bool gone;
};

struct want {
	enum authtok_err err;
	int line, token; /* of what is accepted */
	bool written, durable;
};

struct got {
	enum authtok_err err;
	enum authtok_outcome outcome;
	struct authtok_tokens tokens;
};

struct message {
	bool reply, old; /* old: from before R5 repaired the row */
	int sent, x;     /* x: key of a request, token of a reply */
};

/* A session: its row, its client, and who stole from it. */
struct session {
	bool open;
	uint8_t sid[AUTHTOK_SID_LEN];
	struct row row;
	struct authtok_session before; /* the row before the last write */
	struct row row_before;
	bool has_before, rolled;

	int token, pending, next_key;
	bool keyed;
	bool honest;  /* nothing was beyond what a client is promised */
	bool meddled; /* nothing is promised of a thief */
	struct message out[OUT_MAX];
	int out_count;

	bool stolen;
	int thief_token, thief_key; /* token -1: the thief has given up */
	int victim_last, thief_last, victim_ok, thief_ok;

	struct issued {
		int token;
		char text[AUTHTOK_REFRESH_LEN + 1];
	} issued[TOKENS_MAX];
	int issued_count;
};

static int64_t clock_now;
static struct authtok *engine;
static struct authtok_store *memory; /* of this history */
static struct authtok_store store;   /* what the services see */
static struct authtok_sessions *services[4];
static struct authtok_sessions *service; /* of this history */
static struct authtok_user user;
static struct session sessions[SESSIONS];
/* what comes between the find of another request and its update */
static struct {
	struct session *s;
	int token, key;
	struct got got;
} race;

/* ---- the input ----------------------------------------------------------- */
static const uint8_t *input;
static size_t input_left;

static unsigned
take(void)
{
	if (input_left == 0)
		return 0;
	input_left--;
	return *input++;
}

/* ---- the service under test ---------------------------------------------- */
static int64_t
now(void *arg)
{
	(void)arg;
	return clock_now;
}

static const char *
key_text(int key)
{
	static char text[2][16];
	static int turn;

	if (key == 0)
		return NULL;
	turn = !turn;
	snprintf(text[turn], sizeof(text[turn]), "key-%d", key);
	return text[turn];
}

static const char *
text_of(const struct session *s, int token)
{
	for (int i = 0; i < s->issued_count; i++)
		if (s->issued[i].token == token)
			return s->issued[i].text;
	return NULL;
}

static void
refresh(const struct session *s, int token, int key, struct got *got)
{
	const char *text = text_of(s, token);

	SURE(text != NULL);
	memset(got, 0, sizeof(*got));
	got->tokens.size = sizeof(got->tokens);
	got->err = authtok_session_refresh(service, text, strlen(text),
	    key_text(key), NULL, &got->outcome, &got->tokens);
}

static enum authtok_err
find(void *ctx, const uint8_t *sid, struct authtok_session *ret_session,
    struct authtok_owner *ret_owner)
{
	const struct session *s = race.s;
	enum authtok_err err;

	(void)ctx;
	err =
	    memory->ops->session_find(memory->ctx, sid, ret_session, ret_owner);
	race.s = NULL;
	if (s != NULL)
		refresh(s, race.token, race.key, &race.got);
	return err;
}

/* The memory store's own functions, but for the find. */
static struct authtok_store_ops ops;

static void
make_services(void)
{
	struct authtok_sessions_config config = AUTHTOK_SESSIONS_CONFIG_INIT;
	struct authtok_config engine_config = AUTHTOK_CONFIG_INIT;
	static const uint8_t secret[2][32] = { { 1 }, { 2 } };
	struct authtok_keys *keys;

	SURE(authtok_keys_new(&keys) == 0);
	SURE(authtok_keys_add_hmac(
		 keys, "k1", AUTHTOK_HS256, secret[0], 32, true) == 0);
	SURE(authtok_keys_add_refresh(keys, 1, secret[1], 32, true) == 0);
	engine_config.issuer = engine_config.audience = "fuzz";
	engine_config.now = now;
	SURE(authtok_new(&engine_config, keys, &engine) == 0);
	config.idle_lifetime = IDLE;
	config.absolute_lifetime = LIFETIME;
	SURE(authtok_store_memory(&memory) == 0);
	ops = *memory->ops;
	store.ops = &ops;
	for (int i = 0; i < 4; i++) {
		config.leeway = (i & 1) != 0 ? LEEWAY : 0;
		config.rotation =
		    (i & 2) != 0 ? AUTHTOK_STRICT : AUTHTOK_BALANCED;
		SURE(authtok_sessions_new(
			 &config, engine, keys, &store, &services[i]) == 0);
	}
	authtok_store_close(memory);
	authtok_keys_free(keys);
}

static void
begin(unsigned flags)
{
	int64_t id;

	if (engine == NULL)
		make_services();
	clock_now = START;
	service = services[flags & 3];
	SURE(authtok_store_memory(&memory) == 0);
	ops = *memory->ops;
	store.ctx = memory->ctx;
	/* in two steps others can come between */
	if ((flags & 4) != 0) {
		ops.session_change = NULL;
		ops.session_find = find;
	}
	memset(&user, 0, sizeof(user));
	strcpy(user.name, "ann");
	strcpy(user.email, "ann@example.org");
	strcpy(user.roles[0], "user");
	user.role_count = 1;
	SURE(memory->ops->user_create(memory->ctx, &user, NULL, &id) == 0);
	SURE(memory->ops->user_find(memory->ctx, id, &user) == 0);
	memset(sessions, 0, sizeof(sessions));
	sessions[0].keyed = (flags & 8) != 0;
	sessions[1].keyed = (flags & 16) != 0;
}

static void
remember(struct session *s, int token, const char *text)
{
	SURE(s->issued_count < TOKENS_MAX);
	s->issued[s->issued_count].token = token;
	strcpy(s->issued[s->issued_count++].text, text);
}

static void
sign_in(struct session *s)
{
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;

	SURE(memory->ops->user_find(memory->ctx, user.id, &user) == 0);
	SURE(authtok_session_open(service, &user, NULL, &tokens) == 0);
	memcpy(s->sid, tokens.sid, sizeof(s->sid));
	model_initial(&s->row.spec);
	s->row.rotated_at = clock_now;
	s->row.expires_at = clock_now + LIFETIME;
	s->next_key = 1;
	s->open = s->honest = true;
	s->victim_last = s->thief_last = s->thief_token = -1;
	remember(s, 0, tokens.refresh);
}

/* ---- what must come of it ------------------------------------------------ */

static bool
fresh(const struct row *row)
{
	int64_t age = clock_now - row->rotated_at;

	return age >= -AT_CLOCK_BACK && age <= service->policy.leeway;
}

static bool
expired(const struct row *row, int token)
{
	int newest = MODEL_TOKEN(row->spec.gen, row->spec.branch);

	return clock_now >= row->expires_at ||
	    (token <= newest && clock_now >= row->rotated_at + IDLE);
}

static void
specify(const struct row *row, int token, int key, struct model_reply *r)
{
	struct model_policy policy = { .leeway = true,
		.strict = service->policy.strict };
	struct model_state state = row->spec;

	if (clock_now > row->forwarded_at + AT_FORWARD_WINDOW)
		state.floor = -1;
	model_specify(&policy, &state, fresh(row), (int16_t)token, (int16_t)key,
	    false, r);
	if (r->line != 5)
		r->next.floor = row->spec.floor;
}

/* Present a token to the row: what is wanted, and the row after it. */
static struct want
judge(struct row *row, int token, int key)
{
	struct want want = { .err = AUTHTOK_OK };
	struct model_reply r;

	if (row->gone) {
		want.err = AUTHTOK_EUNKNOWN;
		return want;
	}
	if (!row->spec.alive) {
		want.err = AUTHTOK_EREVOKED;
		return want;
	}
	if (expired(row, token)) {
		want.err = AUTHTOK_EEXPIRED;
		row->gone = true;
		return want;
	}
	specify(row, token, key, &r);
	want.line = r.line;
	want.token = r.token;
	want.written = r.rotated;
	want.durable = r.line >= 5;
	if (r.verdict != MODEL_OK)
		want.err = r.line == 6 ? AUTHTOK_EREUSED : AUTHTOK_ESTALE;
	row->spec = r.next;
	if (r.rotated && row->rotated_at < clock_now)
		row->rotated_at = clock_now;
	if (r.line == 5)
		row->forwarded_at = clock_now;
	return want;
}

static bool
as_wanted(
    const struct session *s, const struct want *want, const struct got *got)
{
	struct at_refresh_token t;

	if (got->err != want->err)
		return false;
	if (want->err != AUTHTOK_OK)
		return got->tokens.refresh[0] == '\0';
	SURE(at_refresh_parse(service->refresh, got->tokens.refresh,
		 strlen(got->tokens.refresh), &t) == 0);
	return (int)got->outcome == want->line &&
	    MODEL_TOKEN((int)t.gen, (int)t.branch) == want->token &&
	    memcmp(t.sid, s->sid, sizeof(t.sid)) == 0;
}

static bool
same_ring(const struct authtok_session *at, const struct model_state *spec)
{
	for (int i = 0; i < spec->ring_count; i++) {
		const char *key = key_text(spec->ring[i].key);
		uint8_t mac[AUTHTOK_RETRY_LEN];

		SURE(at_refresh_retry(service->refresh, at->seed, key,
			 strlen(key), mac) == 0);
		if ((int)at->retries[i].gen != spec->ring[i].gen ||
		    memcmp(at->retries[i].mac, mac, sizeof(mac)) != 0)
			return false;
	}
	return (int)at->retry_count == spec->ring_count;
}

/* The row in the store, or false: there is none. */
static bool
stored(const struct session *s, struct authtok_session *to)
{
	struct authtok_owner owner;
	enum authtok_err err =
	    memory->ops->session_find(memory->ctx, s->sid, to, &owner);

	SURE(err == AUTHTOK_OK || err == AUTHTOK_EUNKNOWN);
	return err == AUTHTOK_OK;
}

static bool
is_stored(const struct session *s, const struct row *row)
{
	const struct model_state *spec = &row->spec;
	struct authtok_session at;

	if (!stored(s, &at))
		return row->gone;
	return !row->gone && (int)at.gen == spec->gen &&
	    (int)at.branch == spec->branch && (int)at.parent == spec->parent &&
	    (at.revoked_at == 0) == (spec->alive != 0) &&
	    at.rotated_at == row->rotated_at &&
	    at.expires_at == row->expires_at &&
	    at.forwarded_at == row->forwarded_at &&
	    (int)at.forwarded_gen == (spec->floor > 0 ? spec->floor : 0) &&
	    same_ring(&at, spec);
}

/* A token came: it is new, or the very text that was given before. */
static void
receive(struct session *s, const struct want *want, const struct got *got)
{
	const char *before;

	if (want->err != AUTHTOK_OK)
		return;
	before = text_of(s, want->token);
	/* a power cut takes back what was issued: the same is issued again */
	SURE(before == NULL || !want->written || s->rolled);
	SURE(before == NULL || strcmp(before, got->tokens.refresh) == 0);
	SURE(before != NULL || want->written);
	if (before == NULL)
		remember(s, want->token, got->tokens.refresh);
}

/* What a power cut would bring back. */
static void
keep_before(struct session *s, const struct want *want, const struct row *row,
    const struct authtok_session *at)
{
	if (want->written && !want->durable) {
		s->before = *at;
		s->row_before = *row;
		s->has_before = true;
	}
	if (want->durable)
		s->has_before = false;
}

static struct want
present(struct session *s, int token, int key)
{
	struct authtok_session at = { 0 };
	struct row row = s->row;
	struct want want;
	struct got got;

	SURE(stored(s, &at) == !row.gone);
	refresh(s, token, key, &got);
	want = judge(&s->row, token, key);
	SURE(as_wanted(s, &want, &got));
	SURE(is_stored(s, &s->row));
	receive(s, &want, &got);
	keep_before(s, &want, &row, &at);
	for (int i = 0; i < s->out_count && want.line == 5; i++)
		s->out[i].old = true;
	return want;
}

/* As if the one had come before the other. */
static bool
in_order(struct session *s, const struct row *row, const int tokens[2],
    const int keys[2], const struct got got[2], int first)
{
	int last = !first;
	struct want a, b;

	s->row = *row;
	a = judge(&s->row, tokens[first], keys[first]);
	b = judge(&s->row, tokens[last], keys[last]);
	if (!as_wanted(s, &a, &got[first]) || !as_wanted(s, &b, &got[last]) ||
	    !is_stored(s, &s->row))
		return false;
	receive(s, &a, &got[first]);
	receive(s, &b, &got[last]);
	return true;
}

/* A reuse that was seen in the row of before ends the session, whatever the
 * other one has made of it since. */
static bool
reuse_of_before(struct session *s, const struct row *row, const int tokens[2],
    const int keys[2], const struct got got[2])
{
	struct row again = *row;
	struct want reuse = judge(&again, tokens[0], keys[0]);
	struct want other;

	s->row = *row;
	other = judge(&s->row, tokens[1], keys[1]);
	s->row.spec.alive = 0;
	if (reuse.err != AUTHTOK_EREUSED || !as_wanted(s, &reuse, &got[0]) ||
	    !as_wanted(s, &other, &got[1]) || !is_stored(s, &s->row))
		return false;
	receive(s, &other, &got[1]);
	return true;
}

/* Two at once; the second comes while the first is under way. */
static void
present_two(struct session *s, const int tokens[2], const int keys[2])
{
	struct row row = s->row;
	struct got got[2];

	if (row.gone || !row.spec.alive || expired(&row, tokens[0]) ||
	    expired(&row, tokens[1]))
		return;
	race.s = s;
	race.token = tokens[1];
	race.key = keys[1];
	refresh(s, tokens[0], keys[0], &got[0]);
	if (race.s != NULL) {
		/* the store does it in one step: nothing came between */
		race.s = NULL;
		refresh(s, tokens[1], keys[1], &race.got);
	}
	got[1] = race.got;
	SURE(in_order(s, &row, tokens, keys, got, 0) ||
	    in_order(s, &row, tokens, keys, got, 1) ||
	    reuse_of_before(s, &row, tokens, keys, got));
	s->has_before = false;
}

/* ---- the client ---------------------------------------------------------- */

static void
out_add(struct session *s, bool reply, int sent, int x)
{
	if (s->out_count < OUT_MAX)
		s->out[s->out_count++] =
		    (struct message){ .reply = reply, .sent = sent, .x = x };
	/* without keys only one at a time is promised anything */
	if (!s->keyed && s->out_count > 1)
		s->honest = false;
}

static void
out_drop(struct session *s, int i)
{
	s->out_count--;
	memmove(s->out + i, s->out + i + 1,
	    (size_t)(s->out_count - i) * sizeof(s->out[0]));
}

/* The key is stored beside the token before anything is sent. */
static void
send(struct session *s)
{
	if (s->out_count == OUT_MAX)
		return;
	if (s->keyed && s->pending == 0)
		s->pending = s->next_key++;
	out_add(s, false, s->token, s->pending);
}

/* Whether a message comes later than the promise reaches. */
static bool
too_late(const struct session *s, const struct message *m)
{
	const struct row *row = &s->row;

	if (expired(row, m->sent) || (!s->keyed && m->sent != s->token))
		return true;
	if (m->old && row->spec.floor >= 0 &&
	    clock_now > row->forwarded_at + AT_FORWARD_WINDOW)
		return true;
	return row->spec.gen - m->sent / 100 > MODEL_RING;
}

/* An honest client that is refused goes on with what it has stored. */
static void
not_signed_out(const struct session *s)
{
	struct model_reply r;

	if (!s->honest || s->stolen || service->policy.strict ||
	    expired(&s->row, s->token))
		return;
	specify(&s->row, s->token, s->pending, &r);
	SURE(r.verdict == MODEL_OK);
}

static void
count_victim(struct session *s, int token)
{
	if (s->stolen && token > s->victim_last) {
		s->victim_last = token;
		s->victim_ok++;
	}
}

/* At the server; the message stays under way when it is sent twice. */
static void
arrive(struct session *s, int i, bool twice)
{
	struct message m = s->out[i];
	struct want want;

	if (too_late(s, &m))
		s->honest = false;
	if (!twice)
		out_drop(s, i);
	want = present(s, m.sent, m.x);
	if (want.err == AUTHTOK_OK) {
		count_victim(s, m.sent);
		out_add(s, true, m.sent, want.token);
		return;
	}
	not_signed_out(s);
}

/* At the client: stored only if the token that was sent still is. */
static void
answered(struct session *s, int i)
{
	struct message m = s->out[i];

	out_drop(s, i);
	if (m.sent != s->token)
		return;
	s->token = m.x;
	s->pending = 0;
}

static void
move_message(struct session *s, unsigned which, bool twice)
{
	int i;

	if (s->out_count == 0)
		return;
	i = (int)which % s->out_count;
	if (s->out[i].reply)
		answered(s, i);
	else
		arrive(s, i, twice);
}

/* ---- what goes wrong ----------------------------------------------------- */

static void
steal(struct session *s, bool with_key)
{
	if (s->stolen)
		return;
	s->stolen = true;
	s->thief_token = s->token;
	s->thief_key = with_key ? s->pending : 0;
}

static void
thief_presents(struct session *s, unsigned how)
{
	int token = s->thief_token;
	struct want want;
	int key = how % 3 == 0 ? 0 : MODEL_THIEF;

	if (token < 0)
		return;
	if (how % 3 == 2 && s->thief_key != 0)
		key = s->thief_key;
	want = present(s, token, key);
	if (want.err != AUTHTOK_OK) {
		s->thief_token = -1;
		return;
	}
	if (token > s->thief_last) {
		s->thief_last = token;
		s->thief_ok++;
	}
	s->thief_token = want.token;
	s->thief_key = 0;
}

/* Both three times with tokens of their own: nobody would ever find out. */
static void
not_shadowed(const struct session *s)
{
	if ((s->keyed || service->policy.strict) && !s->rolled && !s->meddled)
		SURE(s->victim_ok < 3 || s->thief_ok < 3);
}

/* The last write was answered, and is lost. */
static void
cut_power(struct session *s)
{
	struct authtok_act act = { .now = clock_now };
	int16_t gen = s->row.spec.gen, branch = s->row.spec.branch;

	if (!s->has_before || s->rolled || s->stolen || s->row.gone ||
	    !s->row.spec.alive)
		return;
	SURE(memory->ops->session_delete(
		 memory->ctx, s->sid, (uint32_t)gen, (uint32_t)branch) == 0);
	SURE(memory->ops->user_find(memory->ctx, user.id, &user) == 0);
	SURE(memory->ops->session_create(
		 memory->ctx, &s->before, user.version, 0, &act) == 0);
	s->row = s->row_before;
	s->has_before = false;
	s->rolled = true;
}

/* Any token that there ever was, with any key: nothing is promised then. */
static void
meddle(struct session *s, unsigned which, unsigned key)
{
	s->honest = false;
	s->meddled = true;
	present(s, s->issued[which % (unsigned)s->issued_count].token,
	    (int)key % (s->next_key + 2));
}

static void
two_at_once(struct session *s, unsigned which, unsigned key)
{
	const unsigned count = (unsigned)s->issued_count;
	int tokens[2], keys[2];

	s->honest = false;
	s->meddled = true;
	for (int i = 0; i < 2; i++) {
		unsigned back = (i == 0 ? which & 15 : which >> 4) % count;

		tokens[i] = s->issued[count - 1 - back].token;
		keys[i] =
		    (int)(i == 0 ? key & 15 : key >> 4) % (s->next_key + 2);
	}
	s->next_key++;
	present_two(s, tokens, keys);
}

/* One character is another: no such token was ever issued. */
static void
forge(const struct session *s, unsigned at, unsigned by)
{
	char text[AUTHTOK_REFRESH_LEN + 1];
	struct got got = { .tokens.size = sizeof(got.tokens) };

	strcpy(text, s->issued[s->issued_count - 1].text);
	at %= AUTHTOK_REFRESH_LEN;
	if (text[at] == (char)by)
		return;
	text[at] = (char)by;
	got.err = authtok_session_refresh(service, text, sizeof(text) - 1, NULL,
	    NULL, &got.outcome, &got.tokens);
	SURE(got.err == AUTHTOK_EFORMAT || got.err == AUTHTOK_EKEY ||
	    got.err == AUTHTOK_ESIG);
	SURE(is_stored(s, &s->row));
}

static void
end_session(struct session *s)
{
	enum authtok_err err =
	    authtok_session_revoke(service, user.id, s->sid, NULL);
	bool live = !s->row.gone && s->row.spec.alive &&
	    clock_now < s->row.expires_at &&
	    clock_now < s->row.rotated_at + IDLE;

	SURE(err == (live ? AUTHTOK_OK : AUTHTOK_EUNKNOWN));
	if (live) {
		s->row.spec.alive = 0;
		s->honest = s->has_before = false;
	}
}

/* Only what is over may go. */
static void
purge(void)
{
	struct authtok_session at;

	SURE(authtok_sessions_purge(service, 100, NULL, NULL) == 0);
	for (int i = 0; i < SESSIONS; i++) {
		struct session *s = &sessions[i];

		if (!s->open || s->row.gone || stored(s, &at))
			continue;
		SURE(clock_now >= s->row.expires_at ||
		    clock_now >= s->row.rotated_at + IDLE ||
		    !s->row.spec.alive);
		s->row.gone = true;
		s->honest = false;
	}
}

static void
pass_time(unsigned which)
{
	static const int64_t steps[] = { 1, LEEWAY, LEEWAY + 1,
		AT_FORWARD_WINDOW, AT_FORWARD_WINDOW + 1, 3600, IDLE - 1, IDLE,
		LIFETIME, -1, -AT_CLOCK_BACK, -AT_CLOCK_BACK - 1 };

	clock_now += steps[which % (sizeof(steps) / sizeof(steps[0]))];
}

static void
step(unsigned what)
{
	struct session *s = &sessions[what >> 7];

	if (!s->open)
		sign_in(s);
	switch (what >> 3 & 15) {
	case 0:
	case 1:
		send(s);
		break;
	case 2:
	case 3:
	case 4:
		move_message(s, what & 7, false);
		break;
	case 5:
		move_message(s, what & 7, true);
		break;
	case 6:
		if (s->out_count > 0)
			out_drop(s, (int)(what & 7) % s->out_count);
		break;
	case 7:
		pass_time(what & 7);
		break;
	case 8:
		pass_time(take());
		break;
	case 9:
		steal(s, (what & 1) != 0);
		break;
	case 10:
		thief_presents(s, what & 7);
		break;
	case 11:
		cut_power(s);
		break;
	case 12:
		meddle(s, take(), what & 7);
		break;
	case 13:
		two_at_once(s, take(), take());
		break;
	case 14:
		forge(s, take(), take());
		break;
	default:
		if ((what & 7) == 0)
			end_session(s);
		else if ((what & 7) == 1)
			purge();
		else
			send(s);
		break;
	}
	not_shadowed(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	input_left = size;
	begin(take());
	for (int i = 0; i < STEPS_MAX && input_left > 0; i++)
		step(take());
	authtok_store_close(memory);
	return 0;
}
