/*
 * authd under the preloaded library: started with it, killed by it, cut off from
 * power; and a client that follows the client rule through all of that.
 */
#ifndef TESTS_FAULT_WORLD_H
#define TESTS_FAULT_WORLD_H

#include "http/client.h"
#include "shim.h"

struct world {
	struct authd server;
	struct shim_control *control;
	bool other_died; /* a program beside authd was killed by the library */
	char control_path[96];
	char log_path[96]; /* of the library */
};

/* A folder and its configuration; nothing runs. */
void world_make(struct world *w, const char *members);
void world_remove(struct world *w);
/* What is started between these two runs under the library. */
void world_shim_on(const struct world *w, bool log);
void world_shim_off(void);
/* Start authd under the library, or without it. */
void world_start(struct world *w, bool shim, bool log);
/* From now on: die before call n; 0: live. */
void world_arm(struct world *w, unsigned n);
/*
 * Ended by the library (true), or alive and killed now. When the count was
 * reached and nobody else died of it, authd must be dying by itself.
 */
bool world_killed(struct world *w);
/* A number of the environment, or the one given. */
unsigned number_of(const char *variable, unsigned otherwise);

/*
 * The power goes: of what was not synced nothing is left (keep 0), or keep of
 * 256 writes, chosen by *seed, the last of them torn at a sector. The
 * process must be gone.
 */
void world_cut_power(struct world *w, unsigned keep, unsigned *seed);
/* The same of the database file at path with a log of the library. */
void cut_power(
    const char *path, const char *log, unsigned keep, unsigned *seed);
/* SQLite finds no fault in the database. */
void look_for_damage(const char *path);

/* The retry key stays while the token does. */
struct holder {
	char name[32];
	bool keyed;
	unsigned generation;
	struct pair pair;
};

/* Sign in anew. */
void holder_sign_in(struct holder *h, const struct world *w);
/* Present the token: its status, 0 when no answer came. The child is stored. */
int holder_refresh(struct holder *h, const struct world *w, struct answer *a);
/* The same; 200 is all that may come. */
void holder_goes_on(struct holder *h, const struct world *w);
/* POST: the status, 0 when no answer came. */
int post(struct answer *a, const struct world *w, const char *path,
    const char *body, const char *header_line);
int try_sign_up(struct answer *a, const struct world *w, const char *name);

#endif
