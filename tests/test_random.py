"""The generator and the samplers. The expected numbers are PyTorch 2.13's for the same seed."""

import copy
import hashlib
import pickle
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from facula import random as fr
from facula._rng.arithmetic import fma64, scale_and_shift


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def seeded(seed):
    return fr.Generator().manual_seed(seed)


def test_one_stream_through_every_sampler():
    g = seeded(0)
    stream = [
        (fr.uniform((4,), "float32", generator=g),
         [0.49625658988952637, 0.7682217955589294, 0.08847743272781372, 0.13203048706054688]),
        (fr.normal((3,), "float32", generator=g),
         [-2.1787893772125244, 0.5684312582015991, -1.0845223665237427]),
        (fr.normal((20,), "float32", generator=g)[[0, 3, 4, 15, 16, 19]],
         [-0.08853142708539963, 0.8503773808479309, -0.6135830879211426, 0.05250748619437218,
          0.5228604674339294, -1.586688756942749]),
        (fr.integers((6,), "int64", 0, 10, g), [2, 1, 0, 9, 3, 1]),
        (fr.integers((2,), "int64", 0, 2**40, g), [548719075872, 133598855882]),
        (fr.randperm(8, generator=g), [4, 3, 1, 0, 7, 5, 2, 6]),
        (fr.bernoulli((8,), "float32", 0.3, g), [0.0] * 8),
        (fr.dropout_noise((8,), "float32", 0.25, g), [1.3333333730697632] * 8),
        (fr.exponential((2,), "float32", generator=g), [1.8152670860290527, 1.1931064128875732]),
        (fr.geometric((4,), "float32", 0.3, g), [2.0, 1.0, 1.0, 1.0]),
        (fr.cauchy((2,), "float32", generator=g), [0.32693639397621155, -0.419705867767334]),
        (fr.log_normal((2,), "float32", generator=g), [0.16576389968395233, 0.39491239190101624]),
        (fr.multinomial(np.float32([1, 2, 3, 4]), 3, generator=g), [2, 0, 3]),
        (fr.multinomial(np.float32([1, 2, 3, 4]), 5, True, g), [3, 0, 3, 3, 3]),
        (fr.poisson(np.float32([0.5, 3, 12, 200]), g), [0.0, 4.0, 13.0, 183.0]),
        (fr.uniform((2,), "float64", generator=g), [0.3781096067348353, 0.21462937081479472]),
        (fr.normal((17,), "float64", generator=g)[[0, 1, 16]],
         pytest.approx([0.138888317248525, 0.8181239113450978, -0.5153337895973088], rel=1e-15)),
        (fr.uniform((3,), "float16", generator=g), [0.426025390625, 0.50537109375, 0.91259765625]),
        (fr.normal((17,), "float16", generator=g)[[0, 1, 16]],
         [-0.65380859375, 1.1884765625, -0.58056640625]),
        (fr.uniform((3,), "float32", -1 / 28, 1 / 28, g),
         [0.01295439712703228, -0.011927132494747639, -0.00998029112815857]),
        (fr.integers((), "int64", generator=g), 1703997447860729967),
        (fr.integers((2,), "int32", generator=g), [1520618845, 390295545]),
        (fr.integers((2,), "int16", generator=g), [21633, 31455]),
        (fr.integers((2,), "int8", generator=g), [118, 44]),
        (fr.integers((2,), "uint8", generator=g), [216, 125]),
        (fr.integers((2,), "bool", generator=g), [False, True]),
        (fr.integers((2,), "float32", generator=g), [10791834.0, 8655626.0]),
        (fr.integers((2,), "float64", generator=g), [2778480346957769.0, 1696324975384351.0]),
        (fr.integers((2,), "float16", generator=g), [1997.0, 1989.0]),
    ]  # fmt: skip
    for step, (got, want) in enumerate(stream):
        assert got.tolist() == want, f"step {step}"
    whole = hashlib.sha256(g._state_bytes().tobytes()).hexdigest()
    assert whole == "50ddb9ce3dc1cd13a76a20ca207c2a080debf512d3f29053285e558bf5d8d155"


def test_large_arrays_by_digest():
    g = seeded(7)
    assert digest(fr.uniform((100003,), "float32", generator=g)) == "377b2523218e8f3c"
    assert digest(fr.normal((100003,), "float32", generator=g)) == "5af7e4b66f797672"
    assert digest(fr.normal((50001,), "float32", 0.3, 1.7, g)) == "4d6cdfa797018b40"
    assert digest(fr.uniform((50001,), "float32", -0.0357, 0.0357, g)) == "331c11da88dfaf42"
    assert digest(fr.randperm(60000, generator=g)) == "d394d979d35c18fb"
    assert fr.normal((5000,), "float64", 0.3, 1.7, g).shape == (
        5000,
    )  # its last bits depend on the C library
    assert digest(fr.normal(np.empty((30, 20), "float32").T, None, 0, 1, g)) == "4d55f219219814f4"
    assert digest(fr.bernoulli((50000,), "uint8", 0.3, g)) == "a42c257b23b12b76"


