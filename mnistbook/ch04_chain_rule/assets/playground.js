// A 2-2-2 network that computes in the page what mnistlab computes: Dense, Sigmoid, Dense, Sigmoid, squared error, N = 1.
function playground(root, start) {
  "use strict";
  const PAIR = [0, 1];
  const copy = (value) => JSON.parse(JSON.stringify(value));
  const sigmoid = (z) => (1 + Math.tanh(z / 2)) / 2;

  // ---- the arithmetic -------------------------------------------------------------------------------------------

  const dense = (x, W, b) => PAIR.map((k) => x[0] * W[0][k] + x[1] * W[1][k] + b[k]);

  function compute(s) {
    const h = dense(s.x, s.W1, s.b1).map(sigmoid);
    const y = dense(h, s.W2, s.b2).map(sigmoid);
    const miss = PAIR.map((k) => y[k] - s.t[k]);
    const d2 = PAIR.map((k) => miss[k] * y[k] * (1 - y[k]));
    const d1 = PAIR.map((j) => (d2[0] * s.W2[j][0] + d2[1] * s.W2[j][1]) * h[j] * (1 - h[j]));
    return {
      h: h, y: y, d1: d1, d2: d2,
      loss: (miss[0] * miss[0] + miss[1] * miss[1]) / 2,
      dW1: s.x.map((x) => d1.map((d) => x * d)), db1: d1,
      dW2: h.map((a) => d2.map((d) => a * d)), db2: d2,
    };
  }

  function step(s) {
    const g = compute(s);
    for (const k of PAIR) {
      for (const name of ["b1", "b2"]) s[name][k] -= s.rate * g["d" + name][k];
      for (const name of ["W1", "W2"]) for (const i of PAIR) s[name][i][k] -= s.rate * g["d" + name][i][k];
    }
  }

  // ---- the page -------------------------------------------------------------------------------------------------

  let state = copy(start);
  let losses = [];
  const shown = []; // [element, function of the state and its gradients]: what is written where
  const text = (value, digits) => value.toFixed(digits).replace("-", "\u2212");

  function number(parent, x, y, kind, key, read, digits, before) {
    const element = add(parent, "text", { x: x, y: y, class: kind, "data-key": key });
    shown.push([element, read, digits, before || ""]);
  }

  const SUB = "\u2080\u2081";
  const SUP = { W1: "W\u207d\u00b9\u207e", W2: "W\u207d\u00b2\u207e" };
  const X = [32, 160, 288];
  const Y = [68, 192];
  const R = 19;

  const svg = add(root, "svg", { viewBox: "0 0 360 266", role: "img" });
  for (const [layer, W] of ["W1", "W2"].entries()) {
    for (const i of PAIR) for (const k of PAIR) add(svg, "line", { x1: X[layer], y1: Y[i], x2: X[layer + 1], y2: Y[k] });
    for (const i of PAIR) {
      for (const k of PAIR) {
        // Where two edges cross, the labels stay near the unit that the edge comes from.
        const part = i === k ? 0.5 : 0.31;
        const x = X[layer] + part * (X[layer + 1] - X[layer]);
        const y = Y[i] + part * (Y[k] - Y[i]);
        number(svg, x, y - 6, "weight", W + i + k, (s) => s[W][i][k], 2);
        number(svg, x, y + 6, "gradient", "d" + W + i + k, (s, g) => g["d" + W][i][k], 4);
      }
    }
  }
  for (const i of PAIR) {
    const columns = [["x", null, null], ["h", "b1", "d1"], ["y", "b2", "d2"]];
    for (const [column, [name, b, d]] of columns.entries()) {
      add(svg, "circle", { cx: X[column], cy: Y[i], r: R });
      number(svg, X[column], Y[i], "value", name + i, (s, g) => (name === "x" ? s.x : g[name])[i], 3);
      // Names stand outside, where no edge runs.
      const place = (line) => (i ? Y[i] + R + 10 + 12 * line : Y[i] - R - 10 - 12 * line);
      add(svg, "text", { x: X[column], y: place(0), class: "name" }, name + SUB[i]);
      if (b) {
        number(svg, X[column], place(1), "weight", b + i, (s) => s[b][i], 2, "bias ");
        number(svg, X[column], place(2), "gradient", d + i, (s, g) => g[d][i], 4, "\u03b4 ");
      }
    }
    number(svg, 335, Y[i], "weight", "t" + i, (s) => s.t[i], 1, "t" + SUB[i] + " ");
  }
  add(svg, "text", { x: 88, y: 254, class: "value" }, "values \u2192");
  add(svg, "text", { x: 224, y: 254, class: "gradient" }, "\u2190 gradients");

  const line = add(root, "svg", { viewBox: "0 0 360 64", role: "img" });
  add(line, "line", { x1: 10, y1: 58, x2: 350, y2: 58 });
  const curve = add(line, "polyline", {});
  const dot = add(line, "circle", { r: 2.5 });
  const status = add(root, "p", { role: "status", "aria-live": "polite", class: "keys" });
  const loss = add(status, "span", { "data-key": "loss" });
  const said = add(status, "span", { "data-key": "steps" });

  const keys = add(root, "div", { class: "keys" });
  add(keys, "button", { type: "button" }, "step").addEventListener("click", () => {
    step(state);
    losses.push(compute(state).loss);
    flow();
    show();
  });
  add(keys, "button", { type: "button" }, "reset").addEventListener("click", () => {
    state = copy(start);
    restart();
  });

  const sliders = [];
  function slider(parent, label, spoken, name, low, high, by, read, write) {
    const box = add(parent, "label", {});
    add(box, "span", {}, label);
    const attributes = { type: "range", min: low, max: high, step: by, "data-name": name, "aria-label": spoken };
    const input = add(box, "input", attributes);
    const output = add(box, "span", { class: "number", "aria-hidden": "true" });
    sliders.push(() => {
      // The thumb stands on the nearest mark; the number is exact.
      input.value = read(state);
      output.textContent = text(read(state), 2);
      input.setAttribute("aria-valuetext", output.textContent);
    });
    input.addEventListener("input", () => {
      write(state, Number(input.value));
      name === "rate" ? show() : restart();
    });
  }

  slider(keys, "learning rate", "learning rate", "rate", 0, 10, 0.1, (s) => s.rate, (s, v) => { s.rate = v; });
  const inputs = add(root, "fieldset", {});
  add(inputs, "legend", {}, "Inputs");
  for (const i of PAIR) {
    slider(inputs, "x" + SUB[i], "input x" + i, "x" + i, -2, 2, 0.1, (s) => s.x[i], (s, v) => { s.x[i] = v; });
  }
  for (const [W, title, from, to] of [["W1", "Weights, first layer", "x", "h"], ["W2", "Weights, second layer", "h", "y"]]) {
    const group = add(root, "fieldset", {});
    add(group, "legend", {}, title);
    for (const i of PAIR) {
      for (const k of PAIR) {
        const read = (s) => s[W][i][k];
        const spoken = "weight from " + from + i + " to " + to + k;
        slider(group, SUP[W] + SUB[i] + SUB[k], spoken, W + i + k, -4, 4, 0.1, read, (s, v) => { s[W][i][k] = v; });
      }
    }
  }

  function restart() {
    losses = [compute(state).loss];
    show();
  }

  function show() {
    const g = compute(state);
    for (const [element, read, digits, before] of shown) {
      const value = read(state, g);
      element.setAttribute("data-value", value);
      element.textContent = before + text(value, digits);
    }
    for (const update of sliders) update();
    loss.setAttribute("data-value", g.loss);
    loss.textContent = "loss " + text(g.loss, 5);
    said.textContent = "steps " + (losses.length - 1);
    const top = Math.max(...losses) || 1;
    const across = Math.max(losses.length - 1, 20);
    const points = losses.map((value, n) => [10 + (340 * n) / across, 58 - (52 * value) / top]);
    curve.setAttribute("points", points.map((p) => p.join(",")).join(" "));
    dot.setAttribute("cx", points[points.length - 1][0]);
    dot.setAttribute("cy", points[points.length - 1][1]);
    svg.setAttribute(
      "aria-label",
      "Network of two inputs, two hidden units and two outputs. Outputs " + g.y.map((v) => text(v, 3)).join(" and ") +
      ", targets " + state.t.map((v) => text(v, 1)).join(" and ") + ". Each edge shows its weight and its gradient."
    );
    line.setAttribute("aria-label", "Loss after each step, from " + text(losses[0], 5) + " to " + text(g.loss, 5));
  }

  let timer;
  function flow() {
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    clearTimeout(timer);
    svg.setAttribute("class", "forward");
    timer = setTimeout(() => {
      svg.setAttribute("class", "backward");
      timer = setTimeout(() => svg.removeAttribute("class"), 450);
    }, 450);
  }

  restart();
}
