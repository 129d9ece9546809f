#!/bin/sh
# Tell what the tests of `make coverage` went through:
# tests/coverage.sh OBJECTS OUT
# Into OUT go the annotated sources (*.gcov), table.txt, which is also printed,
# and index.html with all of it where gcovr is installed. Lines and branches of
# .c files of ours; a branch counts when it was taken once.
set -eu
objects=$1 out=$2
mkdir -p "$out"
rm -f "$out"/*.gcov "$out"/*.html "$out"/table.txt

find "$objects/lib" "$objects/cmd" -name '*.gcno' | sort |
while read -r note; do
	gcov -b -p -r -o "${note%/*}" "${note%.gcno}.o" 2>/dev/null
done | awk '
	function count(line) {
		match(line, /:[0-9.]+%/)
		share = substr(line, RSTART + 1, RLENGTH - 2)
		sub(/.* of /, "", line)
		return sprintf("%d %d", share * line / 100 + 0.5, line)
	}
	/^File / {
		file = $2
		gsub("\047", "", file)
		wanted = file ~ /^(lib|cmd)\/.*\.c$/
	}
	!wanted { next }
	/^Lines executed/ { lines[file] = count($0) }
	/^Taken at least once/ { branches[file] = count($0) }
	END {
		for (file in lines)
			print file, lines[file], \
				file in branches ? branches[file] : "0 0"
	}' | sort | awk '
	function say(name, l, of_l, b, of_b) {
		printf "%-34s %6d %6d %6.1f %%  %6d %6d %6.1f %%\n", name, \
			of_l, of_l - l, of_l ? 100 * l / of_l : 100, \
			of_b, of_b - b, of_b ? 100 * b / of_b : 100
	}
	BEGIN {
		printf "%-34s %6s %6s %8s  %6s %6s %8s\n", "", \
			"lines", "missed", "", "branch", "missed", ""
	}
	{
		part = substr($1, 1, 3)
		say($1, $2, $3, $4, $5)
		for (i = 2; i <= 5; i++)
			sum[part, i] += $i
	}
	END {
		for (i = 1; i <= 2; i++) {
			p = i == 1 ? "lib" : "cmd"
			say(p, sum[p, 2], sum[p, 3], sum[p, 4], sum[p, 5])
		}
	}' >"$out/table.txt"
mv -f -- *.gcov "$out"
cat "$out/table.txt"
if command -v gcovr >/dev/null 2>&1; then
	gcovr -r . --object-directory "$objects" -f lib/ -f cmd/ \
		--html-details "$out/index.html"
fi
