"use strict";
// Ranks the rows of the front page: a row counts for each word that it holds, rare words for more; words that no row
// holds ("gradient") count for nothing. What is asked stands in the address, so that going back brings it back.
(() => {
  const box = document.getElementById("q");
  const said = document.getElementById("said");
  const body = document.querySelector("#functions tbody");
  const rows = [...body.rows].map((row) => {
    const names = row.querySelector("[data-names]").dataset.names.toLowerCase().split(" ");
    const parts = new Set(names.flatMap((n) => [n, ...n.split(/[._-]/)]));
    return { row, text: names.join(" "), parts };
  });
  const plain = (word) => word.replace(/^jnp\./, "jax.numpy.").replace(/^f\./, "torch.nn.functional.")
    .replace(/^np\./, "");
  const order = rows.map((r) => r.row);
  function show() {
    const words = [...new Set(box.value.toLowerCase().split(/[^\p{L}\p{N}_.-]+/u).filter(Boolean).map(plain))];
    const weights = words.map((w) => {
      const held = rows.filter((r) => r.text.includes(w)).length;
      return held ? Math.log(1 + rows.length / held) : 0;
    });
    const most = (r) => words.reduce(
      (sum, w, k) => sum + (r.parts.has(w) ? 2 * weights[k] : r.text.includes(w) ? weights[k] : 0), 0);
    const scored = rows.map((r, k) => ({ row: r.row, k, score: most(r) }));
    const best = Math.max(0, ...scored.map((s) => s.score));
    const asked = weights.some((w) => w > 0);
    scored.sort((a, b) => b.score - a.score || a.k - b.k);
    let shown = 0;
    const keep = asked ? scored.map((s) => s.row) : order;
    const good = new Map(scored.map((s) => [s.row, asked ? s.score >= best * 0.6 : words.length === 0]));
    for (const row of keep) {
      row.hidden = !good.get(row);
      shown += row.hidden ? 0 : 1;
      body.append(row);
    }
    said.textContent = words.length ? `${shown} of ${rows.length} functions` : `${rows.length} functions`;
  }
  box.value = decodeURIComponent(location.hash.replace(/^#q=/, ""));
  box.addEventListener("input", () => {
    history.replaceState(null, "", box.value ? "#q=" + encodeURIComponent(box.value) : location.pathname);
    show();
  });
  window.addEventListener("pageshow", () => {
    if (location.hash.startsWith("#q=")) box.value = decodeURIComponent(location.hash.slice(3));
    show();
  });
  box.form.addEventListener("submit", (event) => {
    event.preventDefault();
    const first = [...body.rows].find((r) => !r.hidden);
    if (first) first.querySelector("a").click();
  });
  show();
})();
