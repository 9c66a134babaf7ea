"""The function under check: called as its users call it, and watched for what a backward pass must not do."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from verify.backward.parts import COMPLEX, real_dtype, smooth
from verify.backward.precision import DTYPES
from verify.errors import BadInput

Upstream = Callable[[int, Tensor], Tensor]  # number of the output, output -> its upstream gradient


@dataclass(frozen=True)
class Case:
    """Arguments of one call; `wanted`: the places of those whose gradient is asked for."""

    inputs: tuple[Any, ...]
    wanted: tuple[int, ...]

    def floating(self) -> Iterator[tuple[int, Tensor]]:
        return ((k, v) for k, v in enumerate(self.inputs) if smooth(v))

    def replaced(self, change: Callable[[int, Tensor], Tensor]) -> Case:
        """The case with each floating or complex tensor changed."""
        new = list(self.inputs)
        for k, v in self.floating():
            new[k] = change(k, v)
        return Case(tuple(new), self.wanted)

    @property
    def dtype(self) -> torch.dtype:
        """The shortest dtype of the inputs whose gradient is asked for, or of their parts: what the backward pass runs
        in.
        """
        return real_dtype(self.kind)

    @property
    def kind(self) -> torch.dtype:
        """The same, as it is called; a complex one before a real one."""
        dtypes = (self.inputs[k].dtype for k in self.wanted)
        return max(dtypes, key=lambda d: (torch.finfo(d).eps, d.is_complex))

    @property
    def complex(self) -> bool:
        """Whether any of its tensors is complex."""
        return any(v.is_complex() for _, v in self.floating())

    @property
    def device(self) -> torch.device:
        return self.inputs[self.wanted[0]].device


@dataclass
class Answer:
    """What one call gave: outputs, a gradient for each wanted input (None where there was none), and what was seen.

    upstream: what each output was given; None of one that takes none, zeros of one that was left unused.
    """

    outputs: list[Tensor]
    gradients: dict[int, Tensor | None]
    upstream: list[Tensor | None]
    changed: list[str] = field(default_factory=list)  # what was written into, by name
    aliased: list[int] = field(default_factory=list)  # inputs whose gradient shares memory with an input
    nodes: tuple[str, ...] = ()


def case_of(inputs: Sequence[Any], device: str | torch.device | None = None) -> Case:
    """The arguments, checked: floating tensors that ask for a gradient, or all floating ones where none asks."""
    if isinstance(inputs, Tensor) or not isinstance(inputs, Sequence):
        raise BadInput(f"inputs are {type(inputs).__name__}: allowed is a list or tuple of tensors and constants")
    moved = tuple(v.to(device) if isinstance(v, Tensor) and device is not None else v for v in inputs)
    floating = [k for k, v in enumerate(moved) if smooth(v)]
    asked = [k for k in floating if moved[k].requires_grad]
    wanted = tuple(asked or floating)
    if not wanted:
        raise BadInput("no input is a tensor of a floating dtype or a complex one: there is no gradient to check")
    for k in floating:
        _fit(k, moved[k])
    return Case(tuple(v.detach() if isinstance(v, Tensor) else v for v in moved), wanted)


def _fit(k: int, v: Tensor) -> None:
    if v.dtype not in (*DTYPES, *COMPLEX):
        raise BadInput(f"input {k} has dtype {v.dtype}: allowed are {', '.join(map(str, (*DTYPES, *COMPLEX)))}")
    if v.layout != torch.strided:
        raise BadInput(f"input {k} has layout {v.layout}: allowed are dense tensors")
    if not bool(torch.isfinite(v).all()):
        raise BadInput(f"input {k} has entries that are not finite: allowed are finite numbers")


class _NoContext:
    """Stands for ctx where nothing is kept."""

    needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None: ...

    def save_for_forward(self, *tensors: Any) -> None: ...

    def mark_dirty(self, *tensors: Any) -> None: ...

    def mark_non_differentiable(self, *tensors: Any) -> None: ...

    def set_materialize_grads(self, value: bool) -> None: ...


def function_of(function: Callable[..., Any]) -> type[torch.autograd.Function] | None:
    """The autograd.Function whose own apply this is; None where it is another callable."""
    owner = getattr(function, "__self__", None)
    if not (inspect.isclass(owner) and issubclass(owner, torch.autograd.Function)):
        return None
    return None if getattr(function, "__name__", "") != "apply" or defines(owner, "apply") else owner


def defines(owner: type[torch.autograd.Function], name: str) -> bool:
    """Whether the Function defines it itself."""
    own = owner.__mro__[: owner.__mro__.index(torch.autograd.Function)]
    return any(name in vars(c) for c in own)


def forward_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The forward pass alone: of an autograd.Function its `forward`, which vmap can take where it cannot take apply."""
    owner = function_of(function)
    if owner is None:
        return function
    split = owner.setup_context is not torch.autograd.Function.setup_context

    def run(*inputs: Any) -> Any:
        if split:
            return owner.forward(*inputs)
        context = _NoContext()
        context.needs_input_grad = (False,) * len(inputs)
        return owner.forward(context, *inputs)

    return run


