/*
 * Password hashes: their forms, their bounds, and comparing.
 */
#include "account/hashform.h"
#include "account/password.h"

#include "hash_spy.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD "open sesame 42"

/* Hashes of PASSWORD, made by other programs. */
static const char *const foreign[] = {
	"$argon2id$v=19$m=4096,t=3,p=4$c29tZXNhbHRzb21lc2FsdA"
	"$RCfNvRo/DP2yS4DYunu4MWgrMRx1vbkArOAyNKp2UIY",
	"$argon2id$v=19$m=1024,t=2,p=1$c29tZXNhbHRsb25nMjBieXRlc18"
	"$r6cpUq98vrMt+qrcIbhroK1WobnuLhfz2Ic2wJQ1sGI",
	"$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA"
	"$nwk2tJm+xx0lbpnkExf/8RZ+j18UJGSud9iWODjhet4",
	"$argon2i$v=19$m=4096,t=3,p=1$c29tZXNhbHRzb21lc2FsdA"
	"$O90csyQjB1pdWoExSZmbwd4WU3hwvbXkTZqE7lbTvX8",
	"$2b$05$abcdefghijklmnopqrstuuZFjH57Rl3EXSetbREE0bqBhcUkJQP6u",
	"$2y$04$abcdefghijklmnopqrstuu6HICv6XKD8GIKOwCODZrbxd40u1TitO",
	"$y$j75$saltsaltsalt$4P/R1mCzT1.KDPVhgkvsdBUA/LoXMKfsTouF0zPmSM3",
	"$y$j9T$saltsaltsalt$IQ.f62kqyDR2T3WYrTUicv65/fpCGsXLxDcD9LSgtg5",
	"$6$saltstring$p4RSSBsBEwVrXuDz252qzgW0zBZD8t4agNh5jD4WkOMH2f.EECDfgOG"
	"INET7ES7/1IequJV/zFUPIDl66GpBS.",
	"$5$rounds=1000$saltstring"
	"$zuZJGnKTHBbO9lrUjSuyAY4.S.I.Ext26u83qyxzDLA",
};

#define BCRYPT_TAIL "abcdefghijklmnopqrstuuZFjH57Rl3EXSetbREE0bqBhcUkJQP6u"
#define B64_16      "c29tZXNhbHRzb21lc2FsdA"
#define B64_32      "RCfNvRo/DP2yS4DYunu4MWgrMRx1vbkArOAyNKp2UIY"
#define SHA512_HASH                                                        \
	"p4RSSBsBEwVrXuDz252qzgW0zBZD8t4agNh5jD4WkOMH2f.EECDfgOGINET7ES7/" \
	"1IequJV/zFUPIDl66GpBS."
#define YES_HASH "4P/R1mCzT1.KDPVhgkvsdBUA/LoXMKfsTouF0zPmSM3"

