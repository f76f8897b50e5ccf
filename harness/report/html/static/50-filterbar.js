// Search, facets, chips of what is active. The bar stays in place while the view below it changes.

const SHOWN_FACETS = () => FACETS.filter(([name]) => DB.words[name] && DB.words[name].length > 1);

function wordLabel(name, word) {
  if (name === "outcome") {
    const outcome = DB.outcomes.find((o) => o.name === word);
    return outcome ? outcome.title : word;
  }
  if (word === "") return name === "culprit" ? "nobody named" : name === "relation" ? "not compared raw" : "none";
  return word;
}

function wordStyle(name, word) {
  if (name === "verdict") return DB.styles[word] || DB.styles["?"];
  if (name === "outcome") return DB.outcomes.find((o) => o.name === word) || null;
  return null;
}

function makeFilterBar(onChange) {
  let filter = emptyFilter();
  const input = el("input", { type: "search", id: "search", placeholder: "Search functions, points, APIs, notes …",
                              autocomplete: "off", spellcheck: "false", "aria-label": "Search" });
  let waiting = 0;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => onChange({ ...filter, q: input.value.trim() }, true), 80);
  });
  const toggle = el("button", { type: "button", class: "button toggle", "aria-pressed": "false" }, "Surprising only");
  toggle.addEventListener("click", () => onChange({ ...filter, surprising: !filter.surprising }, false));
  const facets = SHOWN_FACETS().map(([name, title]) => makeFacet(name, title, () => filter, onChange));
  const more = el("details", { class: "more-facets" },
    el("summary", { class: "button" }, "Filters", el("span", { class: "badge", hidden: true }), icon("chevron")),
    el("div", { class: "facets" }, facets.map((f) => f.node), toggle));
  if (window.matchMedia("(min-width: 60rem)").matches) more.open = true;
  const chips = el("div", { class: "chips" });
  const result = el("p", { class: "result-count", role: "status" });
  const node = el("search", { class: "filterbar", "aria-label": "Filter the comparisons" },
    el("div", { class: "filter-line" },
      el("div", { class: "searchbox" }, icon("search"), input), more),
    el("div", { class: "filter-foot" }, result, chips));

  function update(next) {
    filter = next;
    if (document.activeElement !== input) input.value = filter.q;
    toggle.setAttribute("aria-pressed", String(filter.surprising));
    for (const f of facets) f.update(filter);
    const n = activeCount(filter) - (filter.q ? 1 : 0);
    const badge = more.querySelector("summary .badge");
    badge.hidden = !n;
    badge.textContent = n ? String(n) : "";
    chips.replaceChildren(...makeChips(filter, onChange));
  }
  return { node, update, input, result };
}

function makeChips(filter, onChange) {
  const out = [];
  const add = (label, next) => out.push(el("button", { type: "button", class: "filter-chip", onclick: () => onChange(next, false) },
    label, icon("close"), el("span", { class: "visually-hidden" }, " (remove this filter)")));
  for (const [name, title] of FACETS) {
    for (const word of filter.facets[name] || []) {
      const rest = new Set(filter.facets[name]);
      rest.delete(word);
      const facets = { ...filter.facets };
      if (rest.size) facets[name] = rest; else delete facets[name];
      const style = wordStyle(name, word);
      add([el("span", { class: "dim" }, title + " "), style ? symbol(style) : null, txt(wordLabel(name, word), 60)],
          { ...filter, facets });
    }
  }
  if (filter.surprising) add("surprising only", { ...filter, surprising: false });
  if (filter.q) add([el("span", { class: "dim" }, "search "), txt(filter.q, 60)], { ...filter, q: "" });
  if (out.length > 1) {
    out.push(el("button", { type: "button", class: "linklike", onclick: () => onChange({ ...emptyFilter(), sort: filter.sort, across: filter.across }, false) },
      "Clear all"));
  }
  return out;
}

// One facet: a disclosure with checkboxes, counted under the other filters; long lists get their own small search.
function makeFacet(name, title, current, onChange) {
  const badge = el("span", { class: "badge", hidden: true });
  const summary = el("summary", { class: "button" }, title, badge, icon("chevron"));
  const body = el("div", { class: "popover" });
  const node = el("details", { class: "facet" }, summary, body);
  let narrow = "";
  node.addEventListener("toggle", () => {
    if (!node.open) return;
    for (const other of document.querySelectorAll("details.facet[open]")) if (other !== node) other.open = false;
    narrow = "";
    draw();
    body.classList.toggle("to-left", body.getBoundingClientRect().right > document.documentElement.clientWidth - 8);
  });
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !node.open) return;
    node.open = false;
    summary.focus();
    event.stopPropagation();
  });

  function draw() {
    const filter = current();
    const chosen = filter.facets[name] || new Set();
    const counts = facetCounts(name, filter);
    let order = Array.from(DB.words[name].keys()).filter((k) => counts[k] || chosen.has(DB.words[name][k]));
    if (name === "verdict") order.sort((a, b) => DB.styles[DB.words.verdict[b]]?.severity - DB.styles[DB.words.verdict[a]]?.severity);
    else if (name === "outcome") order.sort((a, b) => a - b);
    else if (name === "family") order.sort((a, b) => DB.words[name][a].localeCompare(DB.words[name][b]));
    else order.sort((a, b) => counts[b] - counts[a]);
    const matching = narrow ? order.filter((k) => DB.words[name][k].toLowerCase().includes(narrow)) : order;
    const shown = matching.slice(0, 200);
    const list = el("ul", { class: "choices" }, shown.map((k) => {
      const word = DB.words[name][k];
      const style = wordStyle(name, word);
      const box = el("input", { type: "checkbox" });
      box.checked = chosen.has(word);
      box.addEventListener("change", () => {
        const next = new Set(chosen);
        if (box.checked) next.add(word); else next.delete(word);
        const facets = { ...filter.facets };
        if (next.size) facets[name] = next; else delete facets[name];
        onChange({ ...filter, facets }, false);
      });
      return el("li", null, el("label", null, box, style ? symbol(style) : null,
        el("span", { class: "choice-word" }, txt(wordLabel(name, word), 120)), el("span", { class: "choice-count" }, count(counts[k]))));
    }));
    if (shown.length < matching.length) list.append(el("li", { class: "dim" }, `and ${count(matching.length - shown.length)} more; narrow the list`));
    const parts = [];
    if (order.length > 12) {
      const box = el("input", { type: "search", class: "narrow", placeholder: "Narrow this list", "aria-label": `Narrow the list of ${title}` });
      box.value = narrow;
      box.addEventListener("input", () => { narrow = box.value.toLowerCase(); draw(); body.querySelector(".narrow").focus(); });
      parts.push(box);
    }
    const focused = body.contains(document.activeElement) ? Array.from(body.querySelectorAll("input")).indexOf(document.activeElement) : -1;
    body.replaceChildren(...parts, el("fieldset", null, el("legend", { class: "visually-hidden" }, title), list));
    if (focused >= 0) body.querySelectorAll("input")[focused]?.focus();
  }

  function update(filter) {
    const n = (filter.facets[name] || new Set()).size;
    badge.hidden = !n;
    badge.textContent = n ? String(n) : "";
    if (node.open) draw();
  }
  return { node, update };
}

document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.facet[open]")) if (!open.contains(event.target)) open.open = false;
});
