"""Answers: the values that an operator sets. Services, the kit and own.py declare them, each once.

Precedence: flag, `KSB_*` environment, answers file, receipt, default.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Exit, Failure, Problem
from .values import canonical

#: Prefix of environment variables with answers.
PREFIX = "KSB_"


#: Origin of a default.
DEFAULT = "default"
#: Origins of answers of earlier runs.
RECEIPT = "receipt"
INTERRUPTED = "interrupted run"


@dataclass(frozen=True)
class Declaration:
    """One `[[answer]]`, as in `init/bundle.json`."""

    name: str
    type: str
    help: str
    default: str | None = None
    metavar: str = "VALUE"
    rule: str | None = None
    rule_help: str = ""
    choices: Sequence[str] = ()
    minimum: int | None = None
    maximum: int | None = None
    repeatable: bool = False
    secret: bool = False

    @property
    def flag(self) -> str:
        return f"--{self.name}"

    @property
    def defaults(self) -> Sequence[str]:
        return () if self.default is None else (self.default,)

    @property
    def is_switch(self) -> bool:
        """Whether the command line may name it without a value, which means true."""
        return self.type == "boolean"

    @property
    def key(self) -> str:
        """Its name in an answers file."""
        return self.name.replace("-", "_").upper()

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return f"{PREFIX}{self.key}"


@dataclass(frozen=True)
class Answer:
    """The values of one answer, empty if bootstrap derives it, and their origin."""

    values: tuple[str, ...]
    origin: str
    #: Whether an empty text unset the value of an earlier run.
    taken_back: bool = False

    @property
    def given(self) -> bool:
        return self.origin != DEFAULT

    @property
    def remembered(self) -> bool:
        """Whether an earlier run was given it, not this one."""
        return self.origin in (RECEIPT, INTERRUPTED)


Answers = Mapping[str, Answer]


def declarations(table: Iterable[Mapping[str, Any]]) -> dict[str, Declaration]:
    """The declarations of `init/bundle.json`, by name."""
    return {entry["name"]: _declaration(entry) for entry in table}


def _declaration(entry: Mapping[str, Any]) -> Declaration:
    return Declaration(
        name=entry["name"],
        type=entry["type"],
        help=entry["help"],
        default=entry.get("default"),
        metavar=entry.get("metavar") or entry["name"].rpartition("-")[2].upper(),
        rule=entry.get("rule"),
        rule_help=entry.get("ruleHelp", ""),
        choices=tuple(entry.get("choices", ())),
        minimum=entry.get("minimum"),
        maximum=entry.get("maximum"),
        repeatable=entry.get("repeatable", False),
        secret=entry.get("secret", False),
    )


@dataclass(frozen=True)
class Source:
    """Raw texts from one place; `origin` says which, for messages and `show-config`."""

    origin: str
    texts: Mapping[str, Sequence[str]]


def resolve(declared: Mapping[str, Declaration], sources: Sequence[Source]) -> Answers:
    """Takes each answer from the first source that has it. Raises USAGE with every value that is not valid.

    An empty text unsets the answer: later sources are ignored, and it has its default again.
    """
    problems: list[Problem] = []
    answers: dict[str, Answer] = {}
    for name, declaration in declared.items():
        source = next((source for source in sources if source.texts.get(name)), None)
        taken_back = source is not None and list(source.texts[name]) == [""]
        if source is None or taken_back:
            texts, origin = declaration.defaults, DEFAULT
        else:
            texts, origin = source.texts[name], source.origin
        try:
            answers[name] = Answer(_check(declaration, texts), origin, taken_back)
        except ValueError as error:
            problems.append(_invalid(declaration, texts, origin, error))
    if problems:
        raise Failure(Exit.USAGE, *problems)
    return answers


def _invalid(declaration: Declaration, texts: Sequence[str], origin: str, error: ValueError) -> Problem:
    return Problem(
        f"not a valid value for {declaration.flag}: {_quoted(declaration, texts)}",
        where=origin,
        why=str(error),
        hint=f"{declaration.flag} {declaration.metavar}: {declaration.help}",
    )


def read(declaration: Declaration, text: str) -> Sequence[str]:
    """The values in a line of text, in canonical form. Raises USAGE if one is not valid."""
    texts = _values(declaration, text)
    try:
        return _check(declaration, texts)
    except ValueError as error:
        raise Failure(Exit.USAGE, _invalid(declaration, texts, "standard input", error)) from error


def _values(declaration: Declaration, text: str) -> list[str]:
    """A repeatable answer has values separated by spaces or commas."""
    return _split(text) if declaration.repeatable else [text]


def _quoted(declaration: Declaration, texts: Sequence[str]) -> str:
    return "(hidden)" if declaration.secret else " ".join(repr(text) for text in texts)


def _check(declaration: Declaration, texts: Sequence[str]) -> tuple[str, ...]:
    if len(texts) > 1 and not declaration.repeatable:
        raise ValueError("it is given more than once")
    values = tuple(dict.fromkeys(canonical(declaration.type, text) for text in texts))
    for value in values:
        if declaration.choices and value not in declaration.choices:
            raise ValueError(f"it must be one of {', '.join(declaration.choices)}")
        if declaration.minimum is not None and int(value) < declaration.minimum:
            raise ValueError(f"it must be at least {declaration.minimum}")
        if declaration.maximum is not None and int(value) > declaration.maximum:
            raise ValueError(f"it must be at most {declaration.maximum}")
        # ASCII, as in JavaScript, in which ksbundle checks the defaults.
        if declaration.rule and not re.fullmatch(declaration.rule, value, re.ASCII):
            raise ValueError(declaration.rule_help or f"it must match {declaration.rule}")
    return values


def from_environment(declared: Mapping[str, Declaration], environment: Mapping[str, str]) -> list[Source]:
    """One source for each `KSB_*` variable."""
    sources = []
    for declaration in declared.values():
        text = environment.get(declaration.variable)
        if text is not None:
            texts = {declaration.name: _values(declaration, text)}
            sources.append(Source(f"environment {declaration.variable}", texts))
    return sources


def unknown_variables(declared: Mapping[str, Declaration], environment: Mapping[str, str]) -> list[Problem]:
    """Warns of variables that look like answers but are not: otherwise a typing error would go unnoticed."""
    known = {declaration.variable for declaration in declared.values()}
    strange = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    return [Problem(f"{name} in the environment is not an answer", hint=suggest(name, known)) for name in strange]


def from_file(declared: Mapping[str, Declaration], path: str) -> Source:
    """Reads an answers file: `KEY=VALUE` lines, `#` comments; it is parsed, never executed.

    Raises USAGE with every invalid line.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(Exit.USAGE, Problem("cannot read the answers file", where=path, why=str(error))) from error
    return Source(f"answers file {path}", _parse(declared, lines, path))


