"""Session: one worker thread does all long work. Pages read snapshots and send orders."""

from wgan.session.library import SUMMARY_CACHE_S, RunLibrary
from wgan.session.model_copies import MODELS_INTERVAL_S
from wgan.session.session import MAX_RACING_RUNS, Busy, Session
from wgan.session.shared import close_shared_sessions, shared_session, shared_sessions

__all__ = [
    "MAX_RACING_RUNS",
    "MODELS_INTERVAL_S",
    "SUMMARY_CACHE_S",
    "Busy",
    "RunLibrary",
    "Session",
    "close_shared_sessions",
    "shared_session",
    "shared_sessions",
]