@pytest.mark.parametrize(
    ("seed", "first"),
    [
        (-1, [0.9937993884086609, 0.5713063478469849]),
        (2**63, [0.49625658988952637, 0.7682217955589294]),
        (2**32 + 5, [0.8302518725395203, 0.12611091136932373]),
    ],
)
def test_unusual_seeds(seed, first):
    assert fr.uniform((2,), "float32", generator=seeded(seed)).tolist() == first
    assert seeded(seed).initial_seed() == seed % 2**64


def test_unseeded_generator():
    assert fr.Generator().initial_seed() == 67280421310721
    assert fr.uniform((), "float32", generator=fr.Generator()).tolist() == 0.267295241355896


@pytest.mark.parametrize("seed", [True, 1.5, "3", None])
def test_seed_must_be_an_int(seed):
    with pytest.raises(RuntimeError, match="seed must be an int"):
        fr.Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seed_out_of_range(seed):
    with pytest.raises(ValueError, match="seed must be in"):
        fr.Generator().manual_seed(seed)


def test_module_functions_use_the_default_generator():
    assert fr.manual_seed(1.7) is fr.default_generator
    assert fr.initial_seed() == 1
    expected = fr.uniform((3,), "float32", generator=seeded(1)).tolist()
    state = fr.get_rng_state()
    assert fr.uniform((3,), "float32").tolist() == expected
    fr.set_rng_state(state)
    assert fr.uniform((3,), "float32").tolist() == expected
    assert fr.seed() == fr.initial_seed()
    assert fr.draw_seed(seeded(0)) == fr.integers((), np.int64, generator=seeded(0))


def test_seed_differs_each_time():
    g = fr.Generator()
    assert len({g.seed() for _ in range(5)}) == 5


def test_device_is_the_cpu():
    assert fr.Generator("cpu").device.type == "cpu"
    assert fr.Generator(fr.Generator().device).device.type == "cpu"
    for device in ("cuda", 3):
        with pytest.raises(RuntimeError, match="must be the CPU"):
            fr.Generator(device)


def test_fork_rng():
    fr.manual_seed(3)
    fr.normal((3,), "float32")  # leaves a normal waiting
    expected = fr.normal((3,), "float32", generator=fr.default_generator.clone_state()).tolist()
    with fr.fork_rng():
        fr.manual_seed(8)
        fr.normal((5,), "float32")
    assert fr.initial_seed() == 3
    with pytest.raises(KeyError), fr.fork_rng(devices=[]):
        fr.uniform((3,), "float32")
        raise KeyError
    assert fr.normal((3,), "float32").tolist() == expected
    with fr.fork_rng(enabled=False):
        fr.manual_seed(9)
    assert fr.initial_seed() == 9
    with pytest.raises(NotImplementedError, match="devices"), fr.fork_rng(devices=[0]):
        pass


def test_state_has_the_layout_of_pytorch():
    g = seeded(0)
    fr.normal((3,), "float32", generator=g)
    state = g._state_bytes()
    assert state.shape == (5056,)
    assert state[:24].tolist() == [0] * 8 + [105, 2, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]
    assert state[-40:-24].tolist() == [0] * 8 + [13, 53, 62, 202, 150, 48, 226, 63]
    assert digest(state) == "5f273c33f4160de6"


@pytest.mark.parametrize("draws", [0, 1, 623, 624, 625, 1300])
@pytest.mark.parametrize("normals", [0, 1])
def test_state_round_trip(draws, normals):
    g = seeded(11)
    fr.uniform((draws,), "float32", generator=g)
    fr.normal((normals,), "float32", generator=g)
    other = fr.Generator()
    other.set_state(g.get_state())
    copies = [other, g.clone_state(), copy.deepcopy(g), pickle.loads(pickle.dumps(g))]
    expected = fr.normal((5,), "float32", generator=g).tolist()
    for twin in copies:
        assert twin.initial_seed() == 11
        assert fr.normal((5,), "float32", generator=twin).tolist() == expected
        assert twin._state_bytes().tobytes() == g._state_bytes().tobytes()


def test_state_is_a_copy():
    g = seeded(5)
    state = g.get_state()
    first = fr.uniform((3,), "float32", generator=g).tolist()
    g.set_state(state)
    assert fr.uniform((3,), "float32", generator=g).tolist() == first


