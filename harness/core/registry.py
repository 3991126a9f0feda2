"""What is known by name, kind by kind, and where each member comes from.

A member ships with the harness; or an installed package names it as an entry point of the group `zarts_harness.<kind>`;
or a plugin, a Python file or module that the user names, holds it in a mapping called like the kind in capitals:

    RULES = {"mine": Mine()}
    METHODS = {"zarts-mine": Composition("...", "...", rule="mine", lookahead="fine-tuned")}

From Python an object also stands for itself, in the place of its name. Nothing is imported before a registry is asked
for it, and nothing that nobody installed or named.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from harness.core.errors import HarnessError, unknown

GROUP = "zarts_harness"
KINDS = (
    "methods",
    "rules",
    "lookaheads",
    "relaxations",
    "edges",
    "schedules",
    "perturbations",
    "stoppings",
    "objectives",
    "derivations",
    "samplers",
    "freezings",
    "strategies",
    "rankings",
    "spaces",
    "operations",
    "datasets",
    "tables",
    "reports",
)
"""Of what there can be members from outside."""
BUILT_IN, HARNESS = "built in", "the harness itself"

T = TypeVar("T")


@dataclass(frozen=True)
class Member:
    """One member of a kind: where it comes from, in words, and what imports it."""

    origin: str
    load: Callable[[], Any]
    version: object = None
    """Of what is loaded, where that may change while the program runs."""


class Registry(Mapping[str, T], Generic[T]):
    """The members of one kind by name. A member that is a class is made without arguments.

    `built_in` holds members, or "module:attribute" for those that are imported when they are asked for. `interface` is
    the "module:class" that members from outside must be of, or, where that is a protocol, have the methods of."""

    def __init__(
        self,
        kind: str,
        noun: str,
        built_in: Mapping[str, Any],
        interface: str,
        make: Callable[[Any], T] | None = None,
        found: Callable[[], Mapping[str, Member]] = dict,
    ) -> None:
        """`make` turns what is held into a member, where that is another thing than an instance of a class. `found`
        looks for further members whenever the registry is asked, such as what the user has imported."""
        self.kind, self.noun, self.interface = kind, noun, interface
        self._make_of = make or _instance
        self._found = found
        self._built_in = {name: Member(BUILT_IN, _loader(value)) for name, value in built_in.items()}
        self._made: dict[tuple[str, str, object], T] = {}

    def __getitem__(self, name: str) -> T:
        """Raises HarnessError for a name that is unknown or taken twice, and for a member from outside that cannot be
        imported or does not fit."""
        return self._of(name, self._members())

    def _of(self, name: str, found: Mapping[str, Sequence[Member]]) -> T:
        if name not in found:
            raise unknown(self.noun, name, found)
        if len(found[name]) > 1:
            places = " and by ".join(HARNESS if m.origin == BUILT_IN else m.origin for m in found[name])
            raise HarnessError(f"the {self.noun} {name!r} is defined twice, by {places}; rename or remove one.")
        member = found[name][0]
        key = name, member.origin, member.version
        if key not in self._made:
            self._made[key] = self._make(name, member)
        return self._made[key]

    def __contains__(self, name: object) -> bool:
        return name in self._members()

    def __iter__(self) -> Iterator[str]:
        return iter(self._members())

    def __len__(self) -> int:
        return len(self._members())

    def find(self, named: str | T) -> T:
        """The member of this name; an object stands for itself. Raises HarnessError."""
        return self[named] if isinstance(named, str) else self._checked(type(named).__name__, named, "Python")

    def working(self) -> tuple[dict[str, T], dict[str, str]]:
        """The members that can be had, and why the others cannot: one that is broken takes nothing else with it."""
        found: dict[str, T] = {}
        broken: dict[str, str] = {}
        members = self._members()
        for name in members:
            try:
                found[name] = self._of(name, members)
            except HarnessError as error:
                broken[name] = str(error)
        return found, broken

    def origin(self, name: str) -> str:
        """Where a member comes from, in words: "built in", "package zarts-mine 1.0", "plugin my_method.py"."""
        return " and ".join(member.origin for member in self._members()[name])

    def _members(self) -> dict[str, list[Member]]:
        found = {name: [member] for name, member in self._built_in.items()}
        for name, member in [*self._found().items(), *_installed(self.kind), *_of_plugins(self.kind)]:
            found.setdefault(name, []).append(member)
        return found

    def _make(self, name: str, member: Member) -> T:
        if member.origin == BUILT_IN:
            return self._make_of(member.load())
        try:
            value = self._make_of(member.load())
        except HarnessError:
            raise
        except Exception as error:
            raise HarnessError(
                f"{self.noun} {name!r} of {member.origin} cannot be made: {in_a_line(error)}; mend it, or remove it."
            ) from None
        return self._checked(name, value, member.origin)

    def _checked(self, name: str, value: Any, origin: str) -> T:
        """The value, if it is what members of this kind are. Raises HarnessError."""
        if fault := misfit(value, _attribute(self.interface)):
            raise HarnessError(f"{self.noun} {name!r} of {origin} does not fit: {fault}.")
        made: T = value
        return made


def misfit(value: Any, interface: Any) -> str:
    """Why a value is not what an interface asks for; empty where it is."""
    if not getattr(interface, "_is_protocol", False):
        names = " or ".join(f"{kind.__module__}.{kind.__name__}" for kind in _kinds(interface))
        return "" if isinstance(value, interface) else f"it is of type {type(value).__name__} and must be a {names}"
    for name, wanted in vars(interface).items():
        if (name.startswith("_") and name != "__call__") or not (
            inspect.isfunction(wanted) or isinstance(wanted, property)
        ):
            continue
        if not hasattr(value, name):
            return f"it has no {name}, as {interface.__module__}.{interface.__name__} describes it"
        if inspect.isfunction(wanted):
            parameters = list(inspect.signature(wanted).parameters)[1:]
            try:
                inspect.signature(getattr(value, name)).bind(*parameters)
            except TypeError:
                return f"its {name} must take ({', '.join(parameters)})"
    return ""


def _kinds(interface: Any) -> Sequence[Any]:
    return interface if isinstance(interface, tuple) else (interface,)


def _instance(value: Any) -> Any:
    return value() if isinstance(value, type) else value


def _itself(value: Any) -> Any:
    return value


def _loader(value: Any) -> Callable[[], Any]:
    return partial(_attribute if isinstance(value, str) else _itself, value)


def _attribute(path: str) -> Any:
    """The attribute that "module:attribute" names."""
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


def _installed(kind: str) -> list[tuple[str, Member]]:
    """The members that installed packages name, without importing any."""
    return [(point.name, Member(_package(point), point.load)) for point in _entry_points(kind)]


def installed(package: str) -> dict[str, list[str]]:
    """The names of the members that an installed package brings, by kind; empty where there is no such package."""
    points = {kind: _entry_points(kind) for kind in KINDS}
    named = {kind: [p.name for p in found if p.dist and p.dist.name == package] for kind, found in points.items()}
    return {kind: names for kind, names in named.items() if names}


def from_outside(kind: str) -> list[str]:
    """The names of the members that do not ship with the harness: of installed packages, and of plugins."""
    return [name for name, _ in [*_installed(kind), *_of_plugins(kind)]]


def _entry_points(kind: str) -> list[EntryPoint]:
    return [point for point in _all_entry_points() if point.group == f"{GROUP}.{kind}"]


@cache
def _all_entry_points() -> Sequence[EntryPoint]:
    """Of all kinds: to find them means to look through everything that is installed."""
    found = entry_points()
    return [point for kind in KINDS for point in found.select(group=f"{GROUP}.{kind}")]


def installed_modules() -> list[str]:
    """The modules, by the first part of their names, in which installed packages keep their members."""
    return sorted({point.module.partition(".")[0] for point in _all_entry_points()})


def _package(point: EntryPoint) -> str:
    return f"package {point.dist.name} {point.dist.version}" if point.dist else f"package {point.module}"


_plugins: dict[str, ModuleType | None] = {}
"""By what the user called each: the module, or None while it has not been asked for."""


def add_plugins(names: Sequence[str], beside: Path = Path()) -> None:
    """Takes in the Python files, named from the folder `beside`, or modules. They are imported when a registry is next
    asked. Raises HarnessError for a file that is not there."""
    for name in names:
        _plugins.setdefault(_place(name, beside), None)


def load_plugin(name: str) -> ModuleType:
    """Takes in one plugin and imports it now. Raises HarnessError as `add_plugins` and `plugins` do."""
    add_plugins([name])
    return plugins()[_place(name, Path())]


def offers(plugin: ModuleType) -> dict[str, Mapping[str, Any]]:
    """The members that a plugin holds, by kind."""
    return {kind: getattr(plugin, kind.upper()) for kind in KINDS if hasattr(plugin, kind.upper())}


def _place(name: str, beside: Path) -> str:
    """The path of a plugin that is a file; a module's name as it is."""
    if not name.endswith(".py") and "/" not in name:
        return name
    path = beside / Path(name).expanduser()
    if path.suffix != ".py" or not path.is_file():
        raise HarnessError(f"plugin {name} is not there; give a Python file, or the name of a module.")
    return str(path)


