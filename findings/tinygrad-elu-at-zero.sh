#!/usr/bin/env bash
# tinygrad 0.14.0: elu'(0) is 0 for α = 1, where the function has the derivative 1 on both sides.
#
# ELU with α = 1 is differentiable at 0. tinygrad's gradient is 0.999 left of it, 1 right of it, and 0 at it: outside of
# every subgradient. Its celu, the same function for α = 1, gives 1. Whoever checks a hand-written ELU against it on
# inputs with exact zeros, as behind a dead layer, sees a right program disagree. backproof asks exact zeros apart, and
# accepts what lies between the slopes of both sides: for ELU with α = 1 that is 1 alone.
# Seen, by the PYTHON device (CPython 3.11): elu 0.0, celu 1.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tinygrad==0.14.0 numpy==2.4.6
seen=$(DEV=PYTHON "$folder/venv/bin/python" - <<'PYTHON'
from tinygrad import Tensor

for name in ("elu", "celu"):
    at_zero = Tensor([0.0])
    print(name, float(getattr(at_zero, name)().sum().gradient(at_zero)[0].numpy()[0]))
PYTHON
)
echo "seen:" $seen
[ "$(echo $seen)" = "elu 0.0 celu 1.0" ] || { echo "this has changed: elu 0.0 celu 1.0 was seen before"; exit 1; }
