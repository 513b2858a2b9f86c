import itertools
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch

from wgan.data import DATASETS, DataError, Mnist10k, Own, Pictures, Points, Ring8, StackedMnist
from wgan.metrics import (
    METRICS,
    PictureInputs,
    PointInputs,
    ReferenceStats,
    Sums,
    better,
    emd,
    find_network,
    frechet,
    kid,
    last,
    measure,
    metric_of,
    mixture_modes,
    name_of,
    nearest,
    prdc,
    sliced,
    title_of,
    train_features,
    value_and_unit,
)
from wgan.rng import keyed_rng


def draw(name: str, n: int, key: int = 0, **settings: float) -> np.ndarray:
    loaded = DATASETS[name](**settings).load()
    assert isinstance(loaded, Points)
    return loaded.sample(n, keyed_rng(key, "metric")).numpy()


def test_w1_of_a_shift_is_its_length():
    points = draw("ring-8", 300)
    shift = np.array([0.3, -0.4], dtype=np.float32)
    assert emd(points, points + shift) == pytest.approx(0.5, rel=1e-5)


def test_w1_of_a_set_and_itself_is_0_in_any_order():
    points = draw("swiss-roll", 200)
    assert emd(points, points[::-1]) == pytest.approx(0, abs=1e-7)


def test_w1_against_all_permutations():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    best = min(
        np.mean([np.linalg.norm(a[i] - b[j]) for i, j in enumerate(order)])
        for order in itertools.permutations(range(6))
    )
    assert emd(a, b) == pytest.approx(best, rel=1e-9)


def test_w1_needs_equal_sizes():
    with pytest.raises(ValueError, match="one size"):
        emd(np.zeros((3, 2)), np.zeros((4, 2)))


@pytest.mark.parametrize(
    ("name", "settings", "distance", "floor"),
    [
        # The toy sets of Gulrajani et al. 2017 at their own scale; values of FACTS.md §3.
        ("ring-8", {"scale": 2**0.5, "sigma": 0.02 / 2**0.5}, 0.82, 0.135),
        ("grid-25", {"scale": 2**0.5, "sigma": 0.05 / 8**0.5}, 0.59, 0.186),
        ("swiss-roll", {}, 0.61, 0.177),
    ],
)
def test_w1_of_the_papers_toy_sets(
    name: str, settings: dict[str, float], distance: float, floor: float
):
    noisy = draw(name, 1000, 1, **settings)
    noisy = noisy + torch.randn(1000, 2, generator=keyed_rng(2, "metric")).numpy()
    assert emd(draw(name, 1000, 0, **settings), noisy) == pytest.approx(distance, abs=0.08)
    floors = [
        emd(draw(name, 256, 2 * k, **settings), draw(name, 256, 2 * k + 1, **settings))
        for k in range(6)
    ]
    assert np.mean(floors) == pytest.approx(floor, abs=0.035)


def test_true_samples_score_as_published():
    loaded = Ring8(scale=1.0, sigma=0.01).load()
    assert isinstance(loaded, Points) and loaded.means is not None
    points = loaded.sample(20_000, keyed_rng(0, "metric")).numpy()
    modes, share = mixture_modes(points, loaded.means.numpy(), 0.01)
    # P(χ²₂ ≤ 9) = 1 − exp(−4.5)
    assert modes == 8 and share == pytest.approx(1 - np.exp(-4.5), abs=0.004)


def test_lost_modes_and_bad_samples_are_counted():
    means = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    points = np.array([[0.0, 0.01], [0.0, 0.31], [1.0, 0.0], [1.5, 0.0]])
    assert mixture_modes(points, means, 0.1) == (2, 0.5)


def test_sliced_w1_of_a_shift():
    """The mean of |⟨t, u⟩| over directions u of the plane is 2‖t‖/π."""
    points = draw("ring-8", 400)
    distance = sliced(points, points + np.array([3.0, 4.0], np.float32), projections=4000)
    assert distance == pytest.approx(2 * 5 / np.pi, rel=0.03)
    assert sliced(points, points[::-1]) == pytest.approx(0, abs=1e-6)
    assert sliced(points, draw("swiss-roll", 400)) <= emd(points, draw("swiss-roll", 400))


