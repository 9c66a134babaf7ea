#!/usr/bin/env bash
# numdifftools 0.11.2: near the kink of a ReLU the derivative is wrong by 0.5, with an error estimate of 0.0008.
#
# At x = 0.0001 the derivative of max(x, 0) is 1. Derivative's steps go from large to small, all but the last of them
# reach across 0 and agree on ½; the estimate is taken where they agree best, so the answer is ½ and says that it is
# good to 8·10⁻⁴, 600 times less than what it is off by. scipy.differentiate.derivative (1.17.1) at the same place
# returns success False. A checker that widens its tolerance by the estimate calls the right derivative wrong as soon as
# a pre-activation is near 0. backproof's differences keep away from a kink, by steps that do not reach it.
# Seen (numpy 2.4.6, scipy 1.17.1, CPython 3.11): derivative 0.5000, estimate 0.0008, step 0.5; scipy: False.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numdifftools==0.11.2 numpy==2.4.6 scipy==1.17.1
seen=$("$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numdifftools
import numpy as np
from scipy.differentiate import derivative


def relu(x):
    return np.maximum(x, 0.0)


found = numdifftools.Derivative(relu, full_output=True)(1e-4)
print(f"{float(found.estimate):.4f} {float(found.error_estimate):.4f} {float(found.final_step):g}", end=" ")
print(bool(derivative(relu, 1e-4).success))
PYTHON
)
echo "seen: $seen"
[ "$seen" = "0.5000 0.0008 0.5 False" ] || { echo "this has changed: 0.5000 0.0008 0.5 False was seen before"; exit 1; }
