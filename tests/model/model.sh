#!/bin/sh
# The rotation rule proved with spin: every row of the table below is a search
# of the whole state space of rotation.pml under its policy and scenario. Then
# faults are seeded, each of which must be caught, and the Promela rule is
# compared with lib/session/rotation.c. Exit 1 when anything is not as written
# here. Run by `make model`; COMPARE is the program of spin/compare.c, JOBS the
# searches at a time.
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=${BUILD:-build}/spin
CC=${CC:-cc}

# ---- one search ------------------------------------------------------------
# search NUMBER: the row of that number into $out/NUMBER/result
search() {
	row=$(sed -n "$1p" "$out/rows")
	want=${row%%|*}
	defs=${row##*|}
	mkdir -p "$out/$1" && cd "$out/$1" || exit 1
	# the shortest way to a bad end is wanted, or all of the state space
	how=-DBFS
	case $want in proved) how= ;; tied) how=-DPRINTF ;; esac
	# shellcheck disable=SC2086 # lists of words
	if ! spin -a $defs "$here/rotation.pml" >spin.log 2>&1 ||
		! "$CC" -O2 -w -DSAFETY -DMEMLIM=2048 $how -o pan pan.c \
			>cc.log 2>&1; then
		echo "broken, see $out/$1" >result
		return
	fi
	if [ "$want" = tied ]; then
		./pan -E -m100000 -w20 >all.log 2>pan.err
		grep -v '^RULE ' all.log >pan.log
		if "$COMPARE" <all.log >compare.log 2>&1 && exhaustive; then
			echo tied >result
		else
			echo differs >result
		fi
		rm -f all.log
		return
	fi
	./pan -E -m100000 -w20 >pan.log 2>pan.err
	if exhaustive; then
		echo proved >result
	elif grep -q 'assertion violated' pan.log; then
		# shellcheck disable=SC2086
		spin -t -T -k rotation.pml.trail $defs "$here/rotation.pml" \
			2>/dev/null >trail.log
		sed -n 's/^VIOLATED: //p' trail.log >result
	else
		echo incomplete >result
	fi
}

# The search was exhaustive: nothing was cut off, hashed away or left out.
exhaustive() {
	grep -q 'errors: 0$' pan.log && grep -q '^Full statespace' pan.log &&
		! grep -qi -e 'too small' -e 'not completed' -e 'out of memory' \
			-e 'MEMLIM' -e 'Bit statespace' -e 'Hash-Compact' \
			pan.log pan.err
}

if [ "${1:-}" = search ]; then
	search "$2"
	exit
fi

if ! command -v spin >/dev/null 2>&1; then
	echo "model: spin is missing (Debian: apt-get install spin)" >&2
	exit 1
fi
if [ ! -x "${COMPARE:-}" ]; then
	echo "model: run me by make model" >&2
	exit 1
fi
rm -rf "$out"
mkdir -p "$out" || exit 1
out=$(cd "$out" && pwd)

# ---- what is searched ------------------------------------------------------
# row WANT "who" "what" DEFINES...: proved, or how it must be violated
row() {
	want=$1 who=$2 what=$3
	shift 3
	echo "$want|$who|$what|$*" >>"$out/rows"
}

loss='-DLOSE=1 -DSLOW=1'
late="-DTABS=2 -DLATE=1 $loss"
thief='-DTHIEF=1'

# What holds for one client and for all of them.
common() {
	who=$1
	shift
	row proved "$who" "two tabs at once" "$@" -DTABS=2
	row proved "$who" "replies lost, client or server killed" "$@" "$loss"
	row proved "$who" "... and the last commit is lost" \
		"$@" "$loss" -DROLLBACK=1
	row proved "$who" "... or the store set back to any older state" \
		"$@" "$loss" -DROLLBACK=2
	row proved "$who" "two requests at the server, compare-and-swap" \
		"$@" -DTABS=2 -DWORKERS
	row proved "$who" "somebody sends garbage" "$@" -DTABS=2 -DFORGER=1
	row proved "$who" "somebody forges, who has the key file" \
		"$@" -DTABS=2 -DFORGER=2
	row proved "$who" "a thief, spaced" "$@" "$thief" "$loss"
	row proved "$who" "a thief, spaced; two tabs" \
		"$@" "$thief" "$loss" -DTABS=2
	row proved "$who" "a thief, spaced; late duplicates" \
		"$@" "$thief" "$late"
	row proved "$who" "a thief, spaced; the last commit is lost" \
		"$@" "$thief" "$loss" -DROLLBACK=1
}

