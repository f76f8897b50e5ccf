// Timeline, atlas and legend; and their parts that a case page shows.

// Words of a timeline: verdicts, statuses, relations, "right", "wrong (zero)", or letters for results that differ.
const VERSION_WORDS = { right: "agree", wrong: "mismatch", refused: "unsupported", failed: "error", ok: "ok" };

function versionCell(value, row) {
  const first = value.split(" ")[0];
  const isRelation = row.some((cell) => /\brelation\b/.test(cell)); // then "conjugate" is a convention, not a verdict
  const style = isRelation && first === "conjugate" ? DB.styles.convention
    : DB.styles[value] || DB.styles[VERSION_WORDS[first]] || (first !== "?" && DB.styles[first]);
  if (style && value) return el("span", { class: "chip g-" + style.group, title: value }, symbol(style), el("span", { class: "chip-word" }, txt(value, 60)));
  return txt(value, 120);
}

function timelinePage() {
  const t = DB.timeline;
  const input = el("input", { type: "search", "aria-label": "Search the timeline", placeholder: "Search functions, questions, verdicts …", spellcheck: "false" });
  const changes = el("button", { type: "button", class: "button toggle", "aria-pressed": "false" }, "Changes only");
  const shown = el("p", { class: "result-count", role: "status" });
  let rows = t.rows;
  const widths = { question: "minmax(14rem, 2fr)", of: "minmax(4.5rem, .6fr)", point: "minmax(8rem, 1fr)", dtype: "6rem", decided: "6rem" };
  const template = t.columns.map((c, k) => (k === 0 ? "minmax(9rem, 1.2fr)" : widths[c] || "minmax(7.4rem, .8fr)")).join(" ");
  const list = makeList({
    label: "Timeline", header: el("div", { role: "row", class: "vrow vhead timeline-row", "aria-rowindex": "1", style: { "grid-template-columns": template } },
      t.columns.map((c) => el("span", { role: "columnheader" }, txt(c, 40)))),
    makeRow: (i) => el("div", { class: "vrow timeline-row", style: { "grid-template-columns": template } }, rows[i].map((v, k) => el("span", { role: "gridcell",
      class: t.versions.includes(k) && k && rows[i][k] !== rows[i][k - 1] && t.versions.includes(k - 1) && rows[i][k - 1] ? "changed" : null },
      el("span", { class: "phone-label" }, txt(t.columns[k], 40)), k === 0 && DB.caseIndex.has(v) ? el("a", { href: caseLink(v), tabindex: "-1" }, txt(v, 60)) : t.versions.includes(k) ? versionCell(v, rows[i]) : txt(v, 120)))),
    open: (i) => { if (DB.caseIndex.has(rows[i][0])) location.hash = caseLink(rows[i][0]); },
  });
  list.node.classList.add("timeline-list");
  list.node.style.setProperty("--columns", String(t.columns.length));
  const go = (push) => {
    const params = new URLSearchParams();
    if (input.value.trim()) params.set("q", input.value.trim());
    if (changes.getAttribute("aria-pressed") === "true") params.set("changes", "1");
    setHash(makeHash("timeline", "", params), !push);
  };
  input.addEventListener("input", () => go(false));
  changes.addEventListener("click", () => { changes.setAttribute("aria-pressed", String(changes.getAttribute("aria-pressed") !== "true")); go(true); });
  const node = el("div", { class: "page" }, el("h1", { tabindex: "-1", id: "page-title" }, "Timeline"),
    el("p", { class: "lead" }, "One row for each function and question, one column for each version. A bar at the left edge of a cell marks a change."),
    el("search", { class: "filterbar" }, el("div", { class: "filter-line" }, el("div", { class: "searchbox" }, icon("search"), input), changes), el("div", { class: "filter-foot" }, shown)),
    el("div", { class: "scroller wide", tabindex: "0", role: "region", "aria-label": "Timeline table" }, list.node));
  return {
    node,
    update(r) {
      const q = (r.params.get("q") || "").toLowerCase();
      const onlyChanges = r.params.get("changes") === "1";
      if (document.activeElement !== input) input.value = r.params.get("q") || "";
      changes.setAttribute("aria-pressed", String(onlyChanges));
      const terms = q.split(/\s+/).filter(Boolean);
      rows = t.rows.filter((row) => {
        if (onlyChanges && new Set(t.versions.map((k) => row[k]).filter(Boolean)).size < 2) return false;
        const text = terms.length ? row.join("\u0000").toLowerCase() : "";
        return terms.every((term) => text.includes(term));
      });
      shown.textContent = `${plural(rows.length, "row")} of ${count(t.rows.length)}`;
      list.setLength(rows.length);
    },
  };
}

