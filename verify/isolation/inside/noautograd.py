"""Autograd that refuses: with gradients off, every documented way to switch them on or to use them raises.

Who tries is written down with the line, so catching the exception does not help. It is a guard against tricks, not a
wall: what a program does to get round it can only produce the numbers that it was asked to work out.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable
from typing import Any


class Forbidden(RuntimeError):
    """Autograd was used where it is forbidden."""


_FUNCTIONS = {
    "torch.autograd": ("backward", "grad"),
    "torch.autograd.functional": ("vjp", "jvp", "jacobian", "hessian", "vhp", "hvp"),
    "torch.autograd.forward_ad": ("enter_dual_level", "make_dual", "dual_level"),
    "torch.autograd.gradcheck": ("gradcheck", "gradgradcheck", "get_numerical_jacobian", "get_analytical_jacobian"),
    "torch.autograd.graph": ("_engine_run_backward",),
    "torch.func": ("grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd", "hessian", "linearize"),
    "torch._functorch.eager_transforms": ("grad_impl", "vjp", "jvp", "jacrev", "jacfwd", "hessian", "linearize"),
    "torch._functorch.apis": ("grad", "grad_and_value"),
    "torch._C._functorch": ("_grad_increment_nesting", "_jvp_increment_nesting"),
    "torch._C": ("_enter_dual_level", "_jit_script_compile"),
    "torch._VF": ("_make_dual",),
    "torch.jit": ("script", "trace"),
    "torch": ("enable_grad", "_make_dual"),
    "torch.autograd.grad_mode": ("enable_grad",),
    "torch.Tensor": ("backward",),
}


class Guard:
    """What was tried, and whether autograd is on after all."""

    def __init__(self, entry: str) -> None:
        import torch

        self.entry = entry
        self.attempts: list[tuple[str, int | None]] = []
        self._is_enabled = torch.is_grad_enabled
        self._set_enabled = torch._C._set_grad_enabled
        self._requires_grad = torch._C.TensorBase.requires_grad.__get__  # type: ignore[attr-defined]

    def refuse(self, name: str) -> None:
        """Writes down who calls and raises Forbidden."""
        self.attempts.append((f"{name} was called; autograd is forbidden here", self._line()))
        raise Forbidden(f"{name}: autograd is forbidden here")

    def _line(self) -> int | None:
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename == self.entry:
                return frame.f_lineno
            frame = frame.f_back
        return None

    def requires_grad(self, tensor: Any) -> bool:
        """What the tensor itself says, not what its class makes of it."""
        return bool(self._requires_grad(tensor))

    def tried(self) -> tuple[str, int | None] | None:
        """The first attempt and its line, if there was one."""
        if self._is_enabled():
            self._set_enabled(False)
            self.attempts.append(("gradients were switched on; autograd is forbidden here", None))
        return self.attempts[0] if self.attempts else None


def install(entry: str) -> Guard:
    """Switches gradients off for good in this process. entry: the file name that the student's lines are known by."""
    import torch

    guard = Guard(entry)
    torch._C._set_grad_enabled(False)
    _refuse_switches(guard, torch)
    for module, names in _FUNCTIONS.items():
        holder = _holder(module)
        for name in names:
            if hasattr(holder, name):
                _replace(holder, name, _refusing(guard, f"{module}.{name}"))
    _replace(torch.autograd.Variable, "_execution_engine", _NoEngine(guard))
    return guard


def _holder(name: str) -> Any:
    """A module or a class by its dotted name, or None where this version of torch has none."""
    with contextlib.suppress(ImportError):
        return importlib.import_module(name)
    holder: Any = sys.modules["torch"]
    for part in name.split(".")[1:]:
        holder = getattr(holder, part, None)
    return holder


def _replace(holder: Any, name: str, value: Any) -> None:
    with contextlib.suppress(AttributeError, TypeError):
        setattr(holder, name, value)


def _refusing(guard: Guard, name: str) -> Callable[..., Any]:
    def refuse(*arguments: Any, **options: Any) -> None:
        guard.refuse(name)

    return refuse


class _NoEngine:
    """In the place of autograd's engine."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def __getattr__(self, name: str) -> Any:
        self._guard.refuse(f"autograd's engine ({name})")


def _refuse_switches(guard: Guard, torch: Any) -> None:
    """The switches that may say off but not on: set_grad_enabled, inference_mode(False), requires_grad."""

    def off_only(base: type, name: str, on: bool) -> type:
        class Switch(base):
            def __init__(self, mode: Any = True) -> None:
                if bool(mode) is on:
                    guard.refuse(name)
                super().__init__(mode)

        Switch.__name__ = Switch.__qualname__ = base.__name__
        return Switch

    def setter(original: Callable[..., Any], name: str) -> Callable[..., Any]:
        def switch(*arguments: Any, **options: Any) -> Any:
            if any(value is True for value in (*arguments, *options.values())):
                guard.refuse(name)
            return original(*arguments, **options)

        return switch

    torch.set_grad_enabled = off_only(torch.set_grad_enabled, "torch.set_grad_enabled(True)", True)
    torch.autograd.set_grad_enabled = torch.autograd.grad_mode.set_grad_enabled = torch.set_grad_enabled
    torch.inference_mode = off_only(torch.inference_mode, "torch.inference_mode(False)", False)
    torch.autograd.inference_mode = torch.autograd.grad_mode.inference_mode = torch.inference_mode
    torch._C._set_grad_enabled = setter(torch._C._set_grad_enabled, "torch._C._set_grad_enabled(True)")
    _refuse_leaves(guard, torch)


def _refuse_leaves(guard: Guard, torch: Any) -> None:
    original, switch = torch.Tensor.requires_grad, torch.Tensor.requires_grad_

    def assign(tensor: Any, value: Any) -> None:
        if value:
            guard.refuse("requires_grad = True")
        original.__set__(tensor, value)

    def requires_grad_(tensor: Any, requires_grad: bool = True) -> Any:
        if requires_grad:
            guard.refuse("requires_grad_()")
        return switch(tensor, requires_grad)

    torch.Tensor.requires_grad = property(lambda tensor: original.__get__(tensor), assign)
    torch.Tensor.requires_grad_ = requires_grad_
