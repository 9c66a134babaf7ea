"""A torch program in float64, with the rounding errors of a shorter arithmetic carried along: forward and backward.

A dispatch mode sees each aten operation. Beside every storage of numbers lie two more of the same layout, one with the
worst case of each entry and one with its variance; a view finds its part of them by its own strides, so that views,
in-place operations and saved tensors need no rule. A complex tensor is its real and imaginary parts. What an operation
without a rule gives has no bound, and the operation is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

from verify.backward.bound import Bound
from verify.backward.parts import COMPLEX, parts_of, smooth, widened
from verify.backward.precision import DTYPES, Precision
from verify.backward.rewritten import Rewritten
from verify.backward.rules import (
    arithmetic,
    bags,
    choices,
    complex_sums,
    complexes,
    functions,
    moves,
    pools,
    products,
    sums,
)
from verify.backward.rules.formulas import FORMULAS
from verify.backward.rules.pairs import COMPLEX_RULES, Pair, joined, pair_of, split
from verify.backward.rules.table import RULES, constant, lift

_ALL_RULES = (  # importing them fills the table
    arithmetic, bags, choices, complex_sums, complexes, functions, moves, pools, products, sums,
)  # fmt: skip
_WIDE = dict.fromkeys(DTYPES, torch.float64) | dict.fromkeys(COMPLEX, torch.complex128)
_MAKE_COMPLEX = ("complex", "polar", "_fft_r2c")  # of real tensors
_FUNCTIONAL = {"aten.pow_.Scalar": "Tensor_Scalar"}  # where the functional form has another overload
_CREATES = (
    "empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "zeros", "zeros_like", "new_zeros",
    "ones", "ones_like", "new_ones", "full", "full_like", "new_full", "arange", "eye", "linspace", "scalar_tensor",
    "rand", "randn", "rand_like", "randn_like", "randint", "randperm", "bernoulli", "isnan", "isinf", "isfinite",
    "tril_indices", "triu_indices", "lift_fresh_copy", "bincount", "one_hot", "multinomial",
)  # fmt: skip


@dataclass
class _Beside:
    """What lies beside one storage."""

    alive: StorageWeakRef
    proof: Tensor
    var: Tensor
    derived: bool
    terms: tuple[float, Tensor] | None = None
    settled: Tensor | None = None
    shape: torch.Size = field(default_factory=lambda: torch.Size(()))


class Trace(TorchDispatchMode):
    """The mode. `unruled`: operations without a rule, by name. With `jitter`, a generator, values move by what their
    own rounding may be instead, so that runs of a program show how its errors hang together.
    """

    def __init__(self, precision: Precision, jitter: torch.Generator | None = None) -> None:
        super().__init__()
        self.p, self.jitter = precision, jitter
        self.unruled: set[str] = set()
        self._beside: dict[int, _Beside] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """torch would import its compiler, for seconds, to keep it away from this mode, which nothing compiles."""
        return False

    # What is known of a tensor ---------------------------------------------------------------------------------------

    def watch(self, value: Tensor, *, exact: bool = True) -> None:
        """An input: exact, and derived from the inputs. Not exact: rounded to the storage once, on its way."""
        parts = torch.view_as_real(value) if value.is_complex() and not exact else value
        found = Bound(parts) if exact else constant(self.p, parts)
        self._write(replace(found, derived=True))

    def bound(self, value: Tensor) -> Bound:
        """A tensor with what lies beside it, floating ones in float64."""
        there = self._beside.get(value.untyped_storage()._cdata)
        wide = value.detach()
        if value.is_floating_point() and value.dtype != torch.float64:
            wide = wide.to(torch.float64)
        if there is None or there.alive.expired():
            return constant(self.p, wide)
        same = there.shape == value.shape
        terms, settled = (there.terms, there.settled) if same else (None, None)
        if there.proof.numel() == 0:
            return Bound(wide, None, None, there.derived, terms, settled)
        seen = lambda flat: flat.as_strided(value.size(), value.stride(), value.storage_offset())
        return Bound(wide, seen(there.proof), seen(there.var), there.derived, terms, settled)

    def pair(self, value: Tensor) -> Pair:
        """The parts of a complex tensor, with what lies beside them."""
        found = split(self.bound(torch.view_as_real((value.conj() if value.is_conj() else value).detach())))
        return Pair(found.re, arithmetic.negated(found.im)) if value.is_conj() else found

    def parts(self, value: Tensor) -> Bound:
        """A tensor with what lies beside it; of a complex one the parts, last dimension 2."""
        return joined(self.pair(value)) if value.is_complex() else self.bound(value)

    def _known(self, value: Tensor) -> Bound | Pair:
        return self.pair(value) if value.is_complex() else self.bound(value)

    def _put(self, found: Any) -> Any:
        """A rule's result as a tensor, with what is known of it beside it."""
        return torch.view_as_complex(self._write(joined(found))) if isinstance(found, Pair) else self._write(found)

    def _write(self, found: Bound) -> Tensor:
        """Put what is known of a fresh result beside it."""
        value = found.value
        if self.jitter is not None and found.floating:
            found = self._moved(found)
        if found.exact and not found.derived:
            return value
        storage = value.untyped_storage()
        nothing = torch.empty(0, dtype=torch.float64, device=value.device)
        entry = _Beside(
            StorageWeakRef(storage), nothing, nothing, found.derived, found.terms, found.settled, value.shape
        )
        if not found.exact:
            entry.proof, entry.var = (_flat(value, part) for part in (found.proof, found.var))
        self._beside[storage._cdata] = entry
        return value

    def _moved(self, found: Bound) -> Bound:
        if found.var is not None:
            spread = torch.sqrt(torch.nan_to_num(found.var, nan=0.0, posinf=0.0).clamp(min=0)).expand_as(found.value)
            noise = torch.randn(found.value.shape, dtype=torch.float64, device="cpu", generator=self.jitter)
            noise = noise.to(found.value.device)
            found.value.add_(noise * spread)
        return found.sure()

    def _room(self, target: Tensor) -> _Beside:
        """What lies beside the storage of a tensor that is written into, made where there is nothing."""
        storage = target.untyped_storage()
        there = self._beside.get(storage._cdata)
        count = storage.nbytes() // max(target.element_size(), 1)
        if there is None or there.alive.expired() or there.proof.numel() == 0:
            zeros = lambda: torch.zeros(count, dtype=torch.float64, device=target.device)
            derived = there is not None and not there.alive.expired() and there.derived
            there = _Beside(StorageWeakRef(storage), zeros(), zeros(), derived)
            self._beside[storage._cdata] = there
        there.terms = there.settled = None
        return there

    def _copy(self, target: Tensor, source: Bound | Pair) -> Tensor:
        """copy_: the only operation that writes into what is there."""
        if isinstance(source, Pair):
            there = target.conj() if target.is_conj() else target
            pair = Pair(source.re, arithmetic.negated(source.im)) if target.is_conj() else source
            self._copy(torch.view_as_real(there.detach()), joined(pair))
            return target
        with torch.no_grad():
            target.copy_(source.value)
        known = target.untyped_storage()._cdata in self._beside
        if known or not source.exact or source.derived:
            there = self._room(target)
            there.derived |= source.derived
            for flat, part in ((there.proof, source.proof), (there.var, source.var)):
                view = flat.as_strided(target.size(), target.stride(), target.storage_offset())
                view.copy_(torch.zeros((), dtype=torch.float64, device=view.device) if part is None else part)
            if source.value.shape == target.shape and target.numel() == there.proof.numel():
                there.settled, there.shape = source.settled, target.shape
        return target

    # Operations ------------------------------------------------------------------------------------------------------

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = {k: _WIDE.get(v, v) if isinstance(v, torch.dtype) else v for k, v in (kwargs or {}).items()}
        name = func._schema.name.split("::")[1]
        if any(isinstance(v, Tensor) and v.is_meta for v in args):
            return func(*args, **options)  # torch asks for a shape
        args, options = tree_map_only(Tensor, _there, (args, options))
        if name in ("copy_", "fill_", "zero_"):
            source = torch.zeros((), dtype=torch.float64, device="cpu") if name == "zero_" else args[1]
            return self._copy(args[0], self._lift(args[0], source))
        if _is_view(func):
            return self._viewed(func, args, options)
        if name.endswith("_") and not name.startswith("__") and func._schema.is_mutable:
            return self._in_place(func, name, args, options)
        if name == "_to_copy":
            options = dict(kwargs or {})
        return self._functional(func, name, args, options)

    def _lift(self, target: Tensor, source: Any) -> Bound | Pair:
        if target.is_complex():
            return pair_of(self.p, self._known(source) if isinstance(source, Tensor) else source, target)
        found = self.bound(source) if isinstance(source, Tensor) else source
        return lift(self.p, found, target) if target.is_floating_point() or isinstance(source, (int, float)) else found

    def _viewed(self, func: Any, args: Any, options: dict[str, Any]) -> Any:
        out = func(*args, **options)
        if func._schema.name == "aten::lift_fresh" and out.is_floating_point():
            return out.to(torch.float64)
        return out

    def _in_place(self, func: Any, name: str, args: Any, options: dict[str, Any]) -> Any:
        packet = getattr(torch.ops.aten, name[:-1], None)
        overload = _FUNCTIONAL.get(str(func), func._schema.overload_name or "default")
        if packet is not None and _is_view(getattr(packet, packet.overloads()[0])):
            return func(*args, **options)  # sizes and strides alone change
        if packet is None or overload not in packet.overloads():
            if name in ("uniform_", "normal_", "random_", "bernoulli_", "exponential_", "resize_", "set_"):
                return func(*args, **options)
            self.unruled.add(name)
            return func(*args, **options)
        with self:
            found = getattr(packet, overload)(*args, **options)
            return args[0].copy_(found)

    def _functional(self, func: Any, name: str, args: Any, options: dict[str, Any]) -> Any:
        of_complex = name in _MAKE_COMPLEX or _any_complex((args, options))
        rules, formulas = (COMPLEX_RULES, complex_sums.WRITTEN) if of_complex else (RULES, FORMULAS)
        if name in rules:
            return self._ruled(rules[name], func, args, options)
        if name in formulas:
            with self:
                found = formulas[name](*args, **options)
            if found is not NotImplemented:
                return found
        if name in _CREATES or not any(isinstance(v, Tensor) for v in tree_flatten((args, options))[0]):
            return _widened(func(*args, **options))
        written = _decomposition(func)
        if written is not None:
            with self:
                found = written(*args, **options)
            if found is not NotImplemented:
                return found
        if name == "_local_scalar_dense" or not _floating(args):
            return func(*args, **options)
        return self._unbounded(func, name, args, options)

    def _ruled(self, rule: Callable[..., Any], func: Any, args: Any, options: dict[str, Any]) -> Any:
        bounds = tree_map_only(Tensor, self._known, (args, options))
        found = rule(self.p, func, *bounds[0], **bounds[1])
        if found is NotImplemented:
            return self._unbounded(func, func._schema.name.split("::")[1], args, options)
        if isinstance(found, tuple):
            return tuple(None if v is None else self._put(v) for v in found)
        return self._put(found)

    def _unbounded(self, func: Any, name: str, args: Any, options: dict[str, Any]) -> Any:
        self.unruled.add(name)
        plain = lambda v: v.detach() if v.is_complex() else self.bound(v).value
        found = func(*tree_map_only(Tensor, plain, args), **options)

        def mark(value: Tensor) -> Tensor:
            if not smooth(value):
                return value
            parts = parts_of(value)
            nothing = torch.full_like(parts, torch.inf, dtype=torch.float64)
            self._write(Bound(parts, nothing, nothing, derived=True))
            return value

        return tree_map_only(Tensor, mark, found)


