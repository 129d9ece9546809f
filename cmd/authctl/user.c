/*
 * authctl user: add, list, show, passwd, roles, disable, enable, delete. A table
 * says what words each command takes; each function does one thing and says why
 * when it cannot.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authctl/ctl.h"

#define PAGE 64 /* users read at a time */

/* The words of one command. */
struct words {
	const char *user;
	const char *email;
	const char *roles[AUTHTOK_ROLES_MAX];
	size_t role_count;
	char *list; /* "a,b": memory of the roles */
	bool hash;
	bool plain; /* "--" was there: no more options */
};

struct command {
	const char *name;
	bool takes_user;
	bool creates; /* may make the database */
	int (*run)(const struct ctl *ctl, const struct words *words);
};

static int
role_failed(enum authtok_err err, const struct words *words, size_t role)
{
	if (err == AUTHTOK_ENOROLE && role < words->role_count) {
		ctl_say("%s: no such role: \"%s\"", words->user,
		    words->roles[role]);
		return CTL_FAILED;
	}
	if (err == AUTHTOK_EMAILFMT || err == AUTHTOK_EEMAIL)
		return ctl_failed(err, words->email);
	return ctl_failed(err, words->user);
}

static void
print_roles(const struct authtok_user *user)
{
	size_t i;

	for (i = 0; i < user->role_count; i++)
		printf("%s%s", i > 0 ? "," : "", user->roles[i]);
}

static int
user_add(const struct ctl *ctl, const struct words *words)
{
	struct authtok_signup request = AUTHTOK_SIGNUP_INIT;
	char password[CTL_PASSWORD_SIZE];
	enum authtok_err err;
	size_t role = 0;
	int64_t id = 0;
	int status;

	status = ctl_read_secret("password", password, &request.password_len);
	if (status != CTL_OK)
		return status;
	request.name = words->user;
	request.email = words->email;
	request.password = password;
	request.role_count = words->role_count;
	request.roles = words->roles;
	err = authtok_user_add(ctl->accounts, &request, &role, &id);
	explicit_bzero(password, sizeof(password));
	if (err != AUTHTOK_OK)
		return role_failed(err, words, role);
	printf("user %s has id %" PRId64 "\n", words->user, id);
	return ctl_finish();
}

static int
user_list(const struct ctl *ctl, const struct words *words)
{
	struct authtok_user *page = calloc(PAGE, sizeof(*page));
	size_t count = PAGE, i;
	enum authtok_err err = AUTHTOK_ENOMEM;
	int64_t after = 0;

	(void)words;
	while (page != NULL && count == PAGE) {
		err =
		    authtok_user_list(ctl->accounts, after, page, PAGE, &count);
		if (err != AUTHTOK_OK)
			break;
		for (i = 0; i < count; i++) {
			printf("%" PRId64 "\t%s\t%s\t", page[i].id,
			    page[i].name, page[i].email);
			print_roles(&page[i]);
			printf("%s\n", page[i].disabled ? "\tdisabled" : "");
			after = page[i].id;
		}
	}
	free(page);
	return err == AUTHTOK_OK ? ctl_finish() : ctl_failed(err, "user list");
}

static int
user_show(const struct ctl *ctl, const struct words *words)
{
	struct authtok_user user;
	int status = ctl_find_user(ctl, words->user, &user);

	if (status != CTL_OK)
		return status;
	printf("id        %" PRId64 "\n", user.id);
	printf("name      %s\n", user.name);
	printf("email     %s\n", user.email);
	printf("roles     ");
	print_roles(&user);
	printf("\ndisabled  %s\n", user.disabled ? "yes" : "no");
	printf("created   ");
	ctl_print_time(user.created_at);
	printf("\nepoch     %" PRId64 "\n", user.epoch);
	return ctl_finish();
}

static int
user_passwd(const struct ctl *ctl, const struct words *words)
{
	struct authtok_user user;
	char secret[CTL_PASSWORD_SIZE];
	enum authtok_err err;
	size_t len = 0;
	int status = ctl_find_user(ctl, words->user, &user);

	if (status == CTL_OK)
		status = ctl_read_secret(
		    words->hash ? "password hash" : "password", secret, &len);
	if (status != CTL_OK)
		return status;
	if (!words->hash)
		err = authtok_user_set_password(
		    ctl->accounts, user.id, secret, len);
	else if (strlen(secret) != len)
		err = AUTHTOK_ENOTSUP;
	else
		err = authtok_user_set_hash(ctl->accounts, user.id, secret);
	explicit_bzero(secret, sizeof(secret));
	if (err == AUTHTOK_ENOTSUP) {
		ctl_say("%s: not a password hash of a form that is known here, "
			"see authctl(8)",
		    words->user);
		return CTL_FAILED;
	}
	return err == AUTHTOK_OK ? CTL_OK : ctl_failed(err, words->user);
}

static int
user_roles(const struct ctl *ctl, const struct words *words)
{
	struct authtok_user user;
	enum authtok_err err;
	size_t role = 0;
	int status = ctl_find_user(ctl, words->user, &user);

	if (status != CTL_OK)
		return status;
	err = authtok_user_set_roles(
	    ctl->accounts, user.id, words->role_count, words->roles, &role);
	return err == AUTHTOK_OK ? CTL_OK : role_failed(err, words, role);
}

