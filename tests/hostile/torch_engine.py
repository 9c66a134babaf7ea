"""Starts autograd's engine by ways that no name in Python guards: functions that were kept before, children, threads."""

import gc
import os
import threading

import torch

ones = torch.ones(3, dtype=torch.float64)


def kept(name):
    """A built-in function of torch by its own name, wherever it is still referred to."""
    return next(o for o in gc.get_objects() if type(o) is type(gc.collect) and o.__name__ == name)


def by_hand():
    """In a thread gradients are on; a leaf is made by a parameter."""
    leaf = torch.nn.Parameter(ones.clone())
    return (leaf * leaf).sum()


def engine():
    torch._C._ImperativeEngine().run_backward((by_hand(),), (ones.sum(),), False, False, (), allow_unreachable=True)


def nodes():
    return by_hand().grad_fn(ones.sum())


def levels():
    torch.ops.aten._make_dual(ones, ones, torch._C._VariableFunctions and 0)
    kept("_enter_dual_level")()


WAYS = [engine, nodes, levels]


def in_a_thread(way):
    thread = threading.Thread(target=way)
    thread.start()
    thread.join()


def gradients(number, child):
    way = WAYS[int(number)]
    if child == "child":
        if (pid := os.fork()) == 0:
            try:
                in_a_thread(way)
            except BaseException:
                os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    in_a_thread(way)
