// A list that only draws the rows on screen. It scrolls with the page, so that it feels the same on a phone.
// ARIA: a grid with the true number of rows; one row at a time is in the tab order, arrow keys move among them.

function makeList({ label, header, makeRow, open }) {
  let length = 0, active = 0, from = -1, to = -1, wantsFocus = false, drawn = new Map();
  const body = el("div", { class: "vlist-body", role: "rowgroup" });
  const head = header ? el("div", { role: "rowgroup", class: "vlist-head" }, header) : null;
  const node = el("div", { class: "vlist", role: "grid", "aria-label": label, "aria-readonly": "true" }, head, body);
  const rowHeight = () => parseFloat(getComputedStyle(node).getPropertyValue("--row-height")) || 40;

  function draw(force) {
    if (!node.isConnected) return;
    const h = rowHeight();
    const top = body.getBoundingClientRect().top;
    let first = Math.max(0, Math.floor(-top / h) - 8);
    let last = Math.min(length, Math.ceil((window.innerHeight - top) / h) + 8);
    if (printing) { first = 0; last = Math.min(length, 200); }
    last = Math.max(first, last);
    if (!force && first === from && last === to) return;
    from = first; to = last;
    const next = new Map();
    const keepActive = drawn.get(active)?.contains(document.activeElement);
    for (let i = first; i < last; i++) next.set(i, (!force && drawn.get(i)) || place(i, h));
    if (keepActive && !next.has(active)) next.set(active, drawn.get(active)); // focus must not be lost by scrolling
    for (const [i, row] of drawn) if (next.get(i) !== row) row.remove();
    for (const [i, row] of next) if (drawn.get(i) !== row) body.append(row);
    drawn = next;
    if (active >= length) active = 0;
    drawn.get(active)?.setAttribute("tabindex", "0");
    if (!drawn.has(active) && drawn.has(first)) setActive(first, false);
    if (wantsFocus && drawn.has(active)) { wantsFocus = false; drawn.get(active).focus({ preventScroll: true }); }
  }

  function place(i, h) {
    const row = makeRow(i);
    row.setAttribute("role", "row");
    row.setAttribute("aria-rowindex", String(i + 1 + (header ? 1 : 0)));
    row.setAttribute("tabindex", i === active ? "0" : "-1");
    row.dataset.index = String(i);
    row.style.transform = `translateY(${i * h}px)`;
    return row;
  }

  function setActive(i, focus) {
    drawn.get(active)?.setAttribute("tabindex", "-1");
    active = Math.max(0, Math.min(length - 1, i));
    drawn.get(active)?.setAttribute("tabindex", "0");
    if (!focus) return;
    const h = rowHeight();
    const y = body.getBoundingClientRect().top + active * h;
    const roof = 130;
    if (y < roof) window.scrollBy(0, y - roof);
    else if (y + h > window.innerHeight - 8) window.scrollBy(0, y + h - window.innerHeight + 8);
    wantsFocus = true;
    draw(false);
    if (wantsFocus && drawn.has(active)) { wantsFocus = false; drawn.get(active).focus({ preventScroll: true }); }
  }

  body.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor((window.innerHeight - 160) / rowHeight()));
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -length, End: length };
    if (event.key in steps) {
      event.preventDefault();
      setActive(active + steps[event.key], true);
    } else if (event.key === "Enter" && event.target.dataset.index !== undefined) {
      event.preventDefault();
      open(active);
    }
  });
  body.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-index]");
    if (row && Number(row.dataset.index) !== active) setActive(Number(row.dataset.index), false);
  });
  body.addEventListener("click", (event) => {
    const row = event.target.closest("[data-index]");
    if (row && !event.target.closest("a, button") && !String(getSelection())) open(Number(row.dataset.index));
  });

  function setLength(n) {
    length = n;
    active = 0;
    drawn.forEach((row) => row.remove());
    drawn = new Map();
    from = to = -1;
    node.setAttribute("aria-rowcount", String(n + (header ? 1 : 0)));
    resize();
  }

  function resize() {
    const rows = printing ? Math.min(length, 200) : length;
    body.style.height = `${rows * rowHeight()}px`;
    draw(true);
  }
  const list = { node, setLength, draw, resize };
  lists.add(list);
  return list;
}

const lists = new Set();
let printing = false, frame = 0;

function drawLists(method) {
  for (const list of lists) {
    if (!list.node.isConnected) lists.delete(list);
    else list[method](false);
  }
}

window.addEventListener("scroll", () => {
  if (!frame) frame = requestAnimationFrame(() => { frame = 0; drawLists("draw"); });
}, { passive: true });
window.addEventListener("resize", () => drawLists("resize"));
window.addEventListener("beforeprint", () => { printing = true; drawLists("resize"); });
window.addEventListener("afterprint", () => { printing = false; drawLists("resize"); });
