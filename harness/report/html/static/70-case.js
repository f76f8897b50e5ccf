// One function: formula, points in the plane, then everything about the selected point.

function casePage() {
  const node = el("div", { class: "page case" });
  let shown = null, detail = null;
  return {
    node,
    async update(r) {
      const id = r.id;
      if (!DB.caseIndex.has(id)) {
        shown = null;
        node.replaceChildren(el("h1", { tabindex: "-1", id: "page-title" }, "No such function"),
          el("p", null, "This report has no function called ", code(id, 200), "."), el("p", null, el("a", { href: "#/functions" }, "All functions")));
        return;
      }
      if (shown !== id) {
        detail = await loadDetail(id);
        if (route().page !== "case" || route().id !== id) return; // the reader has moved on
      }
      const fresh = shown !== id;
      shown = id;
      drawCase(node, id, detail, r.params, fresh);
    },
  };
}

const DTYPES = ["complex128", "float64", "complex64", "float32"]; // the widest first

function rowsOfCase(id) {
  const c = DB.caseIndex.get(id), codes = DB.columns.case;
  const rows = [];
  for (let i = 0; i < codes.length; i++) if (codes[i] === c) rows.push(i);
  return rows;
}

function worstStyle(rows) {
  let worst = null, best = 0;
  for (const i of rows) {
    const s = rowStyle(i);
    const weight = standing(i);
    if (!worst || weight > best || (weight === best && s.verdict === "convention")) { worst = s; best = weight; }
  }
  return worst || DB.styles["?"];
}

function drawCase(node, id, detail, params, fresh) {
  const rows = rowsOfCase(id);
  const byPoint = new Map();
  for (const i of rows) {
    const p = cell("point", i);
    if (!byPoint.has(p)) byPoint.set(p, []);
    byPoint.get(p).push(i);
  }
  const points = [...byPoint.keys()].map((name) => ({ name, style: worstStyle(byPoint.get(name)), rows: byPoint.get(name) }));
  if (detail) points.sort((a, b) => detail.points.findIndex((p) => p.name === a.name) - detail.points.findIndex((p) => p.name === b.name));
  const wanted = params.get("point");
  let point = points.find((p) => p.name === wanted);
  if (!point) point = points.reduce((best, p) => (p.style.severity > best.style.severity ? p : best), points[0]);
  const dtypes = [...new Set(point.rows.map((i) => cell("dtype", i)))].sort((a, b) => DTYPES.indexOf(a) - DTYPES.indexOf(b));
  const dtype = dtypes.includes(params.get("dtype")) ? params.get("dtype")
    : dtypes.reduce((best, d) => (worstOf(d) > worstOf(best) ? d : best), dtypes[0]);
  function worstOf(d) { return worstStyle(point.rows.filter((i) => cell("dtype", i) === d)).severity; }
  const outcome = DB.outcomes[DB.caseOutcome[DB.caseIndex.get(id)]];
  const scroll = fresh ? null : node.querySelector(".point-list")?.scrollTop;
  const focusedPoint = !fresh && node.querySelector(".point-list")?.contains(document.activeElement);
  node.replaceChildren(...present([
    el("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, el("a", { href: "#/functions" }, "Functions"), " / ",
      el("a", { href: makeHash("functions", "", writeFilter(only("family", DB.families[DB.caseFamily[DB.caseIndex.get(id)]]))) }, txt(DB.families[DB.caseFamily[DB.caseIndex.get(id)]] || "no family", 80))),
    el("header", { class: "case-head" }, el("h1", { tabindex: "-1", id: "page-title" }, txt(id)), chip(outcome, outcome.title)),
    detail && detail.note ? el("p", { class: "lead" }, txt(detail.note)) : null,
    detail ? formulaSection(detail) : el("p", { class: "notice" }, "Formulas, inputs and raw results of this function are not in this file; it was made without its run, or they did not fit. ",
      "harness show prints them."),
    el("div", { class: "case-grid" },
      el("section", { class: "case-points", "aria-labelledby": "points-title" }, el("h2", { id: "points-title" }, plural(points.length, "point")),
        detail ? plane(detail, points, point, id, dtype) : null, pointList(points, point, id, params)),
      el("section", { class: "case-point", "aria-labelledby": "point-title" }, pointView(id, detail, point, dtype, dtypes))),
    expectSection(detail), versionsSection(id), atlasSection(id)]));
  if (scroll) node.querySelector(".point-list").scrollTop = scroll;
  if (focusedPoint) node.querySelector(".point-list [aria-current]")?.focus();
}

