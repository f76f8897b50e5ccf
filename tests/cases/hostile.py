"""Input that must be refused: name, files, where the error is, and what its message says.

Used by the tests of the reader, and by those of the command line (exit status 2, no traceback). Places are written
by hand from the texts; they are never taken from what the program printed.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

#: A file's content, or something that makes it at the path it is given.
Content = str | bytes | Callable[[Path], None]


@dataclass(frozen=True)
class Hostile:
    """One bad input. The case file is cases/bad.yaml below the folder; `extra` paths are relative to cases/."""

    name: str
    text: Content
    expected: str  # a part of the message
    line: int = 1
    column: int = 1
    extra: Mapping[str, Content] = field(default_factory=dict)
    file: str = "bad.yaml"  # what is wrong, where it is not the case file
    structural: bool = False  # the JSON Schema refuses it too

    def write(self, folder: Path) -> Path:
        """Write the files; returns the case file."""
        for name, content in {"bad.yaml": self.text, **self.extra}.items():
            path = folder / "cases" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if callable(content):
                content(path)
            elif isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content, encoding="utf-8")
        return folder / "cases" / "bad.yaml"


class _Bomb:
    """Unpickling one of these writes a file."""

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (os.system, ("touch pwned",))


def npz(**arrays: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        np.savez(path, **{k: np.asarray(a) for k, a in arrays.items()})  # type: ignore[arg-type]

    return write


def pickled_npz(path: Path) -> None:
    """An archive whose array `w` is a pickle that runs a command when it is loaded."""
    array = np.empty(1, dtype=object)
    array[0] = _Bomb()
    np.savez(path, w=array)


def bare_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(_Bomb()))


def _header(dtype: str, shape: str) -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * ((64 - (len(text) + 11) % 64) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def huge_header(path: Path) -> None:
    """Claims 10**15 numbers and holds none."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w.npy", _header("<f8", "(1000000000000000,)"))


