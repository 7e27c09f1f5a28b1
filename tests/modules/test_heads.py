from torch import nn

from stages.modules.heads import perceptron


def kinds(head: nn.Sequential) -> list[str]:
    return [type(layer).__name__ for layer in head]


def test_the_last_layer_is_linear_and_has_a_bias() -> None:
    assert kinds(perceptron([8, 8, 8])) == ["Linear", "LeakyReLU", "Linear"]
    assert kinds(perceptron([8, 8, 8], batch_norm=True)) == ["Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert kinds(perceptron([8, 4])) == ["Linear"]
    assert kinds(perceptron([8, 4], standardised=True)) == ["Linear", "BatchNorm1d"]
    head = perceptron([8, 8, 8], batch_norm=True)
    # batch norm has a bias of its own
    assert head[0].bias is None and head[-1].bias is not None
