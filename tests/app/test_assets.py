"""The JavaScript modules of a component are joined into one: names and order must allow that."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from pages.components import assets

HERE = Path(assets.__file__).parent


def registered() -> dict[str, list[str]]:
    """Return the JavaScript files of each component, by its name, as `component` is called with them."""
    components = {}
    for file in HERE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "component":
                name, *files = [str(a.value) for a in node.args if isinstance(a, ast.Constant)]
                components[name] = [file for file in files if file.endswith(".js")]
    return components


def test_every_module_belongs_to_a_component_and_no_test_does():
    used = {file for files in registered().values() for file in files}
    modules = {file.name for file in HERE.glob("*.js")}
    assert used == {name for name in modules if not name.endswith(".test.js")}


@pytest.mark.parametrize(("name", "files"), registered().items())
def test_the_modules_of_a_component_fit_into_one(name: str, files: list[str]):
    texts = [(HERE / file).read_text("utf-8") for file in files]
    for i, text in enumerate(texts):
        imports = re.findall(r'from "\./(\w+\.js)"', text)
        assert set(imports) <= set(files[:i]), f"{files[i]} needs {imports} before it"
    joined = assets.join_modules(texts)
    assert not re.search(r"^\s*import\b", joined, re.MULTILINE)
    assert len(re.findall(r"^export default\b", joined, re.MULTILINE)) == 1
    declared = re.findall(
        r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)", joined, re.MULTILINE
    )
    assert [name for name, count in Counter(declared).items() if count > 1] == []


def test_joining_leaves_out_imports_and_nothing_else():
    text = '// head\nimport {\n  a, b,\n} from "./one.js";\nimport { c } from "./two.js";\n\nexport const d = a + b + c;\n'
    assert assets.join_modules(["const a = 1;\n", text]) == (
        "const a = 1;\n\n// head\n\nexport const d = a + b + c;\n"
    )