def zip_bomb(path: Path) -> None:
    """64 megabytes of zeros in 64 kilobytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("w.npy", "w") as member:
        member.write(_header("<f8", f"({2**23},)"))
        for _ in range(64):
            member.write(bytes(2**20))


def cut_short(path: Path) -> None:
    stream = io.BytesIO()
    np.savez(stream, w=np.arange(3.0))
    path.write_bytes(stream.getvalue()[:-30])


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def case(line: str, *, function: str = "exp(z)", inputs: str = '{z: "complex[3]"}', points: str = "{p: {z: 1}}") -> str:
    """A file with one case, its own keys on lines 3 to 5 and `line` on line 6."""
    return f"cases:\n  - id: bad\n    function: {function}\n    inputs: {inputs}\n    points: {points}\n    {line}\n"


def expression(text: str) -> str:
    """A case whose portable function is `text`, quoted: its first character is at 3:16."""
    return case("order: 1", function='"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')


def native(family: str, text: str) -> str:
    """A case whose function for one family is `text`: its first character is at 3:16 + len(family) + 4."""
    return case("order: 1", function=f'{{{family}: "{text}"}}')


def native_column(family: str) -> int:
    return 16 + len(family) + 3


def value(text: str, inputs: str = '{z: "complex[3]"}') -> str:
    """A case whose value of z at its only point is `text`: at 5:21."""
    return case("order: 1", inputs=inputs, points=f"{{p: {{z: {text}}}}}")


GOOD_SET = "sets: {s: {kind: complex, description: x, points: {q: [1, 2j]}}}\n"

YAML = [
    Hostile("empty", "", "the file is empty"),
    Hostile("only-comments", "# nothing\n", "the file is empty"),
    Hostile("not-utf8", b"cases:\n  - id: \xff\xfe\n", "not UTF-8", 2, 9),
    Hostile("nul", "cases: \x00\n", "U+0000", 1, 8),
    Hostile("control-character", "cases:\n  - id: a\x07b\n", "U+0007", 2, 10),
    Hostile("tab-indent", "cases:\n\t- id: a\n", "not valid YAML", 2, 1),
    Hostile("unclosed-flow", "cases: [{id: a\n", "not valid YAML", 2, 1),
    Hostile("unclosed-quote", 'cases: "abc\n', "not valid YAML", 2, 1),
    Hostile("colon-in-plain", "cases: a: b\n", "not valid YAML", 1, 9),
    Hostile("bracket-in-flow", "cases:\n  - {id: a, inputs: {z: complex[3]}}\n", "quote texts", 2, 32),
    Hostile("two-documents", "cases: []\n---\ncases: []\n", "second YAML document", 2, 1),
    Hostile("anchor", "cases: &a []\n", "anchors (&a)", 1, 8),
    Hostile("alias", "defaults: {tags: *t}\ncases: []\n", "aliases (*t)", 1, 18),
    Hostile("merge-key", "cases:\n  - <<: {id: a}\n", "merge keys", 2, 5),
    Hostile("python-tag", "cases: !!python/object/apply:os.system ['touch pwned']\n", "tags (", 1, 8),
    Hostile("local-tag", "cases: !x []\n", "tags (!x)", 1, 8),
    Hostile(
        "billion-laughs",
        "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n",
        "anchors (&a)",
        1,
        4,
    ),
    Hostile("ten-megabytes-of-nesting", "[" * 10_000_000, "more than the 4194304"),
    Hostile("flow-nesting", "[" * 4_000_000, "nested more than", 1, 41),
    Hostile("mapping-nesting", "{a: " * 1_000_000, "nested more than", 1, 1 + 4 * 40),
    Hostile("block-nesting", "- " * 2_000_000, "nested more than", 1, 81),
    Hostile(
        "a-million-nodes", "cases: [" + "1," * 1_000_000 + "1]\n", "more than 200000 values", 1, 9 + 2 * (200_000 - 3)
    ),
    Hostile("complex-key", "? [a]\n: 1\n", "a key must be a word", 1, 3),
    Hostile("duplicate-key", "cases: []\ncases: []\n", "given twice", 2, 1, structural=False),
    Hostile("top-level-list", "- id: a\n", "a case file must be a mapping", 1, 1, structural=True),
    Hostile("top-level-number", "42\n", "a case file must be a mapping, not 42", 1, 1, structural=True),
]

STRUCTURE = [
    Hostile("no-cases", "defaults: {}\n", "needs `cases`", 1, 1, structural=True),
    Hostile("cases-null", "cases:\n", "cases must be a list, not nothing", 1, 7, structural=True),
    Hostile("cases-empty", "cases: []\n", "holds no cases", 1, 1, structural=True),
    Hostile("cases-mapping", "cases: {a: 1}\n", "cases must be a list", 1, 8, structural=True),
    Hostile("unknown-top-key", "case: []\n", "did you mean 'cases'?", 1, 1, structural=True),
    Hostile("case-key-on-top", "cases: []\nfunction: exp(z)\n", "belongs in the list", 2, 1, structural=True),
    Hostile("case-is-text", "cases: [abc]\n", "a case must be a mapping", 1, 9, structural=True),
    Hostile("unknown-case-key", case("dtyp: float32"), "did you mean 'dtype'?", 6, 5, structural=True),
    Hostile(
        "unknown-default", "defaults: {dtypes: float32}\ncases: []\n", "did you mean 'dtype'?", 1, 12, structural=True
    ),
    Hostile("default-id", "defaults: {id: a}\ncases: []\n", "has no key 'id'", 1, 12, structural=True),
    Hostile("duplicate-case-key", case("points: {}"), "'points' is given twice", 6, 5),
    Hostile("no-id", "cases:\n  - function: z\n    inputs: {z: complex}\n", "needs `id`", 2, 5, structural=True),
    Hostile("no-function", "cases:\n  - id: a\n    inputs: {z: complex}\n", "needs `function`", 2, 5, structural=True),
    Hostile("no-inputs", "cases:\n  - id: a\n    function: z\n", "needs `inputs`", 2, 5, structural=True),
    Hostile("number-id", case("").replace("id: bad", "id: 12"), "id must be a text, not 12", 2, 9, structural=True),
    Hostile("path-id", case("").replace("id: bad", "id: ../../etc/passwd"), "looks like a path", 2, 9, structural=True),
    Hostile("backslash-id", case("").replace("id: bad", "id: a\\b"), "looks like a path", 2, 9, structural=True),
    Hostile("dot-id", case("").replace("id: bad", "id: .."), "looks like a path", 2, 9, structural=True),
    Hostile("space-id", case("").replace("id: bad", "id: a b"), "is not a name", 2, 9, structural=True),
    Hostile("long-id", case("").replace("id: bad", "id: " + "a" * 5000), "5000 characters", 2, 9),
    Hostile("path-point", case("", points="{a/b: {z: 1}}"), "looks like a path", 5, 14, structural=True),
    Hostile(
        "duplicate-id",
        case("") + "  - id: bad\n    function: z\n    inputs: {z: complex}\n    points: {p: {z: 1}}\n",
        "the id 'bad' is used twice",
        7,
        9,
    ),
    Hostile(
        "duplicate-id-in-two-files",
        case(""),
        "the id 'bad' is used twice",
        2,
        9,
        {"a/other.yaml": case("")},
        "a/other.yaml",
    ),
    Hostile("dtype-unknown", case("dtype: complex256"), "dtype cannot be 'complex256'", 6, 12, structural=True),
    Hostile("dtype-number", case("dtype: [64]"), "dtype must be a text, not 64", 6, 13, structural=True),
    Hostile("dtype-twice", case("dtype: [float32, float32]"), "lists 'float32' twice", 6, 22, structural=True),
    Hostile("order-4", case("order: 4"), "order must be 1, 2 or 3, not 4", 6, 12, structural=True),
    Hostile("order-3-large", case("order: 3"), "at most 4 real variables, and these inputs have 6", 6, 12),
    Hostile("order-text", case("order: two"), "order must be 1, 2 or 3", 6, 12, structural=True),
    Hostile("order-true", case("order: true"), "order must be 1, 2 or 3, not true", 6, 12, structural=True),
    Hostile("tolerance-negative", case("tolerance: -1"), "must lie between 0 and 1", 6, 16, structural=True),
    Hostile("tolerance-nan", case("tolerance: .nan"), "must lie between 0 and 1", 6, 16),
    Hostile("tolerance-key", case("tolerance: {fin: 0.1}"), "did you mean 'fine'?", 6, 17, structural=True),
    Hostile("tolerance-order", case("tolerance: {fine: 0.1, coarse: 0.01}"), "smaller than the fine", 6, 28),
    Hostile("seconds-forever", case("seconds: 1e99"), "between 0 and 3600", 6, 14, structural=True),
    Hostile("seconds-huge", case("seconds: 1" + "0" * 5000), "seconds", 6, 14, structural=True),
    Hostile("tags-mapping", case("tags: {a: 1}"), "tags must be a text, not a mapping", 6, 11, structural=True),
    Hostile("covers-path", case("covers: ../x"), "is not a function", 6, 13, structural=True),
    Hostile("note-list", case("note: [a]"), "note must be a text", 6, 11, structural=True),
    Hostile("outputs-path", case("outputs: [a/b]"), "looks like a path", 6, 15, structural=True),
]

INPUTS = [
    Hostile("inputs-empty", case("", inputs="{}"), "inputs is empty", 4, 13, structural=True),
    Hostile("inputs-list", case("", inputs="[z]"), "inputs must be a mapping", 4, 13, structural=True),
    Hostile(
        "input-type-word", case("", inputs='{z: "float32[3]"}'), "write real; `dtype` gives", 4, 17, structural=True
    ),
    Hostile("input-type-typo", case("", inputs='{z: "complx[3]"}'), "did you mean 'complex'?", 4, 17, structural=True),
    Hostile("input-type-garbage", case("", inputs='{z: "complex(3)"}'), "is not a type", 4, 17, structural=True),
    Hostile("input-negative-side", case("", inputs='{z: "complex[-1]"}'), "is not a side", 4, 17, structural=True),
    Hostile("input-side-expression", case("", inputs='{z: "complex[9**9]"}'), "is not a side", 4, 17, structural=True),
    Hostile("input-huge-side", case("", inputs='{z: "complex[5000]"}'), "larger than 4096", 4, 17),
    Hostile("input-absurd-side", case("", inputs=f'{{z: "complex[{"9" * 400}]"}}'), "is not a side", 4, 17),
    Hostile("input-too-many", case("", inputs='{z: "complex[4000,4000]"}'), "16000000 elements", 4, 17),
    Hostile("input-too-many-axes", case("", inputs='{z: "complex[1,1,1,1,1,1,1,1,1]"}'), "9 axes", 4, 17),
    Hostile("input-null", case("", inputs="{z: }"), "must be a text, not nothing", 4, 17, structural=True),
    Hostile("input-keyword", case("", inputs="{lambda: complex}"), "keyword of Python", 4, 14),
    Hostile("input-dunder", case("", inputs="{__class__: complex}"), "is not a name", 4, 14, structural=True),
    Hostile("input-inner-dunder", case("", inputs="{z__class: complex}"), "two underscores", 4, 14, structural=True),
    Hostile("input-reserved", case("", inputs="{note: complex}"), "is a key of points", 4, 14, structural=True),
    Hostile(
        "input-unknown-key",
        case("", inputs="{z: {type: complex, diff: true}}"),
        "did you mean 'differentiate'?",
        4,
        33,
        structural=True,
    ),
    Hostile("input-no-type", case("", inputs="{z: {value: 1}}"), "needs `type` or `file`", 4, 17, structural=True),
    Hostile("no-differentiated", case("", inputs="{z: integer}"), "no input is differentiated", 4, 13),
    Hostile(
        "differentiate-integer",
        case("", inputs="{z: complex, k: {type: integer, differentiate: true}}"),
        "cannot be differentiated",
        4,
        45,
    ),
    Hostile(
        "differentiate-word",
        case("", inputs="{z: {type: complex, differentiate: no}}"),
        "must be true or false, not the text 'no'",
        4,
        48,
        structural=True,
    ),
]

VALUES = [
    Hostile("no-points", case("").replace("    points: {p: {z: 1}}\n", ""), "the case has no points", 2, 5),
    Hostile("points-empty", case("", points="{}"), "the case has no points", 5, 13, structural=True),
    Hostile("points-number", case("", points="3"), "points must be a mapping", 5, 13, structural=True),
    Hostile("point-number", case("", points="{p: 3}"), "the point 'p' must be a mapping", 5, 17, structural=True),
    Hostile("point-twice", case("", points="[{p: {z: 1}}, {p: {z: 2}}]"), "'p' is given twice", 5, 28),
    Hostile("point-unknown-input", case("", points="{p: {zz: 1}}"), "did you mean 'z'?", 5, 18),
    Hostile("point-missing-input", case("", points="{p: {}}"), "gives no value for 'z'", 5, 14),
    Hostile(
        "layout-word", case("", points="{p: {z: 1, layout: odd}}"), "layout cannot be 'odd'", 5, 32, structural=True
    ),
    Hostile(
        "lazy-conj-real",
        case("", inputs="{z: real}", points="{p: {z: 1, layout: lazy-conj}}"),
        "needs a complex input",
        5,
        32,
    ),
    Hostile("value-text", value("abc"), "'abc' is not a known constant", 5, 21),
    Hostile("value-i", value("1+2i"), "the imaginary unit is j", 5, 21),
    Hostile("value-null", value("null"), "is not a number", 5, 21, structural=True),
    Hostile("value-true", value("true"), "true is not a number", 5, 21),
    Hostile("value-overflow", value("1e999"), "beyond the range", 5, 21),
    Hostile("value-power-tower", value("9**9**9**9"), "overflows", 5, 21),
    Hostile("value-call", value("\"__import__('os').system('touch pwned')\""), "is not", 5, 21),
    Hostile("value-open", value("\"open('pwned', 'w')\""), "is not", 5, 21),
    Hostile("value-attribute", value('"pi.__class__"'), "is not a constant expression", 5, 21),
    Hostile("value-lambda", value('"(lambda: 1)()"'), "is not a constant expression", 5, 21),
    Hostile("value-brackets", value('"' + "(" * 150 + '"'), "is not a number", 5, 21),
    Hostile("value-long", value('"' + "1+" * 5000 + '1"'), "10001 characters", 5, 21, structural=True),
    Hostile("value-complex-for-real", value("1+2j", "{z: real}"), "cannot take 1+2j", 5, 21),
    Hostile(
        "value-fraction-for-integer",
        case("", inputs="{z: complex, k: integer}", points="{p: {z: 1, k: 1.5}}"),
        "takes whole numbers",
        5,
        27,
    ),
    Hostile(
        "value-huge-integer",
        case("", inputs="{z: complex, k: integer}", points=f"{{p: {{z: 1, k: {'9' * 50}}}}}"),
        "whole numbers of 64 bits",
        5,
        27,
    ),
    Hostile(
        "value-number-for-boolean",
        case("", inputs="{z: complex, k: boolean}", points="{p: {z: 1, k: 1}}"),
        "must be true or false",
        5,
        27,
    ),
    Hostile("value-shape", value("[1, 2]"), "declared with shape [3] but its value has [2]", 5, 21),
    Hostile("value-deeper", value("[[1, 2, 3]]"), "declared with shape [3] but its value has [1, 3]", 5, 21),
    Hostile("value-ragged", value("[[1, 2], [3]]", '{z: "complex[2,2]"}'), "the rows of a nested list differ", 5, 30),
    Hostile("value-in-list", value("[1, x, 3]"), "'x' is not a known constant", 5, 25),
    Hostile("value-mapping-in-list", value("[1, {re: 1}, 3]"), "cannot hold a mapping", 5, 25, structural=True),
    Hostile("value-unknown-form", value("{smaple: normal}"), "did you mean 'sample'?", 5, 22, structural=True),
    Hostile("value-parts-key", value("{re: 1, img: 2}"), "has no key 'img'", 5, 29, structural=True),
    Hostile("value-parts-complex", value("{re: 1j, im: 2}"), "cannot take 1j", 5, 26),
    Hostile("value-parts-for-real", value("{re: 1, im: 2}", "{z: real}"), "belong to a complex input", 5, 21),
    Hostile("sampler-unknown", value("{sample: gausian}"), "there is no sampler 'gausian'", 5, 22, structural=True),
    Hostile("sampler-key", value("{sample: normal, sed: 3}"), "did you mean 'seed'?", 5, 38, structural=True),
    Hostile("sampler-seed", value("{sample: normal, seed: -3}"), "from 0 on, not -3", 5, 44, structural=True),
    Hostile("sampler-seed-word", value("{sample: normal, seed: now}"), "from 0 on", 5, 44, structural=True),
    Hostile("sampler-low-high", value("{sample: uniform, low: 3, high: 1}"), "low is larger than high", 5, 21),
    Hostile("sampler-inf", value("{sample: uniform, high: inf}"), "must be a finite real number", 5, 45),
    Hostile("sampler-matrix", value("{sample: unitary}"), "needs a matrix, but the input z has shape [3]", 5, 22),
    Hostile("sampler-square", value("{sample: hermitian}", '{z: "complex[2,3]"}'), "needs a square matrix", 5, 22),
    Hostile("sampler-large", value("{sample: unitary}", '{z: "complex[300,300]"}'), "at most 256", 5, 22),
    Hostile("sampler-kind", value("{sample: sector}", "{z: real}"), "makes no real arrays", 5, 22),
    Hostile(
        "sampler-rank",
        value("{sample: low-rank, rank: 1.5}", '{z: "complex[2,2]"}'),
        "whole number, not 1.5",
        5,
        46,
        structural=True,
    ),
    Hostile("sampler-scale", value("{sample: normal, scale: 1j}", "{z: real}"), "scale cannot be", 5, 45),
    Hostile(
        "too-many-elements",
        case("", inputs='{z: "complex[100,1000]"}', points="{" + ", ".join(f"p{k}: {{z: 0}}" for k in range(60)) + "}"),
        "more than 4000000 elements",
        5,
        14 + sum(len(f"p{k}: {{z: 0}}, ") for k in range(39)) + len("p39: {z: "),
    ),
    Hostile(
        "too-many-points",
        case("", points="{" + ", ".join(f"p{k}: {{z: 0}}" for k in range(1001)) + "}"),
        "more than 1000 points",
        5,
        14 + sum(len(f"p{k}: {{z: 0}}, ") for k in range(1000)),
    ),
]

FILES = [
    Hostile("file-missing", value("{file: none.npz, key: w}"), "there is no file none.npz", 5, 28),
    Hostile(
        "file-outside",
        value("{file: ../secret.npz, key: w}"),
        "outside the folder of the case",
        5,
        28,
        {"../secret.npz": npz(w=[1, 2, 3])},
    ),
    Hostile("file-absolute", value("{file: /etc/passwd, key: w}"), "outside the folder of the case", 5, 28),
    Hostile("file-home", value("{file: ~/x.npz, key: w}"), "outside the folder of the case", 5, 28),
    Hostile(
        "file-link-out",
        value("{file: link.npz, key: w}"),
        "outside the folder of the case",
        5,
        28,
        {"../secret.npz": npz(w=[1, 2, 3]), "link.npz": link_to("../secret.npz")},
    ),
    Hostile(
        "file-folder-link-out",
        value("{file: sub/secret.npz, key: w}"),
        "outside the folder of the case",
        5,
        28,
        {"../secret.npz": npz(w=[1, 2, 3]), "sub": link_to("..")},
    ),
    Hostile("file-link-loop", value("{file: loop.npz, key: w}"), "loop.npz", 5, 28, {"loop.npz": link_to("loop.npz")}),
    Hostile("file-nul", value('{file: "a\\0.npz", key: w}'), "is not a file name", 5, 28),
    Hostile("file-suffix", value("{file: x.pkl, key: w}"), "neither .npz nor .npy", 5, 28, {"x.pkl": bare_pickle}),
    Hostile("file-fifo", value("{file: pipe.npz, key: w}"), "not a regular file", 5, 28, {"pipe.npz": fifo}),
    Hostile("file-folder", value("{file: dir.npz, key: w}"), "not a regular file", 5, 28, {"dir.npz": folder}),
    Hostile(
        "file-pickled-array", value("{file: x.npz, key: w}"), "pickled Python objects", 5, 40, {"x.npz": pickled_npz}
    ),
    Hostile("file-pickle-as-npz", value("{file: x.npz, key: w}"), "is not a .npz file", 5, 28, {"x.npz": bare_pickle}),
    Hostile("file-pickle-as-npy", value("{file: x.npy}"), "is not a NumPy array", 5, 28, {"x.npy": bare_pickle}),
    Hostile("file-garbage", value("{file: x.npz, key: w}"), "is not a .npz file", 5, 28, {"x.npz": b"garbage" * 100}),
    Hostile("file-cut-short", value("{file: x.npz, key: w}"), "is not a .npz file", 5, 28, {"x.npz": cut_short}),
    Hostile("file-huge-header", value("{file: x.npz, key: w}"), "larger than 4096", 5, 40, {"x.npz": huge_header}),
    Hostile("file-zip-bomb", value("{file: x.npz, key: w}"), "larger than 100000 elements", 5, 40, {"x.npz": zip_bomb}),
    Hostile("file-key-missing", value("{file: x.npz, key: v}"), "has no array 'v'", 5, 40, {"x.npz": npz(w=[1.0])}),
    Hostile("file-no-key", value("{file: x.npz}"), "holds 2 arrays", 5, 28, {"x.npz": npz(w=[1.0], v=[1.0])}),
    Hostile(
        "file-dtype",
        value("{file: x.npz, key: w}"),
        "is integer, where a complex array",
        5,
        40,
        {"x.npz": npz(w=[1, 2, 3])},
    ),
    Hostile(
        "file-dtype-text", value("{file: x.npz, key: w}"), "has dtype <U1", 5, 40, {"x.npz": npz(w=["a", "b", "c"])}
    ),
    Hostile(
        "file-shape",
        value("{file: x.npz, key: w}"),
        "declared with shape [3] but the file has [2]",
        5,
        40,
        {"x.npz": npz(w=[1.0, 2.0])},
    ),
    Hostile("params-missing", case("", inputs="{p: {file: no.npz}}"), "there is no file no.npz", 4, 24),
    Hostile(
        "params-pickled", case("", inputs="{p: {file: x.npz}}"), "pickled Python objects", 4, 24, {"x.npz": pickled_npz}
    ),
    Hostile(
        "params-name",
        case("", inputs="{p: {file: x.npz}}"),
        "looks like a path",
        4,
        24,
        {"x.npz": npz(**{"../w": [1.0]})},
    ),
]

POINT_SETS = [
    Hostile("set-unknown", case("", points="[gneric]"), "did you mean 'generic'?", 5, 14),
    Hostile(
        "set-key",
        case("", points="[{set: s, fro: z}]"),
        "did you mean 'for'?",
        5,
        23,
        {"points.yaml": GOOD_SET},
        structural=True,
    ),
    Hostile(
        "set-for", case("", points="[{set: s, for: y}]"), "the case has no input 'y'", 5, 28, {"points.yaml": GOOD_SET}
    ),
    Hostile(
        "set-kind",
        case("", inputs="{z: real}", points="[{set: s, for: z}]"),
        "does not fit the real input z",
        5,
        28,
        {"points.yaml": GOOD_SET},
    ),
    Hostile(
        "set-without-input",
        case("", inputs="{z: real}", points="[s]"),
        "has no such input",
        5,
        14,
        {"points.yaml": GOOD_SET},
    ),
    Hostile("set-only", case("", points="[{set: s, only: r}]"), "has no point 'r'", 5, 29, {"points.yaml": GOOD_SET}),
    Hostile("sets-file-broken", case("", points="[s]"), "the file is empty", 1, 1, {"points.yaml": ""}, "points.yaml"),
    Hostile(
        "sets-file-kind",
        case("", points="[s]"),
        "cannot be 'integer'",
        1,
        18,
        {"points.yaml": GOOD_SET.replace("complex", "integer")},
        "points.yaml",
    ),
]

EXPECTATIONS = [
    Hostile(
        "expect-verdict",
        case("expect: {verdict: wrong, because: x}"),
        "verdict cannot be 'wrong'",
        6,
        23,
        structural=True,
    ),
    Hostile("expect-no-reason", case("expect: {verdict: sign}"), "needs `because`", 6, 13, structural=True),
    Hostile(
        "expect-key",
        case("expect: {verdict: sign, because: x, point: p}"),
        "did you mean 'points'?",
        6,
        41,
        structural=True,
    ),
    Hostile("expect-point", case("expect: {verdict: sign, because: x, points: q}"), "the case has no point 'q'", 6, 49),
    Hostile(
        "expect-backend",
        case("expect: {verdict: sign, because: x, backends: [torch.fun]}"),
        "did you mean 'torch.func'?",
        6,
        52,
    ),
    Hostile(
        "expect-versions",
        case('expect: {verdict: sign, because: x, versions: {torch: "about 2"}}'),
        "is not a version specifier",
        6,
        59,
    ),
    Hostile(
        "expect-link",
        case('expect: {verdict: sign, because: x, link: "javascript:alert(1)"}'),
        "must begin with https://",
        6,
        47,
        structural=True,
    ),
    Hostile(
        "expect-quantity",
        case("expect: {verdict: sign, because: x, quantity: grad}"),
        "cannot be 'grad'",
        6,
        51,
        structural=True,
    ),
    Hostile("derivative-key", case("derivative: {dz: 1, dzb: 2}"), "has no key 'dzb'", 6, 25, structural=True),
    Hostile("derivative-real", case("derivative: {dz: 1, dzbar: 2}", inputs="{z: real}"), "has no dzbar", 6, 25),
    Hostile("derivative-text", case("derivative: {dz: \"open('pwned')\"}"), "open", 6, 23),
]

EXPRESSIONS = [
    Hostile("expr-empty", expression(" "), "is empty", 3, 15),
    Hostile("expr-syntax", expression("exp(z"), "not closed", 3, 20),
    Hostile("expr-dunder", expression("z.__class__"), "__class__", 3, 18),
    Hostile("expr-import", expression("__import__('os').system('touch pwned')"), "__import__", 3, 16),
    Hostile("expr-import-statement", expression("import os"), "import", 3, 16),
    Hostile("expr-lambda", expression("(lambda: z)()"), "lambda", 3, 17),
    Hostile("expr-comprehension", expression("sum([z for _ in range(9)])"), "comprehension", 3, 23),
    Hostile("expr-power-tower", expression("z * 9**9**9**9"), "too big", 3, 23),
    Hostile("expr-open", expression("open('pwned', 'w')"), "open", 3, 16),
    Hostile("expr-eval", expression("eval('1')"), "eval", 3, 16),
    Hostile("expr-unknown", expression("arcosh(z)"), "arccosh", 3, 16),
    Hostile("expr-unknown-input", expression("exp(w)"), "w", 3, 20),
    Hostile("expr-walrus", expression("(a := z)"), ":=", 3, 19),
    Hostile("expr-f-string", expression("f'{z}'"), "string", 3, 17),
    Hostile("expr-brackets", expression("(" * 5000 + "z" + ")" * 5000), "too deeply", 3, 16 + 60),
    Hostile("expr-operators", expression("-" * 15000 + "z"), "too long", 3, 16 + 2000),
    Hostile("expr-long", expression("z + " * 6000 + "z"), "characters", 3, 15),
    Hostile("expr-torch-load", native("torch", "torch.load('x')"), "load", 3, native_column("torch")),
    Hostile("expr-torch-from-file", native("torch", "torch.from_file('x')"), "from_file", 3, native_column("torch")),
    Hostile("expr-torch-hub", native("torch", "torch.hub.load('x', 'y')"), "hub", 3, native_column("torch")),
    Hostile("expr-torch-ops", native("torch", "torch.ops.load_library('x')"), "ops", 3, native_column("torch")),
    Hostile("expr-torch-os", native("torch", "torch.os.system('touch pwned')"), "os", 3, native_column("torch")),
    Hostile("expr-jnp-load", native("jax", "jax.numpy.load('x')"), "load", 3, native_column("jax")),
    Hostile("expr-jnp-save", native("jax", "jax.numpy.save('pwned', z)"), "save", 3, native_column("jax")),
    Hostile("expr-callback", native("jax", "jax.pure_callback(print, z, z)"), "pure_callback", 3, native_column("jax")),
    Hostile("expr-block", "cases:\n  - id: bad\n    function: |\n      a = exp(z)\n\n      a + nowhere(z)\n"
            "    inputs: {z: complex}\n    points: {p: {z: 1}}\n", "nowhere", 6, 11),
    Hostile("callable-module", native("torch", "os.path:abspath"), "is not allowed to run", 3, native_column("torch")),
    Hostile("callable-os-system", native("torch", "os:system"), "is not allowed to run", 3, native_column("torch")),
    Hostile("callable-portable", expression("os:system"), "not a portable expression", 3, 16),
    Hostile("function-family", case("", function="{pytorch: z}"), "did you mean 'torch'?", 3, 16),
    Hostile("function-empty", case("", function="{}"), "function is empty", 3, 15, structural=True),
    Hostile("function-number", case("", function="3"), "must be a text, not 3", 3, 15, structural=True),
]

HOSTILE = [*YAML, *STRUCTURE, *INPUTS, *VALUES, *FILES, *POINT_SETS, *EXPECTATIONS, *EXPRESSIONS]
