#!/usr/bin/env bash
# Installs the Debian packages named on the command line that are missing; where that is not possible, says
# exactly what to type. Also checks for Go and Node.
set -euo pipefail
for tool in go node npm; do
	command -v "$tool" >/dev/null || { echo "zapis: $tool is missing: install Go 1.26 or newer and Node 20 or newer, then run make again" >&2; exit 1; }
done
missing=()
for p in "$@"; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null; then
	echo "zapis: please install with your package manager: ${missing[*]}" >&2
	exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		as_root=(sudo)
	else
		echo "zapis: please type this once, then run make again:" >&2
		echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
		exit 1
	fi
fi
echo "installing: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
