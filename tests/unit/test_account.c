/*
 * Sign-up and administration, over the memory store.
 */
#include "account_fixture.h"

#include <pthread.h>

static const char *const only_user[] = { "user" };
static const char *const all_three[] = { "user", "moderator", "admin" };

static struct authtok_signup
good_request(void)
{
	struct authtok_signup request = AUTHTOK_SIGNUP_INIT;

	request.name = "anna";
	request.email = "anna@example.org";
	request.password = PASSWORD;
	request.password_len = strlen(PASSWORD);
	return request;
}

static enum authtok_err
send(const struct authtok_signup *request)
{
	int64_t id = -1;
	enum authtok_err err;

	err = authtok_signup(accounts, request, NULL, &id);
	if (err != AUTHTOK_OK) {
		ck_assert_int_eq(id, -1);
		ck_assert_uint_eq(user_count(), 0);
	}
	return err;
}

START_TEST(a_user_is_created)
{
	struct authtok_signup request = good_request();
	struct authtok_user user;
	int64_t id = 0;

	ck_assert_int_eq(
	    authtok_signup(accounts, &request, NULL, &id), AUTHTOK_OK);
	user = stored("ANNA");
	ck_assert_int_eq(user.id, id);
	ck_assert_int_eq(user.version, 1);
	ck_assert_int_eq(user.epoch, 0);
	ck_assert_int_eq(user.created_at, NOW);
	ck_assert(!user.disabled);
	ck_assert_str_eq(user.name, "anna");
	ck_assert_str_eq(user.email, "anna@example.org");
	ck_assert_uint_eq(user.role_count, 1);
	ck_assert_str_eq(user.roles[0], "user");
	ck_assert_int_eq(
	    strncmp(user.hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
	ck_assert_ptr_null(strstr(user.hash, PASSWORD));
	ck_assert_uint_eq(spy.argon2, 1);
}
END_TEST

/* Each fault alone, and with all the faults that are checked later. */
START_TEST(checks_in_order)
{
	static const char *const nobody[] = { "nobody" };
	struct authtok_signup request = good_request();

	request.role_count = 1;
	request.roles = nobody;
	request.password = "12345678";
	request.password_len = 8;
	request.email = "anna";
	request.name = "an na";
	ck_assert_int_eq(send(&request), AUTHTOK_ENAMEFMT);
	request.name = "anna";
	ck_assert_int_eq(send(&request), AUTHTOK_EMAILFMT);
	request.email = "";
	ck_assert_int_eq(send(&request), AUTHTOK_EMAILFMT);
	request.email = "anna@example.org";
	request.password_len = 7;
	ck_assert_int_eq(send(&request), AUTHTOK_EPWSHORT);
	request.password_len = 8;
	ck_assert_int_eq(send(&request), AUTHTOK_EPWCOMMON);
	request.password = "1234\0bcdefg";
	ck_assert_int_eq(send(&request), AUTHTOK_EPWFORM);
	request.password = "abc\xffghijk";
	ck_assert_int_eq(send(&request), AUTHTOK_EPWFORM);
	request.password = PASSWORD;
	request.password_len = strlen(PASSWORD);
	ck_assert_int_eq(send(&request), AUTHTOK_ENOROLE);
	ck_assert_uint_eq(spy.argon2, 0);
	request.role_count = 0;
	ck_assert_int_eq(send(&request), AUTHTOK_OK);
	/* taken comes before the role, after the password */
	request.role_count = 1;
	ck_assert_int_eq(
	    authtok_signup(accounts, &request, NULL, &(int64_t){ 0 }),
	    AUTHTOK_ENAME);
	request.name = "otto";
	request.email = "ANNA@example.ORG";
	ck_assert_int_eq(
	    authtok_signup(accounts, &request, NULL, &(int64_t){ 0 }),
	    AUTHTOK_EEMAIL);
	request.password_len = 7;
	ck_assert_int_eq(
	    authtok_signup(accounts, &request, NULL, &(int64_t){ 0 }),
	    AUTHTOK_EPWSHORT);
	ck_assert_uint_eq(user_count(), 1);
	ck_assert_uint_eq(spy.argon2, 1);
}
END_TEST

START_TEST(lengths_of_a_password)
{
	struct authtok_signup request = good_request();
	char password[1025];
	size_t i;

	for (i = 0; i < sizeof(password); i++)
		password[i] = "abcdefgijkl"[i % 11];
	request.password = password;
	request.password_len = 1025;
	ck_assert_int_eq(send(&request), AUTHTOK_EPWLONG);
	request.password_len = 0;
	ck_assert_int_eq(send(&request), AUTHTOK_EPWSHORT);
	request.password = NULL;
	ck_assert_int_eq(send(&request), AUTHTOK_EPWSHORT);
	request.password = password;
	request.password_len = 1024;
	ck_assert_int_eq(send(&request), AUTHTOK_OK);
	request.name = "otto";
	request.email = "otto@example.org";
	request.password = "zebra 78";
	request.password_len = 8;
	ck_assert_int_eq(
	    authtok_signup(accounts, &request, NULL, &(int64_t){ 0 }),
	    AUTHTOK_OK);
}
END_TEST

START_TEST(own_name_is_no_password)
{
	ck_assert_int_eq(sign_up("annamaria7", "a@example.org", "AnnaMaria7"),
	    AUTHTOK_EPWCOMMON);
	ck_assert_int_eq(sign_up("anna", "am7@example.org", "AM7@example.org"),
	    AUTHTOK_EPWCOMMON);
	ck_assert_uint_eq(user_count(), 0);
}
END_TEST

START_TEST(roles_at_sign_up)
{
	static const char *const asked[] = { "user", "admin", "superman" };
	struct authtok_signup request = good_request();
	struct authtok_user user;
	size_t role = 77;
	int64_t id;

	request.roles = asked;
	request.role_count = 3;
	ck_assert_int_eq(
	    authtok_signup(accounts, &request, &role, &id), AUTHTOK_ENOROLE);
	ck_assert_uint_eq(role, 2);
	request.role_count = 2;
	ck_assert_int_eq(authtok_signup(accounts, &request, &role, &id),
	    AUTHTOK_ESIGNUPROLE);
	ck_assert_uint_eq(role, 1);
	ck_assert_uint_eq(user_count(), 0);
	ck_assert_uint_eq(spy.argon2, 0);
	/* an administrator may, and a role twice is one */
	request.roles = (const char *const[]){ "admin", "user", "admin" };
	request.role_count = 3;
	ck_assert_int_eq(
	    authtok_user_add(accounts, &request, &role, &id), AUTHTOK_OK);
	user = stored("anna");
	ck_assert_uint_eq(user.role_count, 2);
	ck_assert_str_eq(user.roles[0], "admin");
	ck_assert_str_eq(user.roles[1], "user");
	request.roles = (const char *const[]){ "nobody" };
	request.role_count = 1;
	request.name = "otto";
	request.email = "otto@example.org";
	ck_assert_int_eq(
	    authtok_user_add(accounts, &request, &role, &id), AUTHTOK_ENOROLE);
	ck_assert_uint_eq(role, 0);
}
END_TEST

START_TEST(arguments)
{
	struct authtok_signup request = good_request();
	int64_t id;

	ck_assert_int_eq(
	    authtok_signup(NULL, &request, NULL, &id), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_signup(accounts, NULL, NULL, &id), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_signup(accounts, &request, NULL, NULL), AUTHTOK_EINVAL);
	request.size = 1;
	ck_assert_int_eq(send(&request), AUTHTOK_EINVAL);
	request = good_request();
	request.name = NULL;
	ck_assert_int_eq(send(&request), AUTHTOK_EINVAL);
	request = good_request();
	request.email = NULL;
	ck_assert_int_eq(send(&request), AUTHTOK_EINVAL);
	request = good_request();
	request.password = NULL;
	ck_assert_int_eq(send(&request), AUTHTOK_EINVAL);
	request = good_request();
	request.role_count = 1;
	ck_assert_int_eq(send(&request), AUTHTOK_EINVAL);
	request.roles = (const char *const[]){ NULL };
	ck_assert_int_eq(send(&request), AUTHTOK_EINVAL);
}
END_TEST

START_TEST(construction)
{
	struct authtok_accounts_config config = AUTHTOK_ACCOUNTS_CONFIG_INIT;
	struct authtok_store_ops ops = *memory->ops;
	struct authtok_store old = { &ops, memory->ctx };
	struct authtok_accounts *made = NULL;
	unsigned hashes;

#define REFUSED(store)                                                        \
	ck_assert_int_eq(authtok_accounts_new(&config, engine, store, &made), \
	    AUTHTOK_EINVAL);                                                  \
	ck_assert_ptr_null(made);                                             \
	config = (struct authtok_accounts_config)AUTHTOK_ACCOUNTS_CONFIG_INIT

	ops.version++;
	REFUSED(&old);
	REFUSED(NULL);
	config.size = 3;
	REFUSED(memory);
	config.roles = (const char *const[]){ "user", "Admin", NULL };
	REFUSED(memory);
	config.roles = (const char *const[]){ "editor", NULL };
	REFUSED(memory); /* sign-up gives "user", which is none */
	config.signup_roles = (const char *const[]){ "editor", NULL };
	REFUSED(memory);
	config.delay_max = 31;
	REFUSED(memory);
	config.hash_slots = 100000;
	REFUSED(memory);
	/* a start costs no hash */
	hashes = spy.argon2;
	ck_assert_int_eq(
	    authtok_accounts_new(&config, engine, memory, &made), AUTHTOK_OK);
	ck_assert_uint_eq(spy.argon2, hashes);
	authtok_accounts_free(made);
	authtok_accounts_free(NULL);
}
END_TEST

START_TEST(roles_of_the_configuration)
{
	struct authtok_accounts_config config = AUTHTOK_ACCOUNTS_CONFIG_INIT;
	struct authtok_signup request = good_request();
	struct authtok_accounts *other;
	int64_t id;

	config.roles = (const char *const[]){ "user", "editor", "admin", NULL };
	config.signup_roles = (const char *const[]){ "editor", NULL };
	ck_assert_int_eq(
	    authtok_accounts_new(&config, engine, memory, &other), AUTHTOK_OK);
	/* plain "user" may not be asked for either */
	ck_assert_int_eq(
	    authtok_signup(other, &request, NULL, &id), AUTHTOK_ESIGNUPROLE);
	request.role_count = 1;
	request.roles = (const char *const[]){ "moderator" };
	ck_assert_int_eq(
	    authtok_signup(other, &request, NULL, &id), AUTHTOK_ENOROLE);
	request.roles = (const char *const[]){ "editor" };
	ck_assert_int_eq(
	    authtok_signup(other, &request, NULL, &id), AUTHTOK_OK);
	authtok_accounts_free(other);
}
END_TEST

/* Every store call of a sign-up fails once, with and without effect. */
START_TEST(faults_at_sign_up)
{
	static const enum authtok_err errs[] = { AUTHTOK_ESTORE,
		AUTHTOK_EBUSY };
	unsigned call;

	for (call = 1; call <= 3; call++) {
		fault.err = errs[_i];
		fault.next = call;
		ck_assert_int_eq(
		    sign_up("anna", "anna@example.org", PASSWORD), errs[_i]);
		ck_assert_uint_eq(user_count(), 0);
	}
	fault.next = 3;
	fault.late = true;
	ck_assert_int_eq(
	    sign_up("anna", "anna@example.org", PASSWORD), errs[_i]);
	/* it happened after all, and whole */
	ck_assert_uint_eq(user_count(), 1);
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
}
END_TEST

START_TEST(no_memory_at_sign_up)
{
	spy.no_memory = 1;
	ck_assert_int_eq(
	    sign_up("anna", "anna@example.org", PASSWORD), AUTHTOK_ENOMEM);
	ck_assert_uint_eq(user_count(), 0);
}
END_TEST

static void
otto_takes_the_name(void)
{
	struct authtok_user user = stored("otto");

	strcpy(user.name, "anna");
	put(&user);
}

/* The name was free when it was asked for. */
START_TEST(the_store_decides_who_gets_a_name)
{
	ck_assert_int_eq(
	    sign_up("otto", "otto@example.org", PASSWORD), AUTHTOK_OK);
	fault.intrude = otto_takes_the_name;
	ck_assert_int_eq(
	    sign_up("anna", "anna@example.org", PASSWORD), AUTHTOK_ENAME);
	ck_assert_uint_eq(user_count(), 1);
}
END_TEST

static void
anna_comes_first(void)
{
	struct authtok_user user = { .created_at = 1 };
	int64_t id;

	snprintf(user.name, sizeof(user.name), "Anna");
	snprintf(user.email, sizeof(user.email), "anna@example.org");
	(void)memory->ops->user_create(memory->ctx, &user, NULL, &id);
}

/* Between the two look-ups: both are taken, so the name is. */
START_TEST(a_twin_between_the_look_ups_takes_the_name)
{
	fault.before_email = anna_comes_first;
	ck_assert_int_eq(
	    sign_up("anna", "anna@example.org", PASSWORD), AUTHTOK_ENAME);
	ck_assert_int_eq(
	    sign_up("otto", "anna@example.org", PASSWORD), AUTHTOK_EEMAIL);
	fault.before_email = NULL;
	ck_assert_uint_eq(user_count(), 1);
}
END_TEST

#define RACERS 8

static pthread_barrier_t barrier;

static void *
race(void *arg)
{
	enum authtok_err *err = arg;

	pthread_barrier_wait(&barrier);
	*err = sign_up("anna", "anna@example.org", PASSWORD);
	return NULL;
}

START_TEST(eight_at_once_on_one_name)
{
	enum authtok_err errs[RACERS];
	pthread_t threads[RACERS];
	unsigned won = 0;
	unsigned i;

	pthread_barrier_init(&barrier, NULL, RACERS);
	for (i = 0; i < RACERS; i++)
		pthread_create(&threads[i], NULL, race, &errs[i]);
	for (i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	for (i = 0; i < RACERS; i++) {
		ck_assert(errs[i] == AUTHTOK_OK || errs[i] == AUTHTOK_ENAME);
		won += errs[i] == AUTHTOK_OK;
	}
	ck_assert_uint_eq(won, 1);
	ck_assert_uint_eq(user_count(), 1);
}
END_TEST

/* ---- administration ----------------------------------------------------- */

START_TEST(reading_users)
{
	struct authtok_user user, users[3];
	int64_t id = add_anna();
	size_t count = 77;

	ck_assert_int_eq(
	    sign_up("otto", "otto@example.org", PASSWORD), AUTHTOK_OK);
	ck_assert_int_eq(authtok_user_get(accounts, id, &user), AUTHTOK_OK);
	ck_assert_str_eq(user.name, "anna");
	ck_assert_str_eq(user.hash, "");
	ck_assert_int_eq(
	    authtok_user_get_name(accounts, "OTTO", &user), AUTHTOK_OK);
	ck_assert_str_eq(user.name, "otto");
	ck_assert_str_eq(user.hash, "");
	ck_assert_int_eq(
	    authtok_user_list(accounts, 0, users, 3, &count), AUTHTOK_OK);
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(users[0].hash, "");
	ck_assert_str_eq(users[1].hash, "");
	ck_assert_str_eq(users[1].name, "otto");
	ck_assert_int_eq(
	    authtok_user_list(accounts, id, users, 3, &count), AUTHTOK_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(
	    authtok_user_get(accounts, 999, &user), AUTHTOK_ENOUSER);
	ck_assert_int_eq(authtok_user_get(accounts, 0, &user), AUTHTOK_ENOUSER);
	ck_assert_int_eq(
	    authtok_user_get(accounts, -1, &user), AUTHTOK_ENOUSER);
	ck_assert_int_eq(
	    authtok_user_get_name(accounts, "nobody", &user), AUTHTOK_ENOUSER);
	ck_assert_int_eq(
	    authtok_user_get_name(accounts, "a b", &user), AUTHTOK_ENOUSER);
	ck_assert_int_eq(
	    authtok_user_get_name(accounts, NULL, &user), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_user_list(accounts, 0, NULL, 3, &count), AUTHTOK_EINVAL);
}
END_TEST

START_TEST(a_new_password)
{
	struct authtok_revocation events[10];
	int64_t id = add_anna();
	struct authtok_user user;
	size_t count;

	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	ck_assert_uint_eq(live_sessions(id), 1);
	spy_reset();
	ck_assert_int_eq(authtok_user_set_password(accounts, id, "1234567", 7),
	    AUTHTOK_EPWSHORT);
	ck_assert_int_eq(authtok_user_set_password(accounts, id, "password", 8),
	    AUTHTOK_EPWCOMMON);
	ck_assert_int_eq(
	    authtok_user_set_password(accounts, id, "Anna@Example.org", 16),
	    AUTHTOK_EPWCOMMON);
	ck_assert_int_eq(
	    authtok_user_set_password(accounts, id, "\xffqrstuvw", 8),
	    AUTHTOK_EPWFORM);
	ck_assert_uint_eq(spy.argon2, 0);
	ck_assert_uint_eq(live_sessions(id), 1);
	ck_assert_int_eq(
	    authtok_user_set_password(accounts, id, "quiet river", 11),
	    AUTHTOK_OK);
	ck_assert_uint_eq(spy.argon2, 1);
	user = stored("anna");
	ck_assert_int_eq(user.epoch, NOW);
	ck_assert_uint_eq(live_sessions(id), 0);
	ck_assert_int_eq(
	    memory->ops->revoked_since(memory->ctx, 0, events, 10, &count),
	    AUTHTOK_OK);
	ck_assert_uint_ge(count, 1);
	ck_assert_int_eq(events[0].at, NOW);
	ck_assert_int_eq(events[0].until, NOW + AUTHTOK_HORIZON_MAX);
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_EPASSWORD);
	ck_assert_int_eq(sign_in("anna", "quiet river"), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_user_set_password(accounts, 999, "quiet river", 11),
	    AUTHTOK_ENOUSER);
}
END_TEST

START_TEST(new_roles)
{
	int64_t id = add_anna();
	struct authtok_user user;
	size_t role = 77;

	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_user_set_roles(accounts, id, 3, all_three, &role),
	    AUTHTOK_OK);
	user = stored("anna");
	ck_assert_int_eq(user.epoch, NOW);
	ck_assert_int_eq(user.version, 2);
	ck_assert_uint_eq(user.role_count, 3);
	ck_assert_str_eq(user.roles[2], "admin");
	ck_assert_uint_eq(live_sessions(id), 1);
	/* the same again, in another order and one twice: nothing to do */
	ck_assert_int_eq(
	    authtok_user_set_roles(accounts, id, 4,
		(const char *const[]){ "admin", "user", "moderator", "user" },
		&role),
	    AUTHTOK_OK);
	ck_assert_int_eq(stored("anna").version, 2);
	ck_assert_int_eq(
	    authtok_user_set_roles(accounts, id, 0, NULL, &role), AUTHTOK_OK);
	ck_assert_uint_eq(stored("anna").role_count, 0);
	ck_assert_int_eq(stored("anna").epoch, NOW + 1);
	ck_assert_uint_eq(role, 77);
	ck_assert_int_eq(authtok_user_set_roles(accounts, id, 2,
			     (const char *const[]){ "user", "nobody" }, &role),
	    AUTHTOK_ENOROLE);
	ck_assert_uint_eq(role, 1);
	ck_assert_int_eq(
	    authtok_user_set_roles(accounts, 999, 1, only_user, &role),
	    AUTHTOK_ENOUSER);
}
END_TEST

START_TEST(disabling)
{
	int64_t id = add_anna();

	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, false), AUTHTOK_OK);
	ck_assert_int_eq(stored("anna").version, 1);
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, true), AUTHTOK_OK);
	ck_assert(stored("anna").disabled);
	ck_assert_int_eq(stored("anna").epoch, NOW);
	ck_assert_uint_eq(live_sessions(id), 0);
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, true), AUTHTOK_OK);
	ck_assert_int_eq(stored("anna").version, 2);
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, false), AUTHTOK_OK);
	ck_assert(!stored("anna").disabled);
	ck_assert_int_eq(stored("anna").epoch, NOW);
	ck_assert_int_eq(stored("anna").version, 3);
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, 999, true), AUTHTOK_ENOUSER);
}
END_TEST