/* What must not be hashed: strange, malformed, or too dear. */
static const char *const refused[] = {
	"",
	"*",
	"!",
	"x",
	"plain text",
	"$",
	"$$",
	"$6$",
	"$y$",
	"$2b$",
	"$argon2id$",
	"$argon2id",
	/* DES, BSDI, MD5, NT, sha1, sunmd5, scrypt, gost-yescrypt, bcrypt x */
	"abJnggxhB/yWI",
	"_J9..rasmBYk8r9AiWNc",
	"$1$saltstri$YMyguxXMBpd2TEZ.vS/3q1",
	"$3$$8846f7eaee8fb117ad06bdd830b7586c",
	"$sha1$24680$psalt$N1F.IlmS9n2cBT5PXUq0zuKkSPTf",
	"$md5,rounds=904$saltstri$$xxxxxxxxxxxxxxxxxxxxxx",
	"$7$CU..../....saltsaltsalt$" YES_HASH,
	"$gy$j75$salt$" YES_HASH,
	"$2x$05$" BCRYPT_TAIL,
	"$2$05$" BCRYPT_TAIL,
	"$argon2d$v=19$m=4096,t=3,p=1$" B64_16 "$" B64_32,
	"$pbkdf2-sha256$29000$" B64_16 "$" B64_32,
	"{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
	/* Argon2: dear */
	"$argon2id$v=19$m=262145,t=1,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=262144,t=5,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=4194304,t=1,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=4294967295,t=1,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=1024,t=4294967295,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=1024,t=999999999,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=1024,t=1,p=17$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=1024,t=1,p=999999999$" B64_16 "$" B64_32,
	/* Argon2: malformed */
	"$argon2id$m=1024,t=1,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=16$m=1024,t=1,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$t=1,m=1024,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=1024,t=1,p=1,keyid=a$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=01024,t=1,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=+1024,t=1,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$m= 1024,t=1,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=,t=1,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=1024,t=0,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=1024,t=1,p=0$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=7,t=1,p=1$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=31,t=1,p=4$" B64_16 "$" B64_32,
	"$argon2id$v=19$m=1024,t=1,p=1$$" B64_32,
	"$argon2id$v=19$m=1024,t=1,p=1$" B64_16 "$",
	"$argon2id$v=19$m=1024,t=1,p=1$" B64_16,
	"$argon2id$v=19$m=1024,t=1,p=1$" B64_16 "$" B64_32 "$",
	"$argon2id$v=19$m=1024,t=1,p=1$" B64_16 "==$" B64_32,
	"$argon2id$v=19$m=1024,t=1,p=1$" B64_16 "$" B64_32 "=",
	"$argon2id$v=19$m=1024,t=1,p=1$" B64_16 "$" B64_32 "\n",
	"$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdB$" B64_32,
	"$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2Fsd$" B64_32,
	"$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsA$" B64_32,
	"$argon2id$v=19$m=1024,t=1,p=1$" B64_16 "$c29tZQ",
	"$argon2i$v=19$m=1024,t=2,p=1$" B64_16 "$" B64_32,
	/* bcrypt */
	"$2b$16$" BCRYPT_TAIL,
	"$2b$31$" BCRYPT_TAIL,
	"$2b$03$" BCRYPT_TAIL,
	"$2b$5$" BCRYPT_TAIL,
	"$2b$005$" BCRYPT_TAIL,
	"$2b$05$" BCRYPT_TAIL "a",
	"$2b$05$abc",
	"$2b$05",
	"$2b$0",
	"$2b$-1$" BCRYPT_TAIL,
	/* sha-crypt */
	"$6$rounds=1000001$salt$" SHA512_HASH,
	"$6$rounds=999999999$salt$" SHA512_HASH,
	"$6$rounds=9999999999$salt$" SHA512_HASH,
	"$6$rounds=999$salt$" SHA512_HASH,
	"$6$rounds=$salt$" SHA512_HASH,
	"$6$rounds=05000$salt$" SHA512_HASH,
	"$6$$" SHA512_HASH,
	"$6$saltsaltsaltsalts$" SHA512_HASH,
	"$6$salt$" SHA512_HASH "a",
	"$6$salt",
	"$6$salt$",
	"$5$salt$" SHA512_HASH,
	"$6$sa:t$" SHA512_HASH,
	/* yescrypt: over 256 MiB, other flavours, more parameters */
	"$y$jET$salt$" YES_HASH,
	"$y$jFT$salt$" YES_HASH,
	"$y$jjj$salt$" YES_HASH,
	"$y$.75$salt$" YES_HASH,
	"$y$j75/$salt$" YES_HASH,
	"$y$jk5$salt$" YES_HASH,
	"$y$j$salt$" YES_HASH,
	"$y$j7$salt$" YES_HASH,
	"$y$j75$$" YES_HASH,
	"$y$j75$salt$" YES_HASH "a",
	"$y$j75$salt",
	"$y$j75$salt$",
};

START_TEST(own_hashes)
{
	char hash[AUTHTOK_HASH_MAX + 1], other[AUTHTOK_HASH_MAX + 1];
	const char *form = "$argon2id$v=19$m=19456,t=2,p=1$";
	bool dated = true;

	ck_assert_int_eq(at_password_hash(PASSWORD, 14, hash), AUTHTOK_OK);
	ck_assert_int_eq(strncmp(hash, form, strlen(form)), 0);
	ck_assert_int_eq(at_password_hash(PASSWORD, 14, other), AUTHTOK_OK);
	ck_assert_str_ne(hash, other);
	ck_assert(at_password_current(hash));
	ck_assert_int_eq(
	    at_password_verify(hash, PASSWORD, 14, &dated), AUTHTOK_OK);
	ck_assert(!dated);
	ck_assert_int_eq(
	    at_password_verify(hash, PASSWORD, 13, &dated), AUTHTOK_EPASSWORD);
	ck_assert_int_eq(
	    at_password_verify(hash, "", 0, &dated), AUTHTOK_EPASSWORD);
	/* a NUL does not end it */
	ck_assert_int_eq(at_password_verify(hash, PASSWORD "\0x", 16, &dated),
	    AUTHTOK_EPASSWORD);
	/* the library's own call agrees */
	ck_assert_int_eq(crypto_pwhash_str_verify(hash, PASSWORD, 14), 0);
	ck_assert_int_eq(crypto_pwhash_str_needs_rehash(
			     hash, AT_HASH_PASSES, AT_HASH_MEMORY * 1024),
	    0);
}
END_TEST

