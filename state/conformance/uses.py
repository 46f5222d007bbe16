"""Read, without importing anything, what a source uses of the table in ``versions``."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..backends.hooks import is_base
from .versions import USES, Version

# a branch below such a condition is for some versions only
_ASKS_FOR_A_VERSION = re.compile(r"(\b|_)version|AIRFLOW_V", re.IGNORECASE)
_FALLBACKS = {"ImportError", "ModuleNotFoundError", "AttributeError", "TypeError"}
_STORE = "task_state_store"
_NEW_WRITER = "task_instance_id"
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Found(NamedTuple):
    """One use: the file's name, the line, and what is used, as :data:`~.versions.USES` spells it.

    :param what: a key of that table.
    """

    file: str
    line: int
    what: str


def in_file(path: Path) -> list[Found]:
    """What a Dag file or a module uses.

    :raises OSError: if it cannot be read.
    :raises SyntaxError: if it is not Python.
    """
    tree = ast.parse(path.read_bytes(), str(path))
    return _found(path, tree)


def in_class(cls: type) -> list[Found] | None:
    """What a class uses, with its bases and with the functions and classes of their modules that
    they name; None if its source is not there.
    """
    found: list[Found] | None = None
    for base in cls.__mro__:
        path = _source(base)
        if path is None or is_base(base) or _is_pythons(base):
            continue
        tree = ast.parse(path.read_bytes(), str(path))
        root = base.__qualname__.partition(".")[0]
        found = (found or []) + _found(path, ast.Module(_part(tree, root), type_ignores=[]))
    if found is None:
        return None
    return sorted(set(found))


def missing(found: list[Found], version: Version) -> list[str]:
    """A sentence for each use that a version does not have."""
    lines = []
    for use in found:
        fact = USES[use.what]
        if not fact.exists_in(version):
            where = f"{use.file}:{use.line}"
            lines.append(f"{where}: {use.what} {fact.versions}; {fact.instead}")
    return lines


def _is_pythons(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in sys.stdlib_module_names


def _source(cls: type) -> Path | None:
    try:
        name = inspect.getsourcefile(cls)
    except TypeError:  # it is built in, or its module has no file
        return None
    if name is None or not Path(name).is_file():
        return None
    return Path(name)


def _part(tree: ast.Module, root: str) -> list[ast.stmt]:
    """The statements of a module without the functions and classes that ``root`` does not need."""
    definitions = {
        node.name: node for node in tree.body if isinstance(node, _Function | ast.ClassDef)
    }
    needed: set[str] = set()
    names = {root}
    while names:
        name = names.pop()
        if name in definitions and name not in needed:
            needed.add(name)
            names |= {node.id for node in ast.walk(definitions[name]) if isinstance(node, ast.Name)}
    return [
        node
        for node in tree.body
        if not isinstance(node, _Function | ast.ClassDef) or node.name in needed
    ]


def _found(path: Path, tree: ast.Module) -> list[Found]:
    reader = _Reader()
    reader.visit(tree)
    asked_for = set(_attributes_asked_for(tree))
    return [
        Found(path.name, line, what)
        for line, what in sorted(reader.uses)
        if what in USES and what.rpartition(".")[2] not in asked_for
    ]


def _attributes_asked_for(tree: ast.Module) -> Iterator[str]:
    """The attributes that the source looks for with ``hasattr`` or ``getattr``."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("hasattr" | "getattr"), args=[_, ast.Constant(name), *_]):
                yield str(name)