START_TEST(a_hash_from_elsewhere)
{
	const char *hash = "$2b$05$abcdefghijklmnopqrstuuZFjH57Rl3EXSetbREE0b"
			   "qBhcUkJQP6u";
	int64_t id = add_anna();

	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	ck_assert_int_eq(authtok_user_set_hash(accounts, id, "abJnggxhB/yWI"),
	    AUTHTOK_ENOTSUP);
	ck_assert_int_eq(
	    authtok_user_set_hash(accounts, id, ""), AUTHTOK_ENOTSUP);
	ck_assert_int_eq(
	    authtok_user_set_hash(accounts, id, NULL), AUTHTOK_EINVAL);
	ck_assert_int_eq(stored("anna").version, 1);
	ck_assert_int_eq(authtok_user_set_hash(accounts, id, hash), AUTHTOK_OK);
	ck_assert_str_eq(stored("anna").hash, hash);
	ck_assert_int_eq(stored("anna").epoch, NOW);
	ck_assert_uint_eq(live_sessions(id), 0);
	ck_assert_int_eq(
	    authtok_user_set_hash(accounts, 999, hash), AUTHTOK_ENOUSER);
}
END_TEST

START_TEST(removing)
{
	int64_t id = add_anna();

	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_OK);
	ck_assert_int_eq(authtok_user_remove(accounts, id), AUTHTOK_OK);
	ck_assert_uint_eq(user_count(), 0);
	ck_assert_int_eq(authtok_user_remove(accounts, id), AUTHTOK_ENOUSER);
	ck_assert_int_eq(authtok_user_remove(accounts, 0), AUTHTOK_ENOUSER);
	ck_assert_int_eq(sign_in("anna", PASSWORD), AUTHTOK_EUNKNOWN);
}
END_TEST

