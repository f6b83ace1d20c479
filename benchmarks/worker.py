"""One side of a benchmark: imports one library, then runs the tasks that its input names, one a line."""

from __future__ import annotations

import importlib
import json
import os
import sys

MODULES = ("tasks", "network_tasks", "op_tasks")


def main() -> None:
    library, threads = sys.argv[1], int(sys.argv[2])
    # Answers go to the real output; what the measured programs print is formatted, but goes nowhere.
    answers = os.fdopen(os.dup(1), "w")
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (open for the process's life)
    torch = importlib.import_module(library)
    torch.set_num_threads(threads)
    known = {name: task for module in MODULES for name, task in vars(importlib.import_module(module)).items()}

    current, run = "", None
    for line in sys.stdin:
        request = json.loads(line)
        if line != current:
            run = None  # what the task before held is freed first
            run = known[request["task"]](torch, library, **request["options"])
            current = line
        assert run is not None
        answers.write(json.dumps(run()) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
