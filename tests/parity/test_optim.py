"""Optimizers and schedules beside PyTorch's: trajectories, saved states, messages, printing."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import facula  # noqa: E402 - only where PyTorch is
from facula.kernels import cpu  # noqa: E402

SHAPES = [(3, 4), (5,), (1,), (2, 3, 2)]
DTYPES = ["float32", "float64"]

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "maximize": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "foreach": True}),
    ("SGD", {"lr": 0.1, "fused": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("Adam", {"lr": 0.05, "betas": (0.3, 0.5), "eps": 1e-3, "maximize": True}),
    ("Adam", {"lr": 0.05, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "amsgrad": True, "weight_decay": 0.3, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.05, "momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("RMSprop", {"alpha": 0.5, "momentum": 0.9, "maximize": True}),
    ("RMSprop", {"alpha": 0.5, "centered": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
]
IDS = [f"{name}-{'-'.join(f'{k}={v}' for k, v in options.items())}" for name, options in OPTIMIZERS]


def make_pair(dtype="float32", shapes=SHAPES, seed=0):
    """The same parameters for both sides."""
    random = np.random.default_rng(seed)
    values = [random.standard_normal(shape).astype(dtype) for shape in shapes]
    ours = [facula.from_numpy(v.copy()).requires_grad_() for v in values]
    theirs = [torch.from_numpy(v.copy()).requires_grad_() for v in values]
    return ours, theirs


def set_grads(ours, theirs, random, missing=()):
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if i in missing:
            a.grad = b.grad = None
            continue
        g = random.standard_normal(tuple(a.shape)).astype(str(b.dtype).removeprefix("torch."))
        a.grad, b.grad = facula.from_numpy(g.copy()), torch.from_numpy(g.copy())


def step_pair(ours, theirs, our_optimizer, their_optimizer, steps=1, seed=1, missing=()):
    random = np.random.default_rng(seed)
    for _ in range(steps):
        set_grads(ours, theirs, random, missing)
        our_optimizer.step()
        their_optimizer.step()


def assert_near(a, b, ulps):
    a, b = a.detach().numpy(), b.detach().numpy()
    assert a.dtype == b.dtype and a.shape == b.shape
    # Distances in units of the last place of numbers near 1, as the values here are.
    np.testing.assert_allclose(a, b, rtol=ulps * np.finfo(a.dtype).eps, atol=ulps * np.finfo(a.dtype).eps)


@pytest.fixture(params=[True, False], ids=["kernels", "definition"])
def kernels(request, monkeypatch):
    """Both the compiled update and the definition beside it."""
    if request.param and cpu.native is None:
        pytest.skip("no compiled kernels")
    if not request.param:
        monkeypatch.setattr(cpu, "native", None)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=IDS)
def test_trajectory(name, options, dtype):
    """One ulp a step."""
    ours, theirs = make_pair(dtype)
    a = getattr(facula.optim, name)(ours, **options)
    b = getattr(torch.optim, name)(theirs, **options)
    steps = 8
    step_pair(ours, theirs, a, b, steps)
    for x, y in zip(ours, theirs, strict=True):
        assert_near(x, y, steps)
    mine, other = a.state_dict(), b.state_dict()
    assert mine["param_groups"] == other["param_groups"]
    assert [list(group) for group in mine["param_groups"]] == [list(group) for group in other["param_groups"]]
    assert list(mine["state"]) == list(other["state"])
    for number in other["state"]:
        assert list(mine["state"][number]) == list(other["state"][number])
        for key, value in other["state"][number].items():
            if value is None:
                assert mine["state"][number][key] is None
            else:
                assert_near(mine["state"][number][key], value, 2 * steps)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad"])
@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_small_dtypes(name, half):
    options = {"lr": 0.1, "momentum": 0.9} if name == "SGD" else {"lr": 0.1}
    values = np.random.default_rng(0).standard_normal((4, 3)).astype("float32")
    ours = facula.from_numpy(values).to(getattr(facula, half)).requires_grad_()
    theirs = torch.from_numpy(values).to(getattr(torch, half)).requires_grad_()
    a, b = getattr(facula.optim, name)([ours], **options), getattr(torch.optim, name)([theirs], **options)
    for _ in range(3):
        ours.grad, theirs.grad = ours.detach() * 0.5, theirs.detach() * 0.5
        a.step()
        b.step()
    assert str(ours.dtype).endswith(half)
    # PyTorch rounds after every operation, the definition here once a step.
    tolerance = 0.05 if half == "bfloat16" else 0.01
    np.testing.assert_allclose(
        ours.detach().float().numpy(), theirs.detach().float().numpy(), rtol=tolerance, atol=tolerance
    )


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_strided_and_late_gradients(name):
    """Gradients that are not contiguous, parameters that are not, and parameters that join later."""
    options = {"lr": 0.1, "momentum": 0.9} if name == "SGD" else {"lr": 0.1}
    base = np.random.default_rng(0).standard_normal((4, 6)).astype("float32")
    ours = [
        facula.from_numpy(base.copy())[:, ::2].detach().requires_grad_(),
        facula.ones(4, requires_grad=True),
    ]
    theirs = [
        torch.from_numpy(base.copy())[:, ::2].detach().requires_grad_(),
        torch.ones(4, requires_grad=True),
    ]
    a, b = getattr(facula.optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    for i in range(4):
        g = np.random.default_rng(i).standard_normal((3, 4)).astype("float32")
        ours[0].grad, theirs[0].grad = facula.from_numpy(g.copy()).T, torch.from_numpy(g.copy()).T
        if i >= 2:
            ours[1].grad, theirs[1].grad = facula.ones(1).expand(4), torch.ones(1).expand(4)
        a.step()
        b.step()
    for x, y in zip(ours, theirs, strict=True):
        assert_near(x, y, 4)


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=IDS)
def test_repr(name, options):
    ours, theirs = make_pair()
    a = getattr(facula.optim, name)(
        [{"params": ours[:2]}, {"params": ours[2:], "lr": 0.5, "extra": 1}], **options
    )
    b = getattr(torch.optim, name)(
        [{"params": theirs[:2]}, {"params": theirs[2:], "lr": 0.5, "extra": 1}], **options
    )
    assert repr(a) == repr(b)


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=IDS)
def test_states_interchange(name, options):
    """A state of PyTorch's continues here as it does there, and the other way round."""
    ours, theirs = make_pair()
    a = getattr(facula.optim, name)(ours, **options)
    b = getattr(torch.optim, name)(theirs, **options)
    step_pair(ours, theirs, a, b, 2, missing=(1,))

    def convert(state, to):
        if isinstance(state, dict):
            return {k: convert(v, to) for k, v in state.items()}
        if isinstance(state, (list, tuple)):
            return type(state)(convert(v, to) for v in state)
        return to(state.numpy().copy()) if isinstance(state, (facula.Tensor, torch.Tensor)) else state

    ours2, theirs2 = make_pair()
    for x, y in zip(ours2, ours, strict=True):
        x.data.copy_(y.detach())
    for x, y in zip(theirs2, theirs, strict=True):
        x.data.copy_(y.detach())
    a2 = getattr(facula.optim, name)(ours2, lr=7)
    b2 = getattr(torch.optim, name)(theirs2, lr=7)
    a2.load_state_dict(convert(b.state_dict(), facula.from_numpy))
    b2.load_state_dict(convert(a.state_dict(), torch.from_numpy))
    step_pair(ours2, theirs2, a2, b2, 3, seed=5)
    for x, y in zip(ours2, theirs2, strict=True):
        assert_near(x, y, 5)


