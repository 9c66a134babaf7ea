"""Kernels along a sequence, an image or an index: recurrences, convolutions, attention, gathers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from verify.benchmarks.kernels import Kernel
from verify.benchmarks.planted import draw


def kernels() -> Iterator[Kernel]:
    yield from _indexed()
    yield from _images()
    yield from _recurrent()
    yield from _attention()


# Indices -------------------------------------------------------------------------------------------------------

INDEX = torch.tensor([0, 2, 2, 4, 1, 2, 0])


def _segments(x: Tensor, at: Tensor) -> Tensor:
    return torch.zeros(5, x.shape[1], dtype=x.dtype).index_add(0, at, x)


def _gathered(x: Tensor, at: Tensor) -> Tensor:
    return x.gather(1, at)


def _gather_back(add: bool) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor, at: Tensor) -> Any:
        room = torch.zeros_like(x)
        return (room.scatter_add(1, at, g) if add else room.scatter(1, at, g)), None

    return back


def _embedded(at: Tensor, w: Tensor) -> Tensor:
    return functional.embedding(at, w, padding_idx=0)


def _embedding_back(padded: bool) -> Callable[..., Any]:
    def back(g: Tensor, at: Tensor, w: Tensor) -> Any:
        rows = g * (at != 0)[:, None] if padded else g
        return None, torch.zeros_like(w).index_add(0, at, rows)

    return back


def _sparse(v: Tensor, x: Tensor, row: Tensor, column: Tensor) -> Tensor:
    return torch.zeros(4, x.shape[1], dtype=x.dtype).index_add(0, row, v[:, None] * x[column])


def _sparse_back(whole: bool) -> Callable[..., Any]:
    def back(g: Tensor, v: Tensor, x: Tensor, row: Tensor, column: Tensor) -> Any:
        each = g[row] * x[column]
        dv = each.sum(1) if whole else each[:, 0]
        return dv, torch.zeros_like(x).index_add(0, column, v[:, None] * g[row]), None, None

    return back


def _sorted(x: Tensor) -> Tensor:
    return torch.sort(x, dim=1).values


def _sort_back(inverse: bool) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor) -> Tensor:
        at = torch.sort(x, dim=1).indices
        return torch.zeros_like(x).scatter(1, at, g) if inverse else g.gather(1, at)

    return back


def _routed(a: Tensor) -> Tensor:
    """The two largest scores of a row, normalised."""
    return torch.softmax(torch.topk(a, 2, dim=1).values, 1)


def _routing_back(whole: bool) -> Callable[..., Any]:
    def back(g: Tensor, a: Tensor) -> Tensor:
        top, at = torch.topk(a, 2, dim=1)
        p = torch.softmax(top, 1)
        ds = p * (g - ((p * g).sum(1, keepdim=True) if whole else 0))
        return torch.zeros_like(a).scatter(1, at, ds)

    return back


def _indexed() -> Iterator[Kernel]:
    segment = lambda most: lambda g, x, at: (g[at.clamp(max=most)], None)
    yield Kernel(
        "segment sum, the last segment lost", _segments, segment(4), segment(3), (draw(7, 3), INDEX), _segments
    )
    at = torch.tensor([[0, 0, 2], [1, 3, 3], [2, 1, 0]])
    yield Kernel("gather, duplicates overwritten", _gathered, _gather_back(True), _gather_back(False), (draw(3, 4), at),
                 _gathered)  # fmt: skip
    yield Kernel("embedding, the padding row trained", _embedded, _embedding_back(True), _embedding_back(False),
                 (INDEX, draw(5, 3)), _embedded)  # fmt: skip
    row, column = torch.tensor([0, 0, 1, 3, 3, 2]), torch.tensor([1, 4, 0, 2, 4, 4])
    yield Kernel("sparse product, one column of the values' sum", _sparse, _sparse_back(True), _sparse_back(False),
                 (draw(6), draw(5, 3), row, column), _sparse)  # fmt: skip
    yield Kernel(
        "sort, the permutation not inverted", _sorted, _sort_back(True), _sort_back(False), (draw(4, 6),), _sorted
    )
    yield Kernel("routing to two, not renormalised", _routed, _routing_back(True), _routing_back(False), (draw(5, 6),),
                 _routed)  # fmt: skip


# Images --------------------------------------------------------------------------------------------------------


def _depthwise(x: Tensor, w: Tensor) -> Tensor:
    return functional.conv1d(x, w[:, None], padding=1, groups=x.shape[1])


def _depthwise_back(flipped: bool) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor, w: Tensor) -> Any:
        wide = functional.pad(x, (1, 1))
        dw = torch.stack([(g * wide[..., k : k + x.shape[-1]]).sum((0, 2)) for k in range(3)], 1)
        return _depthwise(g, w.flip(1) if flipped else w), dw

    return back


def _resampling(n: int, corners: bool) -> Tensor:
    """Rows of weights: 2n places between n."""
    places = torch.arange(2 * n, dtype=torch.float64)
    at = places * (n - 1) / max(2 * n - 1, 1) if corners else ((places + 0.5) / 2 - 0.5).clamp(min=0)
    low = at.floor().long().clamp(max=n - 1)
    part, room = at - low, torch.zeros(2 * n, n, dtype=torch.float64)
    room[torch.arange(2 * n), low] += 1 - part
    room[torch.arange(2 * n), (low + 1).clamp(max=n - 1)] += part
    return room


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _doubled_back(corners: bool) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor) -> Tensor:
        rows, columns = (_resampling(n, corners).to(g.dtype) for n in x.shape[-2:])
        return rows.T @ g @ columns

    return back


def _sampled(x: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(x, grid, align_corners=False)


def _sampled_back(size: Callable[[Tensor], tuple[int, int]]) -> Callable[..., Any]:
    """x (N, C, H, W), grid (N, h, w, 2): the four corners of each place, by index."""

    def back(g: Tensor, x: Tensor, grid: Tensor) -> Any:
        H, W = x.shape[-2:]
        scale_y, scale_x = size(x)
        px, py = ((grid[..., 0] + 1) * W - 1) / 2, ((grid[..., 1] + 1) * H - 1) / 2
        left, top = px.floor(), py.floor()
        dx, dgx, dgy = torch.zeros_like(x), torch.zeros_like(px), torch.zeros_like(py)
        n = torch.arange(len(x))[:, None, None]
        for i in (0, 1):
            for j in (0, 1):
                column, row = (left + i).long(), (top + j).long()
                there = ((column >= 0) & (column < W) & (row >= 0) & (row < H)).to(x.dtype)
                column, row = column.clamp(0, W - 1), row.clamp(0, H - 1)
                wx, wy = 1 - (px - left - i).abs(), 1 - (py - top - j).abs()
                dx.movedim(1, -1).index_put_((n, row, column), (g * (wx * wy * there)[:, None]).movedim(1, -1), True)
                along = (g.movedim(1, -1) * x[n, :, row, column]).sum(-1) * there
                dgx += along * wy * (2 * i - 1)
                dgy += along * wx * (2 * j - 1)
        return dx, torch.stack([dgx * scale_x / 2, dgy * scale_y / 2], -1)

    return back


def _circular(x: Tensor, k: Tensor) -> Tensor:
    n = x.shape[-1]
    return torch.stack([(x * k.flip(0).roll(i + 1)).sum(-1) for i in range(n)], -1)


def _spectrum(v: Tensor) -> Tensor:
    """The transform; of a half precision, for which a CPU has none, in float32."""
    return torch.fft.rfft(v.float() if v.dtype in (torch.bfloat16, torch.float16) else v)


def _by_fft(x: Tensor, k: Tensor) -> Tensor:
    return torch.fft.irfft(_spectrum(x) * _spectrum(k), n=x.shape[-1]).to(x.dtype)


def _fft_back(conjugate: bool) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor, k: Tensor) -> Any:
        G, n = _spectrum(g), x.shape[-1]
        turn = torch.conj if conjugate else lambda v: v
        dk = torch.fft.irfft(G * turn(_spectrum(x)), n=n).sum(0)
        return torch.fft.irfft(G * turn(_spectrum(k)), n=n).to(x.dtype), dk.to(k.dtype)

    return back


def _images() -> Iterator[Kernel]:
    yield Kernel("depthwise convolution, the kernel not flipped", _depthwise, _depthwise_back(True),
                 _depthwise_back(False), (draw(2, 3, 7), draw(3, 3)), _depthwise)  # fmt: skip
    image = draw(2, 3, 4, 5)
    yield Kernel("bilinear, corners aligned in the backward pass alone", _doubled, _doubled_back(False),
                 _doubled_back(True), (image,), _doubled)  # fmt: skip
    grid = torch.rand(2, 3, 3, 2, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    right, swapped = (lambda x: (x.shape[-2], x.shape[-1])), (lambda x: (x.shape[-1], x.shape[-2]))
    yield Kernel("grid sample, height and width swapped", _sampled, _sampled_back(right), _sampled_back(swapped),
                 (image, grid), _sampled)  # fmt: skip
    # The transform's error is one of the largest entry, and no sum by hand has it.
    yield Kernel("convolution by FFT, not conjugated", _by_fft, _fft_back(True), _fft_back(False),
                 (draw(3, 8), draw(8)), _circular, known="doubtful")  # fmt: skip


# Recurrences ---------------------------------------------------------------------------------------------------


def _scan(x: Tensor, u: Tensor) -> Tensor:
    """h_t = tanh(x_t + u h_{t−1}), every h. x (T, N)."""
    h, every = torch.zeros_like(x[0]), []
    for row in x:
        h = torch.tanh(row + u * h)
        every.append(h)
    return torch.stack(every)


def _scan_back(carried: bool) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor, u: Tensor) -> Any:
        h = _scan(x, u)
        dx, du, down = torch.zeros_like(x), torch.zeros_like(u), torch.zeros_like(u)
        for t in reversed(range(len(x))):
            dx[t] = (g[t] + (down if carried else 0)) * (1 - h[t] ** 2)
            if t:
                du = du + dx[t] * h[t - 1]
            down = dx[t] * u
        return dx, du

    return back


def _alphas(x: Tensor) -> list[Tensor]:
    """CTC's forward variables: α_t(s) = x_t(s) + ln(e^{α(s)} + e^{α(s−1)}). x (T, S)."""
    alphas = [x[0]]
    for row in x[1:]:
        alphas.append(row + torch.logaddexp(alphas[-1], _before(alphas[-1])))
    return alphas


