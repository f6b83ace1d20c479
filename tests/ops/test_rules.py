"""Gradient rules are written with operators and ops only: so they run on raw arrays and on Tensors, to
any order.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil

import pytest

import facula
import facula.ops
from facula.autograd.op import OPS

MODULES = [importlib.import_module(f"facula.ops.{m.name}") for m in pkgutil.iter_modules(facula.ops.__path__)]

# What raw arrays and Tensors both have, with the same meaning; and methods of tuples, lists and dtypes.
ATTRIBUTES = {"shape", "dtype", "ndim", "any", "append", "index", "kind"}
MODULE_NAMES = {"math", "itertools"}
# Helpers that may do what rules may not, each with its reason.
ALLOWED = {
    "filled": "makes zeros where an output got no gradient at all; a constant, on both kinds of arrays",
    "_is_complex": "looks at a dtype only",
    "_is_tensor": "looks at a type only",
    "conj": "skips the op for real arrays",
    "floating": "looks at dtypes only",
    "_shares": "constants made from the targets: raw arrays, whatever the rule runs on",
}
# Python counters: not arrays.
COUNTERS = {"start", "n"}


def rules_of(op):
    return [rule for rule, _ in op.rules.values()]


def tree_of(function):
    """The syntax tree of a function; of a lambda, by its place in the file."""
    module = inspect.getmodule(function)
    code = function.__code__
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if (
            isinstance(node, ast.FunctionDef)
            and node.name == code.co_name
            and abs(node.lineno - code.co_firstlineno) <= 3
        ):
            return node
        if isinstance(node, ast.Lambda) and code.co_name == "<lambda>" and node.lineno == code.co_firstlineno:
            names = tuple(a.arg for a in node.args.args)
            if names == code.co_varnames[: code.co_argcount]:
                return node
    raise AssertionError(f"no source for {function}")


def helpers(function, tree):
    """The functions of ours that a tree calls and that are not ops."""
    space = dict(vars(inspect.getmodule(function)))
    for node in ast.walk(tree):  # imports inside the function
        if isinstance(node, ast.ImportFrom):
            source = importlib.import_module("facula.ops." + (node.module or "")) if node.level == 1 else None
            space.update({a.asname or a.name: getattr(source, a.name) for a in node.names if source})
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found = space.get(node.func.id)
            if (
                inspect.isfunction(found)
                and not hasattr(found, "op")
                and found.__module__.startswith("facula")
            ):
                yield found


def complaints(tree):
    """What a rule must not do."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            base = node.value
            if isinstance(base, ast.Name) and base.id in MODULE_NAMES:
                continue
            if node.attr not in ATTRIBUTES:
                yield f"line {node.lineno}: .{node.attr}"
        elif isinstance(node, ast.Name) and node.id in ("np", "xp", "namespace"):
            yield f"line {node.lineno}: {node.id}"
        elif isinstance(node, ast.AugAssign) and not (
            isinstance(node.target, ast.Name) and node.target.id in COUNTERS
        ):
            yield f"line {node.lineno}: in-place assignment"
        elif isinstance(node, ast.Assign) and any(isinstance(t, ast.Subscript) for t in node.targets):
            yield f"line {node.lineno}: assignment to a part"


@pytest.mark.parametrize("op", sorted(OPS))
def test_rules_use_operators_and_ops_only(op):
    waiting, seen = rules_of(OPS[op]), set()
    while waiting:
        function = waiting.pop()
        if function in seen or function.__name__ in ALLOWED:
            continue
        seen.add(function)
        tree = tree_of(function)
        assert list(complaints(tree)) == [], f"{function.__module__}.{function.__name__}"
        waiting.extend(helpers(function, tree))


def test_the_check_finds_what_it_looks_for():
    bad = "lambda g, x: np.exp(x) * g.sum() + x.T"
    assert sorted(c.split(": ")[1] for c in complaints(ast.parse(bad))) == [".T", ".exp", ".sum", "np"]
    assert list(complaints(ast.parse("def f(g):\n    g[0] = 1\n    g += 2"))) != []
    assert list(complaints(ast.parse("lambda g, x: g * exp(x) * math.pi"))) == []


@pytest.mark.parametrize(
    "op_name", sorted(n for n, op in OPS.items() if op.differentiable and op.name not in ("floor_divide",))
)
def test_every_floating_input_has_a_rule(op_name):
    """An op that carries gradients has a rule for each of its arrays but masks."""
    op = OPS[op_name]
    missing = [n for n in op.names[: op.n_arrays] if n not in op.rules]
    assert [n for n in missing if n not in ("condition", "mask")] == []