def _flat(value: Tensor, part: Tensor | None) -> Tensor:
    """The part laid out as the value's storage is."""
    count = value.untyped_storage().nbytes() // max(value.element_size(), 1)
    if part is not None and part.is_contiguous() and value.is_contiguous() and part.numel() == count:
        return part.reshape(-1)
    flat = torch.zeros(count, dtype=torch.float64, device=value.device)
    if part is not None and value.numel():
        flat.as_strided(value.size(), value.stride(), value.storage_offset()).copy_(part)
    return flat


def _there(value: Tensor) -> Tensor:
    """Zeros with memory, for the ones without that a backward pass of sgn hands down."""
    return torch.zeros_like(value) if value._is_zerotensor() else value


def _is_view(func: Any) -> bool:
    return any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)


def _floating(args: Any) -> bool:
    return any(smooth(v) for v in tree_flatten(args)[0])


def _any_complex(args: Any) -> bool:
    """Whether a tensor, a number or a dtype among them is complex."""
    of = lambda v: v.is_complex if isinstance(v, torch.dtype) else isinstance(v, complex)
    return any(v.is_complex() if isinstance(v, Tensor) else of(v) for v in tree_flatten(args)[0])


def _widened(out: Any) -> Any:
    return tree_map_only(Tensor, lambda v: widened(v) if smooth(v) else v, out)


def _decomposition(func: Any) -> Callable[..., Any] | None:
    from torch._decomp import decomposition_table

    if func.namespace == "prims":
        return None
    written = decomposition_table.get(func)
    if written is not None:
        return written
    return func.decompose if func._can_decompose() else None


@contextmanager
def tracing(mode: Trace) -> Iterator[Trace]:
    """The mode, with fused kernels off, so that attention, norms and convolutions show their terms."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False), Rewritten(mode.p), mode:
        yield mode