def plugins() -> dict[str, ModuleType]:
    """The plugins that were taken in, imported now if they have not been. Raises HarnessError, naming the plugin, for
    one that cannot be imported or offers nothing."""
    for name, module in list(_plugins.items()):
        if module is None:
            del _plugins[name]  # one that fails is not tried again
            _plugins[name] = _import(name)
    return {name: module for name, module in _plugins.items() if module is not None}


def plugin_names() -> tuple[str, ...]:
    """What the user called the plugins, for a process that is to have the same."""
    return tuple(str(Path(name).resolve()) if name.endswith(".py") else name for name in _plugins)


def forget_plugins() -> None:
    """As if none had been taken in."""
    _plugins.clear()


def _of_plugins(kind: str) -> list[tuple[str, Member]]:
    return [
        (member, Member(f"plugin {name}", partial(_itself, value)))
        for name, module in plugins().items()
        for member, value in offers(module).get(kind, {}).items()
    ]


def _import(name: str) -> ModuleType:
    try:
        module = _import_file(Path(name)) if name.endswith(".py") else import_module(name)
    except (Exception, SystemExit) as error:
        raise HarnessError(f"plugin {name} cannot be imported: {in_a_line(error)}; mend it, or leave it out.") from None
    held = offers(module)
    if not held:
        known = ", ".join(kind.upper() for kind in KINDS)
        raise HarnessError(f"plugin {name} offers nothing: it must hold one or more of the mappings {known}.")
    for kind, members in held.items():
        if not isinstance(members, Mapping) or not all(isinstance(member, str) for member in members):
            raise HarnessError(
                f"plugin {name}: {kind.upper()} must map names to {kind}; call what is something else otherwise."
            )
    return module


def _import_file(path: Path) -> ModuleType:
    path = path.resolve()
    name = f"plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:6]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look for it there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def in_a_line(error: BaseException) -> str:
    """What went wrong and where, shortly: in the last line that is not of the machinery of imports."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    own = [frame for frame in frames if frame.filename != __file__] or frames
    line = error.lineno if isinstance(error, SyntaxError) else own[-1].lineno
    file = error.filename if isinstance(error, SyntaxError) else own[-1].filename
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    where = f" (line {line} of {Path(file).name})" if file and file != __file__ else ""
    return f"{type(error).__name__}, {message}{where}"
