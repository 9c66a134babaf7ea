#!/usr/bin/env bash
# autograd 1.9.1: the gradient of a product with one factor 0 has NaN where the product of the others is right.
#
# f(x) = x₁x₂x₃ at (0, 2, 3) has the gradient (6, 0, 0). autograd divides the product by each factor, which is 0/0 for
# the first. Whoever takes its gradient of a likelihood with a probability of 0 as the reference finds a right program
# wrong; a comparison that lets NaN pass finds a wrong one right. backproof never lets NaN pass.
# Seen (numpy 2.4.6, CPython 3.11): nan 0.0 0.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check autograd==1.9.1 numpy==2.4.6
seen=$("$folder/venv/bin/python" -W ignore - <<'PYTHON'
import autograd.numpy as np
from autograd import grad

print(*grad(np.prod)(np.array([0.0, 2.0, 3.0])))
PYTHON
)
echo "seen: $seen"
[ "$seen" = "nan 0.0 0.0" ] || { echo "this has changed: nan 0.0 0.0 was seen before"; exit 1; }
