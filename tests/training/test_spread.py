import torch

from stages.training.spread import COLLAPSED, spread


def test_nothing_spreads_where_all_point_one_way() -> None:
    one_way = torch.ones(50, 8) * torch.rand(50, 1)
    assert spread(one_way) < 1e-3 < COLLAPSED


def test_it_is_one_where_all_cancel_out() -> None:
    torch.manual_seed(0)
    assert spread(torch.cat([torch.eye(8), -torch.eye(8)])) == 1
    assert 0.95 < spread(torch.randn(500, 64)) <= 1


def test_it_is_the_root_of_the_summed_variances_at_length_one() -> None:
    torch.manual_seed(0)
    points = torch.rand(40, 5, dtype=torch.float64)
    at_length_one = points / points.norm(dim=1, keepdim=True)
    expected = at_length_one.var(dim=0, unbiased=False).sum().sqrt()
    assert abs(spread(points) - float(expected)) < 1e-6