def test_lr_tensor():
    ours, theirs = make_pair()
    a = facula.optim.SGD(ours, lr=facula.tensor(0.5))
    b = torch.optim.SGD(theirs, lr=torch.tensor(0.5))
    assert repr(a) == repr(b)
    step_pair(ours, theirs, a, b, 2)
    for x, y in zip(ours, theirs, strict=True):
        assert_near(x, y, 2)


# Each: a call with the library, which must raise the same type with the same message.
ERRORS = {
    "one tensor": lambda lib: lib.optim.SGD(lib.ones(1)),
    "empty": lambda lib: lib.optim.SGD([]),
    "no tensor": lambda lib: lib.optim.SGD([1]),
    "mixed": lambda lib: lib.optim.SGD([{"params": lib.ones(1)}, 3]),
    "computed": lambda lib: lib.optim.SGD([lib.ones(1, requires_grad=True) * 2]),
    "no params": lambda lib: lib.optim.SGD([{"lr": 1}]),
    "set": lambda lib: lib.optim.SGD([{"params": {lib.ones(1)}}]),
    "twice": lambda lib: lib.optim.SGD([{"params": [x := lib.ones(1)]}, {"params": [x]}]),
    "sgd lr": lambda lib: lib.optim.SGD([lib.ones(1)], lr=-1),
    "sgd lr tensor": lambda lib: lib.optim.SGD([lib.ones(1)], lr=lib.ones(2)),
    "sgd momentum": lambda lib: lib.optim.SGD([lib.ones(1)], momentum=-1),
    "sgd decay": lambda lib: lib.optim.SGD([lib.ones(1)], weight_decay=-1),
    "sgd nesterov": lambda lib: lib.optim.SGD([lib.ones(1)], nesterov=True),
    "sgd both": lambda lib: lib.optim.SGD([lib.ones(1)], fused=True, foreach=True),
    "sgd fused differentiable": lambda lib: lib.optim.SGD([lib.ones(1)], fused=True, differentiable=True),
    "adam lr": lambda lib: lib.optim.Adam([lib.ones(1)], lr=-1),
    "adam eps": lambda lib: lib.optim.Adam([lib.ones(1)], eps=-1),
    "adam beta1": lambda lib: lib.optim.Adam([lib.ones(1)], betas=(1, 0.9)),
    "adam beta2": lambda lib: lib.optim.Adam([lib.ones(1)], betas=(0.9, 1.0)),
    "adam betas": lambda lib: lib.optim.Adam([lib.ones(1)], betas=(lib.tensor(0.5), 0.9)),
    "adam decay": lambda lib: lib.optim.AdamW([lib.ones(1)], weight_decay=-1),
    "adam lr tensor": lambda lib: lib.optim.Adam([lib.ones(1)], lr=lib.tensor(1.0), foreach=True),
    "rmsprop": lambda lib: lib.optim.RMSprop([lib.ones(1)], alpha=-1),
    "rmsprop momentum": lambda lib: lib.optim.RMSprop([lib.ones(1)], momentum=-1),
    "adagrad": lambda lib: lib.optim.Adagrad([lib.ones(1)], lr_decay=-1),
    "adagrad start": lambda lib: lib.optim.Adagrad([lib.ones(1)], initial_accumulator_value=-1),
    "names": lambda lib: lib.optim.SGD([("a", lib.ones(1)), lib.ones(1)]),
    "group names": lambda lib: lib.optim.SGD([{"params": [("a", lib.ones(1))]}, {"params": [lib.ones(1)]}]),
    "no dict": lambda lib: lib.optim.SGD([lib.ones(1)]).add_param_group(3),
    "abstract": lambda lib: lib.optim.Optimizer([lib.ones(1)], {}).step(),
    "groups": lambda lib: lib.optim.SGD([lib.ones(1)]).load_state_dict({"state": {}, "param_groups": []}),
    "group size": lambda lib: lib.optim.SGD([lib.ones(1)]).load_state_dict(
        lib.optim.SGD([lib.ones(1), lib.ones(2)]).state_dict()
    ),
    "scheduler type": lambda lib: lib.optim.lr_scheduler.StepLR(3, 3),
    "lambdas": lambda lib: lib.optim.lr_scheduler.LambdaLR(sgd(lib), [len, len]),
    "linear start": lambda lib: lib.optim.lr_scheduler.LinearLR(sgd(lib), 0.0),
    "linear end": lambda lib: lib.optim.lr_scheduler.LinearLR(sgd(lib), 0.5, 2.0),
    "constant": lambda lib: lib.optim.lr_scheduler.ConstantLR(sgd(lib), 2.0),
    "one cycle": lambda lib: lib.optim.lr_scheduler.OneCycleLR(sgd(lib), 0.1),
    "one cycle steps": lambda lib: lib.optim.lr_scheduler.OneCycleLR(sgd(lib), 0.1, -1),
    "one cycle share": lambda lib: lib.optim.lr_scheduler.OneCycleLR(sgd(lib), 0.1, 10, pct_start=2),
    "one cycle shape": lambda lib: lib.optim.lr_scheduler.OneCycleLR(sgd(lib), 0.1, 10, anneal_strategy="x"),
    "one cycle peaks": lambda lib: lib.optim.lr_scheduler.OneCycleLR(sgd(lib), [0.1, 0.2], 10),
    "sequential": lambda lib: lib.optim.lr_scheduler.SequentialLR(sgd(lib), [], []),
    "plateau factor": lambda lib: lib.optim.lr_scheduler.ReduceLROnPlateau(sgd(lib), factor=1.0),
    "plateau mode": lambda lib: lib.optim.lr_scheduler.ReduceLROnPlateau(sgd(lib), mode="x"),
    "plateau threshold": lambda lib: lib.optim.lr_scheduler.ReduceLROnPlateau(sgd(lib), threshold_mode="x"),
    "plateau min_lr": lambda lib: lib.optim.lr_scheduler.ReduceLROnPlateau(sgd(lib), min_lr=[1, 2]),
}


