#!/bin/sh
# The runner of public test vectors, on vectors of our own: what is right, what is
# wrong, and a folder that holds nothing.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
vectors=$BUILD/tests/vectors/vectors

# runs STATUS WORDS: it ends with that status and says these words
runs() {
	status=0
	"$vectors" "$tmp" >"$tmp/out" 2>&1 || status=$?
	if [ "$status" != "$1" ] || ! grep -q "$2" "$tmp/out"; then
		echo "status $status, not $1 with \"$2\":"
		cat "$tmp/out"
		exit 1
	fi
}

runs 2 'nothing was run'
mkdir -p "$tmp/suite/test_parsing"
runs 2 'holds no y_, n_ or i_ file'
printf '{"a":[1,null]}' >"$tmp/suite/test_parsing/y_object.json"
printf '{"a":[1,]}' >"$tmp/suite/test_parsing/n_comma.json"
printf '[1e999]' >"$tmp/suite/test_parsing/i_number.json"
runs 0 '^all  *10 right *0 stricter *5 open *0 wrong'
printf '[1]' >"$tmp/suite/test_parsing/y_array.json"
runs 0 '^all  *13 right *2 stricter *5 open *0 wrong'
printf '{"a":}' >"$tmp/suite/test_parsing/y_wrong.json"
runs 1 '^WRONG JSONTestSuite as a claim: y_wrong.json'
rm "$tmp/suite/test_parsing/y_wrong.json"
printf '{"a":1}' >"$tmp/suite/test_parsing/n_wrong.json"
runs 1 '^WRONG JSONTestSuite as header: n_wrong.json'
rm -r "$tmp/suite/test_parsing"
mkdir "$tmp/suite/testvectors_v1"
runs 2 'hmac_sha256_test.json cannot be read'
