"""Find user text that a page gives to Streamlit as Markdown: `python -m tests.text_lint`, part of `make check`.

User text is what people and files call things: names, titles, notes, class names, file names, parts of an address, and
messages that may quote them. The check follows it through variables, attributes, parameters and return values of all
modules in `pages/`, until it reaches an argument that Streamlit reads as Markdown or HTML. There it must be inside
`plain_text(...)`, or `cell_text(...)` in a table.

The check knows names and no types, and the order of statements does not matter to it. So it may report a text that is
ours. Use `plain_text` for that too, unless the text has a format.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


USER_TEXT = _words(
    "name title run note error warning message phase problem called label labels result "
    "class_names all_class_names names known classes chosen_classes skipped reasons pattern "
    "protocol metadata fact runs_dir saved_presets presets "
    "forecast run_title title_of value_text fmt_value query_params text_input text_area file_uploader"
)
"""Attributes and functions, of the library and of Streamlit, that give user text."""

OURS = _words(
    "lab labs rule scenario step stage term preset place places part gan value metric kind field fields page "
    "objective optimizer network thresholds VARIED OBJECTIVES PRESETS EXAMPLES STEPS"
)
"""Variables whose attributes are constants of the program, such as `rule.title`."""

SAFE = _words(
    "plain_text cell_text "
    "len int float bool round sum range hash ord isinstance any all abs crc32 index count began strftime "
    "fmt_bytes fmt_number fmt_duration fmt_estimate fmt_sig fmt_sci fmt_digits fmt_fixed fmt_share fmt_percent "
    "fmt_rounded value_and_unit "  # numbers
    "page_state persistent_key result_of changed model_copy"  # objects, whose attributes count
)
"""Functions that return no user text, whatever their arguments."""

SAFE_MODULES = _words("np verdicts latent_verdicts figures critic latent draft setup_url")
"""Modules of the library whose functions return numbers, figures, objects, or sentences about numbers."""

NOT_SHOWN = _words("key args on_change on_click on_dismiss icon value default")
"""Arguments of elements that are not shown, or are shown as they are."""

_BODY, _LABEL = {0: "body"}, {0: "label"}
_OPTIONS = {0: "label", 1: "options", 2: "captions", 3: "format_func"}

MARKDOWN: dict[str, Mapping[int, str]] = {
    **dict.fromkeys(
        _words("markdown caption title header subheader toast write html spinner"), _BODY
    ),
    **dict.fromkeys(_words("info warning error success"), _BODY | {-1: "title"}),
    **dict.fromkeys(
        _words(
            "badge button download_button form_submit_button link_button checkbox toggle expander popover status "
            "slider number_input text_input text_area file_uploader selectbox multiselect dialog "
            "Column TextColumn NumberColumn CheckboxColumn ButtonColumn ImageColumn LinkColumn"
        ),
        _LABEL,
    ),
    **dict.fromkeys(_words("radio pills segmented_control select_slider menu_button"), _OPTIONS),
    "metric": {0: "label", 1: "value", 2: "delta"},
    "page_link": {1: "label"},
    "Page": {1: "title"},
    "progress": {1: "text"},
    "image": {1: "caption"},
    "tabs": {0: "tabs"},
    "table": {0: "data"},
    "dataframe": {0: "data"},
    "data_editor": {0: "data"},
}
"""The elements of Streamlit 1.67 and their arguments that are read as Markdown or HTML, by position; besides `help`.

The cells of a dataframe are shown as they are, but spreadsheets read their download.
"""

PLAIN = _words(
    "code text latex divider columns container empty form fragment rerun stop switch_page navigation set_page_config "
    "cache_data cache_resource get_option App"
)
"""Elements and functions of Streamlit without such an argument."""


@dataclass
class Scope:
    """The names of a module or a function."""

    module: str
    node: ast.AST
    parent: "Scope | None" = None
    user_text: set[str] = field(default_factory=set)  # names that hold user text
    functions: dict[str, "Scope"] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)  # "module" or "module:name"
    returns_user_text: bool = False

    def _outwards(self) -> "Iterator[Scope]":
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def holds_user_text(self, name: str) -> bool:
        return any(name in scope.user_text for scope in self._outwards())

    def look_up(self, name: str) -> "Scope | str | None":
        """Return the function, or the import, that a name means."""
        for scope in self._outwards():
            if name in scope.functions:
                return scope.functions[name]
            if name in scope.imports:
                return scope.imports[name]
        return None


@dataclass(frozen=True, order=True)
class Fault:
    """User text in an argument that is read as Markdown."""

    path: str
    line: int
    element: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.element} gets user text without plain_text: {self.text}"


def read_pages(root: Path) -> dict[str, ast.Module]:
    """Return the modules in `pages/` of a folder, by name."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts): ast.parse(path.read_text("utf-8"))
        for path in sorted(root.glob("pages/**/*.py"))
    }


