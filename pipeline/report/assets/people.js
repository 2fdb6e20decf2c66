// What a video's page knows: its people with their lines, and which part of the video is looked at.
"use strict";
const Report = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const DASHES = [[], [7, 4], [2, 3]];
  const REACH_S = 0.25; // how far from its row a value is shown under the cursor

  // Times come as steps in ms, values in thousandths; null is a break in a line.
  function unpack(person) {
    let ms = 0;
    const real = (values) => values.map((v) => (v === null ? null : v / 1000));
    return {
      name: person.name,
      on: person.on,
      mean: person.mean,
      hue: person.colour % data.colours,
      dash: Math.floor(person.colour / data.colours) % DASHES.length,
      t: person.t.map((step) => (ms += step) / 1000),
      smooth: { valence: real(person.vs), arousal: real(person.as) },
      raw: { valence: real(person.v), arousal: real(person.a) },
      grades: person.grades.map(([a, b, grade]) => [a / 1000, b / 1000, grade]),
    };
  }

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue(name).trim();
    return {
      people: Array.from({ length: data.colours }, (_, i) => get("--p" + i)),
      grades: [get("--g0"), get("--g1"), get("--g2")],
      text: get("--muted"),
      grid: get("--grid"),
      axis: get("--axis"),
      cut: get("--cut"),
      damaged: get("--damaged"),
      ground: get("--card"),
    };
  }

  function clock(seconds, decimals) {
    const ticks = Math.round(seconds * 10 ** decimals);
    const whole = Math.floor(ticks / 10 ** decimals);
    const two = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(whole / 3600);
    const minutes = Math.floor(whole / 60) % 60;
    const text = (hours ? hours + ":" + two(minutes) : minutes) + ":" + two(whole % 60);
    return decimals ? text + "." + String(ticks % 10 ** decimals).padStart(decimals, "0") : text;
  }

  const signed = (v) => (Math.abs(v) < 0.005 ? "0.00" : (v < 0 ? "−" : "+") + Math.abs(v).toFixed(2));

  // Index of the last of increasing times that is not after t; -1: none.
  function lastBefore(times, t) {
    let low = 0;
    let high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= t) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  // The drawn line's value at a time, or null where there is none.
  function valueAt(person, key, t) {
    const values = person.smooth[key];
    const i = lastBefore(person.t, t);
    const before = i < 0 ? null : values[i];
    const after = i + 1 < values.length ? values[i + 1] : null;
    if (before !== null && after !== null) {
      return before + ((after - before) * (t - person.t[i])) / (person.t[i + 1] - person.t[i]);
    }
    if (before !== null && t - person.t[i] <= REACH_S) return before;
    return after !== null && person.t[i + 1] - t <= REACH_S ? after : null;
  }

  const people = data.people.map(unpack);
  const view = { min: data.begin, max: data.end, cursor_s: null, raw: true };
  return {
    data,
    people,
    view,
    colours: readColours(),
    clock,
    signed,
    valueAt,
    shown: () => people.filter((person) => person.on),
    colourOf: (person) => Report.colours.people[person.hue],
    dashOf: (person) => DASHES[person.dash],
    refreshColours: () => (Report.colours = readColours()),
    // Rows that the part looked at can show: [first, end).
    rowsInView: ({ t }) => [Math.max(lastBefore(t, view.min), 0), Math.min(lastBefore(t, view.max) + 2, t.length)],
    // A dot that leaves the path being built as it is.
    dot(ctx, x, y, radius) {
      const disc = new Path2D();
      disc.arc(x, y, radius, 0, 2 * Math.PI);
      ctx.fill(disc);
    },
  };
})();