START_TEST(foreign_hashes)
{
	const char *hash = foreign[_i];
	bool dated = false;

	ck_assert(!at_password_current(hash));
	ck_assert_int_eq(
	    at_password_verify(hash, PASSWORD, 14, &dated), AUTHTOK_OK);
	ck_assert(dated);
	ck_assert_int_eq(at_password_verify(hash, "open sesame 43", 14, &dated),
	    AUTHTOK_EPASSWORD);
	ck_assert_int_eq(
	    at_password_verify(hash, "", 0, &dated), AUTHTOK_EPASSWORD);
	ck_assert_int_eq(at_password_verify(hash, PASSWORD "\0x", 16, &dated),
	    AUTHTOK_EPASSWORD);
}
END_TEST

START_TEST(a_changed_hash_does_not_match)
{
	char hash[AUTHTOK_HASH_MAX + 1];
	bool dated;
	size_t at;

	strcpy(hash, foreign[_i]);
	/* in the middle of the hash proper */
	at = strlen(hash) - 10;
	hash[at] = hash[at] == 'a' ? 'b' : 'a';
	ck_assert_int_eq(
	    at_password_verify(hash, PASSWORD, 14, &dated), AUTHTOK_EPASSWORD);
}
END_TEST

/* Published vectors of sha-crypt and bcrypt. */
START_TEST(published_hashes)
{
	bool dated;

	ck_assert_int_eq(
	    at_password_verify(
		"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G"
		"3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
		"Hello world!", 12, &dated),
	    AUTHTOK_OK);
	ck_assert_int_eq(at_password_verify("$5$saltstring$5B8vYYiY.CVt1RlT"
					    "Tf8KbXBH3hsxY/GNooZaBBGWEc5",
			     "Hello world!", 12, &dated),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    at_password_verify("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0Xo"
			       "uQYb4YMJKvyOeW",
		"U*U", 3, &dated),
	    AUTHTOK_OK);
}
END_TEST

START_TEST(refused_before_hashing)
{
	struct at_hash_form form;
	bool dated;

	ck_assert_msg(
	    !at_hash_parse(refused[_i], &form), "taken: %s", refused[_i]);
	spy_reset();
	ck_assert_int_eq(at_password_verify(refused[_i], PASSWORD, 14, &dated),
	    AUTHTOK_ENOTSUP);
	ck_assert_uint_eq(spy.argon2 + spy.crypts, 0);
}
END_TEST

START_TEST(bounds_are_where_they_are_said)
{
	static const char *const dear[] = {
		"$argon2id$v=19$m=262144,t=4,p=1$" B64_16 "$" B64_32,
		"$argon2id$v=19$m=128,t=8192,p=16$" B64_16 "$" B64_32,
		"$2b$15$" BCRYPT_TAIL, "$2a$04$" BCRYPT_TAIL,
		"$6$rounds=1000000$salt$" SHA512_HASH,
		"$6$rounds=1000$saltsaltsaltsalt$" SHA512_HASH,
		"$y$jDT$salt$" YES_HASH
	};
	struct at_hash_form form;
	size_t i;

	for (i = 0; i < sizeof(dear) / sizeof(dear[0]); i++)
		ck_assert_msg(at_hash_parse(dear[i], &form), "%s", dear[i]);
}
END_TEST

START_TEST(too_long_a_text)
{
	char hash[AUTHTOK_HASH_MAX + 2];
	struct at_hash_form form;

	memset(hash, 'a', sizeof(hash));
	memcpy(hash, "$6$salt$", 8);
	hash[AUTHTOK_HASH_MAX + 1] = '\0';
	ck_assert(!at_hash_parse(hash, &form));
}
END_TEST

/* Each prefix of a good hash is refused, and no byte over the end is read. */
START_TEST(every_prefix)
{
	struct at_hash_form form;
	size_t i, len;
	char *copy;

	for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		for (len = 0; len < strlen(foreign[i]); len++) {
			copy = strndup(foreign[i], len);
			/* a shorter Argon2 output is one of another length */
			if (i > 3 || len + 20 < strlen(foreign[i]))
				ck_assert_msg(
				    !at_hash_parse(copy, &form), "%s", copy);
			else
				(void)at_hash_parse(copy, &form);
			free(copy);
		}
	}
}
END_TEST

START_TEST(no_memory_is_no_verdict)
{
	char hash[AUTHTOK_HASH_MAX + 1];
	bool dated = false;

	ck_assert_int_eq(at_password_hash(PASSWORD, 14, hash), AUTHTOK_OK);
	spy.no_memory = 3;
	ck_assert_int_eq(
	    at_password_verify(hash, PASSWORD, 14, &dated), AUTHTOK_ENOMEM);
	ck_assert_int_eq(at_password_verify(foreign[8], PASSWORD, 14, &dated),
	    AUTHTOK_ENOMEM);
	strcpy(hash, "untouched");
	ck_assert_int_eq(at_password_hash(PASSWORD, 14, hash), AUTHTOK_ENOMEM);
	ck_assert_str_eq(hash, "untouched");
	spy_reset();
}
END_TEST

