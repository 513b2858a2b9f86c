import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from wgan.config import (
    PARTS,
    PRESETS,
    TOY,
    ConfigError,
    Group,
    Hyperparameter,
    Machine,
    TrainConfig,
    adapt_to_dataset,
    differences,
    first_result,
    hyperparameters,
    recommended,
    unused_settings,
    with_objective,
)
from wgan.data import DATASETS, Drawing, Own, Ring8
from wgan.export import nearest_preset
from wgan.networks import NETWORKS
from wgan.objectives import OBJECTIVES


@pytest.mark.parametrize(
    ("values", "phrase"),
    [
        ({"n_critic": 0}, "n_critic must be at least 1, not 0."),
        ({"batchsize": 3}, "There is no setting batchsize. Did you mean batch_size?"),
        ({"zebra": 3}, "There is no setting zebra."),
        (
            {"objective": {"name": "wgan-gp", "clip_value": 0.1}},
            "The objective wgan-gp has no clip_value: it has penalty_weight, penalty_at, noise_scale, penalty_every, one_sided; clip_value belongs to wgan.",
        ),
        (
            {"objective": {"name": "hinge", "clip_value": 0.1}},
            "The objective hinge has no clip_value: it has no settings; clip_value "
            "belongs to wgan.",
        ),
        (
            {"objective": "wgann"},
            "There is no objective 'wgann': choose one of wgan-gp, wgan, wgan-lp",
        ),
        (
            {"dataset": "ring-8", "network": "dcgan"},
            "The network dcgan makes pictures, but this data set contains points. Choose the network mlp.",
        ),
        ({"network": "mlp"}, "Choose the network dcgan."),
        (
            {"replacement": False, "batch_size": 4000, "dataset": "ring-8"},
            "draws new points for every batch",
        ),
        (
            {"objective": {"name": "wgan", "clip_value": 5}},
            "objective.clip_value must be at most 1",
        ),
        ({"batch_size": "many"}, "batch_size must be a whole number, not 'many'."),
        ({"device": "tpu"}, "device cannot be 'tpu'"),
        ({"generator_learning_rate": float("nan")}, "generator_learning_rate must be"),
        ({"ema_decay": 1.0}, "ema_decay must be less than 1"),
        ({"optimizer": {"name": "rmsprop", "beta1": 0.5}}, "beta1 belongs to adam"),
        (
            {"network": "brownlee", "objective": "wgan-gp"},
            "The critic of the network brownlee has batch norm, which mixes samples",
        ),
        ({"dataset": "ring-8", "conditional": True}, "The data set ring-8 has no labels"),
        (
            {"conditional": True, "objective": "wgan-groupsort"},
            "guarantees a 1-Lipschitz critic, but a class-conditional",
        ),
        (
            {"conditional": True, "preview_class": 10},
            "has 10 classes, 0 to 9: there is no class 10",
        ),
        (
            {"split_updates": True, "objective": "wgan-gp"},
            "Separate updates for real and fake need",
        ),
        (
            {"split_updates": True, "objective": "wgan", "batch_size": 33},
            "Separate updates for real and fake need an even batch size",
        ),
        (
            {"dataset": "ring-8", "augmentation": "fixed"},
            "Augmentation changes pictures",
        ),
        (
            {"split_updates": True, "objective": "r3gan"},
            "The critic loss of r3gan compares each fake with a real example, so separate updates",
        ),
        (
            {"dataset": {"name": "mnist", "classes": ["10"]}},
            "MNIST has no class",
        ),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(values: dict[str, object], phrase: str):
    with pytest.raises(ConfigError) as caught:
        TrainConfig.parse(values)
    assert phrase in str(caught.value)
    assert str(caught.value).endswith(".") or str(caught.value).endswith("?")
    assert "pydantic" not in str(caught.value).lower()


def test_a_batch_larger_than_the_data_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wgan.data.Mnist10k.size", property(lambda self: 100))
    with pytest.raises(ConfigError, match="batch size 101 is larger than the data set's 100"):
        TrainConfig.parse({"replacement": False, "batch_size": 101})
    TrainConfig.parse({"replacement": False, "batch_size": 100})


@st.composite
def configs(draw: st.DrawFn) -> TrainConfig:
    """Any valid config: every variant, every hyperparameter within its bounds."""
    values: dict[str, object] = {}
    for part, variants in PARTS.items():
        values[part] = draw(st.sampled_from(list(variants)))
    dataset = DATASETS[str(values["dataset"])]()
    fitting = [
        name
        for name, network in NETWORKS.items()
        if network().incompatibility_reason(dataset.shape) is None
        and (OBJECTIVES[str(values["objective"])].allows_batch_norm or not network.uses_batch_norm)
    ]
    values["network"] = draw(st.sampled_from(fitting))
    config = TrainConfig.parse(values)
    changes: dict[str, object] = {}
    for value in hyperparameters(config):
        if value.path in PARTS or value.path in (
            "replacement",
            "conditional",
            "split_updates",
            "augmentation",
        ):
            continue  # what must go together with others
        if value.options == "classes":
            known = dataset.class_names()
            changes[value.path] = (
                draw(st.lists(st.sampled_from(known), unique=True)) if known else ()
            )
        elif value.choices or value.type is not str:
            changes[value.path] = draw(within(value))
    changes["preview_class"] = -1
    if dataset.kind == "pictures":
        changes["augmentation"] = draw(st.sampled_from(["none", "fixed", "adaptive"]))
    return config.changed(changes)


def within(value: Hyperparameter) -> st.SearchStrategy[object]:
    if value.choices:
        return st.sampled_from(value.choices)
    if value.type is bool:
        return st.booleans()
    if value.type is int:
        return st.integers(int(value.low or 0), int(value.high or 2**31 - 1))
    assert value.low is not None and value.high is not None
    inside = st.floats(value.low, value.high, exclude_min=True, exclude_max=True)
    return st.one_of(st.none(), inside) if value.optional else inside


@given(configs())
def test_a_config_survives_json(config: TrainConfig):
    assert TrainConfig.parse(json.loads(config.model_dump_json())) == config


@given(configs())
def test_a_config_is_rebuilt_from_its_flat_values(config: TrainConfig):
    flat = config.flat()
    assert TrainConfig().changed(flat) == config


def test_every_hyperparameter_explains_itself():
    for value in hyperparameters():
        assert value.title, value.path
        assert value.help.endswith("."), value.path
        assert value.default is not None or value.optional or value.path in PARTS
        if value.type in (int, float) and value.path != "seed":
            assert value.low is not None and value.high is not None, value.path


def test_every_hyperparameter_has_a_group_and_a_reason_if_a_run_fixes_it():
    groups = {value.path: value.group for value in hyperparameters()}
    for part, group in (
        ("dataset", Group.DATA),
        ("objective", Group.OBJECTIVE),
        ("network", Group.NETWORK),
        ("optimizer", Group.OPTIMISER),
    ):
        own = {g for path, g in groups.items() if path.partition(".")[0] == part}
        assert own == {group}
    assert set(groups.values()) == set(Group)
    for value in hyperparameters():
        assert bool(value.fixed) is not value.live, value.path
        assert not value.fixed.endswith("."), value.path


CPU = Machine(("cpu",))
FAST_CPU = Machine(("cpu",), frozenset({"cpu"}))
GPU = Machine(("cuda", "cpu"), frozenset({"cuda"}))
MAC = Machine(("mps", "cpu"))
CHANGES = "augmentation_translation augmentation_cutout augmentation_colour augmentation_flips"
NOT_AUGMENTED = f"{CHANGES} augmentation_probability augmentation_target augmentation_rise"
USUAL = f"warmup_updates preview_class split_updates objective.noise_scale {NOT_AUGMENTED}"
"""Settings without effect in the default config on any machine."""


@pytest.mark.parametrize(
    ("values", "machine", "unused"),
    [
        ({}, CPU, f"{USUAL} device precision"),
        ({}, FAST_CPU, f"{USUAL} device"),
        ({}, GPU, f"{USUAL} threads"),
        ({}, MAC, f"{USUAL} threads compiled precision"),
        ({"device": "cpu"}, GPU, f"{USUAL} precision"),
        # A value that needs an absent device is shown.
        ({"device": "cuda"}, CPU, f"{USUAL} precision threads"),
        ({"precision": "bfloat16"}, CPU, f"{USUAL} device"),
        (
            {"dataset": "ring-8"},
            GPU,
            f"{USUAL} augmentation conditional replacement inference_fakes precision threads",
        ),
        (
            {"network": {"name": "dcgan", "batch_norm": False}},
            FAST_CPU,
            f"{USUAL} inference_fakes device",
        ),
        (
            {"objective": {"name": "wgan-gp", "penalty_at": "noise"}, "warmup_every": 5},
            FAST_CPU,
            f"preview_class split_updates device {NOT_AUGMENTED}",
        ),
        (
            {"objective": "r3gan"},
            FAST_CPU,
            f"{USUAL} device",
        ),
        (
            {"objective": "wgan", "conditional": True, "warmup_steps": 5, "augmentation": "fixed"},
            FAST_CPU,
            "device augmentation_target augmentation_rise",
        ),
        (
            {
                "objective": "wgan",
                "conditional": True,
                "warmup_steps": 5,
                "augmentation": "adaptive",
            },
            FAST_CPU,
            "device augmentation_probability",
        ),
        (
            {"objective": "wgan-groupsort"},
            FAST_CPU,
            f"conditional warmup_updates preview_class device {NOT_AUGMENTED}",
        ),
        (
            {"objective": {"name": "wgan-groupsort", "orthonormal": "cayley"}},
            FAST_CPU,
            f"conditional warmup_updates preview_class device objective.iterations {NOT_AUGMENTED}",
        ),
    ],
)
def test_settings_without_effect_are_known(
    values: dict[str, object], machine: Machine, unused: str
):
    assert unused_settings(TrainConfig.parse(values), machine) == set(unused.split())


def test_choosing_an_objective_takes_its_own_defaults():
    base = TrainConfig(objective={"name": "wgan-gp", "penalty_weight": 3.0})
    assert base.changed({"objective": "wgan"}).objective == OBJECTIVES["wgan"]()
    assert base.changed({"objective": "wgan-gp"}) == base
    both = base.changed({"objective": "wgan", "objective.clip_value": 0.2})
    assert both.flat()["objective.clip_value"] == 0.2


def test_another_kind_of_data_takes_a_network_that_fits():
    assert TrainConfig().changed({"dataset": "ring-8"}).network.name == "mlp"
    assert TrainConfig(dataset="ring-8").changed({"dataset": "mnist"}).network.name == "dcgan"
    large = TrainConfig(network={"name": "dcgan", "size": "large"})
    assert large.changed({"dataset": "mnist"}).network == large.network


def test_configs_are_frozen():
    with pytest.raises(Exception, match="frozen"):
        TrainConfig().n_critic = 3  # type: ignore[misc]  # this error is the subject


@pytest.mark.parametrize("name", PRESETS)
def test_presets_say_what_they_are(name: str):
    preset = PRESETS[name]
    assert preset.title and preset.description.endswith(".") and preset.source
    assert preset.expect.endswith(".")
    assert TrainConfig.parse(preset.config.model_dump()) == preset.config


def test_paper_presets_are_the_papers():
    wgan = PRESETS["paper-wgan"].config.flat()
    assert (wgan["objective"], wgan["objective.clip_value"]) == ("wgan", 0.01)
    assert (wgan["optimizer"], wgan["generator_learning_rate"]) == ("rmsprop", 5e-5)
    assert (wgan["critic_learning_rate"], wgan["n_critic"], wgan["batch_size"]) == (5e-5, 5, 64)
    gp = PRESETS["paper-wgan-gp"].config.flat()
    assert (gp["objective"], gp["objective.penalty_weight"]) == ("wgan-gp", 10)
    assert (gp["optimizer.beta1"], gp["optimizer.beta2"]) == (0, 0.9)
    assert (gp["generator_learning_rate"], gp["critic_learning_rate"]) == (1e-4, 1e-4)
    assert (gp["n_critic"], gp["batch_size"]) == (5, 64)


def test_the_schedule_of_wgans_code():
    """100 critic updates in the first 25 steps and whenever 500 more are done, else n_critic."""
    config = PRESETS["paper-wgan-code"].config
    updates = [config.critic_updates(step) for step in range(1, 1502)]
    steps_with_100 = [done for done, n in enumerate(updates) if n == 100]
    assert steps_with_100 == [*range(25), 500, 1000, 1500]
    assert set(updates) == {5, 100}


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        ("none", [1, 1, 1]),
        ("linear", [1, 0.5, 0.1]),
        ("cosine", [1, 0.5, 0.5 - 0.5 * math.cos(math.pi / 10)]),
    ],
)
def test_learning_rates_decay_to_nothing(decay: str, expected: list[float]):
    config = TrainConfig.parse({"decay": decay, "steps": 10})
    factors = [config.decayed(step) for step in (1, 6, 10)]
    assert factors == pytest.approx(expected)
    assert config.decayed(11) == pytest.approx(1.0 if decay == "none" else 0.0)


