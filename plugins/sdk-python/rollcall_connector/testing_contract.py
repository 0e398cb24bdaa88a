"""The contract's types and modules for tests in plain Python, in the form in which the compiler makes them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from enum import Enum
from types import ModuleType
from typing import Any


@dataclass
class Err(Exception):
    """How a call of the contract fails."""

    value: Any


def _record(name: str, *fields: str) -> type:
    return make_dataclass(name, fields)


types = ModuleType("wit_world.imports.types")
for _name, _cases in {
    "Cell": ("None_", "Text", "Integer", "Boolean", "Bytes", "Texts"),
    "Edit": ("Replace", "Add", "Remove"),
    "Change": ("User", "Patch", "Gone"),
    "Error": ("Transient", "Denied", "InvalidSettings", "TokenExpired", "Refused", "Permanent"),
}.items():
    for _case in _cases:
        _empty = _case in ("None_", "TokenExpired")
        setattr(types, f"{_name}_{_case}", _record(f"{_name}_{_case}", *(() if _empty else ("value",))))
for _name, _fields in {
    "User": ("id", "cells"),
    "Patch": ("id", "edits"),
    "Page": ("columns", "changes", "token", "end"),
    "Fault": ("setting", "message", "hint"),
    "Transient": ("message", "retry_after_ms"),
    "Denied": ("message", "missing"),
}.items():
    setattr(types, _name, _record(_name, *_fields))
types.Coverage = Enum("Coverage", ["EVERYTHING", "CHANGES"])


def install(**imports: dict[str, Callable[..., Any]]) -> None:
    """Puts the modules there that a component would import, with the functions of each interface."""
    modules = {name: ModuleType(f"wit_world.imports.{name}") for name in imports}
    for name, functions in imports.items():
        for function, does in functions.items():
            setattr(modules[name], function, does)
    modules["types"] = types
    modules["http"].Request = _record("Request", "method", "url", "headers", "body", "login")
    modules["http"].Response = object
    modules["log"].Level = Enum("Level", ["DEBUG", "INFO", "WARN", "ERROR"])
    directory = ModuleType("wit_world.exports.directory")
    directory.AttributeInfo = _record("AttributeInfo", "name", "kind", "many", "about")
    directory.Finding = _record("Finding", "subject", "state", "message", "hint")
    directory.Connection = _record("Connection", "users", "findings")
    directory.Kind = Enum("Kind", ["TEXT", "INTEGER", "BOOLEAN", "BYTES"])
    directory.State = Enum("State", ["PASSED", "WARNED", "FAILED"])
    compiled = ModuleType("componentize_py_types")
    compiled.Err = Err
    world = ModuleType("wit_world")
    world.imports, world.exports = ModuleType("wit_world.imports"), ModuleType("wit_world.exports")
    world.exports.directory = directory
    for name, module in modules.items():
        setattr(world.imports, name, module)
        sys.modules[module.__name__] = module
    for module in (world, world.imports, world.exports, directory, compiled):
        sys.modules[module.__name__] = module
