"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => {
      const up = header.getAttribute("aria-sort") !== "ascending";
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", up ? "ascending" : "descending");
      const numeric = "numeric" in header.dataset;
      const key = (row) => row.cells[column].dataset.key;
      // rows without a value stay below, whichever way
      const order = (a, b) => {
        if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");
        const way = numeric ? Number(key(a)) - Number(key(b)) : key(a).localeCompare(key(b), "en");
        return up ? way : -way;
      };
      // a subject keeps its claims, and its head stays above them
      for (const body of table.tBodies) body.append(...[...body.rows].slice(1).sort(order));
    });
  });
}
for (const form of document.querySelectorAll("form.filter")) {
  const bodies = [...document.querySelectorAll("table.sortable tbody")];
  const show = () => {
    const words = form.elements.words.value.toLowerCase().split(/\s+/);
    const wanted = new Set([...form.querySelectorAll("input:checked")].map((box) => box.value));
    let count = 0;
    for (const body of bodies) {
      const rows = [...body.rows].slice(1);
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !wanted.has(row.dataset.verdict) || !words.every((word) => text.includes(word));
      }
      const left = rows.filter((row) => !row.hidden).length;
      body.hidden = left === 0;
      count += left;
    }
    form.querySelector("output").textContent = `${count} shown`;
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
}
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