def test_the_order_of_points_says_nothing():
    loaded = ring()
    points = draw("ring-8", 400) + 0.05 * draw("swiss-roll", 400)
    order = np.random.default_rng(0).permutation(400)
    metrics, reordered = (measure(PointInputs(x, loaded)) for x in (points, points[order]))
    assert set(metrics) == {"emd_400", "sliced_400", "modes_400", "high_quality_400"}
    assert reordered == pytest.approx(metrics, rel=1e-9)


def test_a_repetition_has_other_real_points_and_the_same_each_time():
    points = draw("ring-8", 64)
    first, again, second = (PointInputs(points, ring(), k) for k in (0, 0, 1))
    assert np.array_equal(first.real, again.real)
    sets = (first.real, first.other.fake, second.real, second.other.fake)
    for a, b in itertools.combinations(sets, 2):
        assert not np.array_equal(a, b)
    assert first.first(16).emd() != second.first(16).emd()


# ---- pictures -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference_stats() -> ReferenceStats:
    return ReferenceStats(Mnist10k(), Mnist10k().load())


def digits(reference_stats: ReferenceStats, n: int = 1000) -> PictureInputs:
    return PictureInputs(reference_stats.real(n).fake, reference_stats)


@pytest.fixture(scope="module")
def floors(reference_stats: ReferenceStats) -> dict[str, float]:
    """What 1,000 held-out digits score: the floor of everything below."""
    return measure(digits(reference_stats), [*ALL])


ALL = [key for key, metric in METRICS.items() if metric.kind == "pictures" and not metric.stacked]


def test_frechet_of_two_gaussians_in_closed_form():
    """‖μ − μ′‖² + Σ (σ − σ′)² for diagonal Gaussians; every moment as torchmetrics estimates it."""
    rng = keyed_rng(0, "metric")
    white = torch.randn(4000, 5, generator=rng, dtype=torch.float64)
    white = (white - white.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(white.T))).T
    scale, shift = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.0]), torch.tensor([0.0, 1.0, 0.0, -2.0, 0.5])
    distance = frechet(Sums.of(white * scale + shift), Sums.of(white))
    expected = float((shift**2).sum() + ((scale - 1) ** 2).sum())
    assert distance == pytest.approx(expected, rel=1e-6)


def test_frechet_of_two_gaussians_with_any_covariances():
    """tr (ΣΣ′)^½ is the nuclear norm of AᵀB, with Σ = AAᵀ and Σ′ = BBᵀ."""
    rng = np.random.default_rng(2)
    n, d = 4000, 5
    white = []
    for _ in range(2):
        x = rng.normal(size=(n, d))
        x -= x.mean(0)
        white.append(x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T)  # of covariance I
    a, b = rng.normal(size=(2, d, d))
    shift = rng.normal(size=d)
    distance = frechet(
        Sums.of(torch.from_numpy(white[0] @ a.T)), Sums.of(torch.from_numpy(white[1] @ b.T + shift))
    )
    nuclear = np.linalg.svd(a.T @ b, compute_uv=False).sum()
    expected = shift @ shift + np.trace(a @ a.T) + np.trace(b @ b.T) - 2 * nuclear
    assert distance == pytest.approx(expected, rel=1e-6)


def test_kernel_distance_of_two_gaussians_in_closed_form():
    """In one dimension it is 3 (m₁ − m₁′)² + 3 (m₂ − m₂′)² + (m₃ − m₃′)² of the raw moments."""
    rng = keyed_rng(11, "metric")
    real = torch.randn(20_000, 1, generator=rng, dtype=torch.float64)
    fake = 0.5 * torch.randn(20_000, 1, generator=rng, dtype=torch.float64) + 0.5
    # Moments of N(0, 1): 0, 1, 0; of N(½, ¼): ½, ½, ½³ + 3 · ½ · ¼ = ½.
    expected = 3 * 0.25 + 3 * 0.25 + 0.25
    distance, deviation = kid(fake, real)
    assert distance == pytest.approx(expected, abs=4 * deviation / 50**0.5)
    assert 0 < deviation < 1