function formulaSection(detail) {
  const typeset = detail.sources.find((s) => s.mathml);
  const math = el("div", { class: "formula", role: "group", "aria-label": "Formula" });
  if (typeset) {
    // The markup was generated from a syntax tree by the report's own typesetter, with all text escaped.
    const template = document.createElement("template");
    template.innerHTML = typeset.mathml;
    math.append(template.content);
  }
  return el("section", { class: "formulas", "aria-label": "Function" }, typeset ? math : null,
    el("dl", { class: "sources" }, detail.sources.map((s) => [el("dt", null, txt(s.family)), el("dd", null, el("pre", null, el("code", null, txt(s.text))))]),
      el("dt", null, "inputs"), el("dd", null, detail.inputs.map((i) => el("span", { class: "input-decl" }, code(i.name, 60), " ", txt(i.kind),
        i.shape.length ? `[${i.shape.join(", ")}]` : " scalar", i.diff ? "" : ", not differentiated")))));
}

function pointList(points, selected, id, params) {
  return el("ul", { class: "point-list" }, points.map((p) => el("li", null,
    el("a", { href: caseLink(id, p.name, params.get("dtype")), class: "point-link", "aria-current": p === selected ? "true" : null },
      symbol(p.style), el("span", { class: "visually-hidden" }, p.style.verdict + ": "), txt(p.name, 80)))));
}

function pointView(id, detail, point, dtype, dtypes) {
  const rows = point.rows.filter((i) => cell("dtype", i) === dtype);
  const record = detail && detail.points.find((p) => p.name === point.name);
  const at = detail ? detail.at[`${point.name}\u0000${dtype}`] : null;
  return [
    el("div", { class: "section-head" }, el("h2", { id: "point-title" }, "At ", code(point.name, 80)),
      el("div", { class: "segmented", role: "group", "aria-label": "dtype" }, dtypes.map((d) => el("a", { href: caseLink(id, point.name, d),
        "aria-current": d === dtype ? "true" : null }, txt(d))))),
    record && record.note ? el("p", null, txt(record.note)) : null,
    record ? el("dl", { class: "values" }, record.arrays.map((a) => [el("dt", null, txt(a.name)), el("dd", null, arrayText(a))]),
      record.layout ? [el("dt", null, "layout"), el("dd", null, txt(record.layout))] : null) : null,
    verdictSection(rows),
    at ? [pairSection(at, detail), valueSection(at), rawSection(at)] : detail ? el("p", { class: "notice" }, "The arrays of this point are not in this file: ",
      detail.omitted || "nothing was recorded for it", "."  ) : null,
    reproSection(detail, point.name),
  ];
}

function arrayText(a) {
  const more = a.size > a.entries.length ? ` … ${count(a.size - a.entries.length)} more` : "";
  return el("code", { class: "digits" }, a.entries.map((e, k) => [k ? ", " : "", e.join("")]), more);
}

