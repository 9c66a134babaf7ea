#!/usr/bin/env bash
# scipy 1.17.1: scipy.differentiate.derivative of log at 10⁸ is off by 4·10⁻⁴ of itself, with error 0 and success True.
#
# The estimate of the error is the distance of two successive estimates; convergence is asked to 1.5·10⁻⁸ of the value.
# The first step is ½ whatever x is, and each next one half of it; beside 10⁸ log has so few digits for such steps that
# the differences are multiples of one small number. Two of them in a row are the same, and the search ends, content.
# With initial_step in proportion to x the same call is right to ten digits. Whoever takes `success` for a check of a
# gradient at inputs that are not scaled (times, prices, pixels summed up) finds the right one wrong. backproof's error
# bars count the roundoff of the function's values, and say "inconclusive" where it is too large.
# Seen (numpy 2.4.6, CPython 3.11), relative error: 4.4e-04 0.0 True; with initial_step = x/100 below 1e-10: True True.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.17.1 numpy==2.4.6
seen=$("$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from scipy.differentiate import derivative

x = 1e8
found = derivative(np.log, x)
print(f"{abs(found.df * x - 1):.1e} {found.error} {found.success}", end=" ")
scaled = derivative(np.log, x, initial_step=x / 100)
print(abs(scaled.df * x - 1) < 1e-10, scaled.success)
PYTHON
)
echo "seen: $seen"
[ "$seen" = "4.4e-04 0.0 True True True" ] || { echo "this has changed: 4.4e-04 0.0 True True True was seen before"; exit 1; }
