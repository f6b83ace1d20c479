"""Tiny data sets in the layout of MNIST, and a server for them on this machine's own address."""

import gzip
import hashlib
import http.server
import threading

import numpy as np
import pytest

from facula.vision.datasets import FashionMNIST
from facula.vision.datasets.idx import write_idx

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def make_arrays(train=50, test=20):
    rng = np.random.default_rng(3)
    return {
        NAMES[0]: rng.integers(0, 256, (train, 28, 28)).astype(np.uint8),
        NAMES[1]: rng.integers(0, 10, train).astype(np.uint8),
        NAMES[2]: rng.integers(0, 256, (test, 28, 28)).astype(np.uint8),
        NAMES[3]: rng.integers(0, 10, test).astype(np.uint8),
    }


@pytest.fixture
def arrays():
    return make_arrays()


@pytest.fixture
def root(tmp_path, arrays):
    """A folder with a tiny FashionMNIST (raw) and a tiny MNIST (compressed)."""
    for kind, ending in (("FashionMNIST", ""), ("MNIST", ".gz")):
        folder = tmp_path / "data" / kind / "raw"
        folder.mkdir(parents=True)
        for name, array in arrays.items():
            write_idx(folder / (name + ending), array)
    return tmp_path / "data"


@pytest.fixture
def fashion(root):
    return FashionMNIST(root)


class Server:
    """Serves `files`; `paths` is what was asked for; `behaviour` has special answers."""

    def __init__(self):
        self.files, self.behaviour, self.paths = {}, {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.rsplit("/", 1)[-1]
                outer.paths.append(self.path)
                special = outer.behaviour.get(name)
                if special is not None:
                    special(self)
                elif name in outer.files:
                    self.answer(outer.files[name])
                else:
                    self.send_error(404)

            def answer(self, body, length=None):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = False  # so that close() waits for the answers under way
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        self.thread = threading.Thread(
            target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(arrays, tmp_path):
    server = Server()
    for name, array in arrays.items():
        write_idx(tmp_path / "made", array)
        server.files[name + ".gz"] = gzip.compress((tmp_path / "made").read_bytes(), mtime=0)
    yield server
    server.close()


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.fixture
def Tiny(server):
    """FashionMNIST with the tiny files on the local server."""

    class Tiny(FashionMNIST):
        mirrors = (server.url,)
        resources = tuple((name + ".gz", md5(server.files[name + ".gz"])) for name in NAMES)

    return Tiny