class _Reader(ast.NodeVisitor):
    """Collects uses; it follows a task's store and a scope through assignments and arguments."""

    def __init__(self) -> None:
        self.uses: set[tuple[int, str]] = set()
        self._stores: set[str] = set()
        self._scopes: set[str] = set()
        self._modules: dict[str, str] = {}  # the name in this source → the name of a module

    def _use(self, node: ast.AST, what: str) -> None:
        self.uses.add((getattr(node, "lineno", 0), what))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                self._modules[alias.asname] = alias.name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            name = f"{node.module}.{alias.name}"
            self._modules[alias.asname or alias.name] = name
            self._use(node, name)

    def visit_If(self, node: ast.If) -> None:
        test = ast.unparse(node.test)
        if "TYPE_CHECKING" in test:
            branches = node.orelse
        elif _ASKS_FOR_A_VERSION.search(test):
            branches = []
        else:
            branches = [node.test, *node.body, *node.orelse]  # type: ignore[list-item]  # all nodes
        for branch in branches:
            self.visit(branch)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        if not _ASKS_FOR_A_VERSION.search(ast.unparse(node.test)):
            self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        caught = {
            name.id
            for handler in node.handlers
            if handler.type is not None
            for name in ast.walk(handler.type)
            if isinstance(name, ast.Name)
        }
        parts: list[ast.AST] = [*node.handlers, *node.orelse, *node.finalbody]
        if not caught & _FALLBACKS:
            parts = [*node.body, *parts]
        for part in parts:
            self.visit(part)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outside = self._stores, self._scopes
        for _ in range(2):  # an attribute may be used above the method that assigns it
            self.generic_visit(node)
        self._stores, self._scopes = outside

    def visit_FunctionDef(self, node: _Function) -> None:
        self._use(node, f"def {node.name}")
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if node.args.kwarg is None and _NEW_WRITER not in [each.arg for each in arguments]:
            self._use(node, f"def {node.name} without {_NEW_WRITER}")
        outside = self._stores, self._scopes
        self._stores, self._scopes = set(self._stores), set(self._scopes)
        for argument in arguments:
            self._take(argument)
        self.generic_visit(node)
        self._stores = outside[0] | set(filter(_is_attribute, self._stores))
        self._scopes = outside[1] | set(filter(_is_attribute, self._scopes))

    visit_AsyncFunctionDef = visit_FunctionDef

    def _take(self, argument: ast.arg) -> None:
        name = argument.arg
        kind = ast.unparse(argument.annotation) if argument.annotation else name
        _mark(self._stores, name, kind in (_STORE, "TaskStateStoreAccessor"))
        _mark(self._scopes, name, kind in ("scope", "TaskScope", "StoreScope"))

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._assign(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
            self._assign(node.target, node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._assign(node.target, node.value)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name | ast.Attribute):
            name = ast.unparse(target)
            _mark(self._stores, name, self._is_store(value))
            _mark(self._scopes, name, self._is_scope(value))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if self._is_store(node.value):
            self._use(node, f"{_STORE}.{node.attr}")
        if self._is_scope(node.value):
            self._use(node, f"TaskScope.{node.attr}")
        self._use(node, self._dotted(node))
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        match node:
            case ast.Subscript(
                value=ast.Call(func=function, args=[scope, *_]), slice=ast.Constant("map_index")
            ) if self._is_scope(scope):
                self._use(node, f'{self._name(function)}(scope)["map_index"]')
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = self._name(node.func)
        for keyword in node.keywords:
            if name == "replace" and node.args and self._is_scope(node.args[0]):
                self._use(node, f"replace(scope, {keyword.arg}=…)")
            else:
                self._use(node, f"{name}({keyword.arg}=…)")
        match node.args:
            case [ast.Call(func=inner, args=[scope, *_]), *_] if self._is_scope(scope):
                self._use(node, f"json.{name}({self._name(inner)}(scope))")
        self.generic_visit(node)

    def _dotted(self, node: ast.expr) -> str:
        """A name with the module that it stands for."""
        first, separator, rest = ast.unparse(node).partition(".")
        return self._modules.get(first, first) + separator + rest

    def _name(self, function: ast.expr) -> str:
        return self._dotted(function).rpartition(".")[2]

    def _is_store(self, node: ast.expr) -> bool:
        """Whether an expression is the accessor of a task's state."""
        match node:
            case ast.Subscript(slice=ast.Constant(name)):
                return bool(name == _STORE)
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(name), *_]):
                return bool(name == _STORE)
            case ast.Call(func=ast.Name("cast"), args=[_, value]):
                return self._is_store(value)
            case ast.NamedExpr(value=value):
                return self._is_store(value)
            case ast.Name() | ast.Attribute():
                return ast.unparse(node) in self._stores
        return False

    def _is_scope(self, node: ast.expr) -> bool:
        """Whether an expression is the scope of a task."""
        match node:
            case ast.Call(func=function):
                return self._name(function) == "TaskScope"
            case ast.Name() | ast.Attribute():
                return ast.unparse(node) in self._scopes
        return False


def _is_attribute(name: str) -> bool:
    return "." in name


def _mark(names: set[str], name: str, is_one: bool) -> None:
    if is_one:
        names.add(name)
    else:
        names.discard(name)