def names_of(function: Callable[..., Any], count: int, reference: Callable[..., Any] | None = None) -> list[str]:
    """The inputs' names by the function's signature, or else the reference's; "input 0", … where neither has one."""
    known = _signed(function)
    if len(known) < count and reference is not None:
        known = max(known, _signed(reference), key=len)
    return [known[k] if k < len(known) and len(set(known)) == len(known) else f"input {k}" for k in range(count)]


def _signed(function: Callable[..., Any]) -> list[str]:
    """The names of the arguments by place."""
    owner = getattr(function, "__self__", None)
    target: Any = function
    if inspect.isclass(owner) and issubclass(owner, torch.autograd.Function):
        target = owner.forward
    elif isinstance(function, torch.nn.Module):
        target = function.forward
    try:
        known = [
            p.name for p in inspect.signature(target).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]  # fmt: skip
    except (TypeError, ValueError):
        return []
    return known[1:] if known[:1] == ["ctx"] else known


def title_of(function: Callable[..., Any]) -> str:
    """What the function is called in a report."""
    owner = getattr(function, "__self__", None)
    if inspect.isclass(owner):
        return owner.__name__
    return getattr(function, "__qualname__", type(function).__name__).replace("<locals>.", "").split(".")[-1]


def outputs_of(value: Any) -> list[Tensor]:
    """The tensors that a call returned."""
    found = [value] if isinstance(value, Tensor) else list(value) if isinstance(value, (tuple, list)) else [value]
    for v in found:
        if v is not None and not isinstance(v, Tensor):
            raise BadInput(f"the function returns {type(v).__name__}: allowed is a tensor or a tuple of tensors")
    return [v for v in found if v is not None]


def leaves_of(case: Case, needs: Sequence[int] | None = None) -> list[Any]:
    """Fresh leaves of the same values and strides, those in `needs` asking for a gradient."""
    asked = case.wanted if needs is None else needs
    found: list[Any] = []
    for k, v in enumerate(case.inputs):
        if not isinstance(v, Tensor):
            found.append(v)
            continue
        leaf = copied(v)
        found.append(leaf.requires_grad_() if k in asked else leaf)
    return found


def copied(v: Tensor) -> Tensor:
    """A copy in memory of its own, laid out and marked as conjugate as the tensor is."""
    if v.is_conj():
        return copied(v.conj()).conj()
    size = 1 + sum((n - 1) * abs(s) for n, s in zip(v.shape, v.stride(), strict=True)) if v.numel() else 0
    room = torch.zeros(size, dtype=v.dtype, device=v.device)
    copy = room.as_strided(v.shape, v.stride())
    if any(s == 0 and n > 1 for n, s in zip(v.shape, v.stride(), strict=True)):
        return v.detach().clone()
    return copy.copy_(v.detach()).detach()


