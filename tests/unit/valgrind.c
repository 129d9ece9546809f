#include <check.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "valgrind.h"

bool
have_valgrind(void)
{
	return system("command -v valgrind >/dev/null 2>&1") == 0;
}

int
execute(const char *const *argv, FILE *out)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		setenv("CK_FORK", "no", 1);
		dup2(out != NULL ? fileno(out) : open("/dev/null", O_WRONLY),
		    STDOUT_FILENO);
		if (out != NULL)
			dup2(STDOUT_FILENO, STDERR_FILENO);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return status;
}

void
copy_make(struct copy *copy)
{
	char self[4096];
	const char *const argv[] = { "strip", "--strip-debug", "-o",
		copy->program, self, NULL };
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	strcpy(copy->folder, "/tmp/authtok-copy-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(copy->folder));
	snprintf(
	    copy->program, sizeof(copy->program), "%s/program", copy->folder);
	ck_assert_int_eq(execute(argv, NULL), 0);
}

void
copy_remove(const struct copy *copy)
{
	unlink(copy->program);
	rmdir(copy->folder);
}
