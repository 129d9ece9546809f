/*
 * Two servers for the walk: the specification, transcribed on its own, and
 * at_rotation_decide over concrete rows.
 */
#ifndef MODEL_RULES_H
#define MODEL_RULES_H

#include "walk.h"

/* The specification: class ConfirmByUse, in the walk's own state. */
void model_specify(const struct model_policy *policy,
    const struct model_state *state, bool fresh, int16_t token, int16_t key,
    bool dead, struct model_reply *ret_reply);

/* at_rotation_decide on a row made of the state, taken back to a state. */
void model_decide(const struct model_policy *policy,
    const struct model_state *state, bool fresh, int16_t token, int16_t key,
    bool dead, struct model_reply *ret_reply);

/*
 * Compare at_rotation_decide with what the specification said, on every row
 * that stands for the state (all of them unless dead): verdict, token, row.
 * Returns how many rows differ; *ret_rows grows by those compared.
 */
size_t model_compare(const struct model_policy *policy,
    const struct model_state *state, bool fresh, int16_t token, int16_t key,
    bool dead, const struct model_reply *want, size_t *ret_rows);

#endif
