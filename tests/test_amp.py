"""Mixed precision: off where there is no device, the scaler's arithmetic on the CPU."""

import pytest

import facula
from facula.amp import GradScaler, autocast


def test_without_the_device_it_warns_and_does_nothing():
    with pytest.warns(UserWarning, match="CUDA is not available"):
        region = autocast("cuda", dtype=facula.float16)
    with region:
        assert (facula.ones(2, 2) @ facula.ones(2, 2)).dtype is facula.float32
    with pytest.warns(UserWarning, match="Disabling"):
        scaler = GradScaler()
    assert not scaler.is_enabled() and scaler.get_scale() == 1.0 and scaler.state_dict() == {}
    loss = facula.ones(1)
    assert scaler.scale(loss) is loss


def test_the_older_names():
    from facula.cuda.amp import GradScaler as OldScaler
    from facula.cuda.amp import autocast as old_autocast

    with pytest.warns(UserWarning):
        assert not OldScaler().is_enabled()
    with pytest.warns(UserWarning):
        old_autocast()
    with old_autocast(enabled=False):
        pass


def test_the_cpu_is_not_supported_yet_and_says_so():
    with pytest.raises(NotImplementedError, match="autocast"):
        autocast("cpu")
    with pytest.raises(RuntimeError):
        autocast("abacus", enabled=False)


def test_as_a_decorator():
    @autocast("cpu", enabled=False)
    def double(x):
        return x * 2

    assert double(3) == 6 and double.__name__ == "double"


def made(**options):
    w = facula.ones(1, requires_grad=True)
    return w, facula.optim.SGD([w], lr=0.5), GradScaler("cpu", init_scale=8.0, **options)


def test_scaling_is_undone_by_the_step():
    w, optimizer, scaler = made(growth_interval=2)
    for expected, scale in ((0.5, 8.0), (0.0, 16.0)):
        w.grad = None
        scaler.scale(w.sum()).backward()
        assert w.grad.item() == scaler.get_scale()
        scaler.step(optimizer)
        scaler.update()
        assert (w.item(), scaler.get_scale()) == (expected, scale)


def test_a_step_that_is_not_finite_is_left_out():
    w, optimizer, scaler = made()
    w.grad = facula.tensor([float("inf")])
    scaler.step(optimizer)
    scaler.update()
    assert (w.item(), scaler.get_scale()) == (1.0, 4.0)


def test_unscaling_first_and_only_once():
    w, optimizer, scaler = made()
    scaler.scale([w.sum() * 3])[0].backward()
    scaler.unscale_(optimizer)
    assert w.grad.item() == 3.0
    with pytest.raises(RuntimeError):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    assert w.item() == -0.5


def test_saved_state():
    _, _, scaler = made(growth_interval=7)
    other = GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict() and other.get_scale() == 8.0
    with pytest.raises(RuntimeError):
        other.load_state_dict({})
    with pytest.raises(RuntimeError):
        other.update()


@pytest.mark.parametrize("options", [{"growth_factor": 1.0}, {"backoff_factor": 1.0}])
def test_factors(options):
    with pytest.raises(ValueError):
        GradScaler("cpu", **options)
