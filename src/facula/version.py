"""What this is a build of, under PyTorch's names."""

from ._version import __version__ as __version__

cuda = None
hip = None
git_version = ""
debug = False
