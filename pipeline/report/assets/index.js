// The table of videos: search, a filter and sorting. Without it the table is whole and in order of name.
"use strict";
(() => {
  const table = document.getElementById("videos");
  if (!table) return;
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  const search = document.getElementById("search");
  const onlyProblems = document.getElementById("only-problems");
  const matches = document.getElementById("matches");
  const rows = [...body.rows].map((element) => ({
    element,
    name: element.cells[0].textContent,
    lower: element.cells[0].textContent.toLowerCase(),
    values: [...element.cells].map((cell) => (cell.dataset.v === undefined ? cell.textContent : cell.dataset.v)),
    problems: element.cells[element.cells.length - 1].dataset.v !== "0",
  }));
  const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const fits = words.every((word) => row.lower.includes(word)) && (!onlyProblems.checked || row.problems);
      row.element.hidden = !fits;
      count += fits;
    }
    const all = rows.length.toLocaleString("en") + (rows.length === 1 ? " video" : " videos");
    matches.textContent = count === rows.length ? all : count.toLocaleString("en") + " of " + all;
    document.getElementById("nothing").hidden = count > 0;
  }

  function sort(column) {
    const header = headers[column];
    const before = header.getAttribute("aria-sort");
    // Names begin at A, numbers at the largest.
    const direction = before ? (before === "ascending" ? -1 : 1) : column === 0 ? 1 : -1;
    for (const other of headers) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
    rows.sort((a, b) => {
      const x = a.values[column];
      const y = b.values[column];
      if (column === 0) return direction * byName.compare(x, y);
      if (x === "" || y === "") return (x === "") - (y === "") || byName.compare(a.name, b.name); // nothing comes last
      return direction * (x - y) || byName.compare(a.name, b.name);
    });
    body.append(...rows.map((row) => row.element));
  }

  search.addEventListener("input", filter);
  onlyProblems.addEventListener("change", filter);
  headers.forEach((header, column) => {
    const button = header.querySelector("button");
    if (button) button.addEventListener("click", () => sort(column));
  });
  filter(); // a browser may bring back what was typed before
})();
