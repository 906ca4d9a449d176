// Pictures of one image in a network, one after the other. All numbers come from the library; the page only draws them.
function animation(root, start) {
  "use strict";
  const SECONDS = 6; // that a picture stays while it plays: time to read its text
  const TRAVEL_MS = 1100; // that a dot takes along its line
  const stages = start.stages;
  const last = stages.length - 1;

  // The image at a place: a small square for each pixel with ink.
  function picture(parent, left, top, size, kind) {
    const group = add(parent, "g", { class: kind });
    const side = size / 28;
    start.pixels.forEach((ink, n) => {
      if (!ink) return;
      const at = { x: left + (n % 28) * side, y: top + Math.floor(n / 28) * side };
      // A little wider than its place, or hairlines show between neighbours.
      add(group, "rect", { ...at, width: side * 1.04, height: side * 1.04, "fill-opacity": ink / 255 });
    });
    return group;
  }

  const svg = add(root, "svg", { viewBox: "0 0 640 400", role: "img" });
  const [left, top, size] = start.image;
  add(svg, "rect", { x: left, y: top, width: size, height: size, class: "frame" });
  picture(svg, left, top, size, "ink");
  const lines = add(svg, "g", {});
  const dots = add(svg, "g", { "aria-hidden": "true" });

  const { hidden, outputs } = start.places;
  const pictures = hidden.map(([x, y]) =>
    picture(svg, x - 16 - start.picture, y - start.picture / 2, start.picture, "positive"));
  const units = { hidden: [], outputs: [] };
  for (const kind in units) {
    for (const [cx, cy] of start.places[kind]) {
      add(svg, "circle", { cx, cy, r: 1.5, class: "place" });
      units[kind].push(add(svg, "circle", { cx, cy, r: 0, class: "unit" }));
    }
  }
  const notes = outputs.map(([x, y], digit) => {
    add(svg, "text", { x: x + 16, y, class: digit === start.label ? "right" : "" }, digit);
    return add(svg, "text", { x: x + 110, y, class: "note" });
  });

  const said = add(root, "p", { class: "said", role: "status", "aria-live": "polite" });
  const keys = add(root, "div", { class: "keys" });
  const play = add(keys, "button", { type: "button" }, "play");
  const back = add(keys, "button", { type: "button" }, "back");
  const next = add(keys, "button", { type: "button" }, "next");
  const slider = add(keys, "input", { type: "range", min: 0, max: last, step: 1, "aria-label": "picture" });

  let now = 0;
  let timer = null;

  // [beginning, end, part of the largest number] of every line that a picture has.
  function linesOf(stage) {
    const all = [];
    if (stage.first) stage.first.forEach((value, j) => all.push([start.ends[j], hidden[j], value]));
    if (stage.second) {
      stage.second.forEach((row, j) => row.forEach((value, k) => all.push([hidden[j], outputs[k], value])));
    }
    return all.filter((line) => line[2] !== 0);
  }

  function draw() {
    const stage = stages[now];
    svg.setAttribute("class", stage.direction);
    for (const kind in units) {
      const look = kind === "hidden" && stage.values_kept ? "unit kept" : "unit";
      units[kind].forEach((unit, n) => {
        unit.setAttribute("class", look);
        const value = stage[kind] ? stage[kind][n] : 0;
        // Its area goes with the number; an open circle is a negative one.
        const r = start.radius * Math.sqrt(Math.abs(value));
        unit.setAttribute("r", r);
        unit.style.r = r + "px"; // what a style sheet can let grow
        unit.style.fill = value > 0 ? "var(--now)" : "var(--paper)";
        unit.style.strokeOpacity = value === 0 ? 0 : 1;
      });
    }
    pictures.forEach((group, n) => {
      const value = stage.pictures ? stage.pictures[n] : 0;
      group.setAttribute("class", value > 0 ? "positive" : "negative");
      group.style.opacity = Math.abs(value);
    });
    notes.forEach((note, n) => { note.textContent = stage.notes[n] || ""; });
    const all = linesOf(stage);
    lines.replaceChildren();
    for (const [[x1, y1], [x2, y2], value] of all) {
      const look = { x1, y1, x2, y2, "stroke-width": 3 * Math.abs(value), "stroke-opacity": 0.75 };
      if (value < 0) look["stroke-dasharray"] = "1 6";
      add(lines, "line", look);
    }
    said.textContent = "";
    add(said, "strong", {}, now + 1 + " of " + stages.length + ": " + stage.title + ". ");
    said.append(stage.text);
    svg.setAttribute("aria-label", "A network 784-16-10. " + stage.title + ". " + stage.text);
    slider.value = now;
    slider.setAttribute("aria-valuetext", stage.title);
    back.disabled = now === 0;
    next.disabled = now === last;
    root.dataset.stage = now;
    dots.replaceChildren();
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) all.forEach(move, stage);
  }

  // A dot runs along a line, in the direction of the picture.
  function move([begin, end, value]) {
    const [from, to] = this.direction === "forward" ? [begin, end] : [end, begin];
    const dot = add(dots, "circle", { r: 0.8 + 2.6 * Math.sqrt(Math.abs(value)), class: "dot" });
    const at = ([x, y]) => ({ transform: "translate(" + x + "px, " + y + "px)" });
    dot.animate([at(from), at(to)], { duration: TRAVEL_MS, easing: "ease-in-out" }).onfinish = () => dot.remove();
  }

  function show(number) {
    now = Math.min(Math.max(number, 0), last);
    draw();
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = "play";
  }

  function go() {
    show(now === last ? 0 : now + 1);
    play.textContent = "pause";
    timer = setInterval(() => {
      show(now + 1);
      if (now === last) pause();
    }, 1000 * SECONDS);
  }

  function turn(by) {
    pause();
    show(now + by);
  }

  play.addEventListener("click", () => (timer === null ? go() : pause()));
  back.addEventListener("click", () => turn(-1));
  next.addEventListener("click", () => turn(1));
  slider.addEventListener("input", () => turn(Number(slider.value) - now));
  root.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.target === slider) return; // a slider has these keys of itself
    event.preventDefault();
    turn(by);
  });

  draw();
}