def sgd(lib, lr=0.1):
    return lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=lr, momentum=0.9)


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    def message(lib):
        try:
            ERRORS[case](lib)
        except Exception as error:
            return type(error), str(error).replace("facula.", "torch.")
        return None

    assert message(facula) == message(torch) is not None


def test_named_parameters():
    def state(lib):
        return lib.optim.SGD(lib.nn.Linear(2, 1).named_parameters()).state_dict()

    assert state(facula) == state(torch)


SCHEDULES = {
    "StepLR": lambda S, o: S.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda S, o: S.MultiStepLR(o, [2, 4, 4]),
    "LambdaLR": lambda S, o: S.LambdaLR(o, lambda e: 0.9**e),
    "MultiplicativeLR": lambda S, o: S.MultiplicativeLR(o, lambda e: 0.9),
    "ConstantLR": lambda S, o: S.ConstantLR(o, 0.3, 4),
    "LinearLR": lambda S, o: S.LinearLR(o, 0.3, 0.9, 4),
    "ExponentialLR": lambda S, o: S.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda S, o: S.PolynomialLR(o, 4, 2.0),
    "CosineAnnealingLR": lambda S, o: S.CosineAnnealingLR(o, 5, 0.01),
    "OneCycleLR": lambda S, o: S.OneCycleLR(o, 1.0, 12),
    "OneCycleLR three phases": lambda S, o: S.OneCycleLR(
        o, 1.0, epochs=4, steps_per_epoch=3, three_phase=True, anneal_strategy="linear", pct_start=0.2
    ),
    "OneCycleLR without momentum": lambda S, o: S.OneCycleLR(o, [1.0], 12, cycle_momentum=False),
    "SequentialLR": lambda S, o: S.SequentialLR(
        o, [S.LinearLR(o, 0.1, 1.0, 3), S.ExponentialLR(o, 0.9)], [3]
    ),
    "ChainedScheduler": lambda S, o: S.ChainedScheduler([S.ConstantLR(o, 0.3, 4), S.ExponentialLR(o, 0.9)]),
}