static unsigned intrusions;

static void
somebody_changes_anna(void)
{
	struct authtok_user user = stored("anna");

	if (intrusions == 0)
		return;
	intrusions--;
	put(&user);
}

START_TEST(a_lost_race_is_run_again)
{
	int64_t id = add_anna();

	fault.intrude = somebody_changes_anna;
	intrusions = 7;
	ck_assert_int_eq(
	    authtok_user_set_roles(accounts, id, 3, all_three, NULL),
	    AUTHTOK_OK);
	ck_assert_uint_eq(stored("anna").role_count, 3);
	ck_assert_int_eq(stored("anna").epoch, NOW);
	intrusions = 8;
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, true), AUTHTOK_ECHANGED);
	ck_assert(!stored("anna").disabled);
	spy_reset();
	intrusions = 7;
	ck_assert_int_eq(
	    authtok_user_set_password(accounts, id, "quiet river", 11),
	    AUTHTOK_OK);
	ck_assert_uint_eq(spy.argon2, 1);
}
END_TEST

/* The clock was ahead when the epoch last rose: it rises all the same. */
START_TEST(an_epoch_never_falls)
{
	int64_t id = add_anna();
	struct authtok_user user = stored("anna");

	user.epoch = NOW + 500;
	put(&user);
	ck_assert_int_eq(
	    authtok_user_set_roles(accounts, id, 3, all_three, NULL),
	    AUTHTOK_OK);
	ck_assert_int_eq(stored("anna").epoch, NOW + 501);
	now = INT64_MAX;
	ck_assert_int_eq(
	    authtok_user_set_disabled(accounts, id, true), AUTHTOK_OK);
	ck_assert_int_eq(stored("anna").epoch, AUTHTOK_EPOCH_MAX);
	/* and above there is none */
	ck_assert_int_eq(
	    authtok_epoch_next(AUTHTOK_EPOCH_MAX - 1, 5), AUTHTOK_EPOCH_MAX);
	ck_assert_int_eq(authtok_epoch_next(AUTHTOK_EPOCH_MAX, 5), 0);
	ck_assert_int_eq(authtok_epoch_next(INT64_MAX, INT64_MAX), 0);
	ck_assert_int_eq(authtok_epoch_next(-1, 5), 0);
	ck_assert_int_eq(authtok_epoch_next(INT64_MIN, 5), 0);
}
END_TEST