def test_the_other_presets_are_their_sources():
    brownlee = PRESETS["brownlee"].config.flat()
    assert (brownlee["dataset"], brownlee["dataset.classes"]) == ("mnist", ["7"])
    assert (brownlee["objective.clip_value"], brownlee["objective.clipped"]) == (0.01, "kernels")
    assert (brownlee["optimizer"], brownlee["optimizer.alpha"]) == ("rmsprop", 0.9)
    assert brownlee["optimizer.eps"] == 1e-7
    assert (brownlee["n_critic"], brownlee["batch_size"], brownlee["latent_dim"]) == (5, 64, 50)
    assert brownlee["split_updates"] and brownlee["inference_fakes"]
    assert brownlee["steps"] == 10 * (6265 // 64)
    seed = PRESETS["seed-as-published"].config.flat()
    assert (seed["dataset.first"], seed["dataset.classes"], seed["steps"]) == (10, [], 937 * 10)
    assert PRESETS["seed-corrected"].config.flat()["dataset.first"] is None
    toy = PRESETS["paper-wgan-gp-toy"].config.flat()
    assert (toy["objective.penalty_weight"], toy["optimizer.beta1"]) == (0.1, 0.5)
    assert (toy["network.width"], toy["network.depth"], toy["batch_size"]) == (512, 3, 256)
    lp = PRESETS["wgan-lp"].config.flat()
    assert (lp["network.activation"], lp["n_critic"]) == ("leaky-relu", 10)
    assert (lp["warmup_steps"], lp["warmup_updates"], lp["warmup_every"]) == (25, 100, 0)


def test_configs_are_read_without_torch():
    """A page can list presets, objectives, networks and data sets before torch is loaded."""
    code = (
        "import sys; from wgan.config import PRESETS, hyperparameters\n"
        "from wgan.data import DATASETS; from wgan.networks import NETWORKS; from wgan.objectives import OBJECTIVES\n"
        "list(hyperparameters(PRESETS['quick-mnist'].config))\n"
        "print([name for name in ('torch', 'torchvision', 'safetensors') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (result.stdout.strip(), result.stderr) == ("[]", "")


def own_pictures(count: int, colours: str, side: int = 32) -> Own:
    return Own.model_validate({"count": count, "colours": colours, "side": side})


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_has_recommended_settings_with_which_it_can_be_trained(name: str):
    config = recommended(DATASETS[name]())
    assert config.dataset.name == name
    assert config.network.incompatibility_reason(config.dataset.shape) is None
    # The settings of a preset for the same data and kind of settings are the recommended ones.
    if name in ("ring-8", "mnist-10k"):
        preset = PRESETS["toy-ring" if name == "ring-8" else "quick-mnist"].config
        assert adapt_to_dataset(preset, preset.dataset) == preset


def test_points_after_pictures_get_the_settings_for_points():
    before = PRESETS["quick-mnist"].config.changed({"critic_learning_rate": 5e-4, "seed": 7})
    config = adapt_to_dataset(before.changed({"dataset": Drawing()}), before.dataset)
    assert config == TOY.changed({"dataset": Drawing(), "seed": 7})
    back = adapt_to_dataset(config.changed({"dataset": "mnist-10k"}), config.dataset)
    assert back == PRESETS["quick-mnist"].config.changed({"seed": 7})


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("preset", ["toy-ring", "quick-mnist"])
def test_another_objective_comes_with_settings_for_the_same_data(preset: str, name: str):
    base = PRESETS[preset].config.changed({"seed": 7})
    config = with_objective(base, name)
    assert config.objective.name == name and config.dataset == base.dataset and config.seed == 7
    # The paper's clip value, for pictures, makes the critics of points almost flat.
    clips_points = name == "wgan" and preset == "toy-ring"
    assert config.flat().get("objective.clip_value") == (
        0.1 if clips_points else 0.01 if name == "wgan" else None
    )
    # It returns to the values of the preset, and keeps the visitor's own.
    if not clips_points:
        assert with_objective(config, base.objective.name) == base
    own_clipping = base.changed({"objective": {"name": "wgan", "clip_value": 0.3}})
    assert with_objective(own_clipping, "wgan") == own_clipping


@pytest.mark.parametrize(
    ("dataset", "changes"),
    [
        (own_pictures(5_000, "grey"), {"generator_learning_rate": 2e-3}),
        (own_pictures(300, "grey"), {"generator_learning_rate": 2e-3}),
        (
            own_pictures(5_000, "grey", side=64),
            {"generator_learning_rate": 2e-3, "network.size": "small"},
        ),
        (
            own_pictures(5_000, "rgb", side=64),
            {
                "network.size": "small",
                "generator_learning_rate": 1e-3,
                "critic_learning_rate": 2e-3,
                "batch_size": 32,
                "decay": "none",
                "steps": 20_000,
            },
        ),
        (
            own_pictures(300, "rgb", side=32),
            {
                "generator_learning_rate": 1e-3,
                "critic_learning_rate": 2e-3,
                "batch_size": 32,
                "decay": "none",
                "steps": 5_000,
            },
        ),
    ],
)
def test_own_pictures_get_settings_for_their_size_colours_and_number(dataset: Own, changes):
    before = PRESETS["quick-mnist"].config.changed({"n_critic": 3})
    config = adapt_to_dataset(before.changed({"dataset": dataset}), before.dataset)
    assert config == before.changed({"dataset": dataset, **changes})


def test_clothes_after_digits_get_a_lower_learning_rate_of_the_generator():
    digits = PRESETS["quick-mnist"].config.changed({"n_critic": 3})
    clothes = adapt_to_dataset(digits.changed({"dataset": "fashion-mnist"}), digits.dataset)
    assert clothes == PRESETS["quick-fashion"].config.changed({"n_critic": 3})
    assert clothes.generator_learning_rate < digits.generator_learning_rate
    back = adapt_to_dataset(clothes.changed({"dataset": "mnist"}), clothes.dataset)
    assert back == digits.changed({"dataset": "mnist"})


def test_points_after_augmented_pictures_are_not_augmented():
    config = TrainConfig.parse({"dataset": "mnist-10k", "augmentation": "adaptive"})
    assert config.changed({"dataset": "ring-8"}).augmentation == "none"
    assert config.changed({"dataset": "mnist"}).augmentation == "adaptive"
    with pytest.raises(ConfigError, match="Set augmentation to none"):
        config.changed({"dataset": "ring-8", "augmentation": "fixed"})


def test_settings_that_the_visitor_changed_for_the_same_kind_of_data_stay():
    before = PRESETS["toy-ring"].config.changed({"objective.penalty_weight": 10.0})
    changed = before.changed({"dataset": Ring8(scale=3.0)})
    assert adapt_to_dataset(changed, before.dataset) == changed


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_compared_with_another_one(name: str):
    config = PRESETS[name].config
    other = nearest_preset(config, but=name)
    assert other != name
    fewest = min(len(differences(config, PRESETS[n].config)) for n in PRESETS if n != name)
    assert len(differences(config, PRESETS[other].config)) == fewest


def test_the_first_result_belongs_to_trainings_that_go_like_the_preset():
    config = PRESETS["quick-mnist"].config
    expected = PRESETS["quick-mnist"].first_result
    assert expected is not None and 0 < expected.step < config.steps
    for same in ({}, {"seed": 5, "threads": 1}, {"preview_every": 7}, {"steps": 2 * config.steps}):
        assert first_result(config.changed(same)) == expected
    for other in ({"steps": 100}, {"batch_size": 16}, {"conditional": False}, {"dataset": "mnist"}):
        assert first_result(config.changed(other)) is None
