// Routing and start.

const PAGES = {
  overview: overviewPage, functions: functionsPage, rows: rowsPage, case: casePage, timeline: timelinePage, atlas: atlasPage, legend: legendPage,
};
const TITLES = { overview: "Overview", functions: "Functions", rows: "Comparisons", timeline: "Timeline", atlas: "Atlas", legend: "Legend" };
const FILTERED = ["overview", "functions", "rows"];
let current = null, currentName = "", lastFilter = new URLSearchParams();

const route = () => parseHash(location.hash);

// Write the URL, then show what it says. Typing replaces the entry, so that "back" leaves the search, not a letter.
function setHash(hash, replace) {
  if (hash === location.hash) return;
  if (replace) {
    history.replaceState(null, "", hash);
    render(false);
  } else {
    location.hash = hash;
  }
}

function changeFilter(filter, replace) {
  const { page } = route();
  setHash(makeHash(FILTERED.includes(page) ? page : "rows", "", writeFilter(filter)), replace);
}

function render(moved) {
  const r = route();
  let name = PAGES[r.page] ? r.page : "overview";
  if (name === "timeline" && !DB.timeline) name = "overview";
  if (name === "atlas" && !DB.atlas.length) name = "overview";
  const main = document.getElementById("main");
  const fresh = name !== currentName;
  if (fresh) {
    current = PAGES[name]();
    currentName = name;
    main.replaceChildren(current.node);
  }
  if (FILTERED.includes(name)) lastFilter = r.params;
  drawNav(name);
  const done = current.update(r);
  Promise.resolve(done).then(() => {
    const title = name === "case" ? r.id.slice(0, 80) : TITLES[name];
    document.title = `${title} · ${DB.title}`;
    if (!moved) return;
    if (fresh || name === "case") {
      if (fresh) window.scrollTo(0, 0);
      if (fresh) document.getElementById("page-title")?.focus({ preventScroll: true });
    }
    announce(fresh ? title : (main.querySelector(".result-count")?.textContent || title));
  });
}

function drawNav(name) {
  const items = ["overview", "functions", "rows", ...(DB.timeline ? ["timeline"] : []), ...(DB.atlas.length ? ["atlas"] : []), "legend"];
  document.getElementById("nav").replaceChildren(...items.map((item) => el("li", null, el("a", {
    href: makeHash(item, "", FILTERED.includes(item) && item !== "overview" && FILTERED.includes(name) ? lastFilter : null),
    "aria-current": item === name || (name === "case" && item === "functions") ? "page" : null }, TITLES[item]))));
}

function themeButton() {
  const button = document.getElementById("theme");
  const root = document.documentElement;
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const say = () => button.setAttribute("aria-label", dark() ? "Use the light theme" : "Use the dark theme");
  try {
    const kept = localStorage.getItem("harness-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch (forbidden) { /* a page from a file may have no storage; the choice then lasts as long as the page */ }
  button.append(icon("theme"));
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("harness-theme", root.dataset.theme); } catch (forbidden) { /* as above */ }
    say();
  });
  say();
}

document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName || "");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector("#main input[type=search]");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  }
});

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash belongs to the view
  document.getElementById("main").focus();
});

async function start() {
  themeButton();
  if (typeof DecompressionStream === "undefined") {
    document.getElementById("main").replaceChildren(el("p", { class: "notice" }, "This browser is too old for the report: it lacks DecompressionStream (every major browser has had it since May 2023)."));
    return;
  }
  prepare(await loadData());
  window.addEventListener("hashchange", () => render(true));
  render(false);
  document.documentElement.dataset.ready = "true";
  performance.mark("ready");
}

start().catch((problem) => {
  document.getElementById("main").replaceChildren(el("p", { class: "notice" }, "The report could not be shown: " + problem));
  throw problem;
});
