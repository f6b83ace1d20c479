"""Module: registration, attribute access, modes, conversion, printing, pickling."""

from __future__ import annotations

import copy
import pickle

import pytest

import facula
from facula import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        self.register_buffer("count", facula.zeros(1))

    def forward(self, x):
        return self.body(x)


def test_call_without_hooks_goes_straight_to_forward():
    """Nothing between the call and `forward`, which the traceback shows."""

    class Failing(nn.Module):
        def forward(self, x):
            raise ValueError("here")

    with pytest.raises(ValueError) as caught:
        Failing()(1)
    names = [entry.name for entry in caught.traceback]
    assert names[-2:] == ["__call__", "forward"]


def test_members_are_found_and_listed():
    net = Net()
    assert net.body[0].weight is dict(net.named_parameters())["body.0.weight"]
    assert {"body", "count", "forward"} <= set(dir(net))
    assert not any(name.isdigit() for name in dir(net.body))
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'missing'"):
        _ = net.missing


def test_a_forgotten_super_init_is_reported():
    class Early(nn.Module):
        def __init__(self):
            self.layer = nn.ReLU()

    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\) call"):
        Early()


def test_call_super_init_reaches_the_next_base():
    class Other:
        def __init__(self, value):
            self.value = value

    class Both(nn.Module, Other):
        call_super_init = True

    assert Both(3).value == 3


def test_non_persistent_buffers_move_but_are_not_saved():
    m = nn.Module()
    m.register_buffer("scratch", facula.zeros(1), persistent=False)
    assert m.state_dict() == {}
    assert m.double().scratch.dtype is facula.float64
    m.scratch = None
    assert m.scratch is None


def test_conversion_keeps_the_parameters_that_an_optimizer_holds():
    net = Net()
    optimizer = facula.optim.SGD(net.parameters(), lr=0.1)
    net(facula.ones(1, 2)).sum().backward()
    net.double()
    assert net.body[0].weight is optimizer.param_groups[0]["params"][0]
    assert net.body[0].weight.grad.dtype is facula.float64
    before = net.body[2].bias.item()
    optimizer.step()
    assert net.body[2].bias.item() == pytest.approx(before - 0.1)


def test_no_accelerator_is_an_error_only_where_there_is_something_to_move():
    nn.ReLU().cuda()
    with pytest.raises(AssertionError):
        Net().cuda()
    with pytest.raises(AssertionError):
        Net().to("cuda:0")


@pytest.mark.parametrize("call", ["compile", "share_memory", "register_backward_hook"])
def test_what_is_not_supported_says_so(call):
    with pytest.raises(NotImplementedError, match=call):
        getattr(Net(), call)(*([print] if "hook" in call else []))


@pytest.mark.parametrize("bad", [(3.5,), (facula.float32, facula.float32), ("cpu", "cpu")])
def test_to_rejects_other_arguments(bad):
    with pytest.raises(TypeError):
        Net().to(*bad)
    with pytest.raises(TypeError, match="shape"):
        Net().to(shape=3)


def test_repr_indents_what_has_several_lines():
    class Odd(nn.Module):
        def extra_repr(self):
            return "first\nsecond"

    assert repr(nn.Sequential(Odd())) == "Sequential(\n  (0): Odd(\n    first\n    second\n  )\n)"


def test_a_copy_shares_nothing():
    net = Net()
    net(facula.ones(1, 2)).sum().backward()
    twin = copy.deepcopy(net)
    with facula.no_grad():
        twin.body[0].weight.add_(1)
    assert not facula.equal(twin.body[0].weight, net.body[0].weight)
    assert isinstance(twin.body[0].weight, nn.Parameter) and twin.body[0].weight.grad is None


def test_pickle_round_trip():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
    twin = pickle.loads(pickle.dumps(net))
    x = facula.rand(3, 2)
    assert facula.equal(twin(x), net(x)) and repr(twin) == repr(net) and not twin.training


def test_states_of_older_pickles_are_completed():
    old = {k: v for k, v in nn.ReLU().__dict__.items() if not k.startswith(("_forward", "_load", "_is"))}
    m = nn.ReLU.__new__(nn.ReLU)
    m.__setstate__(old)
    assert m(facula.tensor([-1.0])).item() == 0
