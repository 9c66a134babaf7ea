"""Functions of complex tensors: torch's own, and backward passes by hand, each right and with faults of its own.

torch's gradient of a real loss by a complex z is ∂E/∂(Re z) + i ∂E/∂(Im z), so that an analytic y = f(z) hands down
g · conj(f′(z)). The usual faults: the conj forgotten, put on the wrong factor, Wirtinger's ∂E/∂z without its 2 or its
conjugate, one part lost, a transform's scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional

from verify.backward.expected import ByReference
from verify.backward.parts import cast, parts_of
from verify.backward.precision import Precision
from verify.backward.subject import Case
from verify.benchmarks.backward import chain
from verify.benchmarks.planted import draw as real
from verify.benchmarks.planted import function
from verify.benchmarks.tables import Settings, Table, none_of
from verify.commands.checking import check_backward

KINDS = (torch.complex128, torch.complex64)


@dataclass(frozen=True)
class ByHand:
    """A forward pass, its right backward pass, and wrong ones by their faults."""

    name: str
    forward: Callable[..., Any]
    back: Callable[..., Any]
    faults: dict[str, Callable[..., Any]]
    inputs: tuple[Tensor, ...]

    def right(self) -> Callable[..., Any]:
        return function(self.forward, self.back, "Right")

    def faulty(self, fault: str) -> Callable[..., Any]:
        return function(self.forward, self.faults[fault], "Faulty")

    def at(self, kind: torch.dtype) -> tuple[Tensor, ...]:
        """The inputs in that complex dtype, real ones in the dtype of its parts."""
        return tuple(cast(v, kind.to_real()) for v in self.inputs)


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Complex normal numbers."""
    return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def _matmul() -> ByHand:
    return ByHand(
        "matrix product", lambda z, w: z @ w, lambda g, z, w: (g @ w.mH, z.mH @ g),
        {
            "conj forgotten": lambda g, z, w: (g @ w.mT, z.mT @ g),
            "conj of the upstream gradient": lambda g, z, w: (g.conj() @ w.mT, z.mT @ g.conj()),
            "conj forgotten in one factor": lambda g, z, w: (g @ w.mH, z.mT @ g),
            "the imaginary part lost": lambda g, z, w: ((g @ w.mH).real + 0j, z.mH @ g),
        },
        (draw(5, 3), draw(3, 4, seed=1)),
    )  # fmt: skip


def _abs_back(scale: float, turn: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    return lambda g, z: scale * g * turn(z.sgn())


def _size() -> ByHand:
    same: Callable[[Tensor], Tensor] = lambda v: v
    return ByHand(
        "absolute value", torch.abs, _abs_back(1, same),
        {"Wirtinger's half": _abs_back(0.5, same), "Wirtinger's conjugate": _abs_back(0.5, torch.conj),
         "the phase conjugated": _abs_back(1, torch.conj)},
        (draw(6, 4),),
    )  # fmt: skip


def _rotate(x: Tensor, angle: Tensor) -> Tensor:
    return x * torch.polar(torch.ones_like(angle), angle)


def _rotate_back(sign: float, conj: bool = True) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor, angle: Tensor) -> Any:
        turned = torch.polar(torch.ones_like(angle), sign * angle)
        y = x * torch.polar(torch.ones_like(angle), angle)
        return g * turned, (g.conj() * 1j * y if conj else g * 1j * y).real.sum(0)

    return back


def _spectrum(x: Tensor, w: Tensor) -> Tensor:
    """A filter in the frequencies of a real signal."""
    return torch.fft.irfft(torch.fft.rfft(x) * w, n=x.shape[-1])


