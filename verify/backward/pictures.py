"""One pixel per entry: log₁₀ of the error over its budget. A row, a triangle, the transpose is the diagnosis."""

from __future__ import annotations

import torch

from verify.backward.checker import Looked
from verify.backward.record import Picture

_MOST = 96  # pixels along a side


def picture(name: str, probe: str, looked: Looked, k: int) -> Picture:
    """The ratios of one input as a matrix: the last dimension across, all others down.

    Of a complex input the real parts stand on the left, the imaginary ones on the right.
    """
    ratio = looked.judged[k].ratio
    if ratio is None or ratio.numel() == 0:
        return Picture(input=name, probe=probe, rows=[])
    if looked.judged[k].complex:  # all real parts on the left, all imaginary parts on the right
        ratio = ratio.movedim(-1, 0) if ratio.dim() == 1 else torch.cat([ratio[..., 0], ratio[..., 1]], -1)
    flat = ratio.reshape(-1, ratio.shape[-1]) if ratio.dim() else ratio.reshape(1, 1)
    every = max(1, -(-max(flat.shape) // _MOST))
    shown = torch.log10(flat[::every, ::every].double())
    rows = [[round(v, 1) if v == v and abs(v) < 400 else None for v in row] for row in shown.tolist()]
    return Picture(input=name, probe=probe, rows=rows, every=every)
