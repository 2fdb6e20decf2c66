// The path of each person through valence and arousal, in the part of the video that is looked at.
"use strict";
Report.drawPath = (() => {
  const { view } = Report;
  const MARGIN_PX = 26;
  const FAINTEST = 0.12;

  function drawCircle(ctx, centre, radius) {
    ctx.lineWidth = 1;
    ctx.strokeStyle = Report.colours.axis;
    ctx.beginPath();
    ctx.arc(centre, centre, radius, 0, 2 * Math.PI);
    ctx.stroke();
    ctx.strokeStyle = Report.colours.grid;
    ctx.beginPath();
    ctx.moveTo(centre - radius, centre);
    ctx.lineTo(centre + radius, centre);
    ctx.moveTo(centre, centre - radius);
    ctx.lineTo(centre, centre + radius);
    ctx.stroke();
    ctx.fillStyle = Report.colours.text;
    ctx.font = "12px system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.fillText("excited", centre, centre - radius - 9);
    ctx.fillText("calm", centre, centre + radius + 18);
    ctx.textAlign = "left";
    ctx.fillText("unpleasant", centre - radius + 6, centre - 6);
    ctx.textAlign = "right";
    ctx.fillText("pleasant", centre + radius - 6, centre - 6);
  }

  function drawPerson(ctx, person, x, y) {
    const { t, smooth } = person;
    const { valence, arousal } = smooth;
    const [first, end] = Report.rowsInView(person);
    const within = (i) => i < end && t[i] >= view.min && t[i] <= view.max && valence[i] !== null;
    const strength = (i) => FAINTEST + ((1 - FAINTEST) * (t[i] - view.min)) / (view.max - view.min);
    ctx.strokeStyle = ctx.fillStyle = Report.colourOf(person);
    ctx.lineWidth = 1.75;
    ctx.lineJoin = "round";
    let last = -1;
    for (let i = first; i < end; i++) {
      if (!within(i)) continue;
      ctx.globalAlpha = strength(i);
      if (last >= 0 && last === i - 1) {
        ctx.beginPath();
        ctx.moveTo(x(valence[last]), y(arousal[last]));
        ctx.lineTo(x(valence[i]), y(arousal[i]));
        ctx.stroke();
      } else if (!within(i + 1)) {
        Report.dot(ctx, x(valence[i]), y(arousal[i]), 1.5);
      }
      last = i;
    }
    ctx.globalAlpha = 1;
    if (last >= 0) Report.dot(ctx, x(valence[last]), y(arousal[last]), 3.5);
  }

  // Where the person is at the cursor's time: a ring.
  function drawNow(ctx, person, x, y) {
    const [v, a] = ["valence", "arousal"].map((key) => Report.valueAt(person, key, view.cursor_s));
    if (v === null || a === null) return;
    ctx.fillStyle = Report.colourOf(person);
    Report.dot(ctx, x(v), y(a), 6);
    ctx.fillStyle = Report.colours.ground;
    Report.dot(ctx, x(v), y(a), 3);
  }

  function draw() {
    const canvas = document.getElementById("path");
    const side = canvas.clientWidth;
    const ratio = devicePixelRatio;
    if (canvas.width !== Math.round(side * ratio)) canvas.width = canvas.height = Math.round(side * ratio);
    const ctx = canvas.getContext("2d");
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, side, side);
    const centre = side / 2;
    const radius = centre - MARGIN_PX;
    const x = (valence) => centre + radius * valence;
    const y = (arousal) => centre - radius * arousal;
    drawCircle(ctx, centre, radius);
    for (const person of Report.shown()) drawPerson(ctx, person, x, y);
    if (view.cursor_s !== null) for (const person of Report.shown()) drawNow(ctx, person, x, y);
  }

  return draw;
})();
