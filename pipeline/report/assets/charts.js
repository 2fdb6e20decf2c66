// The charts over time. uPlot keeps the axes, the zoom and the cursor; the lines are drawn here, because people do not
// share their times, and as columns of one table they would be mostly holes.
"use strict";
Report.makeCharts = ({ onZoom, onCursor }) => {
  const { data, people, view } = Report;
  const AXIS_PX = 52;
  const ROW_PX = 15;
  const FONT = "11px system-ui, sans-serif";
  const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
  const charts = [];

  function clipped(u, draw) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    const x0 = u.valToPos(0, "x", true);
    const perSecond = u.valToPos(1, "x", true) - x0;
    draw(ctx, (t) => x0 + perSecond * t, bbox);
    ctx.restore();
  }

  function drawDamaged(u) {
    clipped(u, (ctx, x, bbox) => {
      ctx.fillStyle = Report.colours.damaged;
      for (const [a, b] of data.damaged) ctx.fillRect(x(a), bbox.top, Math.max(x(b) - x(a), 2), bbox.height);
    });
  }

  function drawCuts(ctx, x, bbox) {
    ctx.strokeStyle = Report.colours.cut;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const t of data.cuts) {
      ctx.beginPath();
      ctx.moveTo(x(t), bbox.top);
      ctx.lineTo(x(t), bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.setLineDash([]);
  }

  function drawLines(u, key) {
    const y0 = u.valToPos(0, "y", true);
    const perUnit = u.valToPos(1, "y", true) - y0;
    const y = (v) => y0 + perUnit * v;
    clipped(u, (ctx, x, bbox) => {
      drawCuts(ctx, x, bbox);
      for (const person of Report.shown()) {
        ctx.fillStyle = ctx.strokeStyle = Report.colourOf(person);
        if (view.raw) drawDots(ctx, person, key, x, y);
        drawLine(ctx, person, key, x, y);
      }
    });
  }

  function drawDots(ctx, person, key, x, y) {
    const [first, end] = Report.rowsInView(person);
    const side = (end - first < 300 ? 3 : 2) * devicePixelRatio;
    ctx.globalAlpha = Math.min(0.4, Math.max(0.1, 400 / (end - first))); // many would hide the lines
    for (let i = first; i < end; i++) {
      const v = person.raw[key][i];
      if (v !== null) ctx.fillRect(x(person.t[i]) - side / 2, y(v) - side / 2, side, side);
    }
    ctx.globalAlpha = 1;
  }

  function drawLine(ctx, person, key, x, y) {
    const [first, end] = Report.rowsInView(person);
    const values = person.smooth[key];
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.lineJoin = "round";
    ctx.setLineDash(Report.dashOf(person).map((length) => length * devicePixelRatio));
    ctx.beginPath();
    let pen = false;
    for (let i = first; i < end; i++) {
      const v = values[i];
      if (v === null) {
        pen = false;
      } else if (pen) {
        ctx.lineTo(x(person.t[i]), y(v));
      } else {
        pen = true;
        ctx.moveTo(x(person.t[i]), y(v));
        if ((values[i + 1] ?? null) === null) Report.dot(ctx, x(person.t[i]), y(v), 2.5 * devicePixelRatio);
      }
    }
    ctx.stroke();
    ctx.setLineDash([]);
  }

  function drawGrades(u) {
    const ratio = devicePixelRatio;
    const rows = Report.shown();
    const rowY = (i) => u.bbox.top + (i + 0.5) * ROW_PX * ratio;
    clipped(u, (ctx, x, bbox) => {
      drawCuts(ctx, x, bbox);
      rows.forEach((person, i) => {
        for (const [a, b, grade] of person.grades) {
          if (b < view.min || a > view.max) continue;
          const height = (12 - 4 * grade) * ratio; // what is worse is also thicker
          ctx.fillStyle = Report.colours.grades[grade];
          ctx.fillRect(x(a), rowY(i) - height / 2, x(b) - x(a), height);
        }
      });
    });
    const { ctx } = u;
    ctx.save();
    ctx.font = 11 * ratio + "px system-ui, sans-serif";
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    rows.forEach((person, i) => {
      ctx.fillStyle = Report.colours.text;
      ctx.fillText(person.name.replace(/^person /, ""), u.bbox.left - 20 * ratio, rowY(i));
      ctx.fillStyle = Report.colourOf(person);
      ctx.fillRect(u.bbox.left - 16 * ratio, rowY(i) - ratio, 10 * ratio, 2 * ratio);
    });
    ctx.restore();
  }

  function zoomed(u, key) {
    const { min, max } = u.scales.x;
    if (key !== "x" || (min === view.min && max === view.max)) return;
    view.min = min;
    view.max = max;
    for (const other of charts) if (other !== u) other.setScale("x", { min, max });
    onZoom();
  }

  function pointed(u) {
    const t = u.cursor.left >= 0 ? u.posToVal(u.cursor.left, "x") : null;
    (u.marks || []).forEach((disc, i) => {
      const v = t !== null && people[i].on ? Report.valueAt(people[i], u.key, t) : null;
      disc.hidden = v === null;
      if (v !== null) disc.style.transform = `translate(${u.cursor.left}px, ${u.valToPos(v, "y")}px)`;
    });
    if (view.cursor_s === t) return; // the charts' cursors move together; once is enough
    view.cursor_s = t;
    onCursor();
  }

  function make(id, { height, draw, times, marked, y }) {
    const element = document.getElementById(id);
    const label = { stroke: () => Report.colours.text, font: FONT, ticks: { show: false } };
    const grid = { stroke: () => Report.colours.grid, width: 1 };
    const x = { ...label, grid, size: times ? 28 : 0, gap: 8, space: 70, incrs: STEPS_S };
    x.values = (u, splits, axis, space, step) => splits.map((t) => (times ? Report.clock(t, step < 1 ? 1 : 0) : ""));
    const chart = new uPlot(
      {
        width: Math.max(element.clientWidth, 200),
        height,
        padding: [8, 24, times ? 0 : 4, 0],
        legend: { show: false },
        cursor: { sync: { key: "time" }, y: false, points: { show: false }, drag: { x: true, y: false, dist: 4 } },
        scales: { x: { time: false }, y: { auto: false, min: -1, max: 1, range: [-1, 1] } },
        series: [{}, { scale: "y", show: false }],
        axes: [x, { ...label, scale: "y", size: AXIS_PX, grid: { ...grid, show: marked }, ...y }],
        hooks: { drawClear: [drawDamaged], draw: [draw], setScale: [zoomed], setCursor: [pointed] },
      },
      [[data.begin, data.end], [null, null]],
      element
    );
    chart.key = id;
    chart.marks = marked ? people.map((person) => mark(chart, person)) : [];
    charts.push(chart);
    return chart;
  }

  function mark(chart, person) {
    const disc = Object.assign(document.createElement("i"), { className: "mark c" + person.hue, hidden: true });
    chart.over.append(disc);
    return disc;
  }

  const values = (u, splits) => splits.map((v) => (v > 0 ? "+" + v : String(v).replace("-", "−")));
  const y = { splits: () => [-1, -0.5, 0, 0.5, 1], values };
  const gradesHeight = () => Math.max(Report.shown().length, 1) * ROW_PX + 12;
  make("valence", { height: 196, draw: (u) => drawLines(u, "valence"), times: false, marked: true, y });
  make("arousal", { height: 220, draw: (u) => drawLines(u, "arousal"), times: true, marked: true, y });
  const grades = make("grades", { height: gradesHeight(), draw: drawGrades, times: false, marked: false, y: { values: () => [] } });

  return {
    redraw: () => charts.forEach((chart) => chart.redraw(false)),
    repaint: () => charts.forEach((chart) => chart.redraw()),
    fitRows: () => grades.setSize({ width: grades.width, height: gradesHeight() }),
    fitWidth: (width) => charts.forEach((chart) => chart.setSize({ width, height: chart.height })),
    showAll: () => charts[0].setScale("x", { min: data.begin, max: data.end }),
  };
};
