"""`make test-processors` names test files; one that was renamed would be left out, or end it."""

from tests.processors import FILES, ROOT


def test_the_numeric_tests_exist():
    assert [name for name in FILES if not (ROOT / "tests" / f"test_{name}.py").is_file()] == []
