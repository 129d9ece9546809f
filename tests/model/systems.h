/*
 * What is compared: the scenarios, and the rules of other systems beside ours,
 * each as rotation_model.py has it. Ours is at_rotation_decide.
 */
#ifndef MODEL_SYSTEMS_H
#define MODEL_SYSTEMS_H

#include "walk.h"

#define MODEL_SCENARIOS 11
#define MODEL_SYSTEMS   9
#define MODEL_OTHERS    5 /* of them, the first, are not ours */

struct model_system {
	const char *name;
	struct model_policy policy;
};

extern const struct model_scenario model_scenarios[MODEL_SCENARIOS];
extern const struct model_system model_systems[MODEL_SYSTEMS];

/* What the table says: ok, LOGOUT, detected, SHADOWED. */
const char *model_cell(
    const struct model_scenario *scenario, const struct model_result *result);

#endif
