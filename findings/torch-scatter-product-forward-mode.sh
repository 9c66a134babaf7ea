#!/usr/bin/env bash
# torch 2.14.1: forward mode gives the derivative 0 for scatter_reduce with "prod" and a factor 0; reverse mode is right.
#
# The product of (x₁, 2, 3) at x₁ = 0 is smooth, and its derivative by x₁ is 6. backward() says 6, torch.func.jvp says
# 0, and there is no warning: two witnesses of one library contradict each other at a point where nothing is undefined.
# torch.prod, the same function, has 6 both ways. Issue 196702 of PyTorch has the like for two sources that move
# together. Whoever takes jvp or jacfwd as the independent check of a hand-written backward pass finds the right one
# wrong. backproof takes no derivative by forward mode.
# Seen (CPython 3.11, CPU): scatter_reduce: reverse 6.0, forward 0.0; prod: reverse 6.0, forward 6.0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6
seen=$("$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch


def scattered(x):
    return torch.ones(1, dtype=x.dtype).scatter_reduce(0, torch.zeros(3, dtype=torch.long), x, "prod").sum()


x = torch.tensor([0.0, 2.0, 3.0], dtype=torch.float64)
by_the_first = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
for f in (scattered, torch.prod):
    forward = torch.func.jvp(f, (x,), (by_the_first,))[1]
    print(torch.func.grad(f)(x)[0].item(), forward.item(), end=" ")
PYTHON
)
echo "seen: $seen"
[ "$seen" = "6.0 0.0 6.0 6.0 " ] || { echo "this has changed: 6.0 0.0 6.0 6.0 was seen before"; exit 1; }
