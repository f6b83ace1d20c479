"""Loading in worker processes: `num_workers > 0`.

Every worker has a pipe for its tasks and one for its results. The parent keeps `prefetch_factor` tasks per
worker on the way and hands results on in the order of the tasks. There are no threads in the parent and no
shared locks: it waits on the result pipes and on the processes themselves at once, so a worker that dies is
noticed immediately and can never leave a lock behind.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import multiprocessing.connection
import os
import pickle
import queue
import random
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._tensor import Tensor
from ...random import manual_seed
from ...threads import set_num_threads
from .loader import _LoaderIterator, make_fetcher
from .worker_info import WorkerInfo, set_worker_info

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from .loader import DataLoader

_PARENT_CHECK = 5.0  # seconds between a waiting worker's looks at whether its parent is still there
_GRACE = 5.0  # seconds a worker has to finish when it is told to


# ---- sending batches -------------------------------------------------------------------------------------


class _Pickler(ForkingPickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Tensor) and value.grad_fn is not None:
            raise RuntimeError(
                "[DataLoader] a tensor that is part of a graph cannot be sent between processes: use detach()"
            )
        return NotImplemented


def _send(pipe: Connection, value: Any) -> None:
    """Pickle a value into the pipe; the bytes of its arrays follow beside the pickle, not copied into it."""
    buffers: list[pickle.PickleBuffer] = []
    stream = io.BytesIO()
    _Pickler(stream, 5, True, buffers.append).dump(value)
    raws = [buffer.raw() for buffer in buffers]
    pipe.send_bytes(pickle.dumps([raw.nbytes for raw in raws]))
    pipe.send_bytes(stream.getbuffer())
    for raw in raws:
        if raw.nbytes:
            pipe.send_bytes(raw)


def _receive(pipe: Connection) -> Any:
    sizes = pickle.loads(pipe.recv_bytes())
    stream = pipe.recv_bytes()
    buffers = [bytearray(size) for size in sizes]  # writable, so the tensors in them are, too
    for buffer in buffers:
        if buffer:
            pipe.recv_bytes_into(buffer)
    return pickle.loads(stream, buffers=buffers)


class _Failure:
    """An exception of a worker with its traceback as text: traceback objects cannot be sent."""

    def __init__(self, error: BaseException, worker: int) -> None:
        self.kind = type(error)
        self.text = (
            f"Caught {type(error).__name__} in DataLoader worker process {worker}.\n"
            f"Original traceback (most recent call last):\n{''.join(traceback.format_exception(error))}"
        )

    def reraise(self) -> None:
        if issubclass(self.kind, KeyError):
            raise self.kind(_Verbatim(self.text))
        try:
            error = self.kind(self.text)
        except Exception:
            # an exception class whose constructor wants something else
            raise RuntimeError(self.text) from None
        raise error


class _Verbatim(str):
    """A KeyError shows the repr of its argument: this one's repr keeps its lines."""

    def __repr__(self) -> str:
        return str(self)


class _StreamEnd:
    """A worker's part of an IterableDataset is used up."""


class _Restart:
    """Begin a new pass (persistent workers)."""


# ---- the worker ------------------------------------------------------------------------------------------


@dataclass
class _Job:
    """All that a worker is told when it starts."""

    dataset: Any
    auto_collation: bool
    collate_fn: Callable
    drop_last: bool
    base_seed: int
    worker_init_fn: Callable[[int], None] | None
    number: int
    num_workers: int


def _worker_main(job: _Job, tasks: Connection, results: Connection, inherited: list[Connection]) -> None:
    for pipe in inherited:  # a forked worker got the parent's ends too; held open they would hide its death
        pipe.close()
    inbox: queue.SimpleQueue = queue.SimpleQueue()
    # Tasks are read by a thread, so that the parent never waits to hand one out.
    stop = threading.Event()
    threading.Thread(target=_read_tasks, args=(tasks, inbox, stop), daemon=True).start()
    try:
        _serve(job, inbox, stop, results)
    except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        pass  # the parent is gone or going: nobody is left to tell
    finally:
        results.close()


