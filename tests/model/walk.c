/*
 * The walk: breadth first through every world that can be reached, each world
 * once. Knows the server only through model_policy.
 */
#include "walk.h"

#include <stdlib.h>
#include <string.h>

#define GOAL 3 /* different tokens accepted from thief and victim: shadowed */

/* ---- a set of fixed-size keys that remembers their order --------------- */
struct set {
	size_t size, count, cap; /* cap: slots, a power of two */
	uint8_t *items;
	uint32_t *slots; /* index + 1 */
};

static void *
get_memory(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		abort();
	return p;
}

static uint64_t
hash_bytes(const uint8_t *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	while (n-- > 0)
		h = (h ^ *p++) * 0x100000001b3u;
	return h ^ h >> 29;
}

static uint32_t *
set_slot(const struct set *s, const void *key)
{
	size_t i = (size_t)hash_bytes(key, s->size) & (s->cap - 1);

	while (s->slots[i] != 0 &&
	    memcmp(s->items + (s->slots[i] - 1) * s->size, key, s->size) != 0)
		i = (i + 1) & (s->cap - 1);
	return &s->slots[i];
}

static void
set_grow(struct set *s)
{
	struct set old = *s;

	s->cap = old.cap > 0 ? old.cap * 2 : 1024;
	s->slots = get_memory(s->cap, sizeof(*s->slots));
	s->items = get_memory(s->cap, s->size);
	if (old.count > 0)
		memcpy(s->items, old.items, old.count * s->size);
	for (size_t i = 0; i < s->count; i++)
		*set_slot(s, s->items + i * s->size) = (uint32_t)i + 1;
	free(old.items);
	free(old.slots);
}

/* Add; false if it is there already. */
static bool
set_add(struct set *s, const void *key)
{
	uint32_t *slot;

	if (s->count * 2 >= s->cap)
		set_grow(s);
	slot = set_slot(s, key);
	if (*slot != 0)
		return false;
	memcpy(s->items + s->count * s->size, key, s->size);
	*slot = (uint32_t)++s->count;
	return true;
}

static void
set_free(struct set *s)
{
	free(s->items);
	free(s->slots);
}

/* ---- the world --------------------------------------------------------- */
enum {
	REQUEST,
	REPLY
};

struct message {
	int16_t kind, sent, x; /* x: key of a request, token of a reply */
};

/* Only int16_t: no padding, so that bytes compare. */
struct world {
	struct model_state srv, snap;
	int16_t has_snap, fresh, tok, pend;
	int16_t out_count;
	struct message out[MODEL_OUT];
	int16_t att, akey; /* att -1: no thief */
	int16_t vok, aok, vlast, alast;
	int16_t stolen, rolled, nkey;
};

struct walk {
	const struct model_policy *policy;
	const struct model_scenario *sc;
	struct set seen;
	struct model_result result;
};

void
model_initial(struct model_state *state)
{
	memset(state, 0, sizeof(*state));
	state->alive = 1;
	state->floor = -1;
}

static void
begin(const struct walk *k, struct model_state *state)
{
	model_initial(state);
	if (k->policy->begin != NULL)
		k->policy->begin(state);
}

static void
tick(const struct walk *k, struct model_state *state)
{
	if (k->policy->tick != NULL)
		k->policy->tick(state);
}

static bool
room(const struct model_state *s)
{
	return s->gen + s->branch < MODEL_MAXTOK;
}

static int16_t
least(int16_t a, int16_t b)
{
	return a < b ? a : b;
}

static void
ask(struct walk *k, const struct model_state *s, bool fresh, int16_t token,
    int16_t key, struct model_reply *reply)
{
	k->policy->present(k->policy, s, fresh, token, key, false, reply);
}

/* A reuse verdict must end the session for everybody. Once is enough: the walk
 * that goes on over bad ends leaves it out. */
static void
check_dead(struct walk *k, const struct model_state *s, bool fresh)
{
	static const int16_t keys[] = { 0, 1, MODEL_THIEF };
	struct model_reply reply;

	if (k->sc->whole)
		return;
	for (int g = 0; g < MODEL_MAXTOK + 2; g++)
		for (int b = 0; b < MODEL_MAXTOK + 2; b++)
			for (size_t i = 0; i < 3; i++) {
				k->policy->present(k->policy, s, fresh,
				    (int16_t)MODEL_TOKEN(g, b), keys[i], true,
				    &reply);
				if (reply.verdict == MODEL_OK)
					k->result.undead = true;
			}
}

