"""Run a script of cells (`# %%`) as a notebook does: the value of a cell's last expression is shown.

    facula run notebook.py SCRIPT [SEED]

The tutorial's pages are notebooks; with seed 42 PyTorch prints the very numbers that they show.
"""

import ast
import re
import sys

import torch


def run_cells(path: str) -> None:
    with open(path, encoding="utf-8") as file:
        source = file.read()
    namespace = {"__name__": "__main__", "__file__": path}
    for cell in re.split(r"^# %%\n", source, flags=re.MULTILINE):
        body = ast.parse(cell, path).body
        shown = body.pop() if body and isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), path, "exec"), namespace)
        if isinstance(shown, ast.Expr):
            value = eval(compile(ast.Expression(shown.value), path, "eval"), namespace)
            if value is not None:
                print(repr(value))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        torch.manual_seed(int(sys.argv[2]))
    run_cells(sys.argv[1])