START_TEST(an_epoch_at_its_end)
{
	int64_t id = add_anna();
	struct authtok_user user = stored("anna");

	user.epoch = INT64_C(1) << 53;
	put(&user);
	ck_assert_int_eq(
	    authtok_user_set_roles(accounts, id, 3, all_three, NULL),
	    AUTHTOK_ESTORE);
	ck_assert_uint_eq(stored("anna").role_count, 1);
}
END_TEST

/* The n-th store call of each operation fails. */
START_TEST(faults_in_administration)
{
	const enum authtok_err err = _i == 0 ? AUTHTOK_ESTORE : AUTHTOK_EBUSY;
	int64_t id = add_anna();
	struct authtok_user user;
	size_t count;
	unsigned n;

	fault.err = err;
	fault.next = 1;
	ck_assert_int_eq(authtok_user_get(accounts, id, &user), err);
	fault.next = 1;
	ck_assert_int_eq(authtok_user_get_name(accounts, "anna", &user), err);
	fault.next = 1;
	ck_assert_int_eq(authtok_user_list(accounts, 0, &user, 1, &count), err);
	fault.next = 1;
	ck_assert_int_eq(authtok_user_remove(accounts, id), err);
	for (n = 1; n <= 2; n++) {
		fault.next = n;
		ck_assert_int_eq(
		    authtok_user_set_roles(accounts, id, 3, all_three, NULL),
		    err);
		fault.next = n;
		ck_assert_int_eq(
		    authtok_user_set_disabled(accounts, id, true), err);
	}
	for (n = 1; n <= 3; n++) {
		fault.next = n;
		ck_assert_int_eq(
		    authtok_user_set_password(accounts, id, "quiet river", 11),
		    err);
	}
	user = stored("anna");
	ck_assert_int_eq(user.version, 1);
}
END_TEST