START_TEST(long_passwords)
{
	char password[1024], hash[AUTHTOK_HASH_MAX + 1];
	struct crypt_data *data = calloc(1, sizeof(*data));
	bool dated = false;

	memset(password, 'p', sizeof(password));
	ck_assert_int_eq(
	    at_password_hash(password, sizeof(password), hash), AUTHTOK_OK);
	ck_assert_int_eq(
	    at_password_verify(hash, password, sizeof(password), &dated),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    at_password_verify(hash, password, sizeof(password) - 1, &dated),
	    AUTHTOK_EPASSWORD);
	/* crypt takes 511 bytes */
	ck_assert_int_eq(at_password_verify(foreign[8], password, 511, &dated),
	    AUTHTOK_EPASSWORD);
	ck_assert_int_eq(at_password_verify(foreign[8], password, 512, &dated),
	    AUTHTOK_EPASSWORD);
	/* bcrypt looks at 72: it matches, but is not made the password */
	password[100] = '\0';
	strcpy(hash, crypt_r(password, "$2b$04$abcdefghijklmnopqrstuu", data));
	ck_assert_int_eq(
	    at_password_verify(hash, password, 72, &dated), AUTHTOK_OK);
	ck_assert(dated);
	ck_assert_int_eq(
	    at_password_verify(hash, password, 73, &dated), AUTHTOK_OK);
	ck_assert(!dated);
	ck_assert_int_eq(
	    at_password_verify(hash, password, 71, &dated), AUTHTOK_EPASSWORD);
	free(data);
}
END_TEST

START_TEST(keyed_hashes)
{
	uint8_t one[AT_KEY_LEN], other[AT_KEY_LEN];

	at_random(one, sizeof(one));
	at_random(other, sizeof(other));
	ck_assert_mem_ne(one, other, sizeof(one));
	ck_assert(at_keyed_hash(one, "abc", 3) == at_keyed_hash(one, "abc", 3));
	ck_assert(at_keyed_hash(one, "abc", 3) != at_keyed_hash(one, "abd", 3));
	ck_assert(
	    at_keyed_hash(one, "abc", 3) != at_keyed_hash(other, "abc", 3));
	at_wipe(one, sizeof(one));
	memset(other, 0, sizeof(other));
	ck_assert_mem_eq(one, other, sizeof(one));
}
END_TEST

/* An unknown user is to cost what a wrong password does, to the byte. */
START_TEST(nobody_costs_the_same)
{
	char own[AUTHTOK_HASH_MAX + 1];
	bool dated = false;
	unsigned before;
	size_t memory;
	unsigned long long passes;

	ck_assert_int_eq(
	    at_password_hash(PASSWORD, strlen(PASSWORD), own), AUTHTOK_OK);
	ck_assert_int_eq(
	    at_password_verify(own, "wrong", 5, &dated), AUTHTOK_EPASSWORD);
	memory = spy.memory;
	passes = spy.passes;
	before = spy.argon2;
	ck_assert_int_eq(
	    at_password_verify(at_password_nobody, "wrong", 5, &dated),
	    AUTHTOK_EPASSWORD);
	ck_assert_uint_eq(spy.argon2, before + 1);
	ck_assert_uint_eq(spy.memory, memory);
	ck_assert_uint_eq(spy.passes, passes);
	ck_assert_uint_eq(strlen(at_password_nobody), strlen(own));
	ck_assert(at_password_current(at_password_nobody));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("password");
	TCase *tcase = tcase_create("password");
	SRunner *runner;
	int failed;

	if (at_password_init() != AUTHTOK_OK)
		return EXIT_FAILURE;
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, own_hashes);
	tcase_add_test(tcase, nobody_costs_the_same);
	tcase_add_loop_test(tcase, foreign_hashes, 0,
	    (int)(sizeof(foreign) / sizeof(foreign[0])));
	tcase_add_loop_test(tcase, a_changed_hash_does_not_match, 0,
	    (int)(sizeof(foreign) / sizeof(foreign[0])));
	tcase_add_test(tcase, published_hashes);
	tcase_add_loop_test(tcase, refused_before_hashing, 0,
	    (int)(sizeof(refused) / sizeof(refused[0])));
	tcase_add_test(tcase, bounds_are_where_they_are_said);
	tcase_add_test(tcase, too_long_a_text);
	tcase_add_test(tcase, every_prefix);
	tcase_add_test(tcase, no_memory_is_no_verdict);
	tcase_add_test(tcase, long_passwords);
	tcase_add_test(tcase, keyed_hashes);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