static void
reach(struct walk *k, const struct world *w)
{
	if (set_add(&k->seen, w) && w->aok >= GOAL && w->vok >= GOAL)
		k->result.shadowed = true;
}

static bool
before(const struct message *a, const struct message *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind;
	return a->sent != b->sent ? a->sent < b->sent : a->x < b->x;
}

static void
out_add(struct world *w, int16_t kind, int16_t sent, int16_t x)
{
	struct message m = { kind, sent, x };
	int16_t i = w->out_count++;

	for (; i > 0 && before(&m, &w->out[i - 1]); i--)
		w->out[i] = w->out[i - 1];
	w->out[i] = m;
}

static void
out_drop(struct world *w, int16_t i)
{
	w->out_count--;
	for (; i < w->out_count; i++)
		w->out[i] = w->out[i + 1];
	memset(&w->out[w->out_count], 0, sizeof(w->out[0]));
}

static void
step_send(struct walk *k, const struct world *w)
{
	struct world n = *w;
	int16_t key = 0;

	if (!room(&w->srv) || w->out_count >= k->sc->tabs ||
	    w->nkey > MODEL_MAXTOK)
		return;
	for (int16_t i = 0; i < w->out_count && !k->sc->late; i++)
		if (w->out[i].sent != w->tok)
			return;
	if (k->policy->keyed) {
		key = w->pend != 0 ? w->pend : w->nkey;
		if (w->pend == 0)
			n.nkey++;
	}
	out_add(&n, REQUEST, w->tok, key);
	n.pend = key;
	reach(k, &n);
}

static void
step_server(struct walk *k, const struct world *w, int16_t i)
{
	const struct message *m = &w->out[i];
	struct model_reply r, again;
	struct world n = *w;

	if (!k->sc->close && w->stolen && w->fresh)
		return;
	ask(k, &w->srv, w->fresh, m->sent, m->x, &r);
	n.srv = r.next;
	n.snap = w->srv;
	n.has_snap = 1;
	out_drop(&n, i);
	if (r.verdict == MODEL_REUSE)
		check_dead(k, &r.next, w->fresh);
	if (r.verdict == MODEL_OK) {
		out_add(&n, REPLY, m->sent, r.token);
		n.fresh = w->fresh || r.rotated;
		if (w->stolen && m->sent > w->vlast) {
			n.vok = least(GOAL, w->vok + 1);
			n.vlast = m->sent;
		}
		reach(k, &n);
		return;
	}
	reach(k, &n);
	if (w->stolen || k->result.logout)
		return;
	/* an honest client that has lost nothing but this answer? */
	ask(k, &n.srv, n.fresh, n.tok, n.pend, &again);
	if (again.verdict != MODEL_OK)
		k->result.logout = true;
}

static void
step_reply(struct walk *k, const struct world *w, int16_t i)
{
	const struct message *m = &w->out[i];
	struct world lost = *w, n;

	out_drop(&lost, i);
	n = lost;
	if (w->tok == m->sent) {
		n.tok = k->sc->stock ? w->tok : m->x;
		n.pend = 0;
	}
	reach(k, &n);
	if (k->sc->lose)
		reach(k, &lost);
}

static bool
request_out(const struct world *w)
{
	for (int16_t i = 0; i < w->out_count; i++)
		if (w->out[i].kind == REQUEST)
			return true;
	return false;
}

/* The leeway passes, the time after a roll forward passes, power is lost. */
static void
step_nature(struct walk *k, const struct world *w)
{
	struct world n;

	if (w->fresh && (k->sc->slow || w->out_count == 0)) {
		n = *w;
		n.fresh = 0;
		tick(k, &n.srv);
		reach(k, &n);
	}
	if (!request_out(w) && w->srv.floor != -1) {
		n = *w;
		n.srv.floor = -1;
		reach(k, &n);
	}
	if (k->sc->rollback && !w->rolled && w->has_snap && !w->stolen) {
		n = *w;
		n.srv = w->snap;
		memset(&n.snap, 0, sizeof(n.snap));
		n.has_snap = 0;
		n.rolled = 1;
		reach(k, &n);
	}
}

