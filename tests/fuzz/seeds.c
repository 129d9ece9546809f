/*
 * A fuzz program without libFuzzer: seeds_NAME runs each file of the folder
 * tests/fuzz/NAME, or those that it is told of.
 */
#include <dirent.h>
#include <stdint.h>

#include "fuzz/sure.h"

#define SEED_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
run(const char *path)
{
	static uint8_t data[SEED_MAX];
	FILE *f = fopen(path, "rb");
	uint8_t *copy;
	size_t size;

	if (f == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	copy = sure_copy(data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static size_t
run_folder(const char *name)
{
	char path[512];
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "tests/fuzz/%s", name);
	dir = opendir(path);
	SURE(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/fuzz/%s/%s", name,
		    entry->d_name);
		run(path);
		count++;
	}
	closedir(dir);
	return count;
}

int
main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '_');

	SURE(name != NULL);
	for (int i = 1; i < argc; i++)
		run(argv[i]);
	if (argc == 1)
		SURE(run_folder(name + 1) > 0);
	return EXIT_SUCCESS;
}
