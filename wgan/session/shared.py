"""The sessions of this process, one for each folder of runs."""

import threading
from pathlib import Path

from wgan.access import AccessSettings
from wgan.session.session import Session

_shared: dict[Path, Session] = {}
_sharing = threading.Lock()


def shared_session(runs_dir: Path) -> Session:
    """Return this process' session for a folder of runs. The first call creates it.

    It is not in a Streamlit cache, because clearing the caches must not end trainings.
    """
    key = runs_dir.resolve()
    with _sharing:
        session = _shared.get(key)
        if session is None or session.closed:
            access = AccessSettings.from_environment()
            session = Session(runs_dir, limits=access.limits, folders=access.folders)
            _shared[key] = session
        return session


def shared_sessions() -> list[Session]:
    """Return the open sessions that `shared_session` created."""
    with _sharing:
        return [session for session in _shared.values() if not session.closed]


def close_shared_sessions() -> None:
    """Close the sessions that `shared_session` created."""
    with _sharing:
        for session in _shared.values():
            session.close()
        _shared.clear()