class Mismatch(Exception):
    """The function's outputs have other shapes than the reference's."""


class Declined(RuntimeError):
    """The function raised in its forward pass: an error that whoever calls it sees at once."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def call(
    function: Callable[..., Any], case: Case, upstream: Upstream, needs: Sequence[int] | None = None,
    used: Sequence[int] | None = None,
) -> Answer:  # fmt: skip
    """Forward and backward once; used: the outputs that are given an upstream gradient, else all of them."""
    leaves = leaves_of(case, needs)
    kept = [v.detach().clone() if isinstance(v, Tensor) else v for v in leaves]
    try:
        found = function(*leaves)
    except Exception as error:
        raise Declined(error) from error
    outputs = outputs_of(found)
    return backward(case, leaves, kept, outputs, upstream, needs, used=used)


def backward(
    case: Case, leaves: list[Any], kept: list[Any], outputs: list[Tensor], upstream: Upstream,
    needs: Sequence[int] | None = None, *, keep: bool = False, used: Sequence[int] | None = None,
) -> Answer:  # fmt: skip
    """The backward pass of outputs that are there already."""
    asked = list(case.wanted if needs is None else needs)
    live = [j for j, v in enumerate(outputs) if v.requires_grad]
    given = {j: upstream(j, outputs[j]) for j in live or _smooth(outputs)}
    used = live if used is None else [j for j in live if j in used]
    before = {j: g.detach().clone() for j, g in given.items()}
    results = [v.detach().clone() for v in outputs]
    found: Sequence[Tensor | None] = [None] * len(asked)
    if used:
        found = torch.autograd.grad(
            [outputs[j] for j in used], [leaves[k] for k in asked], [given[j] for j in used],
            allow_unused=True, retain_graph=keep,
        )  # fmt: skip
    found = [None if g is None else torch.zeros_like(g) if g._is_zerotensor() else g for g in found]
    passed = [None if j not in given else before[j] if not live or j in used else torch.zeros_like(before[j])
              for j in range(len(outputs))]  # fmt: skip
    answer = Answer(outputs, dict(zip(asked, found, strict=True)), passed, nodes=nodes_of(outputs))
    answer.changed = [
        *(f"input {k}" for k, (v, w) in enumerate(zip(leaves, kept, strict=True)) if _differs(v, w)),
        *("the upstream gradient" for j, g in given.items() if _differs(g, before[j])),
        *("its own output" for v, w in zip(outputs, results, strict=True) if _differs(v, w)),
    ]
    answer.aliased = _aliased(answer.gradients, leaves)
    return answer


def _smooth(outputs: list[Tensor]) -> list[int]:
    """Where no output asks for a gradient: those that might."""
    return [j for j, v in enumerate(outputs) if smooth(v)]


def _aliased(gradients: dict[int, Tensor | None], leaves: list[Any]) -> list[int]:
    """Inputs whose gradient shares memory with an input."""
    memory = {v.untyped_storage().data_ptr() for v in leaves if isinstance(v, Tensor) and v.numel()}
    there = {k: g for k, g in gradients.items() if g is not None and g.numel()}
    return [k for k, g in there.items() if g.untyped_storage().data_ptr() in memory]


def _differs(v: Any, w: Any) -> bool:
    if not isinstance(v, Tensor):
        return False
    return not torch.equal(torch.nan_to_num(v.detach()), torch.nan_to_num(w))


def nodes_of(outputs: list[Tensor]) -> tuple[str, ...]:
    """The names of the nodes of the backward graph, from the outputs down, the first few."""
    seen: dict[Any, str] = {}
    todo = [v.grad_fn for v in outputs if v.grad_fn is not None]
    while todo and len(seen) < 50:
        node = todo.pop(0)
        if node in seen:
            continue
        seen[node] = node.name()
        todo += [n for n, _ in node.next_functions if n is not None]
    return tuple(dict.fromkeys(name for name in seen.values() if "AccumulateGrad" not in name))
