/*
 * Error codes: their class, their sentence, and the version of the library.
 * Pure tables; nothing of the rest of the library is known here.
 */
#include <authtok.h>

/*
 * The one list of codes. The sentences are for logs: they name no user, no
 * token and no key.
 */
#define AT_ERRORS(X)                                                        \
	X(AUTHTOK_OK, "success")                                            \
	X(AUTHTOK_EINVAL, "an argument is out of range")                    \
	X(AUTHTOK_ENOMEM, "out of memory")                                  \
	X(AUTHTOK_ENOTSUP, "not supported")                                 \
	X(AUTHTOK_ENOSPC, "the buffer is too small")                        \
	X(AUTHTOK_EWEAK, "the key is too short or its bytes are all alike") \
	X(AUTHTOK_ENAMEFMT, "the user name is not acceptable")              \
	X(AUTHTOK_EMAILFMT, "the e-mail address is not acceptable")         \
	X(AUTHTOK_EPWSHORT, "the password is too short")                    \
	X(AUTHTOK_EPWLONG, "the password is too long")                      \
	X(AUTHTOK_EPWFORM, "the password is not UTF-8 text")                \
	X(AUTHTOK_EPWCOMMON, "the password is too common")                  \
	X(AUTHTOK_ENOROLE, "no such role")                                  \
	X(AUTHTOK_ENOUSER, "no such user")                                  \
	X(AUTHTOK_ENEWER, "the store was written by a newer version")       \
	X(AUTHTOK_ECRYPTO, "the crypto library failed")                     \
	X(AUTHTOK_ESTORE, "the store failed")                               \
	X(AUTHTOK_EBUSY, "too busy, try again")                             \
	X(AUTHTOK_EFORMAT, "not well formed")                               \
	X(AUTHTOK_EALG, "not the algorithm of the key")                     \
	X(AUTHTOK_EKEY, "no such key")                                      \
	X(AUTHTOK_ESIG, "wrong signature")                                  \
	X(AUTHTOK_EEXPIRED, "expired")                                      \
	X(AUTHTOK_EEARLY, "not valid yet")                                  \
	X(AUTHTOK_ECLAIM, "a claim is missing, ill-typed or wrong")         \
	X(AUTHTOK_EUNKNOWN, "unknown session or user")                      \
	X(AUTHTOK_EREVOKED, "revoked")                                      \
	X(AUTHTOK_EREUSED, "used before: the session is ended")             \
	X(AUTHTOK_EPASSWORD, "wrong password")                              \
	X(AUTHTOK_EDISABLED, "the account is disabled")                     \
	X(AUTHTOK_ETAMPERED, "the audit log was altered")                   \
	X(AUTHTOK_ENAME, "the user name is taken")                          \
	X(AUTHTOK_EEMAIL, "the e-mail address is taken")                    \
	X(AUTHTOK_ESTALE, "superseded by a newer one")                      \
	X(AUTHTOK_ECHANGED, "changed meanwhile, read it again")             \
	X(AUTHTOK_EROLE, "a role is missing")                               \
	X(AUTHTOK_ESIGNUPROLE, "this role may not be asked for")            \
	X(AUTHTOK_ETHROTTLED, "too many attempts")

#define AT_SENTENCE(code, sentence) \
	case code:                  \
		return sentence;

/* NULL for a number that is no code. */
static const char *
sentence_of(enum authtok_err err)
{
	switch (err) {
		AT_ERRORS(AT_SENTENCE)
	}
	return NULL;
}

const char *
authtok_strerror(enum authtok_err err)
{
	const char *sentence = sentence_of(err);

	return sentence != NULL ? sentence : "unknown error";
}

enum authtok_class
authtok_err_class(enum authtok_err err)
{
	/* The high byte of a code is its class; see enum authtok_err. */
	if (sentence_of(err) == NULL)
		return AUTHTOK_CLASS_SYSTEM;
	return (enum authtok_class)((unsigned)err >> 8);
}

const char *
authtok_version(void)
{
	return AUTHTOK_VERSION;
}