class Checker:
    """The modules of the pages, and what is known of their names."""

    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self.modules = {name: Scope(name, tree) for name, tree in trees.items()}
        self.methods: dict[str, list[Scope]] = {}
        self.fields: dict[
            str, list[str]
        ] = {}  # of each class "module:name", as its constructor takes them
        self.attributes: set[str] = set()  # attributes to which user text is assigned
        self.changed = False
        for module in self.modules.values():
            self._declare(module.node, module)

    def _declare(self, node: ast.AST, scope: Scope, in_class: str = "") -> None:
        """Enter functions, classes and imports into a scope."""
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    inner = Scope(scope.module, child, scope)
                    if in_class:
                        self.methods.setdefault(name, []).append(inner)
                    scope.functions[f"{in_class}.{name}" if in_class else name] = inner
                    self._declare(child, inner)
                case ast.ClassDef(name=name, body=body):
                    annotated = (s.target for s in body if isinstance(s, ast.AnnAssign))
                    attributes = [t.id for t in annotated if isinstance(t, ast.Name)]
                    self.fields[f"{scope.module}:{name}"] = attributes
                    self._declare(child, scope, in_class=name)
                case ast.ImportFrom(module=module, names=names):
                    for alias in names:
                        full = f"{module}.{alias.name}"
                        meaning = full if full in self.modules else f"{module}:{alias.name}"
                        scope.imports[alias.asname or alias.name] = meaning
                case _:
                    self._declare(child, scope, in_class)

    def faults(self) -> list[Fault]:
        """Follow user text through all modules, and return all faults."""
        self.changed = True
        while self.changed:
            self.changed = False
            for scope in self._scopes():
                for node in _nodes_of(scope.node):
                    self._follow(node, scope)
        found = (self._faults_of(node, s) for s in self._scopes() for node in _nodes_of(s.node))
        return sorted({fault for faults in found for fault in faults})

    def _scopes(self) -> Iterator[Scope]:
        waiting = list(self.modules.values())
        while waiting:
            scope = waiting.pop()
            yield scope
            waiting += scope.functions.values()

    # ---- how user text moves ------------------------------------------------------------------

    def _follow(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value, scope)
            case (
                ast.AnnAssign(target=target, value=ast.expr() as value)
                | ast.AugAssign(target=target, value=value)
                | ast.NamedExpr(target=target, value=value)
                | ast.For(target=target, iter=value)
                | ast.comprehension(target=target, iter=value)
                | ast.withitem(optional_vars=ast.expr() as target, context_expr=value)
            ):
                self._assign(target, value, scope)
            case ast.ExceptHandler(name=str() as name):
                self._mark(ast.Name(name), scope)
            case ast.Return(value=value) | ast.Yield(value=value):
                if not scope.returns_user_text and self._is_user_text(value, scope):
                    scope.returns_user_text = self.changed = True
            case ast.Call(func=ast.Attribute(value=owner, attr=name), args=arguments) if name in (
                "append",
                "add",
                "extend",
                "update",
                "insert",
                "setdefault",
            ):
                if self._any(arguments, scope):
                    self._mark(owner, scope)
            case ast.Call():
                self._pass_arguments(node, scope)

    def _assign(self, target: ast.expr, value: ast.expr, scope: Scope) -> None:
        for part, its_value in _pairs(target, value):
            if self._is_user_text(its_value, scope):
                self._mark(part, scope)

    def _mark(self, target: ast.expr, scope: Scope) -> None:
        """Note that a target of an assignment holds user text."""
        match target:
            case ast.Name(id=name) if not scope.holds_user_text(name):
                scope.user_text.add(name)
                self.changed = True
            case ast.Attribute(attr=name) if name not in {*self.attributes, "session_state"}:
                self.attributes.add(name)
                self.changed = True
            case ast.Subscript(value=inner) | ast.Starred(value=inner):
                self._mark(inner, scope)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for part in parts:
                    self._mark(part, scope)

    def _pass_arguments(self, call: ast.Call, scope: Scope) -> None:
        """Mark the parameters of a function of the pages, or the fields of a class, that get user text."""
        keywords = [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg]
        name = _last_name(call.func)
        if _is_class(name) and name not in MARKDOWN:
            meaning = scope.look_up(name)
            names = self.fields.get(
                meaning if isinstance(meaning, str) else f"{scope.module}:{name}", []
            )
            for attribute, argument in [*zip(names, call.args, strict=False), *keywords]:
                if self._is_user_text(argument, scope):
                    self._mark(ast.Attribute(call.func, attribute), scope)
        for callee in self._callees(call.func, scope):
            for parameter, argument in [
                *zip(_parameters(callee), call.args, strict=False),
                *keywords,
            ]:
                if self._is_user_text(argument, scope):
                    self._mark(ast.Name(parameter), callee)

    def _callees(self, function: ast.expr, scope: Scope) -> list[Scope]:
        """Return the functions of the pages that an expression may mean."""
        match function:
            case ast.Name(id=name):
                meaning = scope.look_up(name)
                if isinstance(meaning, Scope):
                    return [meaning]
                where, _, original = (meaning or "").partition(":")
                return self._function_of(where, original)
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (
                isinstance(module := scope.look_up(owner), str) and module in self.modules
            ):
                return self._function_of(module, name)
            case ast.Attribute(attr=name):
                return self.methods.get(name, [])
        return []

    def _function_of(self, module: str, name: str) -> list[Scope]:
        functions = self.modules[module].functions if module in self.modules else {}
        return [functions[name]] if name in functions else []

    def _any(self, nodes: Iterable[ast.expr | None], scope: Scope) -> bool:
        return any(self._is_user_text(node, scope) for node in nodes)

    def _is_user_text(self, node: ast.AST | None, scope: Scope) -> bool:
        """Return whether an expression may contain user text."""
        match node:
            case None | ast.Constant() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return False
            case ast.Name(id=name):
                return scope.holds_user_text(name)
            case ast.Attribute(value=owner, attr="__getitem__" | "get"):
                return self._is_user_text(owner, scope)
            case ast.Attribute(value=owner, attr=name):
                return self._is_user_text_attribute(_last_name(owner), name)
            case ast.Call():
                return self._returns_user_text(node, scope)
            case ast.FormattedValue(value=value, format_spec=spec):
                return not _is_number_format(spec) and self._is_user_text(value, scope)
            case ast.IfExp(body=body, orelse=orelse):
                return self._any([body, orelse], scope)
            case ast.Subscript(value=value):
                return _last_name(value) not in OURS and self._is_user_text(value, scope)
            case ast.Lambda(body=body):
                return self._is_user_text(body, scope)
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                shown = [v for k, v in pairs if getattr(k, "value", "") not in NOT_SHOWN]
                return self._any([*keys, *shown], scope)
            case ast.DictComp(key=key, value=value):
                return self._any([key, value], scope)
            case ast.ListComp(elt=part) | ast.SetComp(elt=part) | ast.GeneratorExp(elt=part):
                return self._is_user_text(part, scope)
        return any(self._is_user_text(child, scope) for child in ast.iter_child_nodes(node))

    def _is_user_text_attribute(self, owner: str, name: str) -> bool:
        if owner in OURS or (name == "result" and owner != "task"):
            return False
        if name in USER_TEXT or name in self.attributes or owner == "session_state":
            return True
        properties = (method for method in self.methods.get(name, []) if _is_property(method))
        return any(method.returns_user_text for method in properties)

    def _returns_user_text(self, call: ast.Call, scope: Scope) -> bool:
        name, owner = _last_name(call.func), _first_name(call.func)
        if name in SAFE or (_is_class(name) and name != "Path"):
            return False
        if callees := self._callees(call.func, scope):
            return any(callee.returns_user_text for callee in callees)
        if name in USER_TEXT:
            return True
        if owner in SAFE_MODULES or "session()" in ast.unparse(call.func):
            return False
        if isinstance(call.func, ast.Attribute) and self._is_user_text(call.func.value, scope):
            return True
        shown = [keyword.value for keyword in call.keywords if keyword.arg not in NOT_SHOWN]
        return self._any([*call.args, *shown], scope)

    # ---- where it is shown --------------------------------------------------------------------

    def _faults_of(self, node: ast.AST, scope: Scope) -> Iterator[Fault]:
        element = _element(node)
        if not isinstance(node, ast.Call) or element is None or self._callees(node.func, scope):
            return
        path = Path(*scope.module.split(".")).with_suffix(".py").as_posix()
        if element not in MARKDOWN:
            yield Fault(path, node.lineno, element, "this check does not know the element")
            return
        read = MARKDOWN[element]
        arguments = {read[i]: a for i, a in enumerate(node.args) if i in read}
        arguments |= {k.arg or "**": k.value for k in node.keywords if k.arg not in NOT_SHOWN}
        if "format_func" in arguments:
            self._format_options(arguments, scope)
        for name, argument in arguments.items():
            if name in (*read.values(), "help", "**") and self._is_user_text(argument, scope):
                yield Fault(path, argument.lineno, element, ast.unparse(argument)[:200])

    def _format_options(self, arguments: dict[str, ast.expr], scope: Scope) -> None:
        """Take the options out of the arguments: what is shown is what `format_func` makes of them."""
        options = arguments.pop("options", None)
        function = arguments["format_func"]
        if isinstance(function, ast.Lambda) and self._is_user_text(options, scope):
            for parameter in function.args.args:
                self._mark(ast.Name(parameter.arg), scope)