keyed() {
	common "$@"
	who=$1
	shift
	row proved "$who" "late duplicates" "$@" "$late"
	row proved "$who" "... and the last commit is lost" \
		"$@" "$late" -DROLLBACK=1
	row proved "$who" "... or the store set back to any older state" \
		"$@" "$late" -DROLLBACK=2
	row proved "$who" "a thief who has the retry key, too" \
		"$@" "$thief" "$loss" -DTABS=2 -DKEYSTOLEN=1
	row proved "$who" "a thief, however fast, with or without a key" \
		"$@" "$thief" "$loss" -DTABS=2 -DSPACED=0
	row proved "$who" "... who has the retry key, too" \
		"$@" "$thief" "$loss" -DTABS=2 -DSPACED=0 -DKEYSTOLEN=1
}

keyed "keyed client" -DKEYED=1
keyed "keyed client, leeway 0" -DKEYED=1 -DLEEWAY=0
row signed_out "keyed client" "late by more than 60 s after a roll forward" \
	-DKEYED=1 "$late" -DROLLBACK=1 -DSPARE=0
row proved "keyed client" "late by at most 8 rotations, of 10" \
	-DKEYED=1 "$late" -DMAXTOK=10 -DLIMIT=2
row signed_out "keyed client" "late by more than 8 rotations" \
	-DKEYED=1 "$late" -DMAXTOK=10
row proved "keyed client" "late duplicates, compare-and-swap" \
	-DKEYED=1 "$late" -DWORKERS
row proved "keyed client" "... and the last commit is lost" \
	-DKEYED=1 "$late" -DWORKERS -DROLLBACK=1
row proved "keyed client" "a thief, spaced; compare-and-swap" \
	-DKEYED=1 "$thief" "$loss" -DTABS=2 -DWORKERS -DKEEPS=0

common "plain client" -DKEYED=0
row proved "plain client" \
	"late by one rotation, all faster than the leeway" \
	-DKEYED=0 -DTABS=2 -DLATE=1 -DLOSE=1 -DLIMIT=1
row proved "plain client" \
	"... or the store set back to any older state" \
	-DKEYED=0 -DTABS=2 -DLATE=1 -DLOSE=1 -DLIMIT=1 -DROLLBACK=2
row signed_out "plain client" "late by more than one rotation" \
	-DKEYED=0 -DTABS=2 -DLATE=1 -DLOSE=1
row signed_out "plain client" "late by one, and slower than the leeway" \
	-DKEYED=0 "$late" -DLIMIT=1
row shadowed "plain client" "a thief inside the leeway" \
	-DKEYED=0 "$thief" -DSPACED=0

row proved "stock client" "replies lost, client or server killed" \
	-DSTOCK=1 "$loss"
row proved "stock client" "late duplicates" -DSTOCK=1 "$late"
row proved "stock client" "... or the store set back to any older state" \
	-DSTOCK=1 "$late" -DROLLBACK=2
row shadowed "stock client" "a thief, spaced" -DSTOCK=1 "$thief"

strict='-DSTRICT=1 -DLEEWAY=0'
row proved "strict profile" "the store set back to any older state" \
	"$strict" -DROLLBACK=2
row proved "strict profile" "a thief, however fast" \
	"$strict" "$thief" "$loss" -DTABS=2 -DSPACED=0
row signed_out "strict profile" "two tabs at once" "$strict" -DTABS=2
row signed_out "strict profile" "replies lost" "$strict" "$loss"
claims=$(wc -l <"$out/rows")

# fault WANT DEFINE "what" DEFINES...: of a scenario that was proved without
fault() {
	want=$1 define=$2 what=$3
	shift 3
	if ! grep -q "^proved|.*|$*\$" "$out/rows"; then
		echo "model: no proof without the fault: $what" >&2
		exit 1
	fi
	row "$want" fault "$what" "$* -D$define"
}
K=-DKEYED=1
K0="$K -DLEEWAY=0"
P=-DKEYED=0
fault signed_out NO_R1 "R1 dropped" $P -DTABS=2
fault signed_out R1_PARENT "R1 keeps the old parent" "$P $loss"
fault signed_out R1_KEY "R1 remembers no key" "$K $late"
fault shadowed SIBLING "R1 takes a replaced child" "$P $thief $loss"
fault signed_out NO_R2 "R2 dropped" $P -DTABS=2
fault signed_out R2_KEY "R2 without the retry key" "$K0" -DTABS=2
fault signed_out R2_NEVER "R2 without the leeway" $P -DTABS=2
fault shadowed R2_ALWAYS "R2 with a leeway that never ends" "$P $thief $loss"
fault shadowed R2_UNKEYED "R2 with a leeway where a key is remembered" \
	"$K $thief $loss" -DTABS=2 -DSPACED=0
fault shadowed R2_KEYED "R2 with a leeway for requests with a key" \
	"$K $thief $loss" -DTABS=2 -DSPACED=0
fault shadowed R2_BRANCH "R2 and R3 do not look at the branch" \
	"$P $thief $loss"
