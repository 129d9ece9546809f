#!/bin/sh
# Install into a scratch prefix, then do what a user does: look each function up
# in the manual, compile a ten-line program by pkg-config, against the shared and
# the static library, and run it. What is uninstalled is gone.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL
# shellcheck disable=SC2086 # $SAN is a list of flags
run() {
	"$MAKE" -s install-files PREFIX=/opt/authtok DESTDIR="$tmp/stage" \
		BUILD="$BUILD" CC="$CC" VARIANT="${VARIANT:-release}" >"$tmp/log" 2>&1 ||
		{ cat "$tmp/log"; return 1; }
	for f in lib/libauthtok.so lib/libauthtok.a include/authtok/session.h \
		lib/pkgconfig/authtok-sqlite.pc sbin/authd bin/authctl \
		share/man/man3/authtok.3 share/man/man8/authd.8 \
		share/man/man5/authd.conf.5 share/man/man8/authctl.8; do
		[ -e "$tmp/stage/opt/authtok/$f" ] || { echo "missing: $f"; return 1; }
	done

	# man finds a page by its file: one for each function, that has its name
	m="$tmp/stage/opt/authtok/share/man"
	lists=
	for l in ${LIBS-$(basename -s .sym lib/*.sym)}; do
		lists="$lists lib/$l.sym"
		[ -e "$tmp/stage/opt/authtok/lib/pkgconfig/$l.pc" ] ||
			{ echo "missing: $l.pc"; return 1; }
	done
	# shellcheck disable=SC2013,SC2086 # one word a line; a list
	for symbol in $(cat $lists); do
		sed -n '/^\.Sh NAME/,/^\.Nd/p' "$m/man3/$symbol.3" |
			grep -qE "^\.Nm $symbol( |\$)" ||
			{ echo "no manual page of $symbol"; return 1; }
	done
	if command -v man >/dev/null 2>&1; then
		man -M "$m" -w 3 authtok_signin >/dev/null ||
			{ echo "man does not find authtok_signin"; return 1; }
	fi
	"$MAKE" -s uninstall PREFIX=/opt/authtok DESTDIR="$tmp/stage" \
		>"$tmp/log" 2>&1 || { cat "$tmp/log"; return 1; }
	left=$(find "$tmp/stage" ! -type d)
	[ -z "$left" ] || { echo "left behind: $left"; return 1; }

	"$MAKE" -s install-files PREFIX="$tmp/usr" BUILD="$BUILD" CC="$CC" \
		VARIANT="${VARIANT:-release}" >"$tmp/log" 2>&1 ||
		{ cat "$tmp/log"; return 1; }
	export PKG_CONFIG_PATH="$tmp/usr/lib/pkgconfig"
	cat >"$tmp/ten.c" <<'C'
#include <authtok.h>
#include <stdio.h>
int main(void)
{
	struct authtok_claims *who = NULL;
	if (authtok_claims_new(&who) != AUTHTOK_OK) return 1;
	puts(authtok_strerror(authtok_require_any(who, (const char *const[]){ "admin", NULL })));
	authtok_claims_free(who);
	return 0;
}
C
	# shellcheck disable=SC2046,SC2086 # lists of words
	$CC $SAN -o "$tmp/shared" "$tmp/ten.c" \
		$(pkg-config --cflags --libs authtok)
	said=$(LD_LIBRARY_PATH="$tmp/usr/lib" "$tmp/shared")
	[ -n "$said" ] || { echo "the program said nothing"; return 1; }
	# shellcheck disable=SC2046,SC2086 # lists of words
	$CC $SAN -Iinclude -o "$tmp/sessions" examples/sessions.c \
		$(pkg-config --cflags --libs authtok-account authtok-sqlite) \
		-Wl,-rpath,"$tmp/usr/lib"
	"$tmp/sessions" "$tmp/db" >"$tmp/out" ||
		{ cat "$tmp/out"; return 1; }
	grep -q '^refreshed: rotated$' "$tmp/out"
	# a backend that may not be here, with all that it pulls in
	if [ -e "$tmp/usr/lib/pkgconfig/authtok-pgsql.pc" ]; then
		cat >"$tmp/pgsql.c" <<'C'
#include <authtok/pgsql.h>
int main(void)
{
	struct authtok_pgsql_config config = AUTHTOK_PGSQL_CONFIG_INIT;
	return authtok_store_pgsql(&config, NULL, NULL, 0) != AUTHTOK_EINVAL;
}
C
		# shellcheck disable=SC2046,SC2086 # lists of words
		$CC $SAN -o "$tmp/pgsql" "$tmp/pgsql.c" \
			$(pkg-config --cflags --libs authtok-pgsql) \
			-Wl,-rpath,"$tmp/usr/lib"
		"$tmp/pgsql"
		# shellcheck disable=SC2046,SC2086 # lists of words
		$CC $SAN -o "$tmp/pgsql" "$tmp/pgsql.c" -I"$tmp/usr/include" \
			"$tmp/usr/lib/libauthtok-pgsql.a" \
			"$tmp/usr/lib/libauthtok.a" \
			$(pkg-config --libs libpq libcrypto) -pthread
		"$tmp/pgsql"
	elif [ -e "$tmp/usr/include/authtok/pgsql.h" ]; then
		echo "a header without its library: pgsql.h"
		return 1
	fi
	rm "$tmp/usr/lib/libauthtok.so"
	# shellcheck disable=SC2046,SC2086 # lists of words
	$CC $SAN -o "$tmp/static" "$tmp/ten.c" \
		$(pkg-config --static --cflags --libs authtok)
	[ "$("$tmp/static")" = "$said" ] || { echo "static differs"; return 1; }
	# what linking pulls in: libcrypto and libc, nothing else
	if [ -z "$SAN" ]; then
		needed=$(objdump -p "$BUILD/lib/libauthtok.so" |
			awk '$1 == "NEEDED" { print $2 }' | sort | tr '\n' ' ')
		[ "$needed" = "libc.so.6 libcrypto.so.3 " ] ||
			{ echo "libauthtok needs: $needed"; return 1; }
	fi
}
run
