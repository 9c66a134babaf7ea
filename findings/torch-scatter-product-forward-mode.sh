#!/usr/bin/env bash
# torch 2.14.1: in forward mode the derivative of scatter_reduce with "prod" is 0; reverse mode has the right one.
#
# The product of (4, 2, 3) is smooth, with the gradient (6, 12, 8). torch.func.grad says so, torch.func.jacfwd says
# (0, 0, 0), without a warning: two witnesses of one library contradict each other where nothing is undefined.
# torch.prod, the same function, is right both ways. Issue 196702 of PyTorch reports it too. Whoever takes jvp or
# jacfwd for the independent check of a hand-written derivative finds the right one wrong, and one that is 0 right.
# check_backward compared a Function's own jvp with the reference's, and called a right one wrong; now it looks whether
# the reference's two modes agree, and says so where they do not (docs/BACKWARD.md).
# Seen (CPython 3.11, CPU): scatter_reduce: reverse 6 12 8, forward 0 0 0; prod: 6 12 8 both ways.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6
seen=$("$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch


def scattered(x):
    return torch.ones(1, dtype=x.dtype).scatter_reduce(0, torch.zeros(3, dtype=torch.long), x, "prod").sum()


x = torch.tensor([4.0, 2.0, 3.0], dtype=torch.float64)
for f in (scattered, torch.prod):
    for derivative in (torch.func.grad, torch.func.jacfwd):
        print(*derivative(f)(x).tolist(), end="; ")
PYTHON
)
echo "seen: $seen"
expected="6.0 12.0 8.0; 0.0 0.0 0.0; 6.0 12.0 8.0; 6.0 12.0 8.0; "
[ "$seen" = "$expected" ] || { echo "this has changed: $expected was seen before"; exit 1; }