def to_text(declared: Mapping[str, Declaration], texts: Mapping[str, Sequence[str]]) -> str:
    """The contents of an answers file with these values. Raises USAGE for one that no line can hold."""
    lines = {name: f'{declared[name].key}="{" ".join(values)}"' for name, values in texts.items()}
    problems = [
        Problem(f"an answers file cannot hold the value of {declared[name].flag}", hint="give it as an option")
        for name, line in lines.items()
        if not _says(declared, line, {name: list(texts[name])})
    ]
    if problems:
        raise Failure(Exit.USAGE, *problems)
    return "".join(f"{line}\n" for line in lines.values())


def _says(declared: Mapping[str, Declaration], line: str, texts: Mapping[str, Sequence[str]]) -> bool:
    """Whether a reader of the line finds exactly these values."""
    try:
        return _parse(declared, line.splitlines(), "") == texts
    except Failure:
        return False


def _parse(declared: Mapping[str, Declaration], lines: Sequence[str], path: str) -> Mapping[str, Sequence[str]]:
    """The values in the lines of an answers file. Raises USAGE with every invalid line."""
    by_key = {declaration.key: declaration for declaration in declared.values()}
    texts: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        key, separator, text = stripped.partition("=")
        declaration = by_key.get(key.strip().upper().replace("-", "_"))
        if not separator or declaration is None:
            problems.append(_unknown_line(f"{path}:{number}", stripped, key.strip(), by_key))
            continue
        texts.setdefault(declaration.name, []).extend(_values(declaration, _unquote(text.strip())))
    if problems:
        raise Failure(Exit.USAGE, *problems)
    return texts


def _unknown_line(where: str, line: str, key: str, by_key: Mapping[str, Declaration]) -> Problem:
    if "=" not in line:
        return Problem("not a KEY=VALUE line", where=where)
    return Problem(f"unknown answer {key}", where=where, hint=suggest(key.upper(), by_key))


def suggest(name: str, candidates: Iterable[str]) -> str:
    """Names the candidate nearest to `name`, or all of them."""
    known = {candidate.lstrip("-"): candidate for candidate in sorted(candidates)}
    near = difflib.get_close_matches(name.lstrip("-"), known, n=1)
    return f"did you mean {known[near[0]]}?" if near else f"known: {', '.join(known.values())}"


def _split(text: str) -> list[str]:
    return re.split(r"[\s,]+", text.strip())


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


def given(answers: Answers, transient: Iterable[str]) -> dict[str, list[str]]:
    """Answers for the receipt: those that were set, without those that apply to one run only."""
    skipped = set(transient)
    return {name: list(answer.values) for name, answer in answers.items() if answer.given and name not in skipped}


def asked(answers: Answers, transient: Iterable[str]) -> dict[str, list[str]]:
    """Answers for the journal, to finish an interrupted run: also those that were unset."""
    skipped = set(transient)
    taken_back = {name: [""] for name, answer in answers.items() if answer.taken_back and name not in skipped}
    return {**given(answers, skipped), **taken_back}