def test_frechet_sums_add_up_and_do_not_mind_the_order():
    features = torch.randn(600, 6, generator=keyed_rng(1, "metric"))
    other = Sums.of(torch.randn(500, 6, generator=keyed_rng(2, "metric")) + 1)
    parts = Sums.of(features[:200]) + Sums.of(features[200:])
    reverse_sums = Sums.of(features.flip(0))
    whole = frechet(Sums.of(features), other)
    assert frechet(parts, other) == pytest.approx(whole, rel=1e-9)
    assert frechet(reverse_sums, other) == pytest.approx(whole, rel=1e-9)


def test_frechet_is_that_of_torchmetrics_fed_with_pictures(reference_stats: ReferenceStats):
    """Its own path: update with pictures through the network, on both sides."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    some, others = reference_stats.data.train[::20], reference_stats.data.held_out[::2]
    metric = FrechetInceptionDistance(feature=reference_stats.network.module)
    metric.update(some, real=True)
    metric.update(others, real=False)
    sums = [Sums.of(reference_stats.network.features(x)) for x in (others, some)]
    assert frechet(*sums) == pytest.approx(float(metric.compute()), rel=1e-3)


def test_kernel_distance_against_the_formula():
    """Unbiased MMD² with (x·y/D + 1)³, over all examples at once."""
    rng = keyed_rng(3, "metric")
    x = torch.randn(300, 4, generator=rng, dtype=torch.float64)
    y = torch.randn(300, 4, generator=rng, dtype=torch.float64) + 0.5

    def k(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a @ b.T / 4 + 1) ** 3

    n = len(x)
    within = [(k(s, s).sum() - k(s, s).trace()) / (n * (n - 1)) for s in (x, y)]
    expected = float(within[0] + within[1] - 2 * k(x, y).mean())
    mean, deviation = kid(y, x)
    assert mean == pytest.approx(expected, rel=1e-6)
    assert deviation == pytest.approx(0, abs=1e-6)  # every subset is all of them


def test_kernel_distance_leaves_torchs_own_state_alone():
    x = torch.randn(700, 4, generator=keyed_rng(3, "metric"))
    before = torch.get_rng_state()
    kid(x, x)
    assert torch.equal(torch.get_rng_state(), before)


def test_precision_recall_density_coverage_against_their_authors_library():
    from prdc import compute_prdc

    rng = keyed_rng(4, "metric")
    real = torch.randn(400, 6, generator=rng, dtype=torch.float64)
    fake = 0.8 * torch.randn(300, 6, generator=rng, dtype=torch.float64) + 0.3
    scores = last(prdc(real, fake))
    three = compute_prdc(real.numpy(), fake.numpy(), nearest_k=3)
    five = compute_prdc(real.numpy(), fake.numpy(), nearest_k=5)
    assert scores.precision == pytest.approx(three["precision"])
    assert scores.recall == pytest.approx(three["recall"])
    assert scores.density == pytest.approx(five["density"])
    assert scores.coverage == pytest.approx(five["coverage"])


def test_nearest_pictures_against_all_distances():
    rng = np.random.default_rng(5)
    among = torch.from_numpy(rng.integers(0, 256, (5000, 1, 4, 4), dtype=np.uint8))
    queries = torch.from_numpy(rng.integers(0, 256, (20, 1, 4, 4), dtype=np.uint8))
    distances, where = last(nearest(queries, among))
    flat, all_ = queries.flatten(1).double(), among.flatten(1).double()
    table = ((flat[:, None] - all_) ** 2).mean(2).sqrt()
    expected = table.sort(1)
    assert torch.equal(where, expected.indices[:, :2])
    assert torch.allclose(distances.double(), expected.values[:, :2], atol=1e-2)


def test_real_pictures_score_the_floor(floors: dict[str, float], reference_stats: ReferenceStats):
    mean, deviation = reference_stats.network.floors[1000]
    # Other digits than those whose floor is kept: the bundled first hundred of each class.
    assert floors["fid64_1k"] == pytest.approx(mean, abs=max(8 * deviation, 1.0))
    assert abs(floors["kid64_1k"]) < 0.02
    # In theory coverage is 1 − 2⁻⁵ = 0.97, as it is of the whole test set; these are its first hundreds.
    assert 0.8 < floors["precision_1k"] < 0.95 and 0.8 < floors["recall_1k"] < 0.95
    assert 0.8 < floors["density_1k"] < 1.2 and 0.8 < floors["coverage_1k"] < 0.98
    assert floors["class_kl_1k"] < 0.01 and floors["confidence_1k"] > 0.95
    assert floors["memorised_1k"] < 0.01 and floors["duplicates_1k"] < 0.12


def test_a_dropped_class_shows_in_recall_coverage_and_classes(
    floors: dict[str, float], reference_stats: ReferenceStats
):
    data = reference_stats.data
    five_classes = data.train[data.train_labels < 5]
    fake = five_classes[torch.randperm(len(five_classes), generator=keyed_rng(6, "metric"))[:1000]]
    metrics = measure(PictureInputs(fake, reference_stats), ALL)
    # Five of ten classes, each twice as often: KL = log 2.
    assert metrics["class_kl_1k"] == pytest.approx(np.log(2), abs=0.03)
    assert metrics["recall_1k"] < 0.65 and metrics["coverage_1k"] < 0.65
    assert metrics["precision_1k"] > 0.9  # which alone would call it good
    assert metrics["fid64_1k"] > 10 * floors["fid64_1k"]


def test_copies_of_training_pictures_fool_all_but_memorised(
    floors: dict[str, float], reference_stats: ReferenceStats
):
    train = reference_stats.data.train
    originals = train[torch.randperm(len(train), generator=keyed_rng(7, "metric"))[:500]]
    noise = torch.randint(-8, 9, originals.shape, generator=keyed_rng(8, "metric"))
    copies = (originals.int() + noise).clamp(0, 255).byte()
    metrics = measure(
        PictureInputs(copies, reference_stats), ["memorised", "precision", "coverage"]
    )
    assert metrics["memorised_500"] > 0.98
    assert metrics["precision_500"] > 0.85 and metrics["coverage_500"] > 0.85


def test_noise_and_repeats_are_far_from_the_floor(
    floors: dict[str, float], reference_stats: ReferenceStats
):
    rng = keyed_rng(9, "metric")
    noise = torch.randint(0, 256, (1000, 1, 28, 28), generator=rng).byte()
    metrics = measure(PictureInputs(noise, reference_stats), ALL)
    assert metrics["fid64_1k"] > 50 * floors["fid64_1k"] and metrics["coverage_1k"] < 0.05
    assert metrics["frechet_pixels_1k"] > 5 * floors["frechet_pixels_1k"]
    repeats = reference_stats.data.held_out[::50].repeat(50, 1, 1, 1)  # 20 pictures, each 50 times
    metrics = measure(PictureInputs(repeats, reference_stats), ALL)
    assert metrics["duplicates_1k"] == 1 and metrics["coverage_1k"] < 0.3
    assert metrics["fid64_1k"] > 5 * floors["fid64_1k"]


def test_the_order_of_samples_says_nothing(
    floors: dict[str, float], reference_stats: ReferenceStats
):
    reverse_sides = PictureInputs(reference_stats.real(1000).fake.flip(0), reference_stats)
    for name, value in measure(reverse_sides, ALL).items():
        if name.startswith("kid"):  # its subsets are drawn from the order
            assert value == pytest.approx(floors[name], abs=0.01)
        else:
            assert value == pytest.approx(floors[name], rel=1e-4, abs=1e-4), name


def test_unlabelled_pictures_are_measured_by_random_convolutions():
    rng = np.random.default_rng(10)
    train = torch.from_numpy(rng.integers(0, 256, (900, 3, 32, 32), dtype=np.uint8))
    none = torch.zeros(900, dtype=torch.long)
    data = Pictures(train[:600], train[600:], none[:600], none[600:])
    reference_stats = ReferenceStats(Own(pictures=""), data)
    assert (
        not reference_stats.network.classifies
        and "600 training" in reference_stats.protocol["reference"]
    )
    metrics = measure(
        reference_stats.real(300), ["fid", "kid", "class_kl", "precision", "memorised"]
    )
    assert set(metrics) == {
        "fid_random64_300",
        "kid_random64_300",
        "kid_random64_300_sd",
        "precision_random_300",
        "memorised_300",
    }
    dark = PictureInputs((reference_stats.real(300).fake // 2), reference_stats)
    assert measure(dark, ["fid"])["fid_random64_300"] > 20 * metrics["fid_random64_300"]


def test_stacked_digits_are_counted(reference_stats: ReferenceStats):
    data = StackedMnist(bundled=True).load()
    stacked = ReferenceStats(StackedMnist(bundled=True), data)
    real = PictureInputs(data.held_out[:5000], stacked)
    metrics = measure(real, ["stacked_modes", "stacked_kl"])
    # 5,000 draws of 1,000 even combinations: (1 − e^−5) of them, and KL about 999 / 2n.
    assert metrics["stacked_modes_5k"] == pytest.approx(1000 * (1 - np.exp(-5)), abs=8)
    assert metrics["stacked_kl_5k"] == pytest.approx(999 / 10_000, abs=0.02)
    repeats = PictureInputs(data.held_out[:1].repeat(100, 1, 1, 1), stacked)
    metrics = measure(repeats, ["stacked_modes", "stacked_kl"])
    assert metrics["stacked_modes_100"] == 1
    assert metrics["stacked_kl_100"] == pytest.approx(np.log(1000), rel=1e-6)


@pytest.mark.slow
def test_real_stacks_have_the_floor_of_the_published_protocol():
    """26,000 even draws of 1,000 classes show all of them, with KL 999 / 2n, three deviations about it.

    Published is 0.023: there a weaker classifier's mistakes are in it.
    """
    dataset = StackedMnist(bundled=True)
    stacked = ReferenceStats(dataset, dataset.load())
    assert stacked.most(26_000) == 26_000  # as many are held out
    metrics = measure(stacked.real(26_000), ["stacked_modes", "stacked_kl"])
    assert metrics["stacked_modes_26k"] == 1000
    assert metrics["stacked_kl_26k"] == pytest.approx(999 / 52_000, abs=3 * 1998**0.5 / 52_000)


@pytest.mark.parametrize("n", [5_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_memory_stays_bounded(n: int):
    """All pairs of 10,000 pictures would take 400 MB a table; a process of its own tells its peak."""
    program = (
        f"n = {n}"
        + """