function versionsSection(id) {
  if (!DB.timeline) return null;
  const t = DB.timeline;
  const rows = t.rows.filter((r) => r[0] === id);
  if (!rows.length) return null;
  const shown = t.columns.map((_, k) => k).filter((k) => k && rows.some((r) => r[k]));
  return el("section", { "aria-labelledby": "versions-title" }, el("h2", { id: "versions-title" }, "Over versions"),
    el("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": "Over versions" }, el("table", { class: "plain versions" },
      el("thead", null, el("tr", null, shown.map((k) => el("th", { scope: "col" }, txt(t.columns[k], 40))))),
      el("tbody", null, rows.slice(0, 15).map((r) => el("tr", null, shown.map((k) => el("td", null, t.versions.includes(k) ? versionCell(r[k], r) : txt(r[k], 60)))))))),
    rows.length > 15 ? el("p", { class: "fine" }, `15 of ${count(rows.length)} rows; the `, el("a", { href: makeHash("timeline", "", new URLSearchParams({ q: id })) }, "timeline"), " has all.") : null);
}

function atlasFigure(a, eager) {
  const image = el("img", { alt: a.alt, loading: "lazy", width: String(a.width), height: String(a.height) });
  image.src = `data:${a.type};base64,` + document.getElementById("atlas-data").textContent.slice(a.start, a.start + a.length);
  return el("figure", { class: "atlas-figure", id: eager ? null : "atlas-" + a.index }, image,
    el("figcaption", null, el("strong", null, DB.caseIndex.has(a.name) ? el("a", { href: caseLink(a.name) }, txt(a.name, 80)) : txt(a.name, 80)), a.caption ? [" ", txt(a.caption, 2000)] : null));
}

function atlasSection(id) {
  const found = DB.atlas.filter((a) => a.name === id);
  if (!found.length) return null;
  return el("section", { "aria-labelledby": "atlas-title" }, el("h2", { id: "atlas-title" }, "Over the plane"), found.map((a) => atlasFigure(a, true)));
}

function atlasPage() {
  const holder = el("div", { class: "atlas" });
  const contents = el("nav", { "aria-label": "Functions of the atlas" }, el("ul", { class: "atlas-contents" }, DB.atlas.map((a, k) => el("li", null,
    el("a", { href: makeHash("atlas", a.name, null) }, txt(a.name, 60))))));
  const node = el("div", { class: "page" }, el("h1", { tabindex: "-1", id: "page-title" }, "Atlas of the complex plane"),
    el("p", { class: "lead" }, "The derivative by domain colouring (hue is the direction, brightness the size), where the frameworks disagree, and the error of each against the reference."),
    contents, DB.atlasOmitted.length ? el("p", { class: "fine" }, `${plural(DB.atlasOmitted.length, "more figure")} would have made this file too large: `,
      txt(DB.atlasOmitted.join(", "), 2000), ".") : null, holder);
  return {
    node,
    update(r) {
      const chosen = DB.atlas.filter((a) => !r.id || a.name === r.id);
      for (const link of contents.querySelectorAll("a")) {
        if (link.textContent === r.id) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
      }
      holder.replaceChildren(...(r.id ? chosen : chosen.slice(0, 6)).map((a) => atlasFigure(a)),
        !r.id && chosen.length > 6 ? el("p", { class: "fine" }, `The first 6 of ${chosen.length}; choose one above.`) : "");
    },
  };
}

function legendPage() {
  const row = (s, name, meaning) => el("div", { class: "legend-row" }, el("dt", null, chip(s, name)), el("dd", null, meaning));
  const node = el("div", { class: "page prose" }, el("h1", { tabindex: "-1", id: "page-title" }, "What the words mean"),
    el("h2", null, "Verdicts"), el("p", null, "What remains of a difference after the conventions are removed. Worst first."),
    el("dl", { class: "legend" }, DB.legend.verdicts.map((v) => row(DB.styles[v], v, DB.styles[v].meaning)),
      row(DB.styles.convention, "agree", "with a raw relation such as conjugate: a pure convention difference; the derivative is the same")),
    el("h2", null, "Outcome of a function"), el("p", null, "The worst of its comparisons; each function counts once."),
    el("dl", { class: "legend" }, DB.outcomes.map((o) => row(o, o.title, o.meaning))),
    el("h2", null, "Other words"),
    el("dl", { class: "glossary" }, DB.legend.words.map(([w, m]) => [el("dt", null, w), el("dd", null, m)])),
    el("h2", null, "Keys"),
    el("dl", { class: "glossary" }, [["/", "search"], ["↑ ↓ Page Up Page Down Home End", "move in a list"], ["Enter", "open what is selected"], ["Esc", "close a filter"]]
      .map(([k, m]) => [el("dt", null, el("kbd", null, k)), el("dd", null, m)])));
  return { node, update() {} };
}
