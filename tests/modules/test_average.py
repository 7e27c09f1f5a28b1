import torch
from torch import nn

from stages.modules.average import follow, twin


def test_the_average_follows_and_no_gradient_reaches_it() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = twin(module)
    before = average[0].weight.clone()
    module(torch.rand(8, 3)).sum().backward()
    with torch.no_grad():
        module[0].weight += 1
    follow(average, module, 0.9)
    torch.testing.assert_close(average[0].weight, 0.9 * before + 0.1 * module[0].weight)
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in average.parameters())
    # the module's running statistics are those of other weights
    torch.testing.assert_close(average[1].running_mean, 0.1 * module[1].running_mean)
    torch.testing.assert_close(average[1].running_var, 0.9 + 0.1 * module[1].running_var)
    assert average[1].num_batches_tracked == 1
