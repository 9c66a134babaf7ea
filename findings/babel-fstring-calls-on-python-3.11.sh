#!/usr/bin/env bash
# babel 2.19.0 on CPython 3.11: a call of gettext inside an f-string is not extracted.
#
# Before CPython 3.12 the tokenizer gives an f-string as one token; Babel's extractor looks at tokens, so that
# f"{_('hidden')}" gives no message, without a warning: the text stays untranslated, and a test that compares
# catalogue and template sees nothing missing. On CPython 3.12 the same file gives both messages. backproof collects its
# texts from the tables themselves and from the syntax tree.
# Seen (babel 2.19.0): on CPython before 3.12 ['plain'], from 3.12 on ['hidden', 'plain'].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check babel==2.19.0
seen=$("$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

from babel.messages.extract import extract_python

source = b"a = _('plain')\nb = f\"{_('hidden')}\"\n"
found = sorted(m for _, _, m, _ in extract_python(io.BytesIO(source), ["_"], [], {}))
print(found, sys.version_info >= (3, 12))
PYTHON
)
echo "seen: $seen"
case "$seen" in
    "['plain'] False" | "['hidden', 'plain'] True") ;;
    *) echo "this has changed: ['plain'] before CPython 3.12, both from 3.12 on, was seen before"; exit 1 ;;
esac
