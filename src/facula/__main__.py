"""`python -m facula ...` is the same as the command `facula ...`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
