from stages.handout import Task, arrange

CLUSTERS = {"a": 5, "b": 2, "c": 5, "d": -1, "e": 2, "f": 5}


def rows(**distances: str) -> list[dict[str, str]]:
    common = {"seed": "0", "cluster": "9"}
    return [
        common | {"rank": str(rank), "image": image, "distance": distances.get(image, ""), "typicality": f"{rank / 2}"}
        for rank, image in enumerate("abcdef", 1)
    ]


def images(tasks: list[Task]) -> str:
    return "".join(one.image for one in tasks)


def test_grouped_by_cluster_in_the_order_of_ranks() -> None:
    tasks = arrange(rows(), CLUSTERS, (), 6)
    assert images(tasks) == "acfbed"
    assert [one.cluster for one in tasks] == [5, 5, 5, 2, 2, None]
    assert tasks[1] == Task("c", 3, 5, {"typicality": "1.5"})


def test_the_nearest_of_a_cluster_first() -> None:
    tasks = arrange(rows(a="0.5", b="0.1", c="0.25", d="0", e="0.125", f="1e-3"), CLUSTERS, (), 6)
    assert images(tasks) == "fcabed"
    assert tasks[0].reasons == {"distance": "1e-3", "typicality": "3.0"}


def test_the_first_of_the_ranking_that_nobody_has_labelled() -> None:
    assert images(arrange(rows(), CLUSTERS, {"a", "d", "elsewhere"}, 3)) == "bec"


def test_without_clusters_by_rank_whatever_the_distances() -> None:
    none = dict.fromkeys("abcdef", -1)
    assert images(arrange(rows(a="3", b="2", c="1"), none, (), 6)) == "abcdef"
