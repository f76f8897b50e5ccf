"""How each verdict looks: symbol, group, colours, meaning. Defined once, for the browser, the terminal and images.

Colours start from the palette of M. Okabe and K. Ito ("Color Universal Design", 2008), which readers with the common
colour deficiencies can tell apart. `ink` variants are darkened or lightened so that text on the report's background
keeps a contrast of at least 4.5:1; a symbol always accompanies the colour. Symbols come from blocks that the usual
system fonts and terminals carry (Mathematical Operators, Geometric Shapes, Arrows, Dingbats' check mark).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.verdicts import GROUP_OF, severity


@dataclass(frozen=True)
class Group:
    """Verdicts that mean the same to a reader in a hurry.

    fill: the palette's colour, for areas. ink, ink_dark: text and symbols on a light and on a dark background.
    terminal: a style that `rich` and plain SGR users understand.
    """

    name: str
    fill: str
    ink: str
    ink_dark: str
    terminal: str


GROUPS: Mapping[str, Group] = {
    g.name: g
    for g in (
        Group("agree", "#009E73", "#00664B", "#3CCB9F", "green"),
        Group("convention", "#0072B2", "#00568A", "#74B6F0", "blue"),
        Group("precision", "#56B4E9", "#1B6490", "#8CCFF5", "cyan"),
        Group("explained", "#CC79A7", "#8C3B6B", "#E4A3C6", "magenta"),
        Group("value", "#E69F00", "#835A00", "#F0B63C", "yellow"),
        Group("wrong", "#D55E00", "#A94700", "#FF9460", "bold red"),
        Group("failed", "#1A1A1A", "#1F2429", "#F2F4F6", "bold"),
        Group("refused", "#8A939C", "#56606A", "#A6B0BA", "dim"),
    )
}


@dataclass(frozen=True)
class Style:
    """One verdict: its symbol and what it means; its group and its severity come from harness.verdicts."""

    verdict: str
    symbol: str
    meaning: str

    @property
    def group(self) -> str:
        return "convention" if self.verdict == "convention" else GROUP_OF.get(self.verdict, "refused")

    @property
    def severity(self) -> int:
        return 0 if self.verdict == "convention" else severity(self.verdict)

    @property
    def colours(self) -> Group:
        return GROUPS[self.group]


#: Every verdict of the contract, worst first.
STYLES: Mapping[str, Style] = {
    s.verdict: s
    for s in (
        Style("crash", "⊗", "the process of one side died"),
        Style("mismatch", "≠", "the derivatives differ in no simple way"),
        Style("sign", "±", "the derivative is negated on one side"),
        Style("conjugate", "∗", "still conjugated once the conventions are removed"),
        Style("zero", "∅", "identically zero on one side, and not on the other"),
        Style("part", "◐", "the real or the imaginary part is lost on one side"),
        Style("factor", "×", "one side is a constant multiple of the other"),
        Style("nonfinite", "∞", "NaN or infinity where the other side has a number"),
        Style("error", "!", "one side failed with an error that is not a refusal"),
        Style("timeout", "◷", "one side did not finish in time"),
        Style("value", "≢", "the function values differ: two functions under one name"),
        Style("unsupported", "⊘", "one side refuses what the other does"),
        Style("branch", "⋔", "on a branch cut each side follows a different limit"),
        Style("choice", "∨", "a kink: both are valid generalised derivatives, and they differ"),
        Style("gauge", "↻", "the result depends on a free phase, sign or basis"),
        Style("precision", "≈", "equal to a coarse tolerance, not to the fine one"),
        Style("agree", "✓", "equal once the conventions are removed"),
    )
}

#: Not a verdict: `agree` whose raw results are related by something other than equality.
CONVENTION = Style("convention", "⇄", "equal once the conventions are removed; raw results differ")

_UNKNOWN = Style("?", "?", "a verdict that this version of the report does not know")


def style(verdict: str, relation: str = "equal") -> Style:
    """The style of a verdict; `agree` with a relation other than equal (or empty, or none) is a convention."""
    if verdict == "agree" and relation not in ("", "equal", "none"):
        return CONVENTION
    return STYLES.get(verdict, _UNKNOWN)


@dataclass(frozen=True)
class Outcome:
    """What became of a whole function: the worst that any of its comparisons says."""

    name: str
    title: str
    symbol: str
    group: str
    meaning: str


#: Outcomes of a function, worst first: a function has the first one that any of its rows calls for.
OUTCOMES: Mapping[str, Outcome] = {
    o.name: o
    for o in (
        Outcome("wrong", "wrong", "≠", "wrong", "a side is wrong at an ordinary point, on evidence of its own"),
        Outcome("extreme", "wrong at extremes", "≉", "value", "a side is wrong, at extreme points alone"),
        Outcome("undecided", "undecided", "?", "wrong", "derivatives differ and no evidence says which side is wrong"),
        Outcome("failed", "failed", "!", "failed", "an error, a crash or a time-out"),
        Outcome("value", "different functions", "≢", "value", "the values differ: two functions under one name"),
        Outcome("refused", "refused by one side", "⊘", "refused", "one side does not evaluate or differentiate it"),
        Outcome("choice", "no right answer here", "∨", "explained", "kinks, cuts, gauges, poles: nobody is wrong"),
        Outcome("precision", "differ in precision", "≈", "precision", "equal to a coarse tolerance only, somewhere"),
        Outcome("convention", "differ by convention", "⇄", "convention", "the same derivative, packed differently"),
        Outcome("agree", "agree", "✓", "agree", "the same derivative and the same raw results"),
    )
}
