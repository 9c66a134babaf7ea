"""Changes of a program's source that know nothing of backpropagation: one place is written differently, two or three.

A change is found by its place in the syntax tree: every expression and statement offers the slips that are possible
there (a factor dropped, a name exchanged, an index off by one, a transpose, a clip, two statements in the other order).
Whether the changed program is wrong is not known here: `oracle` finds that out.
"""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

# Every expression could be negated, clipped and so on: the share of places at which that is offered.
_WRAPPED = 0.1

Slip = Callable[[Any, "Scope"], Iterator[tuple[str, ast.expr]]]


@dataclass(frozen=True)
class Scope:
    """What stands around a place: the names of its function, and chance."""

    names: tuple[str, ...]
    rng: random.Random


@dataclass(frozen=True)
class Change:
    """A program with its changes made, and what they were."""

    source: str
    says: tuple[str, ...]


def changes(source: str, count: int, rng: random.Random, depth: int = 1) -> Iterator[Change]:
    """That many different changed programs, of `depth` changes each; fewer where the program has not as many places."""
    seen = {ast.unparse(ast.parse(source))}
    for _ in range(20 * count):
        if count == 0:
            return
        change = changed(source, rng, depth)
        if change is not None and change.source not in seen:
            seen.add(change.source)
            count -= 1
            yield change


def changed(source: str, rng: random.Random, depth: int = 1) -> Change | None:
    """A program with that many changes at random places; None where the places drawn do not go together."""
    says: tuple[str, ...] = ()
    for _ in range(depth):
        drawn = _one(ast.parse(source), rng)
        if drawn is None:
            return None
        source, said = drawn
        says += (said,)
    return Change(source, says)


def _one(tree: ast.Module, rng: random.Random) -> tuple[str, str] | None:
    offers = _statements if rng.random() < 0.2 else _expressions
    offered = list(offers(tree, rng))
    if not offered:
        return None
    kind = rng.choice(sorted({said for said, _ in offered}))  # every kind of slip alike, however often it is possible
    make = rng.choice([make for said, make in offered if said == kind])
    says = f"{kind}: {make()}"
    try:
        return ast.unparse(ast.fix_missing_locations(tree)), says
    except (ValueError, RecursionError):
        return None


# Expressions ---------------------------------------------------------------------------------------------------------


def _expressions(tree: ast.Module, rng: random.Random) -> Iterator[tuple[str, Callable[[], str]]]:
    for function in _functions(tree):
        scope = Scope(tuple(sorted(_names(function))), rng)
        for parent in ast.walk(function):
            for field, index, node in _children(parent):
                for kind, new in _slips(node, scope):
                    yield kind, _replacing(parent, field, index, node, new)


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name != "E_of")


