#!/bin/sh
# Run test programs, as many at once as there are processors (JOBS=n: as many as
# that), behind the words of $UNDER: tests/run.sh PROGRAM...
# A program is made with Check (its closing line is counted) or is anything that
# exits 0. Output is shown for failures. The last line says the sum.
set -u

# run_one PROGRAM: what there is to say of it, and "passed failed" into a file
# of its own in $RESULTS
run_one() {
	name=${1##*/}
	log=$RESULTS/$(echo "$1" | tr / _)
	began=$(date +%s)
	# shellcheck disable=SC2086 # a command and its options
	${UNDER-} "$1" >"$log" 2>&1
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
	echo $((checks - bad)) $bad >"$log.sum"
	if [ "$bad" = 0 ]; then
		printf 'ok    %-28s %4d checks %4d s\n' "$name" "$checks" "$took"
		grep '^# ' "$log" | sed 's/^/      /'
	else
		printf 'FAIL  %-28s %4d of %d, status %d\n' \
			"$name" "$bad" "$checks" "$status"
		sed 's/^/      /' "$log"
	fi >"$log.say"
	# in one piece, so that those of several do not mix
	flock "$RESULTS" cat "$log.say"
}

if [ -n "${RESULTS-}" ]; then
	run_one "$1"
	exit 0
fi
RESULTS=$(mktemp -d)
export RESULTS
trap 'rm -rf "$RESULTS"' EXIT
trap 'exit 1' INT TERM
printf '%s\n' "$@" | xargs -n 1 -P "${JOBS:-$(nproc)}" "$0"
find "$RESULTS" -name '*.sum' -exec cat {} + | awk -v all=$# '
	{ passed += $1; failed += $2; programs++ }
	END {
		failed += all - programs # of which nothing is known
		printf "%d passed, %d failed\n", passed, failed
		exit !(failed == 0 && passed > 0)
	}'
