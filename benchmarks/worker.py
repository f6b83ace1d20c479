"""One side of a benchmark: imports one library, then runs the tasks that its input names, one a line."""

from __future__ import annotations

import importlib
import json
import os
import sys


def main() -> None:
    library, threads = sys.argv[1], int(sys.argv[2])
    # Answers go to the real output; what the measured programs print is formatted, but goes nowhere.
    answers = os.fdopen(os.dup(1), "w")
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (open for the process's life)
    torch = importlib.import_module(library)
    torch.set_num_threads(threads)
    import tasks

    prepared: dict[str, object] = {}
    for line in sys.stdin:
        request = json.loads(line)
        key = json.dumps(request, sort_keys=True)
        if key not in prepared:
            prepared[key] = getattr(tasks, request["task"])(torch, library, **request["options"])
        answers.write(json.dumps(prepared[key]()) + "\n")  # type: ignore[operator]
        answers.flush()


if __name__ == "__main__":
    main()
