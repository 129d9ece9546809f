#!/bin/sh
# The manual: mandoc finds nothing to warn of; the names, synopses and errors of
# section 3 are those of lib/*.sym and the headers; every page that is referred
# to exists; the examples of section 3 compile.
set -eu
rc=0
fail() {
	echo "$1"
	rc=1
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mandoc -T lint -W warning man/*.[1-9] || rc=1

# ---- one line a prototype, in one form of white space ----------------------
# names of a page; the Makefile makes a link for each of them
names() {
	sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([^ ]*\).*/\1/p' "$1"
}
normal() {
	tr -s ' \t' '  ' | sed 's/^ //; s/ $//; s/\* /*/g; s/( /(/; s/ )/)/'
}
# shellcheck disable=SC2002 # first of a row
headers() {
	cat include/authtok.h include/authtok/*.h | sed '/^ *#/d' | tr '\n' ' ' |
		sed -E 's:/\*([^*]|\*+[^*/])*\*+/: :g' | tr ';{}' '[\n*]' |
		normal | grep -E '^[a-z].*[ *]authtok_[a-z_0-9]+\(' |
		grep -vE '^(typedef|static) '
}
# what stands in the synopsis of a page
synopsis() {
	sed -n '/^\.Sh SYNOPSIS/,/^\.Sh [^S]/p' "$1" | awk '
		{ rest = $0; sub(/^\.[A-Z][a-z] ?/, "", rest); gsub(/"/, "", rest) }
		/^\.Ft/ { type = rest }
		/^\.Fo/ { line = type " " rest "("; comma = "" }
		/^\.Fa/ { line = line comma rest; comma = ", " }
		/^\.Fc/ { print line ")" }' | normal
}
# the name that a prototype declares
named() {
	sed -E 's/^[^(]*[ *](authtok_[a-z_0-9]+)\(.*/\1/'
}

cat lib/*.sym | LC_ALL=C sort >"$tmp/exports"
headers | LC_ALL=C sort >"$tmp/headers"
named <"$tmp/headers" | LC_ALL=C sort | diff "$tmp/exports" - ||
	fail "the headers do not declare what lib/*.sym lists"

# ---- names and prototypes --------------------------------------------------
for page in man/*.3; do
	name=$(basename "$page" .3)
	names "$page" >"$tmp/names"
	[ "$(head -n 1 "$tmp/names")" = "$name" ] ||
		fail "$page: its first name is not $name"
	cat "$tmp/names" >>"$tmp/all"
	synopsis "$page" >"$tmp/synopsis"
	cat "$tmp/synopsis" >>"$tmp/prototypes"
	named <"$tmp/synopsis" >"$tmp/declared"
	# authtok(3) is the overview and declares nothing
	if [ "$name" != authtok ]; then
		diff "$tmp/names" "$tmp/declared" ||
			fail "$page: NAME and SYNOPSIS differ"
	fi
	grep -qE '^\.Sh (ERRORS|RETURN VALUES)$' "$page" ||
		fail "$page: neither ERRORS nor RETURN VALUES"
	if grep -q '^enum authtok_err ' "$tmp/synopsis"; then
		grep -q '^\.Sh ERRORS$' "$page" || fail "$page: no ERRORS"
	fi
done
grep -vx authtok "$tmp/all" | LC_ALL=C sort | diff "$tmp/exports" - ||
	fail "not each export is in one NAME (<: is missing, >: is too much)"
LC_ALL=C sort "$tmp/prototypes" | diff "$tmp/headers" - ||
	fail "the headers (<) and SYNOPSIS (>) differ"

# ---- what the pages speak of -----------------------------------------------
# codes and constants
sed '/^enum authtok_err {/,/^}/!d' include/authtok.h |
	grep -oE 'AUTHTOK_[A-Z0-9]+' >"$tmp/codes"
grep -ohE 'AUTHTOK_[A-Z0-9_]+' include/authtok.h include/authtok/*.h |
	sort -u >"$tmp/constants"
for page in man/*.3; do
	# shellcheck disable=SC2013 # one word a line
	for code in $(sed -n '/^\.Sh ERRORS/,/^\.Sh [^E]/p' "$page" |
		grep -oE '^\.It Dv .*' | grep -oE 'AUTHTOK_[A-Z0-9_]+'); do
		grep -qx "$code" "$tmp/codes" || fail "$page: no such error: $code"
	done
	# shellcheck disable=SC2013 # one word a line
	for word in $(grep -v '^\.Dt' "$page" | grep -oE 'AUTHTOK_[A-Z0-9_]+' |
		sort -u); do
		grep -qx "$word" "$tmp/constants" ||
			fail "$page: no header has $word"
	done
done
# functions
# shellcheck disable=SC2013 # one word a line
for symbol in $(sed -nE 's/^\.(Fn|Fo|It Fn) (authtok_[a-z_0-9]+).*/\2/p' \
	man/*.[1-9] | sort -u); do
	grep -qx "$symbol" "$tmp/exports" ||
		fail "the manual has $symbol, the library has not"
done
# pages, by any of their names, or pages of the system
# shellcheck disable=SC2013 # one word a line
for ref in $(sed -nE 's/^\.Xr (auth[a-z._-]+) ([0-9]).*/\1.\2/p' man/*.[1-9] |
	sort -u); do
	[ -e "man/$ref" ] || { [ "${ref##*.}" = 3 ] &&
		grep -qx "${ref%.3}" "$tmp/all"; } || fail "no such page: $ref"
done

# every event of the log has its paragraph
for event in $(cat cmd/authd/*.c | tr -d '\n' | grep -oE \
	'(log_event\([^"]*"[a-z]+",|part_log\(call,|log_refresh\(call,)[[:space:]]*("[a-z_]+"|err == AUTHTOK_ESTORE \? "[a-z_]+" : "[a-z_]+")' |
	sed -E 's/^[^"]*"(info|warn|error)"//' | grep -oE '"[a-z_]+"' |
	tr -d '"' | sort -u); do
	grep -qE "^\.It Li (.* , )?$event( ,|\$)" man/authd.8 ||
		fail "authd.8 does not have the event $event"
done

# ---- examples --------------------------------------------------------------
for page in man/*.3; do
	sed -n '/^\.Bd -literal/,/^\.Ed/p' "$page" |
		sed 's/^\.Bd.*/{/; s/^\.Ed/}/; s/\\e/\\/g; s/\\&//g' >"$tmp/body"
	[ -s "$tmp/body" ] || continue
	cat >"$tmp/example.c" <<'C'
#include <authtok/account.h>
#include <authtok/conformance.h>
#include <authtok/pgsql.h>
#include <authtok/sqlite.h>
#include <stdio.h>
#include <string.h>
struct authtok_store *open_mine(void *arg);
void print_failure(void *arg, const char *name, const char *what);
int example(const struct authtok *engine, const struct authtok_keys *keys,
    struct authtok_store *store, const struct authtok_audit *audit,
    const struct authtok_sessions *sessions,
    const struct authtok_accounts *accounts, struct authtok_claims *claims,
    const struct authtok_user *user, const char *token, size_t token_len);
int example(const struct authtok *engine, const struct authtok_keys *keys,
    struct authtok_store *store, const struct authtok_audit *audit,
    const struct authtok_sessions *sessions,
    const struct authtok_accounts *accounts, struct authtok_claims *claims,
    const struct authtok_user *user, const char *token, size_t token_len)
{
C
	cat "$tmp/body" >>"$tmp/example.c"
	echo 'return 0; }' >>"$tmp/example.c"
	$CC -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused -Wno-unused-parameter \
		-Werror -Iinclude -fsyntax-only "$tmp/example.c" ||
		fail "$page: an example fails"
done
exit $rc
