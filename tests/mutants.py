"""Plausible slips, made by machine: a published solution with one operator, axis, constant, sign or term changed.

    >>> for name, source in mutants("def f(x):\\n    ### BEGIN SOLUTION\\n    return x - x.mean(axis=0)\\n    ### END SOLUTION"):
    ...     print(name)
    line 3: `return x - x.mean(axis=0)` -> `return -(x - x.mean(axis=0))`
    line 3: `x - x.mean(axis=0)` -> `x + x.mean(axis=0)`
    line 3: `x - x.mean(axis=0)` -> `x`
    line 3: `x - x.mean(axis=0)` -> `x.mean(axis=0)`
    line 3: `axis=0` -> `axis=1`
    line 3: `axis=0` -> `axis=None`
    line 3: `0` -> `1`
"""

import ast
import contextlib
import signal
from copy import deepcopy

from tools.bookpage import BEGIN, END

OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.MatMult: ast.Mult, ast.Pow: ast.Mult,
             ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}
COMPARISONS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}


def mutants(source):
    """Pairs of what was changed and the changed source, for every change within the solution regions of a cell."""
    lines, inside, ours = source.splitlines(), False, set()
    for number, line in enumerate(lines, 1):
        if BEGIN in line or END in line:
            inside = BEGIN in line
        elif inside:
            ours.add(number)
    tree = ast.parse(source)
    nodes = [node for node in ast.walk(tree) if getattr(node, "lineno", None) in ours]
    for index, node in enumerate(nodes):
        for new in changes(node):
            changed = deepcopy(tree)
            twin = [n for n in ast.walk(changed) if getattr(n, "lineno", None) in ours][index]
            before, after = ast.unparse(node), ast.unparse(new)
            if before != after:
                text = ast.unparse(ast.fix_missing_locations(Put(twin, new).visit(changed)))
                yield f"line {node.lineno}: `{before}` -> `{after}`", text


class Put(ast.NodeTransformer):
    """Puts `new` where `old` stands."""

    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else self.generic_visit(node)


def changes(node):
    """What may stand in the place of a node: one slip each."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) in OPERATORS:
                yield ast.BinOp(left, OPERATORS[type(op)](), right)
            if isinstance(op, (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)):
                yield left
            if isinstance(op, (ast.Add, ast.Sub, ast.Mult)):
                yield right
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in OPERATORS:
            yield ast.AugAssign(target, OPERATORS[type(op)](), value)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
            yield ast.Compare(left, [COMPARISONS[type(op)]()], [right])
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield operand
        case ast.keyword(arg="axis", value=ast.Constant(value=int(axis))):
            yield ast.keyword("axis", ast.Constant(1 - axis if axis in (0, 1) else 0))
            yield ast.keyword("axis", ast.Constant(None))
        case ast.Constant(value=bool(truth)):
            yield ast.Constant(not truth)
        case ast.Constant(value=int(number)):
            yield ast.Constant(number + 1)
        case ast.Constant(value=float(number)):
            yield ast.Constant(number + 1)
            yield ast.UnaryOp(ast.USub(), ast.Constant(number))
        case ast.Return(value=ast.Tuple(elts=[first, *rest])):
            yield ast.Return(ast.Tuple([ast.UnaryOp(ast.USub(), first), *rest], ast.Load()))
            yield ast.Return(ast.Tuple([first, *rest[:-1], ast.UnaryOp(ast.USub(), rest[-1])], ast.Load()))
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield ast.Return(ast.UnaryOp(ast.USub(), value))


@contextlib.contextmanager
def at_most(seconds):
    """End what runs inside after some seconds: a mutant may loop for ever."""

    def stop(*_):
        raise TimeoutError(f"ran for more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
