import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgan.config import (
    PARTS,
    PRESETS,
    ConfigError,
    Hyperparameter,
    TrainConfig,
    hyperparameters,
)
from wgan.objectives import OBJECTIVES


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"n_critic": 0}, "n_critic must be at least 1, not 0."),
        ({"batchsize": 3}, "There is no setting batchsize. Did you mean batch_size?"),
        ({"zebra": 3}, "There is no setting zebra."),
        (
            {"objective": {"name": "wgan-gp", "clip_value": 0.1}},
            "The objective wgan-gp has no clip_value: it has penalty_weight; clip_value belongs to wgan.",
        ),
        (
            {"objective": {"name": "gan", "clip_value": 0.1}},
            "The objective gan has no clip_value: it has no settings of its own; clip_value belongs "
            "to wgan.",
        ),
        (
            {"objective": "wgann"},
            "There is no objective 'wgann': choose one of gan, wgan, wgan-gp.",
        ),
        (
            {"dataset": "ring-8", "network": "dcgan"},
            "The network dcgan makes pictures, and this data set holds points. Choose the network mlp.",
        ),
        ({"network": "mlp"}, "Choose the network dcgan."),
        (
            {"replacement": False, "batch_size": 4000, "dataset": "ring-8"},
            "draws fresh points for every batch",
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
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(values: dict[str, object], words: str):
    with pytest.raises(ConfigError) as caught:
        TrainConfig.parse(values)
    assert words in str(caught.value)
    assert str(caught.value).endswith(".") or str(caught.value).endswith("?")
    assert "pydantic" not in str(caught.value).lower()


def test_a_batch_larger_than_the_data_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wgan.data.Mnist10k.size", 100)
    with pytest.raises(ConfigError, match="batch size 101 is larger than the data set's 100"):
        TrainConfig.parse({"replacement": False, "batch_size": 101})
    TrainConfig.parse({"replacement": False, "batch_size": 100})


@st.composite
def configs(draw: st.DrawFn) -> TrainConfig:
    """Any valid config: every variant, every hyperparameter within its bounds."""
    values: dict[str, object] = {}
    for part, variants in PARTS.items():
        values[part] = draw(st.sampled_from(list(variants)))
    if values["dataset"] in ("mnist-10k", "mnist", "fashion-mnist"):
        values["network"] = "dcgan"
    else:
        values["network"] = "mlp"
    config = TrainConfig.parse(values)
    changes = {}
    for value in hyperparameters(config):
        if value.path not in PARTS and value.path != "replacement":
            changes[value.path] = draw(within(value))
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
        TrainConfig().n_critic = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_say_what_they_are(name: str):
    preset = PRESETS[name]
    assert preset.title and preset.description.endswith(".") and preset.source
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