static int
set_disabled(const struct ctl *ctl, const struct words *words, bool disabled)
{
	struct authtok_user user;
	enum authtok_err err;
	int status = ctl_find_user(ctl, words->user, &user);

	if (status != CTL_OK)
		return status;
	err = authtok_user_set_disabled(ctl->accounts, user.id, disabled);
	return err == AUTHTOK_OK ? CTL_OK : ctl_failed(err, words->user);
}

static int
user_disable(const struct ctl *ctl, const struct words *words)
{
	return set_disabled(ctl, words, true);
}

static int
user_enable(const struct ctl *ctl, const struct words *words)
{
	return set_disabled(ctl, words, false);
}

static int
user_delete(const struct ctl *ctl, const struct words *words)
{
	struct authtok_user user;
	enum authtok_err err;
	int status = ctl_find_user(ctl, words->user, &user);

	if (status != CTL_OK)
		return status;
	err = authtok_user_remove(ctl->accounts, user.id);
	return err == AUTHTOK_OK ? CTL_OK : ctl_failed(err, words->user);
}

static const struct command commands[] = {
	{ "add", true, true, user_add },
	{ "list", false, false, user_list },
	{ "show", true, false, user_show },
	{ "passwd", true, false, user_passwd },
	{ "roles", true, false, user_roles },
	{ "disable", true, false, user_disable },
	{ "enable", true, false, user_enable },
	{ "delete", true, false, user_delete },
};

static bool
add_role(struct words *words, const char *role)
{
	if (words->role_count == AUTHTOK_ROLES_MAX) {
		ctl_say("more than %d roles", AUTHTOK_ROLES_MAX);
		return false;
	}
	words->roles[words->role_count++] = role;
	return true;
}

/* "a,b,c" into the roles. */
static bool
add_list(struct words *words, const char *list)
{
	char *rest;
	const char *role;

	words->list = strdup(list);
	if (words->list == NULL) {
		ctl_say("no memory");
		return false;
	}
	rest = words->list;
	while ((role = strsep(&rest, ",")) != NULL)
		if (!add_role(words, role))
			return false;
	return true;
}

/* An option and its value, of a command. */
static bool
take_option(const struct command *command, struct words *words, int argc,
    char **argv, int *i)
{
	bool adds = command->run == user_add;
	const char *word = argv[*i], *value;

	if (strcmp(word, "--") == 0) {
		words->plain = true;
		return true;
	}
	if (command->run == user_passwd && strcmp(word, "--hash") == 0) {
		words->hash = true;
		return true;
	}
	value = adds ? ctl_value_of("--email", argc, argv, i) : NULL;
	if (value != NULL && words->email != NULL) {
		ctl_say("user add: one --email only");
		return false;
	}
	if (value != NULL) {
		words->email = value;
		return true;
	}
	value = adds ? ctl_value_of("--role", argc, argv, i) : NULL;
	if (value != NULL)
		return add_role(words, value);
	ctl_say("user %s: unexpected %s", command->name, word);
	return false;
}

static bool
take(const struct command *command, struct words *words, int argc, char **argv,
    int *i)
{
	const char *word = argv[*i];

	/* a user name may begin with a dash: what follows "--" is a word */
	if (word[0] == '-' && !words->plain)
		return take_option(command, words, argc, argv, i);
	if (command->takes_user && words->user == NULL) {
		words->user = word;
		return true;
	}
	if (command->run == user_roles && words->list == NULL)
		return add_list(words, word);
	ctl_say("user %s: unexpected %s", command->name, word);
	return false;
}

/* Whether nothing is missing; said before the database is touched. */
static bool
complete(const struct command *command, const struct words *words)
{
	if (command->takes_user && words->user == NULL)
		ctl_say("user %s: which user?", command->name);
	else if (command->run == user_add && words->email == NULL)
		ctl_say("user add needs --email ADDRESS");
	else if (command->run == user_roles && words->role_count == 0)
		ctl_say("user roles needs ROLE[,ROLE]...");
	else
		return true;
	return false;
}

static const struct command *
command_named(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

int
ctl_user(const char *file, const char *store, int argc, char **argv)
{
	const struct command *command;
	struct words words = { 0 };
	struct ctl ctl;
	int status = CTL_OK, i;

	command = argc > 0 ? command_named(argv[0]) : NULL;
	if (command == NULL) {
		ctl_say("user: %s %s",
		    argc > 0 ? "unknown command" : "which command?",
		    argc > 0 ? argv[0] : "See authctl --help");
		return CTL_USAGE;
	}
	for (i = 1; i < argc && status == CTL_OK; i++)
		if (!take(command, &words, argc, argv, &i))
			status = CTL_USAGE;
	if (status == CTL_OK && !complete(command, &words))
		status = CTL_USAGE;
	if (status == CTL_OK) {
		status = ctl_open(&ctl, file, store, command->creates);
		if (status == CTL_OK)
			status = command->run(&ctl, &words);
		ctl_close(&ctl);
	}
	free(words.list);
	return status;
}
