"""Texts of users, shown as they are: Streamlit reads most of its texts as Markdown."""

import re

_FORMAT = re.compile(r"[\\`*_{}\[\]<#!|~$&]")
_BLOCK = re.compile(r"^(\d+(?=[.)](?: |&|$))|(?=[-+=>]))")
"""The beginning of a list, a quotation, a line, or an underlined heading."""

_REPLACED = re.compile(r"[:@]|(?<=www)\.|[<>~-](?=[<>=-])", re.IGNORECASE)
"""Where the browser replaces characters after it has removed backslashes: emoji codes, icons, addresses, arrows."""

_SPACE = re.compile(r"^ | $|[^\S ]|(?<= ) ")
"""White space that Markdown does not keep: indents, line ends, tabs, repeated spaces."""

_NOT_SHOWN = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def plain_text(text: str) -> str:
    """Return Markdown that shows a text as it is, for the texts of Streamlit elements and of `Help` in our widgets.

    No part of the text becomes a format, a link, an image, a formula, HTML, an icon or an emoji. The text stays in its
    line: the browser shows a line break as a space. Control characters become U+FFFD.

    Use it for all texts that a user wrote or that come from a file: names, notes, class names, file names, and
    messages that quote them. Do not use it where Streamlit shows text as it is: the options of `st.selectbox` and
    `st.multiselect`, the values of fields, `st.code`, `st.text`, and the cells of `st.dataframe`, which get `cell_text`.
    """
    text = _NOT_SHOWN.sub("\ufffd", text)
    parts, end = [], 0
    for match in _REPLACED.finditer(text):
        # The directive `:color` without a colour is an element without a style. It separates this
        # character from the next, so that the two are not replaced together.
        parts += [_escaped(text[end : match.start()]), f":color[\\{match[0]}]"]
        end = match.end()
    parts.append(_escaped(text[end:]))
    return _BLOCK.sub(r"\1\\", "".join(parts))


def _escaped(text: str) -> str:
    text = _FORMAT.sub(r"\\\g<0>", text)
    return _SPACE.sub(lambda space: f"&#{ord(space[0])};", text)


def cell_text(text: str) -> str:
    """Return a text for a cell or a heading of `st.dataframe`.

    Visitors can download these tables as CSV, and spreadsheets run a cell that begins with one of `= + - @` as a
    formula. Such a text gets an invisible character in front (U+200B), so that it remains a text.

    Reference: OWASP, "CSV Injection".
    """
    return f"\u200b{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
