#!/usr/bin/env bash
# micrograd 0.1.0: backward() twice on one graph gives 3 times the gradient, where leaves and inner nodes are not set to 0.
#
# y = x², z = y · 1 at x = 3. The first backward() leaves 6 in x.grad. One would expect 6 again, or 12 for a library
# that adds up; it is 18, since the inner node's gradient of the first pass is added to as well and passed on once more.
# Seen: 6.0 18.0 (CPython 3.11). A student who takes two steps on one graph gets this; backproof names it
# gradients-accumulated in a program that keeps sums from call to call.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check micrograd==0.1.0
seen=$("$folder/venv/bin/python" - <<'PYTHON'
from micrograd.engine import Value

x = Value(3.0)
z = x * x * 1.0
z.backward()
first = x.grad
z.backward()
print(first, x.grad)
PYTHON
)
echo "seen: $seen"
[ "$seen" = "6.0 18.0" ] || { echo "this has changed: 6.0 18.0 was seen before"; exit 1; }
