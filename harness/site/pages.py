"""The pages: the front page with its search, one page a function, a release, a cause, and their indexes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from harness.recorded.functions import Defect, singular
from harness.report.html.mathml import mathml
from harness.report.known import CONVENTION, singular_places
from harness.site.facts import STATES, Cell, Change, Page, Site
from harness.site.markup import counts, legend, link, links_of, page, release_file, state, strip, table

FAMILIES = {"portable": "portable", "torch": "torch", "jax": "JAX", "reference": "the reference"}
#: Rows of a function's history that its page shows; the rest is in timeline.csv, which lies beside.
_MOST = 60


def function_file(name: str) -> str:
    """The address of a function's page, from the root."""
    return f"f/{name}.html"


def front(site: Site) -> str:
    """Every function with its state in the newest release of each framework that has one, and the search over them."""
    newest = {fw: [r for r in site.releases if r.startswith(fw)][-1:] for fw in ("torch", "jax")}
    rows = []
    for found in sorted(site.pages.values(), key=_rank):
        names = escape(" ".join(found.names), quote=True)
        rows.append([
            f'<span data-names="{names}">{link(function_file(found.name), found.name)}</span>',
            *(_short(_spelled(found, fw)) for fw in ("torch", "jax")),
            *(state(_last(found.cells.get(fw, ())).state) for fw in ("torch", "jax")),
        ])
    heads = [f"in {newest[fw][0]}" if newest[fw] else fw for fw in ("torch", "jax")]
    defects = [f for f in site.findings if f.get("kind", "defect") in ("", "defect")]
    body = (
        "<h1>Do torch and JAX give the same derivative?</h1>"
        f'<p class="verdict">{len(site.pages)} functions and programs over {len(site.releases)} releases. Of a real '
        "loss of complex numbers the two always differ by a conjugate, which is a convention; "
        f"{len(defects)} defects beyond that are recorded, each with a script that shows it.</p>"
        '<form role="search"><label for="q">Look a function up, in any spelling</label>'
        '<input id="q" type="search" autocomplete="off" placeholder="torch acosh, jnp.linalg.svd, gelu ...">'
        '<p id="said" class="dim" role="status"></p></form>'
        + table("Functions, and what is known of them", ["function", "torch", "JAX", *heads], rows,
                name="functions")
        + f"<h2>What the words mean</h2>{legend()}"
    )
    return page("Wirtinger harness: derivatives of torch and JAX, function by function", body, part="Functions",
                script="search.js")


def _spelled(found: Page, framework: str) -> str:
    """How a function is written in a framework: its name there where it is one, else its text."""
    own = found.texts.get(framework)
    named = next((n for n in found.names if n.startswith(framework + ".")), "")
    return own or named.replace("jax.numpy.", "jnp.") or found.texts.get("portable", "")


def _rank(found: Page) -> tuple[int, str]:
    worst = min((list(STATES).index(_last(c).state) for c in found.cells.values() if c), default=len(STATES))
    return worst, found.name


def _last(cells: Sequence[Cell]) -> Cell:
    return cells[-1] if cells else Cell("", "steady")


def _short(text: str) -> str:
    line = text.strip().splitlines()[-1] if text.strip() else ""
    return f"<code>{escape(line if len(line) <= 60 else line[:57] + '...')}</code>" if line else ""


