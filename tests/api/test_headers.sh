#!/bin/sh
# Every public header compiles alone, in C and in C++, without a warning.
set -eu
for header in include/authtok.h include/authtok/*.h; do
	$CC -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef \
		-Werror -Iinclude -fsyntax-only -x c "$header" ||
		{ echo "$header"; exit 1; }
	if command -v g++ >/dev/null 2>&1; then
		g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -Iinclude \
			-fsyntax-only -x c++ "$header" ||
			{ echo "$header (C++)"; exit 1; }
	else
		echo "# $header: no C++ compiler here, checked in C only"
	fi
done
# no third-party type in a public header
! grep -nE '#include <(openssl|sqlite3|libpq|sodium|cjson|civetweb)' \
	include/authtok.h include/authtok/*.h