def _names(function: ast.FunctionDef) -> set[str]:
    found = {a.arg for node in ast.walk(function) if isinstance(node, ast.arguments) for a in node.args}
    return found | {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _children(parent: ast.AST) -> Iterator[tuple[str, int | None, ast.expr]]:
    for field, value in ast.iter_fields(parent):
        if field in ("annotation", "returns", "decorator_list", "defaults", "func") and not isinstance(
            parent, ast.Call
        ):
            continue
        if isinstance(value, ast.expr) and field != "func":
            yield field, None, value
        elif isinstance(value, list) and field not in ("targets",):
            yield from ((field, i, v) for i, v in enumerate(value) if isinstance(v, ast.expr))


def _replacing(parent: ast.AST, field: str, index: int | None, old: ast.expr, new: ast.expr) -> Callable[[], str]:
    def make() -> str:
        before, after = ast.unparse(old), ast.unparse(ast.fix_missing_locations(copy.deepcopy(new)))
        if index is None:
            setattr(parent, field, new)
        else:
            getattr(parent, field)[index] = new
        return f"{before} -> {after}"

    return make


def _slips(node: ast.expr, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(getattr(node, "ctx", None), ast.Store):
        return
    for slip in _BY_TYPE.get(type(node), ()):
        yield from slip(node, scope)
    if isinstance(node, ast.BinOp | ast.Call) and scope.rng.random() < _WRAPPED:
        yield from _wrapped(node, scope)


def _operators(node: ast.BinOp, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    terms = isinstance(node.op, ast.Add | ast.Sub)
    yield "term dropped" if terms else "factor dropped", node.left
    if not isinstance(node.op, ast.Div | ast.Pow):
        yield "term dropped" if terms else "factor dropped", node.right
    for op in _OTHER_OPERATORS.get(type(node.op), ()):
        yield "operator", ast.BinOp(node.left, op(), node.right)
    if isinstance(node.op, ast.MatMult | ast.Sub | ast.Div):
        yield "operands exchanged", ast.BinOp(node.right, node.op, node.left)
    if isinstance(node.op, ast.Mult):
        yield "factor twice", ast.BinOp(node, ast.Mult(), node.right)
    if isinstance(node.op, ast.Div):
        denominator = ast.BinOp(node.right, ast.Add(), ast.Constant(scope.rng.choice((1e-8, 1e-7, 1e-5))))
        yield "epsilon", ast.BinOp(node.left, node.op, denominator)
        yield "factor twice", ast.BinOp(node, ast.Div(), node.right)


_OTHER_OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.Div),
    ast.Div: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
}


def _signs(node: ast.UnaryOp, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield "sign", node.operand


def _comparisons(node: ast.Compare, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    for op in _OTHER_COMPARISONS.get(type(node.ops[0]), ()):
        yield "comparison", ast.Compare(node.left, [op()], node.comparators)


_OTHER_COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Eq: (ast.NotEq,),
}


def _constants(node: ast.Constant, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        return
    other = {0: 1, 1: scope.rng.choice((0, 2)), 2: scope.rng.choice((1, 3)), 0.5: scope.rng.choice((1.0, 0.25))}
    yield "constant", ast.Constant(other.get(node.value, 2 * node.value))


def _attributes(node: ast.Attribute, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    if node.attr == "T":
        yield "transpose", node.value


def _local_names(node: ast.Name, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    if node.id in scope.names and len(scope.names) > 1:
        other = scope.rng.choice([name for name in scope.names if name != node.id])
        yield "name exchanged", ast.Name(other, ast.Load())
    if node.id in scope.names:
        yield "transpose", ast.Attribute(node, "T", ast.Load())


def _indices(node: ast.Subscript, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    if not isinstance(node.slice, ast.Slice | ast.Tuple):
        op = scope.rng.choice((ast.Add, ast.Sub))()
        yield "index off by one", ast.Subscript(node.value, ast.BinOp(node.slice, op, ast.Constant(1)), ast.Load())
    yield "transpose", ast.Attribute(node, "T", ast.Load())


def _calls(node: ast.Call, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    for other in _OTHER_FUNCTIONS.get(name, ()):
        if isinstance(node.func, ast.Attribute):
            yield "function", ast.Call(ast.Attribute(node.func.value, other, ast.Load()), node.args, node.keywords)
    if name == "range" and node.args:
        i, op = scope.rng.randrange(len(node.args)), scope.rng.choice((ast.Add, ast.Sub))()
        args = [ast.BinOp(a, op, ast.Constant(1)) if k == i else a for k, a in enumerate(node.args)]
        yield "range off by one", ast.Call(node.func, args, node.keywords)
    if name == "reversed":
        yield "order", node.args[0]
    if len(node.args) == 2 and not node.keywords:
        yield "arguments exchanged", ast.Call(node.func, node.args[::-1], [])
    for i, keyword in enumerate(node.keywords):
        yield "keyword dropped", ast.Call(node.func, node.args, [k for k in node.keywords if k is not keyword])
        if keyword.arg == "axis" and isinstance(keyword.value, ast.Constant):
            turned = ast.keyword("axis", ast.Constant(1 if keyword.value.value == 0 else 0))
            yield "axis", ast.Call(node.func, node.args, [turned if k == i else v for k, v in enumerate(node.keywords)])


_OTHER_FUNCTIONS: dict[str, tuple[str, ...]] = {
    "sum": ("mean", "max"), "mean": ("sum",), "maximum": ("minimum",), "minimum": ("maximum",), "exp": ("expm1",),
    "log": ("log1p",), "tanh": ("arctan", "sinh"), "sign": ("abs",), "max": ("min",), "zeros_like": ("ones_like",),
    "outer": ("multiply",), "expm1": ("exp",), "square": ("abs",), "cosh": ("sinh",),
}  # fmt: skip


def _choices(node: ast.IfExp, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    yield "choice", node.body
    yield "choice", node.orelse
    yield "choice", ast.IfExp(node.test, node.orelse, node.body)


def _wrapped(node: ast.expr, scope: Scope) -> Iterator[tuple[str, ast.expr]]:
    """The whole expression, negated, doubled, cut off, clipped, rounded to single precision or squared."""
    text = ast.unparse(node)
    limit = scope.rng.choice((0.5, 1, 2, 5, 10, 20))
    for kind, written in (
        ("sign", f"-({text})"),
        ("doubled", f"2 * ({text})"),
        ("halved", f"({text}) / 2"),
        ("clip", f"np.clip({text}, -{limit}, {limit})"),
        ("cut off", f"np.maximum({text}, 0)"),
        ("squared", f"({text}) ** 2"),
        ("single precision", f"np.float32({text})"),
        ("whole numbers", f"np.trunc({text})"),
    ):
        yield kind, ast.parse(written, mode="eval").body


_BY_TYPE: dict[type, tuple[Slip, ...]] = {
    ast.BinOp: (_operators,),
    ast.UnaryOp: (_signs,),
    ast.Compare: (_comparisons,),
    ast.Constant: (_constants,),
    ast.Attribute: (_attributes,),
    ast.Name: (_local_names,),
    ast.Subscript: (_indices,),
    ast.Call: (_calls,),
    ast.IfExp: (_choices,),
}


# Statements ----------------------------------------------------------------------------------------------------------


def _statements(tree: ast.Module, rng: random.Random) -> Iterator[tuple[str, Callable[[], str]]]:
    for function in _functions(tree):
        for parent in ast.walk(function):
            for field in ("body", "orelse"):
                body = getattr(parent, field, None)
                if isinstance(body, list) and isinstance(parent, ast.stmt):
                    for i in range(len(body)):
                        yield from _statement(tree, body, i)


def _statement(tree: ast.Module, body: list[ast.stmt], i: int) -> Iterator[tuple[str, Callable[[], str]]]:
    here = body[i]
    if isinstance(here, ast.Return | ast.FunctionDef | ast.ClassDef):
        return
    yield "statement dropped", _setting(body, i, [] if len(body) > 1 else [ast.Pass()])
    yield "statement twice", _setting(body, i, [here, copy.deepcopy(here)])
    if i + 1 < len(body) and not isinstance(body[i + 1], ast.Return):
        yield "order", _setting(body, i, [body[i + 1], here], span=2)
    if isinstance(here, ast.AugAssign):
        assigned = ast.Assign([here.target], here.value)
        yield "= for +=", _setting(body, i, [assigned])
    if isinstance(here, ast.Assign) and len(here.targets) == 1:
        yield from _assignment(tree, body, i, here)


def _assignment(
    tree: ast.Module, body: list[ast.stmt], i: int, here: ast.Assign
) -> Iterator[tuple[str, Callable[[], str]]]:
    target, value = ast.unparse(here.targets[0]), ast.unparse(here.value)
    if isinstance(here.targets[0], ast.Name | ast.Subscript):
        yield "+= for =", _setting(body, i, ast.parse(f"{target} += {value}").body)
        name = ast.dump(here.targets[0])[:20] + str(i)
        stale = f"{target} = KEPT.setdefault({name!r}, {value})"
        yield "kept from the first call", _setting(body, i, ast.parse(stale).body, tree)
        piled = f"{target} = KEPT[{name!r}] = KEPT.get({name!r}, 0) + {value}"
        yield "piled up from call to call", _setting(body, i, ast.parse(piled).body, tree)
    if target.startswith(("dW[", "gW")) and "W[" in value:
        weights = "W[" + value.split("W[")[-1].split("]")[0] + "]"
        stepped = ast.parse(f"{weights} = {weights} - 0.1 * {target}").body
        yield "stepped at once", _setting(body, i, [here, *stepped])


def _setting(
    body: list[ast.stmt], i: int, new: list[ast.stmt], tree: ast.Module | None = None, span: int = 1
) -> Callable[[], str]:
    def make() -> str:
        before = "; ".join(ast.unparse(s).split("\n")[0] for s in body[i : i + span])
        body[i : i + span] = new
        if tree is not None:
            tree.body.insert(0, ast.parse("KEPT = {}").body[0])
        return before

    return make