/* A backend may have read some users when it fails. */
START_TEST(a_list_that_fails_holds_no_hash)
{
	struct authtok_user users[2] = { 0 };
	size_t count = 77;

	add_anna();
	fault.err = AUTHTOK_ESTORE;
	fault.late = true;
	fault.next = 1;
	ck_assert_int_eq(
	    authtok_user_list(accounts, 0, users, 2, &count), AUTHTOK_ESTORE);
	ck_assert_uint_eq(count, 77);
	ck_assert_str_eq(users[0].name, "anna");
	ck_assert_str_eq(users[0].hash, "");
}
END_TEST

/* What takes rights away works by any clock. */
START_TEST(a_clock_out_of_its_mind)
{
	static const int64_t times[] = { INT64_MIN, -1, 0, INT64_MAX - 1,
		INT64_MAX };
	int64_t id = add_anna();
	struct authtok_revocation event;
	size_t i, count;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		now = times[i];
		ck_assert_int_eq(
		    authtok_user_set_disabled(accounts, id, i % 2 == 0),
		    AUTHTOK_OK);
	}
	ck_assert_int_eq(authtok_user_remove(accounts, id), AUTHTOK_OK);
	ck_assert_int_eq(
	    memory->ops->revoked_since(memory->ctx, 0, &event, 1, &count),
	    AUTHTOK_OK);
	ck_assert_int_ge(event.at, 1);
	ck_assert_int_gt(event.until, event.at);
}
END_TEST

