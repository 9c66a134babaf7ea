#!/usr/bin/env bash
# mkdocs 1.6.1: `mkdocs build --strict --quiet` exits 0 where `mkdocs build --strict` refuses the same pages.
#
# --strict turns warnings into a failure by counting what the logger emits; --quiet sets the logger's level above
# warnings, so that none is counted. A build script that only silences its output stops checking links. backproof's
# `make site` builds without --quiet.
# Seen (mkdocs 1.6.1, CPython 3.11): a link to a page that is not there; exit status 1 with --strict, 0 with both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mkdocs==1.6.1
mkdir -p "$folder/site/docs"
cd "$folder/site"
printf 'site_name: one\n' > mkdocs.yml
printf '# One\n\n[nowhere](absent.md)\n' > docs/index.md
status() { "$folder/venv/bin/mkdocs" build --strict "$@" >/dev/null 2>&1 && echo 0 || echo $?; }
seen="$(status) $(status --quiet)"
echo "seen: $seen"
[ "$seen" = "1 0" ] || { echo "this has changed: 1 0 was seen before"; exit 1; }
