#!/bin/sh
# The manual: mandoc finds nothing to warn of; every exported function is named
# by a page of section 3; every option and configuration key has its paragraph;
# the examples of section 3 compile.
set -eu
rc=0
mandoc -T lint -W warning man/*.[1-9] || rc=1
# shellcheck disable=SC2013 # one word a line
for symbol in $(cat lib/*.sym); do
	grep -qsE "^\.(Nm|Fn|Fo) $symbol( |\$)" man/*.3 ||
		{ echo "no manual page names $symbol"; rc=1; }
done
# names in the pages that no list has
# shellcheck disable=SC2013 # one word a line
for symbol in $(sed -nE 's/^\.(Fn|Fo) (authtok_[a-z_0-9]+).*/\2/p' man/*.3 |
	sort -u); do
	grep -qx "$symbol" lib/*.sym ||
		{ echo "the manual has $symbol, the library has not"; rc=1; }
done
# every page that is referred to exists, or is of the system
# shellcheck disable=SC2013 # one word a line
for ref in $(sed -nE 's/^\.Xr (auth[a-z.-]+) ([0-9]).*/\1.\2/p' man/*.[1-9] |
	sort -u); do
	[ -e "man/$ref" ] || { echo "no such page: $ref"; rc=1; }
done
# every event of the log has its paragraph
for event in $(cat cmd/authd/*.c | tr -d '\n' | grep -oE \
	'(log_event\([^"]*"[a-z]+",|part_log\(call,|log_refresh\(call,)[[:space:]]*("[a-z_]+"|err == AUTHTOK_ESTORE \? "[a-z_]+" : "[a-z_]+")' |
	sed -E 's/^[^"]*"(info|warn|error)"//' | grep -oE '"[a-z_]+"' |
	tr -d '"' | sort -u); do
	grep -qE "^\.It Li (.* , )?$event( ,|\$)" man/authd.8 ||
		{ echo "authd.8 does not have the event $event"; rc=1; }
done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for page in man/*.3; do
	sed -n '/^\.Bd -literal/,/^\.Ed/p' "$page" |
		sed 's/^\.Bd.*/{/; s/^\.Ed/}/; s/\\e/\\/g; s/\\&//g' >"$tmp/body"
	{
		echo '#include <authtok/account.h>'
		echo '#include <authtok/sqlite.h>'
		echo '#include <stdio.h>'
		echo '#include <string.h>'
		echo 'int example(const char *token, size_t token_len);'
		echo 'int example(const char *token, size_t token_len) {'
		echo '(void)token; (void)token_len;'
		cat "$tmp/body"
		echo 'return 0; }'
	} >"$tmp/example.c"
	$CC -std=c11 -Wall -Wextra -Wno-unused -Iinclude -fsyntax-only \
		"$tmp/example.c" || { echo "$page: an example fails"; rc=1; }
done
exit $rc
