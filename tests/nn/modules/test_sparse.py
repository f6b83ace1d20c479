"""The look-up table's options: limited length, gradients by frequency, padding."""

import facula
from facula import nn


def test_long_vectors_are_shortened_in_place_when_looked_up():
    table = nn.Embedding.from_pretrained(facula.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]]), max_norm=1.0)
    result = table(facula.tensor([[0, 1], [0, 0]]))
    assert facula.allclose(result[0], facula.tensor([[0.6, 0.8], [0.3, 0.4]]))
    assert facula.allclose(table.weight, facula.tensor([[0.6, 0.8], [0.3, 0.4], [6.0, 8.0]]))


def test_gradients_are_divided_by_the_frequency():
    table = nn.Embedding(4, 2, scale_grad_by_freq=True)
    table(facula.tensor([1, 1, 3, 1])).sum().backward()
    assert table.weight.grad.tolist() == [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]


def test_padding_starts_as_zeros_and_stays():
    table = nn.Embedding(3, 2, padding_idx=-1)
    assert table.weight[2].tolist() == [0.0, 0.0]
    table(facula.tensor([2, 0])).sum().backward()
    assert table.weight.grad.tolist() == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
