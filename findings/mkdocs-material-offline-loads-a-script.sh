#!/usr/bin/env bash
# mkdocs-material 9.8.2: with its plugin `offline` every page asks unpkg.com for a script.
#
# The plugin makes search work from files on a disk, where a page may start no worker; the page gets a polyfill of
# workers for that, by its address on a public server and not by a copy beside it. Opened without a network, the site's
# search does not work; opened with one, each reader's browser tells a third party. backproof's site leaves the plugin
# out, and its search needs a local server.
# Seen (mkdocs-material 9.8.2, CPython 3.11): <script src="https://unpkg.com/iframe-worker/shim"> in the page.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mkdocs==1.6.1 mkdocs-material==9.8.2
mkdir -p "$folder/site/docs"
cd "$folder/site"
printf 'site_name: one\ntheme:\n  name: material\n  font: false\nplugins:\n  - search\n  - offline\n' > mkdocs.yml
printf '# One\n' > docs/index.md
"$folder/venv/bin/mkdocs" build --strict >/dev/null 2>&1
seen=$(grep -o 'src="https://[^"]*"' site/index.html | sort -u || true)
echo "seen: $seen"
[ "$seen" = 'src="https://unpkg.com/iframe-worker/shim"' ] || { echo "this has changed: unpkg.com/iframe-worker/shim was seen before"; exit 1; }