def _nodes_of(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a module or a function without those of the functions in it."""
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += node.decorator_list
        else:
            waiting += ast.iter_child_nodes(node)


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """Return the parts of a target with the values that they get, as far as these are known."""
    values: list[ast.expr] = []
    match value:
        case ast.Tuple(elts=parts):
            values = parts
        case ast.Call(func=ast.Name(id="zip"), args=arguments):
            values = arguments
        case ast.Call(func=ast.Name(id="enumerate"), args=[first, *_]):
            values = [ast.Constant(0), first]
    if isinstance(target, ast.Tuple) and len(values) == len(target.elts):
        return list(zip(target.elts, values, strict=True))
    return [(target, value)]


def _element(node: ast.AST) -> str | None:
    """Return the name of the Streamlit element that a call shows; None for another call, or an element of PLAIN."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    name = node.func.attr
    # Elements are also methods of containers, such as `left.markdown`.
    is_element = name in MARKDOWN or ast.unparse(node.func.value) in ("st", "st.column_config")
    return name if is_element and name not in PLAIN else None


def _parameters(function: Scope) -> list[str]:
    assert isinstance(function.node, ast.FunctionDef | ast.AsyncFunctionDef)
    arguments = function.node.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _is_property(function: Scope) -> bool:
    assert isinstance(function.node, ast.FunctionDef | ast.AsyncFunctionDef)
    return any(
        _last_name(d) in ("property", "cached_property") for d in function.node.decorator_list
    )


def _is_class(name: str) -> bool:
    return name.lstrip("_")[:1].isupper() and not name.isupper()


def _first_name(node: ast.AST) -> str:
    """Return the variable with which an expression begins: a of a.b[c].d()."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _last_name(node: ast.AST) -> str:
    """Return the name with which an expression ends: d of a.b[c].d()."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=inner) | ast.Call(func=inner):
            return _last_name(inner)
    return ""


def _is_number_format(spec: ast.expr | None) -> bool:
    return spec is not None and ast.unparse(spec).rstrip("'\"").endswith((",", *"dfgeE%"))


def main() -> int:
    """Print the faults of a folder's pages; return 1 if there are any."""
    faults = Checker(read_pages(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)).faults()
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
