"""Session: one worker thread does all long work. Pages read snapshots and send orders."""

from wgan.session.library import CARDS_EVERY, RunLibrary
from wgan.session.model_copies import MODELS_EVERY
from wgan.session.session import MOST_RACING, Busy, Session
from wgan.session.shared import close_shared_sessions, shared_session, shared_sessions

__all__ = [
    "CARDS_EVERY",
    "MODELS_EVERY",
    "MOST_RACING",
    "Busy",
    "RunLibrary",
    "Session",
    "close_shared_sessions",
    "shared_session",
    "shared_sessions",
]
