#!/usr/bin/env bash
# autograd 1.9.1: the gradient of np.tile(x, 2) is wrong for a matrix x, without an error.
#
# numpy.tile repeats along the last axes where it is given fewer numbers than x has axes: np.tile(x, 2) puts two copies
# of x side by side, and so does np.tile(x, (1, 2)). The backward pass of autograd reads the same numbers from the first
# axis on: it adds the upper half of the incoming gradient to the lower one and reshapes what is left, so that the sum
# has the right shape and the wrong entries. ∂/∂x Σ tile(x, 2)² is 4x; what comes is neither 4x nor a permutation of it.
# np.kron with an array of three axes has it too. Whoever lets autograd check a hand-written gradient of weights or
# biases that are repeated for a batch sees a right program disagree. backproof's witnesses do not use it.
# Seen (numpy 2.4.6, CPython 3.11): tile(x, 2): 8 12 8 12; tile(x, (1, 2)): 4 8 12 16, which is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check autograd==1.9.1 numpy==2.4.6
seen=$("$folder/venv/bin/python" -W ignore - <<'PYTHON'
import autograd.numpy as np
from autograd import grad

x = np.array([[1.0, 2.0], [3.0, 4.0]])
for repeats in (2, (1, 2)):
    print(*grad(lambda x: np.sum(np.tile(x, repeats) ** 2))(x).ravel(), end="; ")
PYTHON
)
echo "seen: $seen"
expected="8.0 12.0 8.0 12.0; 4.0 8.0 12.0 16.0; "
[ "$seen" = "$expected" ] || { echo "this has changed: $expected was seen before"; exit 1; }