def _read_tasks(tasks: Connection, inbox: queue.SimpleQueue, stop: threading.Event) -> None:
    parent = os.getppid()
    try:
        while True:
            while not tasks.poll(_PARENT_CHECK):
                if os.getppid() != parent:
                    os._exit(1)
            task = _receive(tasks)
            if task is None:
                break
            inbox.put(task)
    except (EOFError, OSError):
        pass
    stop.set()  # tasks that wait in the inbox are not begun any more
    inbox.put(None)


def _serve(job: _Job, inbox: queue.SimpleQueue, stop: threading.Event, results: Connection) -> None:
    failure = None
    fetcher = None
    set_num_threads(1)  # the processor's cores are taken by the other workers
    try:
        seed = job.base_seed + job.number
        _seed_everything(seed, job.base_seed, job.number)
        set_worker_info(WorkerInfo(job.number, job.num_workers, seed, job.dataset))
        if job.worker_init_fn is not None:
            job.worker_init_fn(job.number)
        fetcher = make_fetcher(job.dataset, job.auto_collation, job.collate_fn, job.drop_last)
    except Exception as error:
        failure = _Failure(error, job.number)
    while (task := inbox.get()) is not None and not stop.is_set():
        if isinstance(task, _Restart):
            try:
                fetcher = make_fetcher(job.dataset, job.auto_collation, job.collate_fn, job.drop_last)
            except Exception as error:
                failure = _Failure(error, job.number)
            continue
        place, index = task
        result: Any
        if failure is not None:
            result = failure
        else:
            assert fetcher is not None
            try:
                result = fetcher.fetch(index)
            except StopIteration as error:
                streamed = hasattr(fetcher, "samples")
                result = _StreamEnd() if streamed else _Failure(error, job.number)
            except Exception as error:
                result = _Failure(error, job.number)
        try:
            _send(results, (place, result))
        except (BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:  # what cannot be pickled is known before the first byte is sent
            _send(results, (place, _Failure(error, job.number)))


def _seed_everything(seed: int, base_seed: int, number: int) -> None:
    random.seed(seed)
    manual_seed(seed)
    # NumPy's global generator: PyTorch mixes the worker's number and the base seed as SeedSequence does.
    words = np.random.SeedSequence([number, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]).generate_state(4)
    np.random.seed(words)


# ---- the parent ------------------------------------------------------------------------------------------


class _Worker:
    """The parent's view of one worker process."""

    def __init__(self, job: _Job, context: Any, earlier: list[_Worker]) -> None:
        task_end, self.tasks = context.Pipe(duplex=False)
        self.results, result_end = context.Pipe(duplex=False)
        self.active = True
        inherited = []
        if context.get_start_method() == "fork":
            inherited = [pipe for w in [*earlier, self] for pipe in (w.tasks, w.results)]
        self.process = context.Process(
            target=_worker_main, args=(job, task_end, result_end, inherited), daemon=True
        )
        with warnings.catch_warnings():
            # Python 3.12+ warns of any fork beside threads; BLAS libraries reset theirs in the child.
            warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
            self.process.start()
        task_end.close()
        result_end.close()

    def send(self, task: Any) -> None:
        # A worker that has died is noticed when its result is waited for.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            _send(self.tasks, task)


class WorkerIterator(_LoaderIterator):
    """One pass over a loader with worker processes (or several, if they are persistent)."""

    def __init__(self, loader: DataLoader) -> None:
        self._workers: list[_Worker] = []
        self._persistent, self._in_order = loader.persistent_workers, loader.in_order
        self._timeout, self._ahead = loader.timeout, loader.prefetch_factor or 1
        super().__init__(loader)
        loader.check_worker_number_rationality()
        self._owner = os.getpid()
        context = loader.multiprocessing_context or multiprocessing.get_context()
        for number in range(loader.num_workers):
            job = _Job(
                loader.dataset,
                loader._auto_collation,
                loader.collate_fn,
                loader.drop_last,
                self._base_seed,
                loader.worker_init_fn,
                number,
                loader.num_workers,
            )
            self._workers.append(_Worker(job, context, self._workers))
        self._fill()

    def _begin(self, loader: DataLoader) -> None:
        super()._begin(loader)
        self._sent = 0  # the number of the next task
        self._given = 0  # the number of the task whose result is handed on next
        self._turn = 0
        self._waiting: dict[int, _Worker] = {}  # tasks on the way
        self._ready: dict[int, Any] = {}  # results that came before their turn

    def _reset(self, loader: DataLoader) -> None:
        """Start another pass with the same workers."""
        self._indices = iter(())
        while self._waiting:  # an abandoned pass: its results are of no use
            self._store_one()
        self._begin(loader)
        for worker in self._workers:
            worker.active = True
            worker.send(_Restart())
        self._fill()

    def _fill(self) -> None:
        for _ in range(self._ahead * len(self._workers)):
            self._put_task()

    def _put_task(self) -> None:
        """Give the next task to the next worker that has not come to its end."""
        candidates = [(self._turn + k) % len(self._workers) for k in range(len(self._workers))]
        number = next((n for n in candidates if self._workers[n].active), None)
        if number is None:
            return
        try:
            index = next(self._indices)
        except StopIteration:
            return
        self._turn = number + 1
        self._waiting[self._sent] = self._workers[number]
        self._workers[number].send((self._sent, index))
        self._sent += 1

    def _next_batch(self) -> Any:
        while True:
            place = self._next_place()
            if place is None:
                if not self._persistent:
                    self._shutdown()
                raise StopIteration
            if place in self._ready:
                result = self._ready.pop(place)
                self._put_task()
                if isinstance(result, _Failure):
                    result.reraise()
                return result
            self._store_one()

    def _next_place(self) -> int | None:
        """The task whose result comes next; None when all are done."""
        if not self._in_order and self._ready:
            return min(self._ready)
        while self._given < self._sent:
            if self._given in self._waiting or self._given in self._ready:
                return self._given
            self._given += 1  # handed on already, or it fell to a worker that had come to its end
        return None

    def _store_one(self) -> None:
        """Wait for one result of any worker and put it aside."""
        place, result = self._wait()
        worker = self._waiting.pop(place)
        if isinstance(result, _StreamEnd):
            if worker.active:
                worker.active = False
                self._put_task()
        else:
            self._ready[place] = result

    def _wait(self) -> tuple[int, Any]:
        busy = set(self._waiting.values())
        pipes = {worker.results: worker for worker in busy}
        ends = {worker.process.sentinel: worker for worker in busy}
        ready = multiprocessing.connection.wait([*pipes, *ends], self._timeout or None)
        if not ready:
            self._shutdown(grace=0)
            raise RuntimeError(f"[DataLoader] timed out after {self._timeout} seconds")
        for pipe, worker in pipes.items():
            # a dead worker's last result is still in its pipe
            if pipe in ready or (worker.process.sentinel in ready and pipe.poll()):
                try:
                    return _receive(pipe)
                except (EOFError, ConnectionResetError):
                    raise self._death(worker) from None
        raise self._death(next(worker for end, worker in ends.items() if end in ready))

    def _death(self, worker: _Worker) -> RuntimeError:
        worker.process.join(_GRACE)
        pid, code = worker.process.pid, worker.process.exitcode
        self._shutdown()
        return RuntimeError(f"[DataLoader] worker (pid {pid}) exited unexpectedly with exit code {code}")

    def _shutdown(self, grace: float = _GRACE) -> None:
        workers, self._workers = self._workers, []
        self._indices = iter(())
        self._waiting, self._ready, self._given = {}, {}, self._sent
        for worker in workers:
            worker.send(None)
        deadline = time.monotonic() + grace
        for worker in workers:
            _drain(worker, deadline)
            if worker.process.is_alive():
                worker.process.terminate()
                worker.process.join()
            worker.tasks.close()
            worker.results.close()

    def __del__(self) -> None:
        # A forked child has a copy of this object, but the processes are not its own.
        if self._workers and getattr(self, "_owner", None) == os.getpid():
            self._shutdown()


def _drain(worker: _Worker, deadline: float) -> None:
    """Read what a worker still sends, so that it can come to its end, until it has or time is up."""
    pipe, end = worker.results, worker.process.sentinel
    sources: list[Any] = [pipe, end]
    while (left := deadline - time.monotonic()) > 0:
        ready = multiprocessing.connection.wait(sources, left)
        if pipe in ready:
            try:
                pipe.recv_bytes()
            except (EOFError, OSError):
                sources = [end]
        elif end in ready:
            break
    worker.process.join(0 if worker.process.is_alive() else None)
