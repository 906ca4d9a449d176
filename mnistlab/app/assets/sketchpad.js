const canvas = element.querySelector("canvas");
const pen = canvas.getContext("2d", { willReadFrequently: true });
const WIDTH = 22;
const STEP = 8;
let last = null;
let cursor = { x: canvas.width / 2, y: canvas.height / 4, down: false };

function clear() {
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
}

function line(from, to) {
  pen.strokeStyle = "#000";
  pen.lineWidth = WIDTH;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.lineTo(to.x + 0.01, to.y); // a line of no length would not be drawn
  pen.stroke();
}

function send(drawing) {
  props.value = drawing;
  trigger("change");
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) / box.width) * canvas.width,
    y: ((event.clientY - box.top) / box.height) * canvas.height,
  };
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  last = place(event);
  line(last, last);
});
canvas.addEventListener("pointermove", (event) => {
  if (!last) return;
  const parts = event.getCoalescedEvents?.() ?? [];
  for (const part of parts.length ? parts : [event]) {
    const next = place(part);
    line(last, next);
    last = next;
  }
});
for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, () => {
    if (last) send(canvas.toDataURL("image/png"));
    last = null;
  });
}
canvas.addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (event.key === " ") {
    cursor.down = !cursor.down;
    line(cursor, cursor);
    if (!cursor.down) send(canvas.toDataURL("image/png"));
  } else if (event.key in moves) {
    const [dx, dy] = moves[event.key];
    const clip = (value) => Math.min(Math.max(value, WIDTH), canvas.width - WIDTH);
    const next = { x: clip(cursor.x + STEP * dx), y: clip(cursor.y + STEP * dy), down: cursor.down };
    if (cursor.down) line(cursor, next);
    cursor = next;
  } else return;
  event.preventDefault();
});
element.querySelector("button").addEventListener("click", () => {
  clear();
  send("");
});
clear();
