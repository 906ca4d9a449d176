// A pad on which a digit is drawn and read at once. `network` holds the network, and a drawing to begin with.
function digitPad(root, network, digitReader) {
  "use strict";
  const { paper, field, pen, example, opening } = network;
  const { read, see } = digitReader(network);
  const STEP = 8;

  function add(parent, name, attributes, content) {
    const element = document.createElement(name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (content !== undefined) element.textContent = content;
    return parent.appendChild(element);
  }

  function picture(parent, width, height, kind, label) {
    const figure = add(parent, "div", { class: "picture" });
    const canvas = add(figure, "canvas", { width: width, height: height, class: kind, role: "img", "aria-label": label });
    return { canvas: canvas, said: add(figure, "p", {}), pixels: canvas.getContext("2d", { willReadFrequently: true }) };
  }

  // ---- what stands in the page ----------------------------------------------------------------------------------

  root.textContent = "";
  const help = "mnistlab-pad-help-" + document.querySelectorAll(".mnistlab-pad [data-help]").length;
  const words =
    "Draw one digit with mouse, finger or pen. With the keyboard: arrow keys move the pen, the space bar puts it " +
    "down and lifts it, Delete clears the paper.";
  add(root, "p", { id: help, "data-help": "" }, words);
  const columns = add(root, "div", { class: "columns" });
  const left = add(columns, "div", { class: "sheet" });
  const sheet = add(left, "div", { class: "paper" });
  const canvas = add(sheet, "canvas", {
    width: paper, height: paper, tabindex: 0, role: "application", class: "drawing",
    "aria-label": "Drawing pad", "aria-describedby": help,
  });
  const cross = add(sheet, "span", { class: "cross", "aria-hidden": "true" });
  const ink = canvas.getContext("2d", { willReadFrequently: true });
  const keys = add(left, "div", { class: "keys" });
  const clearKey = add(keys, "button", { type: "button" }, "Clear");
  const exampleKey = add(keys, "button", { type: "button" }, "Example");
  const status = add(left, "p", { role: "status", "aria-live": "polite", class: "answer" });

  // Their layout is no table's, so that browsers need to be told that they are one.
  const right = add(columns, "div", { class: "result" });
  // A table with roles may hold nothing but rows, so its name is a label and the caption is for the eyes.
  const title = "Probability of each digit";
  const table = add(right, "table", { role: "table", "aria-label": title });
  add(table, "caption", { "aria-hidden": "true" }, title);
  const body = add(table, "tbody", { role: "rowgroup" });
  const bars = Array.from({ length: 10 }, (_, digit) => {
    const row = add(body, "tr", { role: "row" });
    add(row, "th", { scope: "row", role: "rowheader" }, digit);
    const bar = add(add(row, "td", { class: "bar", "aria-hidden": "true" }), "div", {});
    return { row: row, bar: bar, number: add(row, "td", { role: "cell" }) };
  });

  const inside = add(right, "div", { class: "inside" });
  const seen = picture(inside, field, field, "seen", "");
  const grids = read(new Uint8Array(field * field)).hidden.map((values, place, all) => {
    const across = Math.ceil(Math.sqrt((4 / 3) * values.length));
    const grid = picture(inside, across, Math.ceil(values.length / across), "hidden", "");
    return Object.assign(grid, { across: across, name: all.length > 1 ? "Hidden layer " + (place + 1) : "Hidden units" });
  });

  // ---- what is shown --------------------------------------------------------------------------------------------

  let answer = null; // what was read last; null if there is nothing to read
  let problem = ""; // why

  function paint(pixels, width, height, colour) {
    const image = pixels.createImageData(width, height);
    for (let i = 0; i < width * height; i++) image.data.set([...colour(i), 255], 4 * i);
    pixels.putImageData(image, 0, 0);
  }

  function compute() {
    let image = null;
    problem = "The paper is empty.";
    try {
      image = see(ink.getImageData(0, 0, paper, paper).data);
    } catch {
      problem = "There are several things on the paper: draw one digit.";
    }
    answer = image && read(image);
    if (answer) answer.digit = answer.probabilities.indexOf(Math.max(...answer.probabilities));
    return image;
  }

  function show() {
    const image = compute();
    paint(seen.pixels, field, field, (i) => (image ? [image[i], image[i], image[i]] : [0, 0, 0]));
    const empty = image ? "" : ": nothing yet";
    seen.said.textContent = "As the network sees it: " + field + " \u00d7 " + field + " pixels";
    seen.canvas.setAttribute("aria-label", seen.said.textContent + empty);
    grids.forEach((grid, place) => {
      const values = answer ? answer.hidden[place] : [];
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
      paint(grid.pixels, grid.canvas.width, grid.canvas.height, (i) => {
        const part = (values[i] || 0) / largest;
        return (part > 0 ? [255, 190, 90] : [-180, -130, -255]).map((most) => Math.round(most * part));
      });
      const active = values.reduce((count, value) => count + (value > 0), 0);
      grid.said.textContent = grid.name + (answer ? ": " + active + " of " + values.length + " positive" : "");
      grid.canvas.setAttribute("aria-label", "Activations. " + grid.said.textContent + empty);
    });
    bars.forEach(({ row, bar, number }, digit) => {
      const value = answer ? answer.probabilities[digit] : 0;
      row.className = answer && answer.digit === digit ? "best" : "";
      row.setAttribute("data-value", value);
      bar.style.width = 100 * value + "%";
      number.textContent = answer ? (100 * value).toFixed(1) + "\u00a0%" : "\u2013";
    });
  }

  // Said at the end of a stroke only: whoever listens does not want to hear of every movement.
  function say() {
    show();
    const sure = answer && (100 * answer.probabilities[answer.digit]).toFixed(0);
    const article = answer && answer.digit === 8 ? "an " : "a ";
    status.textContent = answer ? "It looks like " + article + answer.digit + " (" + sure + "\u00a0%)." : problem;
  }

  let waiting = 0;
  function showSoon() {
    if (!waiting) waiting = requestAnimationFrame(() => { waiting = 0; show(); });
  }

  // ---- the pen --------------------------------------------------------------------------------------------------

  function line(from, to) {
    ink.strokeStyle = "#000";
    ink.lineWidth = pen;
    ink.lineCap = ink.lineJoin = "round";
    ink.beginPath();
    ink.moveTo(from[0], from[1]);
    ink.lineTo(to[0] + 0.01, to[1]); // a line of no length would not be drawn
    ink.stroke();
  }

  function clear() {
    ink.fillStyle = "#fff";
    ink.fillRect(0, 0, paper, paper);
    untouched = false;
  }

  // An image of the training set, so that nobody meets empty paper; the first stroke takes it away.
  let untouched = false;
  function open() {
    const small = document.createElement("canvas");
    small.width = small.height = field;
    const pixels = small.getContext("2d");
    paint(pixels, field, field, (i) => [255 - opening[i], 255 - opening[i], 255 - opening[i]]);
    ink.drawImage(small, 0, 0, paper, paper);
    untouched = true;
    say();
    status.textContent = "An example. " + status.textContent + " Your first stroke clears it.";
  }

  function wipe() {
    if (untouched) clear();
  }

  let last = null;
  let pointer = null;
  function place(event) {
    const at = canvas.getBoundingClientRect();
    const edge = canvas.clientLeft;
    return [
      ((event.clientX - at.left - edge) / canvas.clientWidth) * paper,
      ((event.clientY - at.top - edge) / canvas.clientHeight) * paper,
    ];
  }
  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button > 0) return; // a second finger, or another button
    pointer = event.pointerId;
    try {
      canvas.setPointerCapture(pointer);
    } catch { /* a pointer that is already gone: its stroke ends at the rim */ }
    wipe();
    last = place(event);
    line(last, last);
    showSoon();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const parts = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const part of parts.length ? parts : [event]) {
      const next = place(part);
      line(last, next);
      last = next;
    }
    showSoon();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      say();
    });
  }

  let cursor = [paper / 2, paper / 4];
  let down = false;
  function showCursor() {
    cross.style.left = (100 * cursor[0]) / paper + "%";
    cross.style.top = (100 * cursor[1]) / paper + "%";
    cross.classList.toggle("down", down);
  }
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") {
      down = !down;
      if (down) wipe();
      if (down) line(cursor, cursor);
      down ? show() : say();
    } else if (event.key === "Delete") {
      restart();
    } else if (event.key in moves) {
      const next = cursor.map((at, i) => Math.min(Math.max(at + STEP * moves[event.key][i], pen), paper - pen));
      if (down) line(cursor, next);
      cursor = next;
      if (down) show();
    } else return;
    // JupyterLab and the page have keys of their own.
    event.preventDefault();
    event.stopPropagation();
    showCursor();
  });

  function restart() {
    clear();
    down = false;
    cursor = [paper / 2, paper / 4];
    showCursor();
    say();
  }
  clearKey.addEventListener("click", restart);
  exampleKey.addEventListener("click", () => {
    clear();
    for (const stroke of example) stroke.slice(1).forEach((to, i) => line(stroke[i], to));
    say();
  });

  clear();
  showCursor();
  opening ? open() : show();
}
