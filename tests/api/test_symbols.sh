#!/bin/sh
# Each shared library exports its list in lib/*.sym and nothing else, and every
# name on the list is declared in a public header.
set -eu
rc=0
for list in lib/*.sym; do
	name=$(basename "$list" .sym)
	case " ${LIBS-$name} " in
	*" $name "*) ;;
	*)
		echo "# lib$name is not built here"
		continue
		;;
	esac
	nm -D --defined-only "$BUILD/lib/lib$name.so" |
		awk '$2 != "A" { print $3 }' | grep -v '^__\|^_[a-z]*$' |
		LC_ALL=C sort >"$BUILD/$name.exported"
	if ! LC_ALL=C sort "$list" | diff - "$BUILD/$name.exported"; then
		echo "lib$name.so: exports differ from $list"
		rc=1
	fi
	while read -r symbol; do
		grep -q "[ *]$symbol(" include/authtok.h include/authtok/*.h || {
			echo "$symbol is in no public header"
			rc=1
		}
	done <"$list"
done
exit $rc
