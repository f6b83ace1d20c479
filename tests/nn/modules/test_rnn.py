"""Recurrent layers beside the same arithmetic written out, and their cells."""

import pytest

import facula
from facula import nn


def gates(layer, x, h):
    """Both products of one step, added."""
    return x @ layer.weight_ih_l0.T + layer.bias_ih_l0 + h @ layer.weight_hh_l0.T + layer.bias_hh_l0


def test_rnn_is_its_formula():
    layer, x = nn.RNN(3, 4), facula.randn(5, 2, 3)
    h, seen = facula.zeros(2, 4), []
    for step in x:
        h = gates(layer, step, h).tanh()
        seen.append(h)
    output, state = layer(x)
    assert facula.allclose(output, facula.stack(seen), atol=1e-6)
    assert facula.allclose(state[0], h, atol=1e-6)


def test_lstm_is_its_formula():
    layer, x = nn.LSTM(3, 4), facula.randn(5, 2, 3)
    h = c = facula.zeros(2, 4)
    for step in x:
        i, f, g, o = gates(layer, step, h).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    output, (last_h, last_c) = layer(x)
    assert facula.allclose(output[-1], h, atol=1e-6)
    assert facula.allclose(last_h[0], h, atol=1e-6) and facula.allclose(last_c[0], c, atol=1e-6)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_the_cell_is_one_step(kind):
    layer, cell = getattr(nn, kind)(3, 4), getattr(nn, kind + "Cell")(3, 4)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = facula.randn(2, 3)
    output, _ = layer(x.unsqueeze(0))
    result = cell(x)
    assert facula.allclose(output[0], result[0] if kind == "LSTM" else result, atol=1e-6)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_the_backward_direction_is_the_forward_one_on_the_reversed_sequence(kind):
    both, one = getattr(nn, kind)(3, 4, bidirectional=True), getattr(nn, kind)(3, 4)
    one.load_state_dict({k: both.state_dict()[k + "_reverse"] for k in one.state_dict()})
    x = facula.randn(5, 2, 3)
    assert facula.allclose(both(x)[0][..., 4:], one(x.flip(0))[0].flip(0), atol=1e-6)


def test_batch_first_and_without_a_batch():
    layer = nn.GRU(3, 4, num_layers=2)
    other = nn.GRU(3, 4, num_layers=2, batch_first=True)
    other.load_state_dict(layer.state_dict())
    x = facula.randn(5, 2, 3)
    output, state = layer(x)
    swapped, same = other(x.transpose(0, 1))
    assert facula.equal(swapped.transpose(0, 1), output) and facula.equal(same, state)
    single, last = layer(x[:, 1])
    assert facula.allclose(single, output[:, 1], atol=1e-6) and last.shape == (2, 4)


def test_dropout_between_layers_in_training_only():
    layer, x = nn.LSTM(3, 4, 2, dropout=0.5), facula.randn(5, 2, 3)
    assert not facula.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert facula.equal(layer(x)[0], layer(x)[0])


def test_it_learns_to_remember():
    """The first number of a sequence is asked for at its end."""
    facula.manual_seed(0)
    layer, head = nn.GRU(1, 8), nn.Linear(8, 1)
    optimizer = facula.optim.Adam([*layer.parameters(), *head.parameters()], lr=0.05)
    for _ in range(120):
        x = facula.rand(4, 32, 1)
        loss = ((head(layer(x)[1][0]) - x[0]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02


def test_packed_sequences_are_refused():
    with pytest.raises(NotImplementedError, match="packed"):
        nn.LSTM(2, 3)(object())
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        nn.RNN(2, 3, dropout=0.5)
