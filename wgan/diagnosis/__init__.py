"""The diagnosis of a training: problems, the measurements that show them, and changes that help.

Each rule has a title, an explanation, thresholds and their source. In `RULES`, earlier problems can
cause later ones, so the first rule that applies is the one to act upon. Rules read only the records
of a run. So they give the same result for a live run, a stored run, and a run from another machine.
"""

from wgan.diagnosis.catalogue import RULES, diagnose, examine, missing_reason
from wgan.diagnosis.evidence import Evidence, Finding, Proposal, Reading, Rule, evidence_of
from wgan.diagnosis.health import Health, health
from wgan.diagnosis.sample_rules import FEW_KINDS, sample_facts
from wgan.diagnosis.scenarios import SCENARIOS, Scenario, scenario_of

__all__ = [
    "FEW_KINDS",
    "RULES",
    "SCENARIOS",
    "Evidence",
    "Finding",
    "Health",
    "Proposal",
    "Reading",
    "Rule",
    "Scenario",
    "diagnose",
    "evidence_of",
    "examine",
    "health",
    "missing_reason",
    "sample_facts",
    "scenario_of",
]