/* Of a later version only what is known here may be asked for. */
START_TEST(structs_of_a_later_version)
{
	struct {
		struct authtok_accounts_config known;
		uint64_t more;
	} config = { AUTHTOK_ACCOUNTS_CONFIG_INIT, 0 };
	struct {
		struct authtok_signup known;
		uint64_t more;
	} request = { good_request(), 1 };
	struct authtok_accounts *made = NULL;

	request.known.size = sizeof(request);
	ck_assert_int_eq(send(&request.known), AUTHTOK_EINVAL);
	request.more = 0;
	ck_assert_int_eq(send(&request.known), AUTHTOK_OK);
	config.known.size = sizeof(config);
	config.more = 1;
	ck_assert_int_eq(
	    authtok_accounts_new(&config.known, engine, memory, &made),
	    AUTHTOK_EINVAL);
	config.more = 0;
	ck_assert_int_eq(
	    authtok_accounts_new(&config.known, engine, memory, &made),
	    AUTHTOK_OK);
	authtok_accounts_free(made);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("account");
	TCase *tcase = tcase_create("account");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_user_is_created);
	tcase_add_test(tcase, checks_in_order);
	tcase_add_test(tcase, lengths_of_a_password);
	tcase_add_test(tcase, own_name_is_no_password);
	tcase_add_test(tcase, roles_at_sign_up);
	tcase_add_test(tcase, arguments);
	tcase_add_test(tcase, construction);
	tcase_add_test(tcase, roles_of_the_configuration);
	tcase_add_loop_test(tcase, faults_at_sign_up, 0, 2);
	tcase_add_test(tcase, no_memory_at_sign_up);
	tcase_add_test(tcase, the_store_decides_who_gets_a_name);
	tcase_add_test(tcase, a_twin_between_the_look_ups_takes_the_name);
	tcase_add_test(tcase, eight_at_once_on_one_name);
	tcase_add_test(tcase, reading_users);
	tcase_add_test(tcase, a_new_password);
	tcase_add_test(tcase, new_roles);
	tcase_add_test(tcase, disabling);
	tcase_add_test(tcase, a_hash_from_elsewhere);
	tcase_add_test(tcase, removing);
	tcase_add_test(tcase, a_lost_race_is_run_again);
	tcase_add_test(tcase, an_epoch_never_falls);
	tcase_add_test(tcase, an_epoch_at_its_end);
	tcase_add_loop_test(tcase, faults_in_administration, 0, 2);
	tcase_add_test(tcase, a_list_that_fails_holds_no_hash);
	tcase_add_test(tcase, a_clock_out_of_its_mind);
	tcase_add_test(tcase, structs_of_a_later_version);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
