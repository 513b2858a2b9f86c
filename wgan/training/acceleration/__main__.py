"""The compiler process: reads a config and an engine as JSON from stdin, and compiles their steps."""

import json
import os
import sys

from wgan.config import TrainConfig
from wgan.training.acceleration.aot import COMPILER_NICENESS, build
from wgan.training.cost import synthetic_training
from wgan.training.engine import Engine

if hasattr(os, "nice"):
    os.nice(COMPILER_NICENESS)
values, settings = json.load(sys.stdin)
config, engine = TrainConfig.parse(values), Engine(**settings)
engine.activate()
build(config, engine, synthetic_training(config, engine).traceable_steps())
