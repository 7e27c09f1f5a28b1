import pytest
import torch
from torch import nn

from stages.pretraining._split_norm import SplitBatchNorm, split_batch_norm


def pair(
    groups: int, kind: type[nn.BatchNorm1d] | type[nn.BatchNorm2d] = nn.BatchNorm2d
) -> tuple[nn.Module, nn.Module]:
    """A batch norm with some weights and running statistics, and the same in groups."""
    torch.manual_seed(0)
    plain = kind(3)
    for tensor in (plain.weight.data, plain.bias.data, plain.running_mean, plain.running_var):
        tensor.uniform_(0.5, 1.5)
    return plain, SplitBatchNorm(plain, groups)


@pytest.mark.parametrize("count", [12, 13, 5, 4])
def test_each_group_by_its_own_mean_and_variance(count: int) -> None:
    plain, split = pair(4)
    images = torch.randn(count, 3, 5, 5) * torch.arange(1, count + 1)[:, None, None, None]
    # 4 groups where there are two images for each
    groups = images.tensor_split(min(4, count // 2))
    running_mean, running_var = plain.running_mean.clone(), plain.running_var.clone()
    expected, means, variances = [], [], []
    for group in groups:
        mean, variance = group.mean((0, 2, 3)), group.var((0, 2, 3), unbiased=False)
        normalised = (group - mean[:, None, None]) / (variance[:, None, None] + plain.eps).sqrt()
        expected.append(normalised * plain.weight[:, None, None] + plain.bias[:, None, None])
        means.append(mean)
        variances.append(group.var((0, 2, 3)))
    assert torch.allclose(split(images), torch.cat(expected), atol=1e-5)
    assert torch.allclose(split.running_mean, 0.9 * running_mean + 0.1 * torch.stack(means).mean(0), atol=1e-5)
    assert torch.allclose(split.running_var, 0.9 * running_var + 0.1 * torch.stack(variances).mean(0), rtol=1e-5)
    assert split.num_batches_tracked == 1


@pytest.mark.parametrize("count", [2, 3])
def test_too_few_for_two_groups_are_one(count: int) -> None:
    plain, split = pair(4, nn.BatchNorm1d)
    vectors = torch.randn(count, 3)
    assert torch.equal(split(vectors), plain(vectors))
    assert torch.equal(split.running_var, plain.running_var)


def test_in_evaluation_it_is_batch_norm() -> None:
    plain, split = pair(4)
    images = torch.randn(8, 3, 5, 5)
    assert torch.equal(split.eval()(images), plain.eval()(images))


def test_gradients_are_those_of_the_groups_one_by_one() -> None:
    plain, split = pair(2)
    images = torch.randn(8, 3, 5, 5)
    weights = torch.randn(8, 3, 5, 5)
    (split(images) * weights).sum().backward()
    for group, weight in zip(images.split(4), weights.split(4), strict=True):
        (plain(group) * weight).sum().backward()
    assert torch.allclose(split.weight.grad, plain.weight.grad, atol=1e-4)
    assert torch.allclose(split.bias.grad, plain.bias.grad, atol=1e-4)


def test_channels_stay_last_in_memory() -> None:
    _, split = pair(4)
    images = torch.randn(8, 3, 5, 5).to(memory_format=torch.channels_last)
    assert split(images).is_contiguous(memory_format=torch.channels_last)


def test_it_takes_the_place_of_every_batch_norm_and_keeps_the_state() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4)))
    before = {key: value.clone() for key, value in net.state_dict().items()}
    split_batch_norm(net, 8)
    assert isinstance(net[1], SplitBatchNorm) and isinstance(net[2][1], SplitBatchNorm)
    after = net.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)
