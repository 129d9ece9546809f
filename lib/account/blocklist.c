/*
 * Whether a password is among the first that an attacker would try. Offline and
 * pure: a table and a few rules for what no table can list.
 */
#include "account/blocklist.h"

#include "account/names.h"
#include "account/password.h"

#include <authtok/account.h>

#include <string.h>

#define PATTERN_MAX 4  /* bytes that repeat */
#define ROW_MAX     64 /* no row is longer */

/* Ways along a keyboard, to be found forwards and backwards. */
static const char *const rows[] = {
	"`1234567890-=qwertyuiop[]asdfghjkl;'zxcvbnm,./",
	"1234567890qwertyuiopasdfghjklzxcvbnm",
	"1234567890qwertzuiopasdfghjklyxcvbnm",
	"1234567890azertyuiopqsdfghjklmwxcvbn",
	"!@#$%^&*()_+",
	"qazwsxedcrfvtgbyhnujmikolp",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
	"1q2w3e4r5t6y7u8i9o0p",
	"q1w2e3r4t5y6u7i8o9p0",
	"qwertyuiopqwertyuiop",
	"asdfghjklasdfghjkl",
	"zxcvbnmzxcvbnm",
};

static bool
in_table(const char *word)
{
	size_t low = 0;
	size_t high = at_common_password_count;
	size_t middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = strcmp(word, at_common_passwords[middle]);
		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* aaaaaaaa, abababab, 12312312, abcdabcd */
static bool
repeats(const char *word, size_t len)
{
	size_t period;

	for (period = 1; period <= PATTERN_MAX; period++)
		if (memcmp(word, word + period, len - period) == 0)
			return true;
	return false;
}

/* 12345678, 34567890, abcdefgh, 87654321; nine is followed by zero */
static bool
runs(const char *word, size_t len)
{
	bool up = true;
	bool down = true;
	size_t i;

	for (i = 1; i < len && (up || down); i++) {
		up = up &&
		    (word[i] == word[i - 1] + 1 ||
			(word[i - 1] == '9' && word[i] == '0'));
		down = down &&
		    (word[i] == word[i - 1] - 1 ||
			(word[i - 1] == '0' && word[i] == '9'));
	}
	return up || down;
}

static bool
along_keyboard(const char *word, size_t len)
{
	char back[ROW_MAX + 1];
	bool found = false;
	size_t i;

	if (len > ROW_MAX)
		return false;
	for (i = 0; i < len; i++)
		back[i] = word[len - 1 - i];
	back[len] = '\0';
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]) && !found; i++)
		found = strstr(rows[i], word) != NULL ||
		    strstr(rows[i], back) != NULL;
	at_wipe(back, sizeof(back));
	return found;
}

bool
at_password_common(
    const char *password, size_t len, const char *name, const char *email)
{
	char word[AUTHTOK_PASSWORD_MAX + 1];
	bool common;
	size_t i;

	if (len < AUTHTOK_PASSWORD_MIN || len > AUTHTOK_PASSWORD_MAX)
		return false;
	if (name != NULL && at_fold_equal(password, len, name))
		return true;
	if (email != NULL && at_fold_equal(password, len, email))
		return true;
	for (i = 0; i < len; i++)
		word[i] = (char)at_fold((unsigned char)password[i]);
	word[len] = '\0';
	common = in_table(word) || repeats(word, len) || runs(word, len) ||
	    along_keyboard(word, len);
	at_wipe(word, sizeof(word));
	return common;
}
