#!/bin/sh
# Builds a small demonstration archive, serves it on this machine and walks through it with a browser.
# ZAPIS_TEST_REQUIRE=1 makes a missing tool a failure; otherwise the walk is left out and says why.
# ZAPIS_SHOTS=DIR keeps pictures of the pages.
set -eu
cd "$(dirname "$0")/../.."

leave_out() {
	echo "browser walk: $1" >&2
	[ "${ZAPIS_TEST_REQUIRE:-}" = 1 ] && exit 1
	exit 0
}
command -v node >/dev/null || leave_out "node is not installed"
command -v ffmpeg >/dev/null || leave_out "ffmpeg is not installed"
[ -x /usr/bin/chromium ] || [ -x /usr/bin/chromium-browser ] || [ -x /usr/bin/google-chrome ] || leave_out "chromium is not installed"
[ -d web/node_modules/playwright-core ] || leave_out "web/node_modules is missing: run npm ci --ignore-scripts in web"
[ -x bin/zapis ] || leave_out "bin/zapis is not built"

# The check page needs no server, and must not have one.
node test/browser/check.mjs ${ZAPIS_SHOTS:+--shots "$ZAPIS_SHOTS"}

work=$(mktemp -d)
server=
public=
tidy() {
	[ -z "$public" ] || kill "$public" 2>/dev/null || true
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	[ -z "$server" ] || wait "$server" 2>/dev/null || true
	rm -rf "$work"
}
trap tidy EXIT
trap 'exit 130' INT TERM

# The public site, from made-up bundles.
command -v go >/dev/null || leave_out "go is not installed"
go run ./test/browser/bundles "$work/bundles" 45 "$work/pages"
bin/zapis site build --releases "$work/bundles" --pages "$work/pages" --out "$work/site" --name "Night Shift Archive" --languages en,ru,uk,ar
bin/zapis site serve --out "$work/site" --listen 127.0.0.1:0 >"$work/serving" 2>&1 &
public=$!
tries=0
until base=$(grep -o 'http://127\.0\.0\.1:[0-9]*/' "$work/serving"); do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || { cat "$work/serving" >&2; exit 1; }
	sleep 0.1
done
node test/browser/site.mjs --base "$base" --root "$work/site/current" ${ZAPIS_SHOTS:+--shots "$ZAPIS_SHOTS"}
kill "$public"
wait "$public" || true
public=

# From a span to the public page, by two people, in an archive of its own.
node test/browser/desk.mjs --program bin/zapis ${ZAPIS_SHOTS:+--shots "$ZAPIS_SHOTS"}

# The demonstration turns into the server, so its process is the one to end.
bin/zapis --home "$work/demo" demo --quick --listen 127.0.0.1:0 >"$work/out" 2>"$work/err" &
server=$!
link=
tries=0
while [ -z "$link" ]; do
	sleep 1
	tries=$((tries + 1))
	link=$(grep -o 'http://127\.0\.0\.1:[0-9]*/sign-in/link/[A-Za-z0-9_-]*' "$work/out" | head -n 1 || true)
	if [ -z "$link" ] && { [ "$tries" -ge 300 ] || ! kill -0 "$server" 2>/dev/null; }; then
		echo "browser walk: the demonstration did not come up:" >&2
		cat "$work/out" "$work/err" >&2
		exit 1
	fi
done
node test/browser/flow.mjs --link "$link" ${ZAPIS_SHOTS:+--shots "$ZAPIS_SHOTS"}