def function(found: Page) -> str:
    """Verdict first, then by release, then why, then what to write; history and errors at the end."""
    up = "../"
    parts = [f"<h1>{escape(found.name)}</h1>", f'<p class="verdict">{escape(verdict(found))}</p>']
    formula = mathml(found.texts.get("portable") or found.texts.get("reference", ""), arguments=found.arguments)
    parts.append(formula or "")
    parts.append(table("How it is written", ["for", "text"],
                       [[FAMILIES.get(k, escape(k)), f"<code>{escape(v)}</code>"] for k, v in found.texts.items()]
                       + [["known as", f"<code>{escape(', '.join(found.names[1:]))}</code>"]] * (len(found.names) > 1)))
    parts += [strip(fw, cells, up) for fw, cells in found.cells.items() if cells]
    parts.append(f"<details><summary>What the words mean</summary>{legend()}</details>")
    if found.defects:
        parts.append("<h2>Recorded defects</h2>" + "".join(_defect(d, up) for d in found.defects))
    if places := singular_places(singular(found.name)):
        items = "".join(f"<li>{escape(_sentence(line))}</li>" for line in places)
        parts.append(f"<h2>Where it has no derivative, or one on each side</h2><ul>{items}</ul>")
    parts.append(f"<h2>What to write</h2>{_advice(found)}")
    if found.picture:
        parts.append(f'<h2>Over the complex plane</h2><figure><img src="{up}atlas/{escape(found.picture.name)}" '
                     f'alt="Atlas of {escape(found.name)}: its derivative, where torch and JAX disagree, and the '
                     'error of each against the reference" loading="lazy"></figure>')
    if found.errors:
        heads = list(found.errors[0])
        parts.append("<h2>Errors in units of the last place</h2>" + table(
            "Worst and median error by framework and direction", heads,
            [[escape(str(row.get(h, ""))) for h in heads] for row in found.errors]))
    if found.history:
        parts.append("<h2>Answers that changed</h2>" + _history(found.history))
    for title, names in (("Calls", found.calls), ("Called by", found.used_by)):
        if names:
            parts.append(f"<h2>{title}</h2><p>" + ", ".join(link(up + function_file(n), n) for n in names) + "</p>")
    if found.note:
        parts.append(f"<h2>About the case</h2><p>{escape(found.note)}</p>")
    return page(f"{found.name}: derivative in torch and JAX", "".join(parts), depth=1, part="Functions")


def verdict(found: Page) -> str:
    """Sentences: who is wrong where in the newest recorded releases, who was, or that nothing is recorded."""
    said = []
    for framework, cells in found.cells.items():
        last = _last(cells)
        if last.state not in ("steady", "right", "differs"):
            said.append(f"{last.release}: {STATES[last.state][3]}.")
        wrong = [c.release for c in cells if c.state == "wrong"]
        if wrong and last.state != "wrong":
            through = f" to {wrong[-1].split(' ')[1]}" if len(wrong) > 1 else ""
            said.append(f"{framework} was wrong at ordinary inputs in {wrong[0]}{through}.")
    return " ".join(said) or "Of the newest recorded releases nothing wrong is recorded."


def _advice(found: Page) -> str:
    if not found.is_complex:
        return "<p>The inputs are real, so no convention stands between the two gradients.</p>"
    return (f"<p>{escape(_sentence(CONVENTION))}</p>"
            '<pre tabindex="0">'
            "g = jnp.conj(jax.grad(loss)(z))  # what torch holds in z.grad, for a real loss</pre>")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _defect(defect: Defect, up: str) -> str:
    where = "at ordinary inputs" if defect.ordinary else "at extreme inputs"
    when = "; ".join(x for x in (
        where, f"since {defect.since}" if defect.since else "",
        f"right again in {defect.fixed}" if defect.fixed else "",
    ) if x)
    return (
        f'<div class="defect{"" if defect.ordinary else " edge"}"><p><strong>{escape(defect.framework)}</strong>: '
        f'{escape(defect.sentence)}.</p><p class="dim">{escape(when)}; {links_of(defect.link)}; '
        f'{link(f"{up}c/{defect.id}.html", "the script that shows it")}</p></div>'
    )


def _history(rows: Sequence[Mapping[str, str]]) -> str:
    releases = [c for c in rows[0] if c.startswith(("torch ", "jax ")) and any(r[c] for r in rows)]
    kept = sorted(rows, key=lambda r: r["quantity"] == "raw")[:_MOST]
    more = f"<p>{len(rows) - len(kept)} more rows are in timeline.csv.</p>" if len(rows) > len(kept) else ""
    return table(
        "Questions whose answer differs between releases", ["question", "at", *releases],
        [[escape(f"{r['backend']} {r['quantity']} {r['api']}"), escape(r["point"]),
          *(escape(r[c]) for c in releases)] for r in kept],
    ) + more


def releases(site: Site) -> str:
    """The index of releases, each with how many answers changed in it."""
    held = Counter(c.release for c in site.changes)
    rows = [[link(release_file(r), r), str(held[r])] for r in reversed(site.releases)]
    body = "<h1>Releases</h1><p>What answers differently in a release than in the one recorded before it.</p>"
    return page("What changed by release", body + table("Recorded releases", ["release", "changes"], rows),
                part="Releases")