static void
thief_presents(struct walk *k, const struct world *w, int16_t key)
{
	struct model_reply r;
	struct world n = *w;

	ask(k, &w->srv, w->fresh, w->att, key, &r);
	n.srv = r.next;
	n.snap = w->srv;
	n.has_snap = 1;
	if (r.verdict == MODEL_REUSE)
		check_dead(k, &r.next, w->fresh);
	if (r.verdict == MODEL_OK) {
		n.att = r.token;
		n.akey = 0;
		n.fresh = w->fresh || r.rotated;
		if (w->att > w->alast) {
			n.alast = w->att;
			n.aok = least(GOAL, w->aok + 1);
		}
	} else {
		n.att = -1;
	}
	reach(k, &n);
}

static void
step_thief(struct walk *k, const struct world *w)
{
	struct world n = *w;

	if (k->sc->thief && !w->stolen) {
		n.att = w->tok;
		n.stolen = 1;
		n.akey = k->sc->steal_key ? w->pend : 0;
		reach(k, &n);
	}
	if (w->att == -1 || !room(&w->srv) || (!k->sc->close && w->fresh))
		return;
	thief_presents(k, w, w->akey != 0 ? w->akey : MODEL_THIEF);
	thief_presents(k, w, 0);
}

static void
walk_world(struct walk *k, const struct world *w)
{
	step_send(k, w);
	for (int16_t i = 0; i < w->out_count; i++)
		if (w->out[i].kind == REQUEST)
			step_server(k, w, i);
		else
			step_reply(k, w, i);
	step_nature(k, w);
	step_thief(k, w);
}

static void
explore(struct walk *k)
{
	struct world w;

	memset(&w, 0, sizeof(w));
	begin(k, &w.srv);
	w.att = w.vlast = w.alast = -1;
	w.nkey = 1;
	k->seen.size = sizeof(w);
	set_add(&k->seen, &w);
	for (size_t i = 0; i < k->seen.count; i++) {
		if (k->result.undead ||
		    (!k->sc->whole && k->result.logout &&
			(k->result.shadowed || !k->sc->thief)))
			return;
		memcpy(&w, k->seen.items + i * sizeof(w), sizeof(w));
		walk_world(k, &w);
	}
}

/* ---- lost replies; the retry always comes before the leeway is over ---- */
struct quick {
	struct model_state srv;
	int16_t fresh, tok, pend, owe, nkey;
};

static bool
quick_world(struct walk *k, const struct quick *w)
{
	struct model_reply r;
	struct quick n;
	int16_t key = 0;

	if (room(&w->srv) && w->nkey <= MODEL_MAXTOK) {
		if (k->policy->keyed)
			key = w->pend != 0 ? w->pend : w->nkey;
		ask(k, &w->srv, w->fresh, w->tok, key, &r);
		if (r.verdict != MODEL_OK)
			return false;
		n = *w;
		n.srv = r.next;
		n.fresh = w->fresh || r.rotated;
		if (k->policy->keyed && w->pend == 0)
			n.nkey++;
		n.tok = r.token;
		n.pend = n.owe = 0;
		set_add(&k->seen, &n);
		n.tok = w->tok;
		n.pend = key;
		n.owe = 1;
		set_add(&k->seen, &n);
	}
	if (w->fresh && !w->owe) {
		n = *w;
		n.fresh = 0;
		tick(k, &n.srv);
		set_add(&k->seen, &n);
	}
	return true;
}

static void
explore_quick(struct walk *k)
{
	struct quick w;

	memset(&w, 0, sizeof(w));
	begin(k, &w.srv);
	w.nkey = 1;
	k->seen.size = sizeof(w);
	set_add(&k->seen, &w);
	for (size_t i = 0; i < k->seen.count; i++) {
		memcpy(&w, k->seen.items + i * sizeof(w), sizeof(w));
		if (!quick_world(k, &w)) {
			k->result.logout = true;
			return;
		}
	}
}

void
model_walk(const struct model_policy *policy,
    const struct model_scenario *scenario, struct model_result *ret_result)
{
	struct walk k;

	memset(&k, 0, sizeof(k));
	k.policy = policy;
	k.sc = scenario;
	if (scenario->quick)
		explore_quick(&k);
	else
		explore(&k);
	k.result.states = k.seen.count;
	*ret_result = k.result;
	set_free(&k.seen);
}
