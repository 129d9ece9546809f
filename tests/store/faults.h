/*
 * Ways in which a backend can be wrong, for test_conformance_notices. Each
 * replaces operations of the memory backend by wrong ones.
 */
#ifndef TEST_STORE_FAULTS_H
#define TEST_STORE_FAULTS_H

#include <authtok/store.h>

struct fault {
	const char *what;
	const char *noticed_by;       /* the name of a case */
	struct authtok_store_ops ops; /* NULL members stay right */
};

/* Lists end with what == NULL. */
extern const struct fault user_faults[];
extern const struct fault session_faults[];
extern const struct fault change_faults[];
extern const struct fault small_faults[];
extern const struct fault audit_faults[];
extern const struct fault race_faults[];

/* The right operations; set before any store is opened. */
extern const struct authtok_store_ops *right;

/* Begin anew what race faults wait for; before each store. */
void race_faults_reset(void);
/* Two threads leave here together, later ones do not stop. */
void race_faults_meet(void);

#endif
