/*
 * The table of rotation_model.py. The last rows are produced by the library's
 * own rule, at_rotation_decide.
 */
#include <stdio.h>

#include "model/systems.h"

int
main(void)
{
	size_t states = 0;

	for (int i = 0; i < MODEL_SCENARIOS; i++)
		printf("%2d  %s\n", i + 1, model_scenarios[i].name);
	printf("\n%-54s", "");
	for (int i = 0; i < MODEL_SCENARIOS; i++)
		printf(" %-8d", i + 1);
	printf("\n");
	for (int s = 0; s < MODEL_SYSTEMS; s++) {
		printf("%-54s", model_systems[s].name);
		for (int i = 0; i < MODEL_SCENARIOS; i++) {
			struct model_result r;

			model_walk(
			    &model_systems[s].policy, &model_scenarios[i], &r);
			printf(" %-8s", model_cell(&model_scenarios[i], &r));
			states += r.states;
		}
		printf("\n");
	}
	printf("\n%zu states\n", states);
	return 0;
}
