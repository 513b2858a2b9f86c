from collections.abc import Iterator

import pytest

from wgan.session import close_shared_sessions


@pytest.fixture(autouse=True)
def no_session_is_left() -> Iterator[None]:
    """End the session that a page began: it belongs to the process, which goes on with other tests."""
    yield
    close_shared_sessions()