def _before(a: Tensor) -> Tensor:
    """α(s−1) of each s; before the first there is next to nothing."""
    return torch.cat([a[:1] - 1e4, a[:-1]])


def _paths(x: Tensor) -> Tensor:
    """The sum over all ends."""
    return torch.logsumexp(_alphas(x)[-1], 0)


def _paths_back(whole: bool) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor) -> Tensor:
        alphas = _alphas(x)
        down, found = torch.softmax(alphas[-1], 0), []
        for t in reversed(range(1, len(x))):
            found.append(down)
            a = alphas[t - 1]
            stay = torch.sigmoid(a - _before(a))
            moved = down * torch.sigmoid(_before(a) - a)
            down = down * stay + (torch.cat([moved[1:], moved[:1] * 0]) if whole else 0)
        return g * torch.stack([down, *found[::-1]])

    return back


def _products(x: Tensor) -> Tensor:
    return torch.cumprod(x, 1)


def _products_back(g: Tensor, x: Tensor) -> Tensor:
    """Σ over later places of the product without x_i."""
    n = x.shape[1]
    dx = torch.zeros_like(x)
    for i in range(n):
        without = torch.cat([x[:, :i], torch.ones_like(x[:, :1]), x[:, i + 1 :]], 1)
        dx[:, i] = (g[:, i:] * torch.cumprod(without, 1)[:, i:]).sum(1)
    return dx


