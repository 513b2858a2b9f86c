"""Which of several values counts: the visitor's edit, an older one, or what something else has set."""

from typing import Any

from streamlit.testing.v1 import AppTest


def script(message: object, page: int, cut: bool) -> None:
    """A page with one edited number: what it returned last is its own value, unless `page` is set."""
    import streamlit as st

    from pages.ui.widgets.base.edits import edited

    if message is not None:
        st.session_state["pad"] = {"edit": message}
    if page:
        st.session_state["number"] = page

    def check(value: object) -> int | None:
        return value if isinstance(value, int) else None

    def keep(value: int) -> None:
        st.session_state["number"] = value

    edit = edited("pad", st.session_state.get("number", 0), check, keep)
    st.session_state["answer"] = (edit.value, edit.answer["number"], edit.answer["revision"])
    if cut:
        st.stop()
    st.session_state["number"] = edit.value


class Page:
    """The page, for one visitor."""

    def __init__(self) -> None:
        self.app = AppTest.from_function(script, kwargs={"message": None, "page": 0, "cut": False})

    def run(
        self, value: Any = None, number: int = 0, page: int = 0, *, interrupted: bool = False
    ) -> Any:
        """Run the page once; return the value shown, and the number and revision of the answer."""
        sent = {"client": "tab", "number": number, "value": value, "commands": []}
        self.app.args = ()
        self.app.kwargs = {"message": sent if number else None, "page": page, "cut": interrupted}
        self.app.run()
        assert not self.app.exception
        return self.app.session_state["answer"]


def test_the_newest_edit_counts_and_an_older_message_does_not():
    page = Page()
    assert page.run() == (0, 0, 0)
    assert page.run(5, 1) == (5, 1, 0)
    assert page.run(7, 3) == (7, 3, 0)
    assert page.run(6, 2) == (7, 3, 0)  # a late one
    assert page.run(7, 3) == (7, 3, 0)  # the same again, as at every rerun


def test_what_something_else_sets_is_a_new_revision_and_an_edit_goes_on_from_it():
    page = Page()
    page.run(5, 1)
    assert page.run(page=9) == (9, 1, 1)
    assert page.run(4, 2) == (4, 2, 1)
    assert page.run(3, 3, page=8) == (8, 3, 2)  # an edit and a preset in one run: the preset
    assert page.run(page=8) == (8, 3, 2)


def test_an_edit_is_kept_where_a_rerun_cuts_the_page_off():
    page = Page()
    page.run()
    assert page.run(5, 1, interrupted=True) == (5, 1, 0)
    assert page.run() == (5, 1, 0)


def test_what_cannot_be_is_corrected():
    page = Page()
    page.run(5, 1)
    assert page.run("x", 2) == (5, 2, 1)


def script_with_command(message: object, is_ended: bool) -> None:
    """A page with a command, whose rerun is ended before the command has changed anything."""
    import streamlit as st

    from pages.ui.widgets.base.edits import edited, receive

    def check(value: object) -> None:
        return None

    def keep(value: int) -> None:
        if st.session_state["is_ended"]:
            st.stop()
        st.session_state["kept"] = (*st.session_state.get("kept", ()), value)

    st.session_state["is_ended"] = is_ended
    if message is not None:
        st.session_state["pad"] = {"edit": message}
    receive("pad", check)  # a page that needs the value early
    edited("pad", None, check, commands={"keep": keep})


def test_a_command_is_carried_out_once_also_if_a_newer_message_ends_its_rerun():
    app = AppTest.from_function(script_with_command, kwargs={"message": None, "is_ended": False})

    def run(number: int, kept: list[int], *, is_ended: bool = False) -> tuple[int, ...]:
        commands = [{"number": n, "name": "keep", "arguments": 10 * n} for n in kept]
        message = {"client": "tab", "number": number, "value": None, "commands": commands}
        app.kwargs = {"message": message, "is_ended": is_ended}
        app.run()
        assert not app.exception
        state = app.session_state
        return tuple(state["kept"]) if "kept" in state else ()

    app.run()
    assert run(1, [1], is_ended=True) == ()
    assert run(2, [1, 2]) == (10, 20)
    assert run(2, [1, 2]) == (10, 20)  # the same message, as at every rerun
    assert run(3, [2, 3], is_ended=True) == (10, 20)
    assert run(4, [2, 3, 4]) == (10, 20, 30, 40)