def release(site: Site, name: str) -> str:
    """What changed in one release, by function; ordinary inputs first."""
    mine = sorted((c for c in site.changes if c.release == name), key=lambda c: (not c.ordinary, c.case, c.quantity))
    framework = name.split(" ")[0]
    now = Counter(cell.state for found in site.pages.values() for cell in found.cells.get(framework, ())
                  if cell.release == name and cell.state != "steady")
    body = [f"<h1>{escape(name)}</h1>",
            f'<p class="verdict">{len(mine)} changes against the release recorded before it. Of the functions: '
            f"{escape(counts(now)) or 'nothing but agreement is recorded'}.</p>"]
    for title, chosen in (("At ordinary inputs", [c for c in mine if c.ordinary]),
                          ("At extreme inputs", [c for c in mine if not c.ordinary])):
        if chosen:
            body.append(f"<h2>{title}</h2>" + _changes(chosen, title))
    wrong = [(found.name, cell) for found in site.pages.values() for cell in found.cells.get(framework, ())
             if cell.release == name and cell.state in ("wrong", "edge", "crash")]
    if wrong:
        wrong.sort(key=lambda x: (list(STATES).index(x[1].state), x[0]))
        body.append("<h2>Wrong in this release</h2>" + table(
            "Functions with a wrong derivative or value", ["function", "state", "where"],
            [[link("../" + function_file(n), n), state(c.state), escape("; ".join(c.details[:2]))] for n, c in wrong]))
    return page(f"What changed in {name}", "".join(body), depth=1, part="Releases")


def _changes(found: Sequence[Change], title: str) -> str:
    return table(f"Changed answers {title.lower()}", ["function", "what", "before", "now", "at"], [
        [link("../" + function_file(c.case), c.case), escape(f"{c.quantity} {', '.join(c.apis)}"), escape(c.before),
         escape(c.after), escape(c.points)] for c in found])


def causes(site: Site) -> str:
    """The index of causes: one a defect, those at ordinary inputs first; other kinds after them."""
    known = {d.id: d for found in site.pages.values() for d in found.defects}
    rows = []
    several = len({row.get("kind") or "defect" for row in site.findings}) > 1
    for row in sorted(site.findings, key=lambda f: (not (known.get(f["id"]) and known[f["id"]].ordinary), f["id"])):
        told = known.get(row["id"])
        rows.append([
            link(f"c/{row['id']}.html", row["sentence"]), escape(row["framework"]),
            ", ".join(f"<code>{escape(name)}</code>" for name in row.get("function", "").split()),
            escape(told.since if told else ""), escape(told.fixed if told else ""),
            *([escape(row.get("kind") or "defect")] if several else []),
        ])
    body = f"<h1>Causes</h1><p>{len(rows)} distinct causes, each with a script; ordinary inputs first.</p>"
    return page("Recorded causes", body + table(
        "Causes", ["what is wrong", "framework", "function", "since", "right again in", *["kind"] * several], rows),
        part="Causes")


def cause(site: Site, row: Mapping[str, str]) -> str:
    """One cause: the sentence, when, where it shows, the script."""
    told = next((d for found in site.pages.values() for d in found.defects if d.id == row["id"]), None)
    facts = [
        ("framework", row["framework"]), ("function", row.get("function", "")), ("kind", row.get("kind") or "defect"),
        ("confirmed in", row.get("versions", "")), ("since", told.since if told else ""),
        ("right again in", told.fixed if told else ""), ("decided by", row.get("evidence", "")),
        ("verdict", row.get("verdict", "")), ("points", row.get("points", "").replace(" ", ", ")),
    ]
    body = [f"<h1>{escape(row['sentence'])}</h1>",
            table("Facts", ["", ""], [[escape(k), escape(v)] for k, v in facts if v]),
            f"<p>Upstream: {links_of(row.get('link', ''))}</p>",
            "<p>Functions: " + ", ".join(link("../" + function_file(n), n) for n in _shown_by(site, row)) + "</p>"]
    script = site.scripts.get(row["id"], "")
    if script:
        body.append("<h2>Script</h2><p>It needs the framework alone.</p>"
                    f'<pre tabindex="0"><code>{escape(script)}</code></pre>')
    return page(row["sentence"], "".join(body), depth=1, part="Causes")


def _shown_by(site: Site, row: Mapping[str, str]) -> Iterable[str]:
    mine = [n for n in (row.get("cases") or "").split() if n in site.pages]
    return mine or [n for n, found in site.pages.items() if any(d.id == row["id"] for d in found.defects)]