def _by_division(g: Tensor, x: Tensor) -> Tensor:
    tail = (g * torch.cumprod(x, 1)).flip(1).cumsum(1).flip(1)
    return torch.where(x == 0, 0.0, tail / torch.where(x == 0, 1.0, x))


def _sums_back(shift: int) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor) -> Tensor:
        found = g.flip(1).cumsum(1).flip(1)
        return found - shift * g

    return back


def _recurrent() -> Iterator[Kernel]:
    yield Kernel(
        "scan, not carried through time", _scan, _scan_back(True), _scan_back(False), (draw(6, 4), draw(4)), _scan
    )
    yield Kernel("paths as CTC sums them, no step to the next state", _paths, _paths_back(True), _paths_back(False),
                 (draw(6, 4),), _paths)  # fmt: skip
    yield Kernel("cumulative product by division, 0 at a zero", _products, _products_back, _by_division, (draw(4, 5),),
                 _products)  # fmt: skip
    yield Kernel("cumulative sum, one place late", lambda x: x.cumsum(1), _sums_back(0), _sums_back(1), (draw(4, 5),),
                 lambda x: x.cumsum(1))  # fmt: skip


# Attention -----------------------------------------------------------------------------------------------------


def _causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def _causal_back(masked: bool) -> Callable[..., Any]:
    def back(g: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Any:
        n, scale = q.shape[-2], q.shape[-1] ** -0.5
        s = q @ k.transpose(-1, -2) * scale
        later = torch.ones(n, n, dtype=torch.bool).triu(1)
        p = torch.softmax(s.masked_fill(later, -torch.inf) if masked else s, -1)
        dp = g @ v.transpose(-1, -2)
        ds = p * (dp - (p * dp).sum(-1, keepdim=True)) * scale
        return ds @ k, ds.transpose(-1, -2) @ q, p.transpose(-1, -2) @ g

    return back


def _turn(x: Tensor, sign: int = 1) -> Tensor:
    """Rotary embedding: pairs (i, i + D/2) turned by an angle of their own. x (…, T, D), D even."""
    T, D = x.shape[-2:]
    angle = torch.arange(T, dtype=x.dtype)[:, None] * 0.5 ** torch.arange(D // 2, dtype=x.dtype)
    c, s, (one, two) = torch.cos(angle), sign * torch.sin(angle), x.chunk(2, -1)
    return torch.cat([one * c - two * s, two * c + one * s], -1)


def _checkpointed(whole: bool) -> Callable[..., Any]:
    """The forward pass again inside of the backward pass."""

    def back(g: Tensor, x: Tensor, w: Tensor) -> Any:
        with torch.enable_grad():
            leaves = [v.detach().requires_grad_() for v in (x, w)]
            out = _block(*leaves)
        return torch.autograd.grad(out, leaves, g if whole else torch.ones_like(out))

    return back


def _block(x: Tensor, w: Tensor) -> Tensor:
    return torch.tanh(x @ w) @ w.T


def _attention() -> Iterator[Kernel]:
    q, k, v = (draw(2, 5, 4, seed=s) for s in range(3))
    yield Kernel("causal attention, recomputed without the mask", _causal, _causal_back(True), _causal_back(False),
                 (q, k, v), _causal)  # fmt: skip
    yield Kernel("rotary embedding, turned the same way", _turn, lambda g, x: _turn(g, -1), lambda g, x: _turn(g),
                 (draw(2, 5, 6),), _turn)  # fmt: skip
    yield Kernel("checkpointing, the upstream gradient forgotten", _block, _checkpointed(True), _checkpointed(False),
                 (draw(4, 3), draw(3, 5)), _block)  # fmt: skip