import resource, torch
from wgan.metrics import last, prdc
from wgan.metrics.feature_distances import nearest, own_nearest
torch.set_num_threads(1)
x, y = torch.randn(2, n, 64, generator=torch.Generator().manual_seed(0))
pixels = torch.zeros(n, 1, 28, 28, dtype=torch.uint8)
last(prdc(x[:1_000], y[:1_000]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
last(prdc(x, y)), last(own_nearest(x)), last(nearest(pixels[:1_000], pixels))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 0.75 * 4 * n**2


@pytest.mark.parametrize("classes", [(), tuple("0123456789")])
def test_what_live_numbers_compare_with_is_prepared_in_shares(classes: tuple[str, ...]):
    """Shipped moments, or those of the run's own pictures; no share is more than 2,000 pictures."""
    dataset = Mnist10k(classes=classes)
    stats = ReferenceStats(dataset, dataset.load())
    shares = list(stats.prepare())
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)
    assert len(shares) >= (6_000 + (10_000 if classes else 0)) / 2_000
    for side in (stats.real(1000), stats.training(1000), stats.training(4000)):
        assert "features" in side.__dict__
    assert stats.reference.n == (10_000 if classes else 60_000)


# ---- the feature networks -------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["mnist", "fashion-mnist"])
def test_shipped_networks_are_small_named_and_as_good_as_they_say(family: str):
    path = resources.files("wgan") / "assets" / f"features-{family}.safetensors"
    assert 100_000 < len(path.read_bytes()) <= 300_000
    network = find_network(family, (1, 28, 28))
    assert network.classifies and len(network.hash) == 8 and network.reference is not None
    assert network.reference.n == 60_000 and set(network.floors) == {1000, 2000, 5000, 10000}
    assert network.accuracy is not None and network.accuracy > (0.99 if family == "mnist" else 0.9)
    floors = [network.floors[n][0] for n in sorted(network.floors)]
    assert floors == sorted(floors, reverse=True)  # more pictures, a lower floor


def test_the_digits_network_classifies_as_it_says(reference_stats: ReferenceStats):
    guessed = reference_stats.real(1000).probabilities.argmax(1)
    rng = keyed_rng(0, "metric", draw=1)
    order = torch.randperm(1000, generator=rng)
    right = (guessed == reference_stats.data.held_out_labels[order]).double().mean()
    # Three standard errors of a share of 1,000.
    assert float(right) == pytest.approx(reference_stats.network.accuracy, abs=0.01)


def test_a_network_trained_into_the_data_root_is_found(tmp_path: Path):
    data = Mnist10k(classes=("0", "1")).load()
    network = train_features(data, "kmnist", "Two digits", epochs=4)
    assert network.accuracy > 0.9
    (tmp_path / "features-kmnist.safetensors").write_bytes(network.content)
    loaded = find_network("kmnist", (1, 28, 28), tmp_path)
    assert loaded.hash == network.hash and loaded.accuracy == network.accuracy
    assert loaded.names == ("0", "1")
    # Pictures of another shape do not fit it.
    assert not find_network("kmnist", (3, 32, 32), tmp_path).classifies
    (tmp_path / "features-kmnist.safetensors").write_bytes(network.content[:5000])
    with pytest.raises(DataError, match="cannot be read"):
        find_network("kmnist", (1, 28, 28), tmp_path)


def test_pictures_without_classes_train_no_network():
    data = Mnist10k(classes=("1",)).load()
    with pytest.raises(DataError, match="no classes"):
        train_features(data, "x", "Ones")


# ---- the table ----------------------------------------------------------------------------------


def test_every_metric_has_a_name_with_its_settings_a_title_and_a_meaning(
    reference_stats: ReferenceStats,
):
    inputs: dict[str, PictureInputs | PointInputs] = {
        "pictures": digits(reference_stats),
        "points": PointInputs(draw("ring-8", 512), ring()),
    }
    for key, metric in METRICS.items():
        name = name_of(key, inputs[metric.kind], 1000)
        assert name.endswith("_1k") and metric_of(name) is metric, name
        assert metric.title and len(metric.meaning) > 40
        assert metric_of(name + "_floor") is None and metric_of(name + "_sd") is None
    assert name_of("fid", inputs["pictures"], 10_000) == "fid64_10k"
    assert title_of("fid64_10k") == "FID, 10k samples"
    assert title_of("modes_2500") == "Modes, 2,500 samples"


def test_a_value_has_the_unit_of_its_metric():
    assert value_and_unit("high_quality_2500", 0.8888) == ("88.9", "%")
    assert value_and_unit("emd_512", 0.1719) == ("0.172", "units")
    assert value_and_unit("modes_2500", 8.0) == ("8", "")
    assert value_and_unit("fid64_1k", 12.345) == ("12.3", "")


def ring() -> Points:
    loaded = Ring8().load()
    assert isinstance(loaded, Points)
    return loaded


def test_which_way_is_better():
    assert better("fid64_1k", 1, than=2) and not better("fid64_1k", 2, than=1)
    assert better("coverage_10k", 0.9, than=0.8) and better("emd_512", 0.1, than=0.2)