// Rows that say the same are one paragraph: agreement is stated once, whatever APIs agree.
function verdictSection(rows) {
  const groups = new Map();
  const sorted = [...rows].sort((a, b) => standing(b) - standing(a) || a - b);
  for (const i of sorted) {
    const style = rowStyle(i), harmless = style.severity === 0;
    const refusal = style.verdict === "unsupported" && cell("quantity", i) === "raw"; // one paragraph for all of them
    const key = refusal ? "refusal" : [style.verdict, style.verdict === "convention" ? cell("relation", i) : "", cell("accused", i), cell("evidence", i),
                 harmless ? "" : cell("note", i), cell("expected", i)].join("\u0000");
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(i);
  }
  return el("div", { class: "verdicts" }, [...groups.values()].map(verdictGroup));
}

function verdictGroup(g) {
  const i = g[0], style = rowStyle(i);
  const culprit = cell("accused", i), evidence = cell("evidence", i), expected = cell("expected", i);
  const notes = distinctWords(g.map((k) => cell("note", k)).filter(Boolean)), note = notes.length === 1 ? notes[0] : "";
  const ulps = g.map((k) => DB.columns.ulp[k]).filter((x) => x === x && x > 0);
  const sides = distinctWords(g.map((k) => cell("pair", k)));
  const advice = distinctWords(g.map((k) => cell("advice", k)).filter(Boolean));
  const relations = distinctWords(g.map((k) => cell("relation", k)).filter((r) => r && r !== "none" && r !== "equal"));
  return el("div", { class: "verdict g-" + style.group },
    el("p", { class: "verdict-line" }, verdictChip(i), " ", el("strong", null, style.meaning),
      relations.length ? el("span", { class: "dim" }, ", raw: ", txt(relations.join(", "))) : null),
    el("p", { class: "verdict-sides dim" }, sides.slice(0, 4).map((s, k) => [k ? "; " : "", txt(s, 90)]), sides.length > 4 ? ` and ${sides.length - 4} more pairs` : ""),
    culprit ? el("p", null, el("strong", null, culprit === "both" ? "Both sides are wrong" : [txt(culprit), " is wrong"]), evidence ? `, by ${evidence.replace("-", " ")}.` : ".") : null,
    notes.length > 1 ? el("details", { class: "quiet" }, el("summary", null, `${notes.length} messages`),
      el("ul", { class: "plain-list" }, notes.slice(0, 40).map((n) => el("li", null, txt(n, 600))))) : null,
    advice.slice(0, 2).map((a) => el("p", null, txt(a))),
    advice.length > 2 ? el("details", { class: "quiet" }, el("summary", null, plural(advice.length - 2, "more sentence") + " of advice"),
      el("ul", { class: "plain-list" }, advice.slice(2, 40).map((a) => el("li", null, txt(a))))) : null,
    note ? el("p", { class: "note" }, txt(note, 1200)) : null,
    expected ? el("p", { class: "note" }, el("span", { class: "flag" }, "expected"), " ", txt(expected === "True" ? "" : expected)) : null,
    el("details", { class: "quiet" }, el("summary", null, plural(g.length, "comparison"), ulps.length ? `, up to ${number(Math.max(...ulps))} ulp` : ""),
      el("ul", { class: "plain-list" }, g.slice(0, 60).map((k) => el("li", null, txt(cell("pair", k), 90), " ", el("span", { class: "dim" }, txt(question(k), 80)),
        " ", el("span", { class: "dim" }, txt([cell("input", k), cell("output", k)].filter(Boolean).join(" → "), 60)),
        DB.columns.max_rel[k] === DB.columns.max_rel[k] ? el("span", { class: "dim" }, ` max rel ${number(DB.columns.max_rel[k])}`) : null,
        isBlind(cell("blind", k)) ? [" ", el("span", { class: "flag" }, "blind: ", txt(cell("blind", k), 60))] : null)),
        g.length > 60 ? el("li", null, `and ${count(g.length - 60)} more`) : null)));
}

const distinctWords = (words) => [...new Set(words)];

// ---- numbers side by side --------------------------------------------------------------------------------------

