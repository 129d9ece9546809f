#!/bin/sh
# Run test programs one after the other: tests/run.sh PROGRAM...
# A program is made with Check (its closing line is counted) or is anything that
# exits 0. Output is shown for failures. The last line says the sum.
set -u
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT INT TERM
for program; do
	name=${program##*/}
	began=$(date +%s)
	"$program" >"$log" 2>&1
	status=$?
	took=$(($(date +%s) - began))
	line=$(grep -E '^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+' \
		"$log" | tail -n 1)
	if [ -n "$line" ]; then
		# shellcheck disable=SC2046 # three words
		set -- $(echo "$line" | sed 's/[^0-9 ]//g')
		checks=$2 bad=$(($3 + $4))
		[ "$checks" -gt 0 ] || bad=1
		[ "$status" = 0 ] || [ "$bad" -gt 0 ] || bad=1
	else
		checks=1 bad=0
		[ "$status" = 0 ] || bad=1
	fi
	[ "$bad" -le "$checks" ] || checks=$bad
	passed=$((passed + checks - bad)) failed=$((failed + bad))
	if [ "$bad" = 0 ]; then
		printf 'ok    %-28s %4d checks %4d s\n' "$name" "$checks" "$took"
		grep '^# ' "$log" | sed 's/^/      /'
	else
		printf 'FAIL  %-28s %4d of %d, status %d\n' \
			"$name" "$bad" "$checks" "$status"
		sed 's/^/      /' "$log"
	fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