def test_bad_states():
    g = fr.Generator()
    for state in (3, None, np.zeros(5056, np.float32)):
        with pytest.raises(TypeError, match="ByteTensor"):
            g.set_state(state)
    with pytest.raises(RuntimeError, match="5056 bytes: got 100"):
        g.set_state(np.zeros(100, np.uint8))
    with pytest.raises(RuntimeError, match="valid mt19937"):
        g.set_state(np.zeros(5056, np.uint8))


def test_manual_seed_forgets_the_waiting_normal():
    g = seeded(1)
    first = fr.normal((3,), "float32", generator=g).tolist()
    assert fr.normal((3,), "float32", generator=g.manual_seed(1)).tolist() == first


def naive_randperm(n, generator):
    order = list(range(n))
    for i, draw in enumerate(generator._draw32(n - 1).tolist()):
        j = i + draw % (n - i)
        order[i], order[j] = order[j], order[i]
    return order


@pytest.mark.parametrize("n", [2, 3, 4, 5, 10, 64, 1000])
def test_randperm_is_the_sequential_shuffle(n):
    for seed in range(30):
        assert fr.randperm(n, generator=seeded(seed)).tolist() == naive_randperm(n, seeded(seed))


def test_target_may_be_an_array():
    base = np.zeros((6, 8), np.float32)
    view = base[::2, ::2].T
    assert fr.uniform(view, None, 1, 2, seeded(0)) is view
    assert (
        base[::2, ::2].ravel() == fr.uniform((12,), "float32", 1, 2, seeded(0))
    ).all()  # in order of memory
    assert base[1::2].any() == base[:, 1::2].any() == False  # noqa: E712 - arrays' bools
    scalar = np.zeros((), np.float64)
    assert fr.uniform(scalar, generator=seeded(0)) is scalar
    assert scalar != 0


def test_complex_numbers_are_filled_part_by_part():
    z = fr.uniform((3,), "complex64", generator=seeded(0))
    parts = fr.uniform((6,), "float32", generator=seeded(0))
    assert z.view(np.float32).tolist() == parts.tolist()
    strided = np.zeros((3, 2), np.complex64)
    fr.uniform(strided[:, 0], generator=seeded(0))
    assert strided[:, 0].tolist() == z.tolist()
    assert not strided[:, 1].any()


def test_bfloat16():
    values = fr.uniform((1000,), ml_dtypes.bfloat16, generator=seeded(0))
    assert values.dtype == ml_dtypes.bfloat16
    assert (values < 1).all()  # those that would round to 1 become 0
    assert fr.normal((20,), ml_dtypes.bfloat16, generator=seeded(0)).astype(float).std() > 0.5


def test_uniform_never_reaches_its_end():
    for dtype, end in (("float16", 1001), ("float32", 1000.001), ("float64", 1000 + 1e-12)):
        values = fr.uniform((20000,), dtype, 1000, end, seeded(0))
        assert values.min() == 1000
        assert values.max() < np.dtype(dtype).type(end)


def test_coins_agree_with_the_uniforms():
    for p in (0, 2.0**-53, 0.1, 0.5, 1 - 2.0**-53, 1):
        uniforms = fr.uniform((50000,), "float64", generator=seeded(2))
        assert (fr.bernoulli((50000,), "bool", p, seeded(2)) == (uniforms < p)).all()
    # A probability that is one of the uniforms: the first draws agree, the second decide.
    for offset, expected in ((0, False), (2.0**-53, True)):
        assert fr.bernoulli((50000,), "bool", uniforms[7] + offset, seeded(2))[7] == expected


def test_dropout_without_draws():
    g = seeded(0)
    before = g._state_bytes().tobytes()
    assert (fr.dropout_noise((4,), "float32", 0.0, g) == 1).all()
    assert (fr.dropout_noise((4,), "float32", 1.0, g) == 0).all()
    assert g._state_bytes().tobytes() == before
    assert fr.feature_dropout_shape((8, 3, 5, 5)) == (8, 3, 1, 1)


def test_poisson_gives_back_what_it_does_not_use():
    g, other = seeded(0), seeded(0)
    rates = np.full((300,), 4.0, np.float64)
    assert abs(fr.poisson(rates, g).mean() - 4) < 0.4
    for rate in rates:
        fr.poisson(np.float64([rate]), other)
    assert g._state_bytes().tobytes() == other._state_bytes().tobytes()


