/*
 * The exhaustive walk over clients, thief, network and power cuts around a
 * rotation rule. See test_model.c for where it comes from.
 */
#ifndef MODEL_WALK_H
#define MODEL_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_MAXTOK 7  /* rotations and replacements in one walk */
#define MODEL_RING   8  /* retry keys remembered */
#define MODEL_THIEF  99 /* the thief's own retry key, when it sends one */
#define MODEL_OUT    2  /* messages under way */

/* A token, as the walk orders them: generation * 100 + branch. */
#define MODEL_TOKEN(gen, branch) ((gen)*100 + (branch))

enum model_verdict {
	MODEL_OK,
	MODEL_NO,
	MODEL_REUSE
};

/*
 * What the server knows. floor is -1, or the generation below which tokens are
 * refused and not punished. Unused ring entries are zero: states are compared
 * as bytes, so there is no padding.
 */
struct model_state {
	int16_t gen, branch, parent, floor;
	int16_t alive;
	int16_t ring_count;
	struct {
		int16_t gen, key;
	} ring[MODEL_RING];
};

struct model_reply {
	enum model_verdict verdict;
	int16_t token;
	bool rotated;
	int line; /* which of R1 to R6 decided; 0: the session was dead */
	struct model_state next;
};

/* A rule to walk around. key 0 is none. */
struct model_policy {
	bool keyed;  /* the client sends retry keys */
	bool leeway; /* there is one */
	bool strict;
	/* dead: only asked whether anything is accepted after a reuse */
	void (*present)(const struct model_policy *policy,
	    const struct model_state *state, bool fresh, int16_t token,
	    int16_t key, bool dead, struct model_reply *ret_reply);
	void *arg;
	/* or NULL: the leeway has passed; the first state is not model_initial's */
	void (*tick)(struct model_state *state);
	void (*begin)(struct model_state *state);
};

struct model_scenario {
	const char *name;
	int tabs;
	bool lose, slow, late, rollback, thief, steal_key, close, stock;
	bool whole; /* go on after the first bad end */
	bool quick; /* not the walk, but retries inside the leeway only */
};

struct model_result {
	size_t states;
	bool logout;   /* an honest client can be signed out */
	bool shadowed; /* thief and victim can both go on */
	bool undead;   /* a token was accepted after reuse was seen */
};

void model_initial(struct model_state *state);
void model_walk(const struct model_policy *policy,
    const struct model_scenario *scenario, struct model_result *ret_result);

#endif
