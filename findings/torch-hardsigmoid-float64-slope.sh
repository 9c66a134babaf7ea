#!/usr/bin/env bash
# torch 2.14.1: in float64 the derivative of hardsigmoid is 1/6 as a float32 number.
#
# Its forward pass has float64's 1/6, so differences of the forward pass and its own backward pass disagree by 3·10⁻⁸ of
# the slope: a right hand-written derivative, held against autograd at float64's roundoff, is called wrong. hardswish is
# not affected. backproof's reference is relu6(x + 3)/6, which has all digits.
# Seen (torch 2.14.1, CPython 3.11): 0.1666666716337204 where 0.16666666666666666 is right; hardswish 0.5 at 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6
seen=$("$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch

x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
for f in (torch.nn.functional.hardsigmoid, torch.nn.functional.hardswish):
    print(torch.autograd.grad(f(x).sum(), x)[0].item(), end=" ")
PYTHON
)
echo "seen: $seen"
[ "$seen" = "0.1666666716337204 0.5 " ] || { echo "this has changed: 0.1666666716337204 0.5 was seen before"; exit 1; }
