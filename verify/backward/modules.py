"""A module: its parameters are inputs beside its own, named as in named_parameters; its buffers stay as they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from verify.backward.parts import real_dtype, smooth, widened
from verify.errors import BadInput


@dataclass(frozen=True)
class Opened:
    """A function of a module's inputs and parameters, those values, and the parameters' names.

    fixed: the sizes of parameters and buffers, which other sizes of the inputs leave as they are.
    """

    function: Callable[..., Any]
    reference: Callable[..., Any] | None
    inputs: tuple[Any, ...]
    names: tuple[str, ...]
    fixed: frozenset[int]


def opened(module: nn.Module, reference: Callable[..., Any] | None, inputs: Sequence[Any]) -> Opened:
    """The module and its reference, as functions of inputs and parameters. Raises BadInput.

    reference: a module with the same names and shapes, or a function of the inputs and, by name (dots as _), of the
    parameters. Asked for are the gradients of parameters that require one, and of inputs as without a module.
    """
    parameters = dict(module.named_parameters())
    marked = any(smooth(v) and v.requires_grad for v in inputs)
    own = [v.detach().clone().requires_grad_() if smooth(v) and not marked else v for v in inputs]
    theirs = [p.detach().clone().requires_grad_(p.requires_grad) for p in parameters.values()]
    names, count = tuple(parameters), len(inputs)
    sizes = frozenset(n for v in (*parameters.values(), *module.buffers()) for n in v.shape)
    against = None if reference is None else _reference(reference, parameters, count)
    return Opened(_called(module, names, count), against, (*own, *theirs), names, sizes)


def _reference(reference: Callable[..., Any], parameters: dict[str, nn.Parameter], count: int) -> Callable[..., Any]:
    if isinstance(reference, nn.Module):
        theirs = {name: tuple(p.shape) for name, p in reference.named_parameters()}
        ours = {name: tuple(p.shape) for name, p in parameters.items()}
        for name in (*ours, *theirs):
            if ours.get(name) != theirs.get(name):
                raise BadInput(
                    f"parameter {name} is {ours.get(name, 'missing')} in the module, {theirs.get(name, 'missing')} in "
                    "the reference: allowed are equal names and shapes"
                )
        return _called(reference, tuple(parameters), count)
    keys = [name.replace(".", "_") for name in parameters]
    if not _takes(reference, keys):
        raise BadInput(
            f"the reference takes no {', '.join(keys)}: allowed are a module with the same parameters, and a function "
            "of the inputs and, by name, of these"
        )
    return lambda *given: reference(*given[:count], **dict(zip(keys, given[count:], strict=True)))


def _takes(function: Callable[..., Any], keys: list[str]) -> bool:
    try:
        known = inspect.signature(function).parameters
    except (TypeError, ValueError):  # torch's own functions have none, and take no parameters by these names
        return not keys
    return any(p.kind is p.VAR_KEYWORD for p in known.values()) or set(keys) <= set(known)


def _called(module: nn.Module, names: tuple[str, ...], count: int) -> Callable[..., Any]:
    """(inputs, parameters) -> outputs; each call sees the buffers as they were, in float64 where all else is."""
    buffers = {name: b.detach().clone() for name, b in module.named_buffers()}

    def run(*given: Any) -> Any:
        floating = [v for v in given if smooth(v)]
        wide = all(real_dtype(v.dtype) == torch.float64 for v in floating)
        own = lambda b: (widened(b) if wide and smooth(b) else b).to(floating[0].device)
        fresh = {name: own(b).clone() for name, b in buffers.items()}
        return functional_call(module, {**dict(zip(names, given[count:], strict=True)), **fresh}, tuple(given[:count]))

    run.__name__ = run.__qualname__ = type(module).__name__
    return run