// Text of a number against another: the part from the first differing digit on is marked; a differing sign is
// marked by itself, because sign and conjugation are what this report is about.
function marked(text, base) {
  if (base && text !== base && text.endsWith("j") && base.endsWith("j")) {
    return el("span", null, marked(text.slice(0, -1), base.slice(0, -1)), "j");
  }
  if (base === undefined || base === null || text === base) return document.createTextNode(text);
  const sign = (s) => (/^[-+−]/.test(s) ? s[0] : "");
  const a = sign(text), b = sign(base);
  const x = text.slice(a.length), y = base.slice(b.length);
  const out = [];
  if (a !== b) out.push(el("mark", { class: "differs sign" }, a || "\u2007")); else out.push(a);
  let k = 0;
  while (k < x.length && x[k] === y[k]) k++;
  out.push(x.slice(0, k));
  if (k < x.length) out.push(el("mark", { class: "differs" }, x.slice(k)));
  else if (k < y.length) out.push(el("mark", { class: "differs" }, "\u2007"));
  const node = el("span", null, out);
  return node;
}

function entryNodes(entry, base) {
  return el("span", { class: "entry" }, entry.map((part, k) => el("span", { class: "part" }, marked(part, base ? base[k] : undefined))));
}

// Sides that returned the very same digits share a row.
function groupSides(sides, key) {
  const groups = [];
  for (const side of sides) {
    const k = JSON.stringify(key(side));
    const found = groups.find((g) => g.key === k);
    if (found) found.sides.push(side); else groups.push({ key: k, sides: [side], first: side });
  }
  return groups;
}

function sideName(side) {
  return side.target + (side.api ? ` ${side.api}` : "");
}

// The same target in several APIs is named once: "jax: pullback, pushforward".
function sidesText(sides) {
  const by = new Map();
  for (const s of sides) {
    if (!by.has(s.target)) by.set(s.target, []);
    if (s.api) by.get(s.target).push(s.api);
  }
  return [...by].map(([target, apis], k) => [k ? el("br") : null, el("span", { class: "target" }, txt(target, 80)), apis.length ? el("span", { class: "dim" }, " ", txt(apis.join(", "), 160)) : null]);
}

function pairSection(at, detail) {
  if (!at.pairs.length) return null;
  return el("div", { class: "block" }, el("h3", null, "Wirtinger pair"),
    at.pairs.map((p) => {
      const ok = p.sides.filter((s) => s.dz);
      const groups = groupSides(ok, (s) => [s.dz, s.db]);
      const base = groups.find((g) => g.sides.some((s) => s.target.startsWith("reference"))) || groups[0];
      const real = !p.complex;
      return el("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": `Wirtinger pair of ${p.output} by ${p.input}` },
        el("table", { class: "plain numbers" },
          el("caption", null, real ? "d" : "∂", txt(p.output, 40), " by ", txt(p.input, 40),
            p.total > p.entries.length ? `: ${p.entries.length} of ${count(p.total)} entries, those that differ or are largest` : "",
            groups.length > 1 ? el("span", { class: "dim" }, "; digits that differ from ", base.sides[0].target, " are marked") : el("span", { class: "dim" }, "; the same digits everywhere")),
          el("thead", null, el("tr", null, el("th", { scope: "col" }, "entry"), el("th", { scope: "col" }, "by"),
            el("th", { scope: "col" }, real ? "df/dx" : "∂f/∂z"), real ? null : el("th", { scope: "col" }, "∂f/∂z*"))),
          el("tbody", null, p.entries.map((name, k) => groups.map((g, n) => el("tr", { class: n ? null : "first" },
            n ? null : el("th", { scope: "rowgroup", rowspan: String(groups.length) }, el("code", null, name)),
            el("th", { scope: "row", class: "side" }, sidesText(g.sides)),
            el("td", null, entryNodes(g.first.dz[k], g === base ? null : base.first.dz[k])),
            real ? null : el("td", null, entryNodes(g.first.db[k], g === base ? null : base.first.db[k]))))))),
        failures(p.sides.filter((s) => !s.dz)));
    }));
}

