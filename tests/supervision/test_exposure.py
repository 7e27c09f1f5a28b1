import numpy as np

from stages.supervision.exposure import Told, World, everything, fixed, gradual
from tests.blocks import schedule

LABELS = np.repeat(np.arange(10), 20)
RANKING = np.random.default_rng(0).permutation(200)


def test_pretraining_is_told_nothing() -> None:
    world = everything(200, 3)
    assert len(world.shown(0)) == 200 and len(world.told(2)) == 0
    assert (Told(LABELS, world).at(2) == -1).all()


def test_fixed_shows_the_first_classes_and_the_unknown() -> None:
    labels = np.where(np.arange(200) % 7 == 0, -1, LABELS)
    world = fixed(labels, RANKING[labels[RANKING] >= 0][:50], 3, 2)
    assert set(labels[world.shown(0)]) == {-1, 0, 1, 2}
    assert set(labels[world.told(0)]) <= {0, 1, 2}


def told_in_order(world: World, bought: np.ndarray, epoch: int) -> bool:
    """Whether the images told are the first of the ranking among the images shown."""
    shown = [i for i in bought if world.shown_at[i] <= epoch]
    told = set(world.told(epoch))
    return told <= set(shown) and max(shown.index(i) for i in told) < len(shown)


def test_gradual_shows_more_classes_and_tells_more_labels_in_the_order_of_the_ranking() -> None:
    world = gradual(LABELS, RANKING, np.arange(10), schedule(start_classes=3), epochs=20, seed=0)
    for epoch in range(20):
        assert set(LABELS[world.shown(epoch)]) == set(range(min(max(epoch, 3), 10)))
        assert told_in_order(world, RANKING, epoch)
        if epoch:
            assert set(world.told(epoch - 1)) <= set(world.told(epoch))
    # the first epoch tells the first of the ranking among the classes shown: max(1 % of 60, 1)
    first = [i for i in RANKING if LABELS[i] < 3][:1]
    assert list(world.told(0)) == first
    assert world.labels_told(19) == 180
    assert world.introduced(LABELS, 10) == [1, 1, 1, *range(5, 12)]


def test_redrawing_tells_nearly_all_in_the_end() -> None:
    plan = schedule(start_classes=10, end_share=0.5, redraw=True)
    world = gradual(LABELS, RANKING, np.arange(10), plan, epochs=20, seed=0)
    assert len(world.told(19)) == 100 and world.labels_told(19) > 150
    again = gradual(LABELS, RANKING, np.arange(10), plan, epochs=20, seed=0)
    assert all(np.array_equal(world.told(e), again.told(e)) for e in range(20))


def test_images_of_unknown_class_are_shown_from_the_start_and_never_told() -> None:
    labels = np.where(np.arange(200) % 2 == 0, -1, LABELS)
    bought = RANKING[labels[RANKING] >= 0]
    world = gradual(labels, bought, np.arange(10), schedule(start_classes=1), epochs=20, seed=0)
    assert (world.shown_at[labels == -1] == 0).all()
    assert not (labels[world.told(19)] == -1).any()


def test_told_gives_labels_of_the_told_alone() -> None:
    world = fixed(LABELS, RANKING[:5], 10, 1)
    known = Told(LABELS, world).at(0)
    assert (known[RANKING[:5]] == LABELS[RANKING[:5]]).all() and (known >= 0).sum() == 5


def test_told_counts_the_labels_of_each_class_shown() -> None:
    bought = np.flatnonzero(LABELS < 2)[:30]
    assert Told(LABELS, fixed(LABELS, bought, 4, 1)).counts(0).tolist() == [20, 10, 0, 0]


def test_only_some_of_the_classes_by_a_schedule() -> None:
    """The order leaves out classes whose images are in the pool: they are never shown."""
    for order in (np.arange(3), np.array([2, 0])):
        world = gradual(LABELS, RANKING, order, schedule(start_classes=1), epochs=20, seed=0)
        assert set(LABELS[world.shown(19)]) == set(order)
        assert set(LABELS[world.told(19)]) == set(order)
        assert set(LABELS[world.shown(0)]) == {order[0]}
