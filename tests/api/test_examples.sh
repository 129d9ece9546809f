#!/bin/sh
# The examples do what they say: a token that one issues the other verifies.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
secret=0123456789abcdefghijklmnopqrstuv
bin=$BUILD/examples
token=$("$bin/issue" $secret ann user moderator)
"$bin/verify" $secret "$token" >"$tmp/out"
grep -q '^user ann, until' "$tmp/out"
grep -q '^may moderate$' "$tmp/out"
token=$("$bin/issue" $secret bob user)
if "$bin/verify" $secret "$token" >"$tmp/out"; then
	echo "bob may not moderate"
	exit 1
fi
if "$bin/verify" "x$secret" "$token" >"$tmp/out"; then
	echo "another secret verified"
	exit 1
fi
"$bin/sessions" "$tmp/db" | grep -q '^refreshed: rotated$'