fault signed_out NO_R3 "R3 dropped" "$P $loss"
fault shadowed R3_BRANCH "R3 leaves the old child alive" "$P $thief $loss"
fault shadowed R3_KEY "R3 remembers no key" \
	"$K $thief $loss" -DTABS=2 -DSPACED=0
fault signed_out R4_KEY "R4 without the retry key" "$K $late"
fault signed_out RING=1 "one retry key remembered" "$K $late"
fault signed_out R4_WINDOW "R4 without the forwarded window" \
	"$K $late" -DROLLBACK=1
fault signed_out NO_R5 "R5 dropped" "$K $loss" -DROLLBACK=1
fault signed_out R5_BRANCH "R5 does not look at the branch" \
	"$P $loss" -DROLLBACK=1
fault signed_out R5_MARK "R5 does not set the window" "$K $late" -DROLLBACK=1
fault signed_out R5_KEY "R5 remembers no key" "$K $late" -DROLLBACK=1
fault undead R6_DEAD "R6 keeps the session" "$P $thief $loss"
fault garbage NO_M "M unchecked" $K -DTABS=2 -DFORGER=1
fault forged NO_S "S unchecked" $K -DTABS=2 -DFORGER=2
fault backwards NO_SWAP "an update without compare-and-swap" \
	"$K $late" -DWORKERS
fault signed_out CLIENT_STORES "client: stores any reply" "$K $late"
fault signed_out CLIENT_KEY "client: sends a key it has not stored" "$K $late"
faults=$(wc -l <"$out/rows")

row tied rule "every row of generations 0 to 3, branches 0 to 2" -DDUMP -DMAXTOK=3
row tied rule "retry memories that overflow" -DDUMP -DDEEP -DMAXTOK=10
row tied rule "all that the proof of the keyed client meets" \
	"$K $late" -DROLLBACK=2 -DTRACE
row tied rule "all that a proof with a thief meets" \
	"$P $thief $loss" -DTABS=2 -DTRACE
rows=$(wc -l <"$out/rows")
# the numbers of lines, without the blanks that some wc put before them
claims=$((claims)) faults=$((faults)) rows=$((rows))

sed -n = "$out/rows" | COMPARE="$COMPARE" BUILD="${out%/spin}" CC="$CC" \
	xargs -n 1 -P "${JOBS:-2}" "$0" search || exit 1

# ---- what was found --------------------------------------------------------
cat <<END
The rotation rule, tests/model/rotation.pml, $(spin -V).
Bounds: 7 rotations and replacements (10 where it says so), 2 tabs, 1 theft,
1 rollback, 8 retry keys; every interleaving within them. Time is one bit: less
than the leeway since the last rotation, or not. Claims: no honest client is
refused; of thief and victim never both go on; reuse ends the session for all.
"Spaced": after the theft all are slower than the leeway. "Both go on": 3 new
tokens each after the theft. A thief sends the retry key, one of its own or none,
and may present a token again after it was answered (not where workers race).

END
failed=0 states_all=0 i=0
# tell WORD: one line for row $i
tell() {
	printf '%-8s %-22s %-50s %7s states\n' "$1" "$who" "$what" "$states"
}
while IFS='|' read -r want who what defs; do
	i=$((i + 1))
	found=$(cat "$out/$i/result" 2>/dev/null)
	states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' \
		"$out/$i/pan.log" 2>/dev/null)
	states=${states:-0}
	states_all=$((states_all + states))
	[ $i != $((claims + 1)) ] ||
		printf '\nFaults, each put into the model alone:\n\n'
	[ $i != $((faults + 1)) ] ||
		printf '\nThe model and lib/session/rotation.c, transition by transition:\n\n'
	if [ "$found" != "$want" ]; then
		failed=$((failed + 1))
		tell WRONG
		echo "          wanted $want, found ${found:-nothing}; $defs"
		cat "$out/$i/compare.log" 2>/dev/null
	elif [ "$want" = proved ]; then
		tell proved
	elif [ "$want" = tied ]; then
		printf '%-8s %s:\n' equal "$what"
		fold -s -w 70 "$out/$i/compare.log" | sed 's/^/         /'
	elif [ $i -gt "$claims" ]; then
		printf '%-8s %-44s by: %s\n' caught "$what" "$want"
	else
		tell refuted
		sed -e '/^spin:/d' -e 's/^/         | /' -e '/VIOLATED/q' \
			"$out/$i/trail.log"
	fi
done <"$out/rows"
echo
if [ $failed != 0 ]; then
	echo "model: $failed of $rows searches are not as claimed"
	exit 1
fi
echo "$claims claims as designed ($(grep -c '^proved|' "$out/rows") proved)," \
	"$((faults - claims)) faults caught, $states_all states searched;"
echo "every proof searched its whole state space"
