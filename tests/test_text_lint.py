"""The check that user text reaches Streamlit's Markdown only through `plain_text`."""

import ast
from pathlib import Path
from textwrap import dedent

import pytest

from tests.text_lint import MARKDOWN, ROOT, Checker, read_pages


def checked(**modules: str) -> list[str]:
    """Return the lines with faults of some modules of pages."""
    sources = {name: dedent(source) for name, source in modules.items()}
    trees = {f"pages.{name}": ast.parse(source) for name, source in sources.items()}
    faults = Checker(trees).faults()
    return [sources[Path(f.path).stem].splitlines()[f.line - 1].strip() for f in faults]


@pytest.mark.parametrize(
    "line",
    [
        "st.markdown(f'**{snapshot.name}**')",
        "st.caption(snapshot.note)",
        "st.button('Open', help=f'Open {summary.title}')",
        "st.button(summary.title[:1].upper() + summary.title[1:])",
        "st.metric('Class', dataset.class_names()[0])",
        "st.tabs(list(dataset.class_names()))",
        "st.radio('Class', dataset.class_names())",
        "st.radio('Class', range(3), format_func=dataset.class_names().__getitem__)",
        "st.segmented_control('Class', [n for n in dataset.class_names()])",
        "st.progress(0.5, f'{task.title} …')",
        "st.progress(0.5, text=task.message)",
        "left.markdown(' · '.join([snapshot.run, snapshot.note]))",
        "st.column_config.TextColumn('Run', help=summary.note)",
        "st.dataframe({'Run': [summary.name]})",
        "st.write('No run ' + st.query_params.get('run', ''))",
        "st.toast('Saved as {}.'.format(st.text_input('Name')))",
        "st.html(f'<b>{snapshot.name}</b>')",
        "st.info(snapshot.name or 'no name')",
        "st.new_element(snapshot.name)",
    ],
)
def test_user_text_is_found(line: str):
    assert checked(page=line) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "st.markdown(f'**{plain_text(snapshot.name)}**')",
        "st.caption(f'Step {snapshot.step:,} of {len(snapshot.name)}')",
        "st.selectbox('Run', [summary.name], format_func=titles.get)",
        "st.text_input('Name', summary.name, placeholder=summary.title)",
        "st.code(snapshot.name)",
        "st.button('Open', key=snapshot.run, on_click=show, args=(snapshot.run,))",
        "st.dataframe({'Run': [cell_text(summary.name)]}, key=summary.run)",
        "st.markdown(rule.title)",
        "st.info('Empty' if snapshot.name else 'Full')",
    ],
)
def test_other_text_is_not_reported(line: str):
    assert checked(page=line) == []


def test_user_text_is_followed_through_names_functions_and_modules():
    faults = checked(
        texts="""
            def describe(summary, short):
                words = [] if short else [summary.note]
                words.append(summary.run)
                return ", ".join(words)

            def show(label):
                st.markdown(label)  # fault
        """,
        page="""
            from pages import texts
            from pages.texts import describe

            class Look:
                heading: str

            def draw(summary, state):
                texts.show(summary.name)
                for i, part in enumerate(describe(summary, True).split(",")):
                    st.caption(f"{i + 1}. {part}")  # fault
                try:
                    state.sentence = describe(summary, short=False)
                except ValueError as error:
                    st.error(str(error))  # fault
                Look(heading=summary.title)

            def later(state, look):
                st.caption(state.sentence)  # fault
                if text := look.heading:
                    st.info(text)  # fault
                st.caption(f"{state.other} {look.other}")
        """,
    )
    assert len(faults) == 5 and all(line.endswith("# fault") for line in faults)


def test_the_pages_show_user_text_as_it_is():
    assert Checker(read_pages(ROOT)).faults() == []


def is_wrapper(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("plain_text", "cell_text")
    )


class Unwrapped(ast.NodeTransformer):
    """Replaces each `plain_text(x)` and `cell_text(x)` by `x`, and notes the elements that contained one."""

    def __init__(self) -> None:
        self.elements: list[range] = []  # their lines

    def visit_Call(self, node: ast.Call) -> ast.AST:
        is_element = isinstance(node.func, ast.Attribute) and node.func.attr in MARKDOWN
        if is_element and any(is_wrapper(part) for part in ast.walk(node)):
            self.elements.append(range(node.lineno, node.end_lineno + 1))
        self.generic_visit(node)
        return node.args[0] if is_wrapper(node) else node


def test_no_element_of_the_pages_would_be_missed_without_plain_text():
    trees, elements = read_pages(ROOT), {}
    for name in trees:
        unwrapped = Unwrapped()
        trees[name] = unwrapped.visit(trees[name])
        elements[name.replace(".", "/") + ".py"] = unwrapped.elements
    faults = Checker(trees).faults()
    for path, places in elements.items():
        lines = [fault.line for fault in faults if fault.path == path]
        missed = [place for place in places if not any(line in place for line in lines)]
        assert not missed, (path, missed)
    assert sum(map(len, elements.values())) > 80
