// A video's page: the switches, and what is drawn again when something changes.
"use strict";
(() => {
  const { data, people, view } = Report;
  const element = (id) => document.getElementById(id);
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const HINT = element("moment").textContent;

  let pathIsDue = false;
  function drawPathSoon() {
    if (pathIsDue) return;
    pathIsDue = true;
    requestAnimationFrame(() => {
      pathIsDue = false;
      Report.drawPath();
    });
  }

  // The numbers under a person's name: the means, or what is under the cursor.
  function say(person) {
    const t = view.cursor_s;
    const [v, a] = t === null ? person.mean : ["valence", "arousal"].map((key) => Report.valueAt(person, key, t));
    person.figures.textContent = v === null || a === null ? "–" : `V ${Report.signed(v)}  A ${Report.signed(a)}`;
  }

  function makeChip(person) {
    person.chip = make("button", { type: "button", className: `chip who c${person.hue} d${person.dash}` });
    person.figures = make("span", { className: "at" });
    person.chip.append(make("i", { className: "swatch" }), make("span", { textContent: person.name }), person.figures);
    person.chip.addEventListener("click", () => {
      person.on = !person.on;
      refresh();
    });
    element(person.on ? "chips" : "more-chips").append(person.chip);
    say(person);
  }

  function onZoom() {
    const { min, max } = view;
    element("reset").hidden = min <= data.begin && max >= data.end;
    element("reset").textContent = `${Report.clock(min, 1)} – ${Report.clock(max, 1)} · show all`;
    drawPathSoon();
  }

  function onCursor() {
    element("moment").textContent = view.cursor_s === null ? HINT : Report.clock(Math.max(view.cursor_s, 0), 2);
    people.forEach(say);
    drawPathSoon();
  }

  function redraw() {
    charts.redraw();
    drawPathSoon();
  }

  function refresh() {
    for (const person of people) person.chip.setAttribute("aria-pressed", person.on);
    charts.fitRows();
    redraw();
  }

  people.forEach(makeChip);
  view.raw = element("raw").checked; // a browser may bring back how it was left
  const charts = Report.makeCharts({ onZoom, onCursor });
  refresh();

  element("raw").addEventListener("change", (event) => {
    view.raw = event.target.checked;
    redraw();
  });
  for (const [id, on] of [["all", true], ["none", false]]) {
    element(id).addEventListener("click", () => {
      for (const person of people) person.on = on;
      refresh();
    });
  }
  element("reset").addEventListener("click", charts.showAll);
  new ResizeObserver(() => {
    charts.fitWidth(element("valence").clientWidth);
    drawPathSoon();
  }).observe(element("valence"));
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", () => {
      Report.refreshColours();
      charts.repaint();
      Report.drawPath();
    });
  }
})();