def _spectrum_back(conj: bool = True, double: bool = True) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor, w: Tensor) -> Any:
        n = x.shape[-1]
        G, X = torch.fft.rfft(g), torch.fft.rfft(x)
        twice = torch.ones(w.shape[-1], dtype=x.dtype)
        if double:
            twice[1 : (n + 1) // 2] = 2
        dw = (G * (X.conj() if conj else X)).sum(0) * twice / n
        dw = torch.complex(dw.real, dw.imag * ((torch.arange(len(dw)) > 0) & (2 * torch.arange(len(dw)) != n)))
        return torch.fft.irfft(G * (w.conj() if conj else w), n=n), dw

    return back


def _gate(z: Tensor) -> Tensor:
    """z, its size pulled down by a half and never below 0 (modReLU)."""
    return functional.relu(z.abs() - 0.5) * z.sgn()


def _gate_back(across: bool) -> Callable[..., Any]:
    def back(g: Tensor, z: Tensor) -> Any:
        size, phase = z.abs(), z.sgn()
        open_ = size > 0.5
        along = (g * phase.conj()).real
        side = (g * phase.conj()).imag * (1 - 0.5 / size)
        return torch.where(open_, torch.complex(along, side if across else torch.zeros_like(side)) * phase, 0)

    return back


def _product_back(turn: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    return lambda g, z, w: (g * turn(w), g * turn(z))


def by_hand() -> Iterator[ByHand]:
    """All of them."""
    z, w = draw(6, 4), draw(6, 4, seed=1)
    forgotten: Callable[[Tensor], Tensor] = lambda v: v
    yield _matmul()
    yield _size()
    yield ByHand("product", lambda z, w: z * w, _product_back(torch.conj),
                 {"conj forgotten": _product_back(forgotten)}, (z, w))  # fmt: skip
    yield ByHand("exponential", torch.exp, lambda g, z: g * torch.exp(z).conj(),
                 {"conj forgotten": lambda g, z: g * torch.exp(z),
                  "the result's conjugate": lambda g, z: g.conj() * torch.exp(z)}, (z,))  # fmt: skip
    yield ByHand("quotient", lambda z, w: z / w, lambda g, z, w: (g / w.conj(), -g * (z / w**2).conj()),
                 {"conj forgotten below": lambda g, z, w: (g / w.conj(), -g * z / w**2)}, (z, w))  # fmt: skip
    yield ByHand("rotation", _rotate, _rotate_back(-1),
                 {"turned the same way": _rotate_back(1), "the angle's conj forgotten": _rotate_back(-1, conj=False)},
                 (z, real(4)))  # fmt: skip
    yield ByHand("filter of a spectrum", _spectrum, _spectrum_back(),
                 {"conj forgotten": _spectrum_back(conj=False),
                  "half of the frequencies counted once": _spectrum_back(double=False)},
                 (real(5, 8), draw(5, seed=3)))  # fmt: skip
    yield ByHand("gate of the size", _gate, _gate_back(True), {"the part across lost": _gate_back(False)}, (z,))
    n = z.shape[-1]
    yield ByHand("Fourier transform", torch.fft.fft, lambda g, z: n * torch.fft.ifft(g),
                 {"the scale lost": lambda g, z: torch.fft.ifft(g), "forwards again": lambda g, z: torch.fft.fft(g)},
                 (z,))  # fmt: skip


def _inside(z: Tensor) -> Tensor:
    room = torch.zeros(z.shape[0], 5, dtype=z.dtype)
    room[:, 1:] = z
    room[:, 2] *= 2j
    return room


OWN: dict[str, tuple[Callable[..., Any], tuple[Tensor, ...]]] = {
    "linear": (functional.linear, (draw(5, 3), draw(4, 3), draw(4))),
    "convolution": (functional.conv1d, (draw(2, 3, 6), draw(4, 3, 2), draw(4))),
    "attention by the real part": (
        lambda q, k, v: functional.softmax((q @ k.mH).real / 2, -1).to(v.dtype) @ v,
        (draw(4, 3), draw(4, 3, seed=1), draw(4, 3, seed=2)),
    ),
    "einsum": (lambda a, b: torch.einsum("bij,bkj->bik", a, b.conj()), (draw(2, 3, 4), draw(2, 5, 4))),
    "norm": (lambda z: z / z.norm(dim=1, keepdim=True), (draw(6, 4),)),
    "variance": (lambda z: z.var(1), (draw(6, 4),)),
    "powers": (lambda z: z**3 + z**-2 + z**0.5, (draw(6, 4),)),
    "waves": (lambda z: torch.sin(z) * torch.cosh(z) + torch.tanh(z), (draw(6, 4),)),
    "logarithm and root": (lambda z: torch.log(z) + torch.sqrt(z), (draw(6, 4),)),
    "angle": (lambda z: z.angle(), (draw(6, 4),)),
    "polar": (torch.polar, (real(6, 4).abs(), real(6, 4, seed=1))),
    "real and imaginary part": (lambda z: z.real * z.imag, (draw(6, 4),)),
    "mean and running sum": (lambda z: z.cumsum(1) - z.mean(1, keepdim=True), (draw(6, 4),)),
    "product of a row": (lambda z: z.prod(1), (draw(6, 4),)),
    "transform and back": (lambda z: torch.fft.ifft2(torch.fft.fft2(z, norm="ortho") ** 2), (draw(4, 4),)),
    "in place": (_inside, (draw(6, 4),)),
    "scatter": (
        lambda z: torch.zeros(3, 4, dtype=z.dtype).index_add(0, torch.tensor([0, 2, 2, 1, 0]), z),
        (draw(5, 4),),
    ),
    "magnitude and phase": (lambda z: functional.softmax(z.abs(), -1) * z.sgn(), (draw(6, 4),)),
}


# Budgets on random programs ------------------------------------------------------------------------------------------

_STEPS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    lambda z, w: z @ w, lambda z, w: z + w[0], lambda z, w: z * w[1].conj(), lambda z, w: z.mH @ z / 8,
    lambda z, w: z / (1 + z.abs()), lambda z, w: z * z.abs().tanh(), lambda z, w: torch.fft.fft(z, norm="ortho"),
    lambda z, w: torch.exp(0.3 * z), lambda z, w: torch.sin(0.3 * z), lambda z, w: z / (3 + w[2]),
    lambda z, w: z.conj().flip(0), lambda z, w: z - z.mean(-1, keepdim=True), lambda z, w: _gate(z),
    lambda z, w: torch.complex(torch.tanh(z.real), torch.tanh(z.imag)), lambda z, w: torch.log(3 + 0.3 * z),
    lambda z, w: z.cumsum(-1) / 4, lambda z, w: torch.sqrt(4 + 0.3 * z), lambda z, w: z * torch.sgn(z.mT),
)  # fmt: skip


def program(draw: Generator, steps: int) -> Callable[[Tensor, Tensor], Tensor]:
    """A chain of complex operations."""
    return chain(_STEPS, draw, steps)


def violations(programs: int, seed: int, size: int = 12) -> tuple[int, int]:
    """Parts of values and gradients of random programs in complex64, and those beyond their worst case."""
    entries = beyond = 0
    for n in range(programs):
        rng = torch.Generator().manual_seed(seed + n)
        run = program(rng, 2 + n % 5)
        z, w, g = (torch.randn(size, size, dtype=torch.complex64, generator=rng) for _ in range(3))
        leaves = [v.clone().requires_grad_() for v in (z, w / size**0.5)]
        out = run(*leaves)
        grads = torch.autograd.grad(out, leaves, g, allow_unused=True)
        traced = ByReference(run).at(Case(tuple(v.detach() for v in leaves), (0, 1)), Precision.of(torch.float32))
        budgets = traced.gradients([g], [0, 1])
        for value, budget in ((out, traced.outputs[0]), *((grads[k], budgets[k]) for k in (0, 1))):
            if value is not None:
                error = (parts_of(value.detach()).double() - budget.value).abs()
                entries, beyond = entries + error.numel(), beyond + int((error > budget.proof).sum())
    return entries, beyond


def complex_table(settings: Settings) -> Table:
    """Right and wrong backward passes of complex functions, and budgets of random complex programs."""
    rows, odd, asked = [], [], 0
    for kind in KINDS:
        dtype = str(kind).removeprefix("torch.")
        for k in list(by_hand())[:: 4 if settings.quick else 1]:
            verdicts = {"right": check_backward(k.right(), k.at(kind), k.forward, shapes=False).verdict}
            for fault in k.faults:
                verdicts[fault] = check_backward(k.faulty(fault), k.at(kind), k.forward, shapes=False).verdict
            asked += len(verdicts)
            rows.append((k.name, dtype, "; ".join(f"{name}: {verdict}" for name, verdict in verdicts.items())))
            odd += [f"{k.name}, {n}" for n, v in verdicts.items() if v != ("right" if n == "right" else "wrong")]
        for name, (f, inputs) in list(OWN.items())[:: 8 if settings.quick else 1]:
            inputs = tuple(cast(v, kind.to_real()) for v in inputs)
            verdict = check_backward(f, inputs, f, shapes=False).verdict
            asked += 1
            rows.append((f"torch's {name}", dtype, verdict))
            odd += [name] if verdict != "right" else []
    entries, beyond = violations(20 if settings.quick else 200, settings.seed)
    return Table(
        "complex", "Functions of complex tensors", ("function", "dtype", "verdicts"), rows, notes=odd,
        record={"asked": asked, "misjudged": odd, "parts": entries, "beyond": beyond},
        goals=[none_of(f"complex functions misjudged, of {asked}", len(odd)),
               none_of(f"parts of random complex programs beyond their budget, of {entries:,}", beyond)],
    )  # fmt: skip
