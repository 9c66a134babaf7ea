#!/usr/bin/env bash
# jax 0.10.2: jax.grad of scipy.special.beta is NaN at a negative first argument; jax.jvp has the right derivative there.
#
# B(−2.5, 2) = 0.2667 is finite and smooth, with ∂B/∂a = 0.2844. jax makes its reverse mode of its forward mode, and yet
# they disagree: branches of betaln that are not taken for these arguments are NaN, which forward mode selects away and
# reverse mode multiplies by 0. The same holds for betaln. Whoever compares one mode with the other, or takes
# a gradient that is NaN for a sign that the function has none, is misled. backproof never lets NaN pass, and
# compares with more than one witness.
# Seen (jaxlib 0.10.2, numpy 2.4.6, CPython 3.11, CPU): value 0.2667, reverse nan, forward 0.2844, differences 0.2844.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
seen=$(JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import jax
from jax.scipy.special import beta

a, b, h = -2.5, 2.0, 1e-5
reverse = jax.grad(beta)(a, b)
_, forward = jax.jvp(lambda a: beta(a, b), (a,), (1.0,))
differences = (beta(a + h, b) - beta(a - h, b)) / (2 * h)
print(*(f"{float(v):.4f}" for v in (beta(a, b), reverse, forward, differences)))
PYTHON
)
echo "seen: $seen"
[ "$seen" = "0.2667 nan 0.2844 0.2844" ] || { echo "this has changed: 0.2667 nan 0.2844 0.2844 was seen before"; exit 1; }
