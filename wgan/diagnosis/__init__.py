"""The diagnosis of a training: problems, the measurements that show them, and changes that help.

A rule has a title, an explanation, thresholds and their source. `RULES` lists the rules in an order in
which an earlier problem can cause a later one, so the first that applies is the one to act upon. Rules
read only what a run has recorded. So they give the same result for a live run, a run from its folder and
a run from another machine.
"""

from wgan.diagnosis.catalogue import RULES, diagnose, examine
from wgan.diagnosis.evidence import Evidence, Finding, Proposal, Reading, Rule, evidence_of

__all__ = [
    "RULES",
    "Evidence",
    "Finding",
    "Proposal",
    "Reading",
    "Rule",
    "diagnose",
    "evidence_of",
    "examine",
]
