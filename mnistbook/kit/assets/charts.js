// Curves in an SVG that has the colours of the page around it.
function laboratoryCharts(add) {
  "use strict";
  const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [300, 170, 44, 8, 8, 32];

  // Marks of an axis between two numbers: round ones, or powers of ten.
  function ticks(low, high, log) {
    if (log && high / low >= 10) {
      const powers = [];
      for (let power = Math.ceil(Math.log10(low) - 1e-9); 10 ** power <= high * 1.000001; power++) powers.push(10 ** power);
      const keep = Math.ceil(powers.length / 5);
      return powers.filter((_, i) => i % keep === 0);
    }
    const rough = (high - low) / 4 || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const by = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
    const marks = [];
    for (let i = Math.ceil(low / by); i * by <= high * (1 + 1e-9); i++) marks.push(Number((i * by).toPrecision(8)));
    return marks;
  }

  const written = (value) => (value !== 0 && (value < 0.01 || value >= 10000) ? value.toExponential(0).replace("-", "\u2212") : String(value));

  // Returns a function that draws lines: [{ kind, points: [[x, y], ...] }], and says them to whoever cannot see them.
  return function chart(parent, { title, log, least, most }) {
    const box = add(parent, "div", {});
    add(box, "p", { "aria-hidden": "true" }, title);
    const svg = add(box, "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
    return (lines, across, words) => {
      svg.textContent = "";
      svg.setAttribute("aria-label", `${title}. ${words}`);
      const drawn = (value) => Number.isFinite(value) && (!log || value > 0);
      const values = lines.flatMap(({ points }) => points.map(([, y]) => y)).filter(drawn);
      let [low, high] = [Math.min(least, ...values), Math.max(most, ...values)];
      if (log) [low, high] = [Math.max(low, 1e-6), Math.min(high, 1e6)];
      const scale = log ? Math.log10 : (value) => value;
      const part = (y) => (scale(Math.min(Math.max(y, low), high)) - scale(low)) / (scale(high) - scale(low) || 1);
      const x = (value) => LEFT + ((WIDTH - LEFT - RIGHT) * value) / across;
      const y = (value) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part(value);
      for (const mark of ticks(low, high, log)) {
        add(svg, "line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(mark), y2: y(mark) });
        add(svg, "text", { x: LEFT - 5, y: y(mark) + 4, "text-anchor": "end" }, written(mark));
      }
      for (const mark of ticks(0, across, false)) {
        add(svg, "text", { x: x(mark), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, written(mark));
      }
      add(svg, "text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 3, "text-anchor": "middle" }, "epoch");
      for (const { kind, points } of lines) {
        const places = points.filter((point) => drawn(point[1])).map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`);
        add(svg, "polyline", { class: kind, points: places.join(" ") });
        if (places.length) {
          const [cx, cy] = places[places.length - 1].split(",");
          add(svg, "circle", { class: kind, cx, cy, r: 2.5 });
        }
      }
    };
  };
}