ERRORS = [
    (lambda: fr.uniform((3,), "float32", 2, 1), RuntimeError, "from=2 and to=1"),
    (lambda: fr.uniform((3,), "float32", 0, 1e39), RuntimeError, "to must be in the range"),
    (lambda: fr.uniform((3,), "float32", float("nan"), 1), RuntimeError, "from must be in the range"),
    (lambda: fr.uniform((3,), "float32", -3e38, 3e38), RuntimeError, "to - from"),
    (lambda: fr.uniform((3,), "int64"), NotImplementedError, "floating one: got int64"),
    (lambda: fr.normal((3,), "float32", 0, -1), RuntimeError, "std=-1"),
    (lambda: fr.normal((3,), "float32", 0, float("nan")), RuntimeError, "std=nan"),
    (lambda: fr.normal((3,), "int64"), NotImplementedError, "floating one: got int64"),
    (lambda: fr.log_normal((3,), "float32", 0, 0), RuntimeError, "std > 0"),
    (lambda: fr.exponential((3,), "float32", 0), RuntimeError, "lambda=0"),
    (lambda: fr.exponential((3,), "int64"), RuntimeError, "floating one"),
    (lambda: fr.cauchy((3,), "float32", 0, 0), RuntimeError, "sigma=0"),
    (lambda: fr.geometric((3,), "float32", 1), RuntimeError, "p=1"),
    (lambda: fr.geometric((3,), "bool", 0.5), NotImplementedError, "got bool"),
    (lambda: fr.integers((3,), "int64", 5, 5), RuntimeError, "from=5 and to=5"),
    (
        lambda: fr.integers((3,), "uint8", 0, 300),
        RuntimeError,
        "to - 1 must be in the range of uint8: got 299",
    ),
    (lambda: fr.integers((3,), "uint8", -1, 3), RuntimeError, "from must be in the range of uint8: got -1"),
    (lambda: fr.integers((3,), "bool", 0, 3), RuntimeError, "range of bool"),
    (lambda: fr.integers((3,), "int64", 0, 2.5), TypeError, "float"),
    (lambda: fr.integers((3,), "complex64"), NotImplementedError, "got complex64"),
    (lambda: fr.integers((3,), "uint16"), NotImplementedError, "got uint16"),
    (lambda: fr.randperm(-1), RuntimeError, "non-negative: got -1"),
    (lambda: fr.randperm(300, "uint8"), RuntimeError, "255 for uint8: got 300"),
    (lambda: fr.randperm(2050, "float16"), RuntimeError, "2049 for float16: got 2050"),
    (lambda: fr.randperm(3, "bool"), NotImplementedError, "got bool"),
    (lambda: fr.bernoulli((3,), "float32", 1.5), RuntimeError, "p=1.5"),
    (lambda: fr.bernoulli((3,), "float32", np.float32([0, 2, 1])), RuntimeError, "got 2.0"),
    (lambda: fr.bernoulli((3,), "float32", np.array([0, 1, 1])), NotImplementedError, "got int64"),
    (lambda: fr.bernoulli((3,), "complex64", 0.5), NotImplementedError, "got complex64"),
    (lambda: fr.dropout_noise((3,), "float32", 1.5), ValueError, "got 1.5"),
    (lambda: fr.multinomial(np.ones(3), 4), RuntimeError, "got 4 and 3"),
    (lambda: fr.multinomial(np.ones(3), 0), RuntimeError, "positive: got 0"),
    (lambda: fr.multinomial(np.float32([-1, 2]), 1), RuntimeError, "not negative"),
    (lambda: fr.multinomial(np.float32([np.nan, 2]), 1), RuntimeError, "finite"),
    (lambda: fr.multinomial(np.zeros(3), 1), RuntimeError, "sum of 0"),
    (lambda: fr.multinomial(np.ones(3, int), 1), RuntimeError, "got int64"),
    (lambda: fr.multinomial(np.ones((2, 2, 2)), 1), RuntimeError, "1 or 2 dimensions: got 3"),
    (lambda: fr.poisson(np.float32([-1])), RuntimeError, "negative"),
    (lambda: fr.poisson(np.array([1])), NotImplementedError, "got int64"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_integers_beyond_a_floats_digits_warn():
    with pytest.warns(UserWarning, match=r"to - 1 should be within \+-2\*\*24"):
        values = fr.integers((100,), "float32", 0, 2**25, seeded(0))
    assert values.max() > 2**24


def test_sums_of_products_are_rounded_once():
    """Against exact fractions, at values where rounding twice would show."""
    rng = np.random.default_rng(0)
    a = np.concatenate([rng.random(200), rng.random(200) * 2.0**-30])
    for b, c in ((0.1, 0.3), (-0.7, 0.2), (1 / 3, -0.25), (3.0, -1.0)):
        exact = [float(Fraction(x) * Fraction(b) + Fraction(c)) for x in a.tolist()]
        assert fma64(a, b, c).tolist() == exact
    # Just below the tie between 1 + 2**-23 and the next float32; in float64 the sum rounds to the tie itself.
    values = np.float32([2.0**-24 * (1 + 2.0**-23)])
    scale_and_shift(values, 1 - 2.0**-23, 1 + 2.0**-23)
    assert values.tolist() == [1 + 2.0**-23]
