"""What goes wrong in a training, in words: measured evidence, and a change that would mend it.

Rules are data: a title, what it means, thresholds and their source; `RULES` lists them in the order in
which one explains the next, so the first that applies is the one to act upon. They read what a run has
recorded, and so say the same of a live run, of one from its folder and of another machine's.
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