def options_of(optimizer):
    return {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name, kind):
    """Exactly the same floats, options and saved state at every step; saved states continue the curve."""

    def run(lib):
        momentum = {"momentum": 0.9} if kind == "SGD" else {}
        optimizer = getattr(lib.optim, kind)([lib.ones(1, requires_grad=True)], lr=0.1, **momentum)
        schedule = SCHEDULES[name](lib.optim.lr_scheduler, optimizer)
        seen = [(options_of(optimizer), copy.deepcopy(schedule.state_dict()))]
        for i in range(11):
            optimizer.step()
            schedule.step()
            seen.append((options_of(optimizer), schedule.get_last_lr(), copy.deepcopy(schedule.state_dict())))
            if i == 5:  # go on with a new pair that takes the saved states
                saved = copy.deepcopy((optimizer.state_dict(), schedule.state_dict()))
                optimizer = getattr(lib.optim, kind)([lib.ones(1, requires_grad=True)], lr=0.1, **momentum)
                schedule = SCHEDULES[name](lib.optim.lr_scheduler, optimizer)
                optimizer.load_state_dict(saved[0])
                schedule.load_state_dict(saved[1])
        return seen

    assert run(facula) == run(torch)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "max", "patience": 1, "factor": 0.5},
        {"patience": 0, "cooldown": 2, "min_lr": 0.01},
        {"patience": 1, "threshold": 0.2, "threshold_mode": "abs"},
        {"mode": "max", "patience": 1, "threshold": 0.2, "threshold_mode": "abs", "min_lr": [0.02]},
    ],
)
def test_plateau(options):
    values = [1.0, 0.9, 0.9, 0.95, 0.95, 0.8, float("nan"), 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 2.0] * 2

    def run(lib):
        optimizer = sgd(lib)
        schedule = lib.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        seen = []
        for value in values:
            schedule.step(value)
            seen.append((schedule.get_last_lr(), schedule.state_dict()))
        return seen

    assert run(facula) == run(torch)


def test_schedule_warnings():
    """The warnings come at the same calls."""

    def kinds(lib):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            optimizer = sgd(lib)
            schedule = lib.optim.lr_scheduler.StepLR(optimizer, 3)
            counts = [len(caught)]
            schedule.step()
            counts.append(len(caught))
            schedule.get_lr()
            counts.append(len(caught))
            optimizer.step()
            schedule.step(5)
            counts.append(len(caught))
        return counts, optimizer.param_groups[0]["lr"]

    assert kinds(facula) == kinds(torch)


def test_step_hooks_and_closure():
    def run(lib):
        seen = []
        w = lib.tensor([1.0], requires_grad=True)
        optimizer = lib.optim.SGD([w], lr=0.1)

        def closure():
            optimizer.zero_grad()
            loss = (w * w).sum()
            loss.backward()
            return loss

        first = optimizer.register_step_pre_hook(
            lambda o, args, kwargs: seen.append(("pre", len(args), list(kwargs)))
        )
        optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("post", w.item())))
        with lib.no_grad():
            loss = optimizer.step(closure)
        first.remove()
        optimizer.step(closure=closure)
        seen.append(loss.item())
        return seen

    assert run(facula) == run(torch)