function failure(side) {
  return el("p", { class: "failure" }, symbol(DB.styles[side.status === "refused" ? "unsupported" : side.status] || DB.styles.error), " ",
    txt(sideName(side), 120), " ", el("span", { class: "dim" }, side.status, side.error ? ": " : ""), side.error ? code(side.error, 80) : null,
    side.message ? el("span", { class: "message" }, " ", txt(side.message, 1200)) : null);
}

function valueSection(at) {
  return stacked("Function value", at.values, (v) => txt(v.output, 60));
}

function rawSection(at) {
  const answered = (v) => v.sides.some((s) => s.entries);
  const ordered = [...at.raw].sort((a, b) => answered(b) - answered(a));
  return stacked("Raw results, as each API returns them", ordered, (v) => [el("strong", null, txt(v.question, 60)), " ",
    el("span", { class: "dim" }, txt([v.input, v.output].filter(Boolean).join(" → "), 80))]);
}

function stacked(title, blocks, name) {
  if (!blocks.length) return null;
  return el("div", { class: "block" }, el("h3", null, title), blocks.map((v) => {
    const ok = v.sides.filter((s) => s.entries);
    const groups = groupSides(ok, (s) => [s.shape, s.entries]);
    const base = groups[0];
    return el("div", { class: "stack" }, el("p", { class: "stack-name" }, name(v)),
      groups.length ? el("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": title }, el("table", { class: "plain numbers" },
        el("thead", { class: "visually-hidden" }, el("tr", null, el("th", { scope: "col" }, "by"), el("th", { scope: "col" }, "shape"), el("th", { scope: "col" }, "entries"))),
        el("tbody", null, groups.map((g) => el("tr", null,
        el("th", { scope: "row", class: "side" }, sidesText(g.sides)), el("td", { class: "shape dim" }, g.first.shape.length ? `[${g.first.shape.join(", ")}]` : "scalar"),
        el("td", null, el("span", { class: "entries" }, g.first.entries.map((e, k) => entryNodes(e, g === base ? null : base.first.entries[k])),
          g.first.size > g.first.entries.length ? el("span", { class: "dim" }, `… ${count(g.first.size - g.first.entries.length)} more`) : null))))))) : null,
      failures(v.sides.filter((s) => !s.entries)));
  }));
}

// What refused, by name; the frameworks' own words on demand.
function failures(sides) {
  if (!sides.length) return null;
  const kinds = distinctWords(sides.map((s) => s.status));
  return el("details", { class: "quiet failures" }, el("summary", null, symbol(DB.styles[kinds[0] === "refused" ? "unsupported" : kinds[0]] || DB.styles.error), " ",
    kinds.join(", "), ": ", sides.map((s, k) => [k ? "; " : "", txt(sideName(s), 80)])), sides.map(failure));
}

function reproSection(detail, point) {
  const script = detail && detail.repro && detail.repro[point];
  if (!script) return null;
  return el("div", { class: "block" }, el("div", { class: "section-head" }, el("h3", null, "Reproduce it"), copyButton("Copy script", () => script)),
    el("pre", { class: "script", tabindex: "0", role: "region", "aria-label": "Reproduction script" }, el("code", null, script)));
}

function expectSection(detail) {
  if (!detail || !detail.expect.length) return null;
  return el("section", { "aria-labelledby": "expect-title" }, el("h2", { id: "expect-title" }, "What the case expects"),
    el("ul", { class: "plain-list" }, detail.expect.map((e) => el("li", null, e.verdict.map((v) => [chip(DB.styles[v] || DB.styles["?"], v), " "]), txt(e.because),
      e.scope ? el("span", { class: "dim" }, " (", txt(e.scope, 300), ")") : null, e.link ? [" ", el("a", { href: e.link, rel: "noopener noreferrer", target: "_blank" }, icon("link"), "upstream")] : null))));
}
