/*
 * User names and e-mail addresses: what they may look like, and how they
 * compare. Pure; knows nothing of stores. The locale is never asked.
 */
#include "account/names.h"

#include <authtok/store.h>

#include <string.h>

static bool
name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || (c != '\0' && strchr("._@+-", c) != NULL);
}

bool
at_name_valid(const char *name)
{
	size_t i;

	for (i = 0; name[i] != '\0'; i++)
		if (i >= AUTHTOK_NAME_MAX || !name_char(name[i]))
			return false;
	return i > 0;
}

bool
at_email_valid(const char *email)
{
	size_t at = 0;
	size_t i;

	for (i = 0; email[i] != '\0'; i++) {
		if (i >= AUTHTOK_EMAIL_MAX || email[i] < 0x21 ||
		    email[i] > 0x7e)
			return false;
		if (email[i] != '@')
			continue;
		/* not the first character, and not the second @ */
		if (i == 0 || at != 0)
			return false;
		at = i;
	}
	return at != 0 && at + 1 < i;
}

unsigned char
at_fold(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned char)(c - 'A' + 'a');
	return c;
}

bool
at_fold_equal(const char *text, size_t len, const char *other)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (other[i] == '\0' ||
		    at_fold((unsigned char)text[i]) !=
			at_fold((unsigned char)other[i]))
			return false;
	return other[len] == '\0';
}
