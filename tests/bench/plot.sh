#!/bin/sh
# Draw the growth curve and the peers' bars as SVG with gnuplot:
# tests/bench/plot.sh FOLDER, which has peers.jsonl and sqlite.jsonl, what the
# benchmarks printed with --json; growth.svg and peers.svg go there, too.
set -eu
out=$1
if ! command -v gnuplot >/dev/null 2>&1; then
	echo "bench-plot: gnuplot is missing (Debian: gnuplot-nox)" >&2
	exit 1
fi
cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
case $cpu in *[A-Za-z]*) ;; *) cpu=$(uname -m) ;; esac
where="$(date +%Y-%m-%d), $(getconf _NPROCESSORS_ONLN) processors, $cpu"

# field NAME: its value in a line of JSON
field() {
	sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p"
}

# "name" RATIO for each kind, in the same order
for kind in verify issue; do
	grep "\"what\":\"$kind " "$out/peers.jsonl" | while read -r line; do
		what=$(printf '%s\n' "$line" | field what)
		ratio=$(printf '%s\n' "$line" | field ratio)
		printf '"%s" %s\n' "${what#* }" "$ratio"
	done | sort -k1,1 >"$out/$kind.dat"
done
# VERIFY ISSUE "name", the fastest first
paste "$out/verify.dat" "$out/issue.dat" | awk -F'\t' '{
	v = i = $1; sub(/.* /, "", v); sub(/.* /, "", $2)
	sub(/ [^ ]*$/, "", $1); print v, $2, $1 }' | sort -n >"$out/peers.dat"

grep '"what":"curve [0-9]* refreshes"' "$out/sqlite.jsonl" |
	while read -r line; do
		what=$(printf '%s\n' "$line" | field what)
		size=${what#curve }
		printf '%s %s %s\n' "${size% refreshes}" \
			"$(printf '%s\n' "$line" | field figure)" \
			"$(printf '%s\n' "$line" | field floor)"
	done >"$out/growth.dat"
if [ ! -s "$out/peers.dat" ] || [ ! -s "$out/growth.dat" ]; then
	echo "bench-plot: no rows in $out/*.jsonl" >&2
	exit 1
fi

gnuplot <<END
set terminal svg size 760,420 font "sans-serif,13" background "white"
set style fill solid 0.9 noborder
set key top left
set output "$out/peers.svg"
set title "HS256 with exp, iss and aud checked: CPU time, bare HMAC = 1\n{/*0.8 $where}"
set logscale y
set yrange [1:400]
set ylabel "times a bare HMAC over the same bytes"
set grid ytics
set style data histogram
set style histogram clustered gap 1
set xtics rotate by -20
plot "$out/peers.dat" using 1:xtic(3) title "verify" lc rgb "#2b6cb0", \
     "" using 2 title "issue" lc rgb "#dd9b4f", \
     "" using (\$0-0.17):1:(sprintf("%.1f",\$1)) with labels offset 0,0.6 notitle, \
     "" using (\$0+0.17):2:(sprintf("%.1f",\$2)) with labels offset 0,0.6 notitle
reset
set output "$out/growth.svg"
set title "Refreshes a second of CPU time, SQLite, one row a session\n{/*0.8 $where}"
set logscale x
set xlabel "sessions"
set yrange [0:*]
set format x "10^{%L}"
set ylabel "refreshes a second"
set grid
set key bottom left
plot "$out/growth.dat" using 1:3 with linespoints lw 2 pt 7 lc rgb "#999999" title "the two bare statements", \
     "" using 1:2 with linespoints lw 2 pt 7 lc rgb "#2b6cb0" title "authtok\\\\_session\\\\_refresh"
END
echo "$out/peers.svg $out/growth.svg"
