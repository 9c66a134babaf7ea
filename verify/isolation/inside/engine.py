"""Torch's autograd engine made unable to run: its first instructions are replaced by the end of the process.

What Python can reach of the engine, by whatever name, goes through these functions of libtorch. A program that runs
into one ends with status ENDED, a child of it likewise, and so no gradient comes back from there. Machine code that
writes the old instructions back would undo this: it is a wall for Python, none for who writes machine code.
"""

from __future__ import annotations

import ctypes
import mmap
import os

ENDED = 78

# exit_group(78): Linux's numbers for it, and the instructions, by machine.
_CODE = {
    "x86_64": bytes.fromhex("bf4e000000 b8e7000000 0f05"),  # mov edi, 78; mov eax, 231; syscall
    "aarch64": bytes.fromhex("c00980d2 c80b80d2 010000d4"),  # mov x0, 78; mov x8, 94; svc 0
}
# Where every backward pass comes by; where every level of forward derivatives begins; where a graph is recorded that
# could be walked by hand: the edge from a result, the end at a leaf. Each by the names that versions of torch have.
_FUNCTIONS = (
    ("_ZN5torch8autograd6Engine30initialize_device_threads_poolEv",),
    ("_ZN5torch8autograd6Engine22init_local_ready_queueESt10shared_ptrINS0_10ReadyQueueEE",),
    ("_ZN5torch8autograd14ForwardADLevel12get_next_idxEv",),
    (
        "_ZN5torch8autograd4impl17set_gradient_edgeERKN2at6TensorENS0_4EdgeE",
        "_ZN5torch8autograd4impl17set_gradient_edgeERKN2at10TensorBaseENS0_4EdgeE",
    ),
    (
        "_ZN5torch8autograd4impl16grad_accumulatorERKN2at6TensorE",
        "_ZN5torch8autograd4impl16grad_accumulatorERKN2at10TensorBaseE",
    ),
)
_ALREADY_LOADED = 4  # RTLD_NOLOAD


def disable() -> bool:
    """Whether the engine cannot run any more in this process and its children; False where its code is not known."""
    import torch

    code = _CODE.get(os.uname().machine)
    library = os.path.join(os.path.dirname(torch.__file__), "lib", "libtorch_cpu.so")  # noqa: PTH118, PTH120
    try:
        loaded = ctypes.CDLL(library, mode=_ALREADY_LOADED)
    except OSError:
        return False
    places = [[_place(loaded, name) for name in names if hasattr(loaded, name)] for names in _FUNCTIONS]
    return code is not None and all(places) and all(_overwrite(place, code) for known in places for place in known)


def _place(library: ctypes.CDLL, name: str) -> int:
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0


def _overwrite(place: int, code: bytes) -> bool:
    """Puts other instructions at a place, in this process's own copy of the library."""
    libc = ctypes.CDLL(None, use_errno=True)
    first = place - place % mmap.PAGESIZE
    size = ctypes.c_size_t(place + len(code) - first)
    page = ctypes.c_void_p(first)
    if libc.mprotect(page, size, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) != 0:
        return False
    ctypes.memmove(place, code, len(code))
    return libc.mprotect(page, size, mmap.PROT_READ | mmap.PROT_EXEC) == 0
