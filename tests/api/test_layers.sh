#!/bin/sh
# Who may know what (the house): each rule names the files that break it.
set -u
rc=0
# forbid PATTERN WHY FILE...
forbid() {
	pattern=$1 why=$2
	shift 2
	found=$(grep -nE "$pattern" "$@" /dev/null)
	if [ -n "$found" ]; then
		printf '%s:\n%s\n' "$why" "$found"
		rc=1
	fi
}
# all C files below the folders, but those that match the expression
files() {
	except=$1
	shift
	find "$@" -name '*.[ch]' | grep -vE "$except" | LC_ALL=C sort
}
none='^$'
ours='#include [<"](session|account|store|conformance)/'
# shellcheck disable=SC2046 # lists of words
{
forbid "$ours|#include <authtok/" 'token uses nothing else of ours' \
	$(files $none lib/token)
forbid '#include [<"](account|store|conformance)/|#include <authtok/(account|sqlite|pgsql)' \
	'session uses token and store.h' $(files $none lib/session)
forbid '#include [<"](session|store|conformance)/|#include <authtok/(sqlite|pgsql)' \
	'account uses public headers, utf8.h, input.h' $(files $none lib/account)
forbid '#include "token/([^ui]|u[^t]|i[^n])' \
	'account uses of token utf8.h and input.h only' $(files $none lib/account)
forbid '#include [<"](token|session|account|conformance)/|#include <authtok/(account|session)' \
	'a backend uses store.h only' $(files $none lib/store lib/conformance)
forbid '#include "(token|session|account|store|conformance)/' \
	'cmd uses public headers only' $(files $none cmd)
forbid '#include <(cjson/)?cJSON' 'cJSON only in cmd' $(files $none lib include)
forbid '#include <civetweb' 'CivetWeb in one file' \
	$(files 'cmd/authd/http\.c' lib include cmd)
forbid '#include <sodium|#include <crypt\.h' 'libsodium and crypt in one file' \
	$(files 'lib/account/password\.c' lib include cmd)
# authd's main says how the whole process uses it
forbid '#include <sqlite3' 'SQLite in its backend only' \
	$(files 'lib/store/sqlite|cmd/authd/main\.c' lib include cmd)
forbid '#include <libpq|#include <postgres' 'libpq in its backend only' \
	$(files 'lib/store/pgsql' lib include cmd)
forbid '#include <openssl' 'OpenSSL in crypto files of token and session only' \
	$(files $none lib/account lib/store lib/conformance include cmd) \
	lib/session/rotation.c lib/token/json.c lib/token/base64url.c
forbid '(^|[^a-z_])(getenv|printf|exit|abort|signal|sigaction|perror) ?\(' \
	'the library is silent and never exits' $(files $none lib)
forbid '(^|[^a-z_])(memcmp|strcmp) ?\([^)]*[>.( ](mac|sig|signature|secret|digest|password)[,)[]' \
	'secrets compare in constant time' $(files 'lib/(store|conformance)' lib)
forbid '(^|[^a-z_])(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|rand) ?\(' \
	'banned functions' $(files $none lib cmd)
}
exit $rc
