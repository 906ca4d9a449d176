// A laboratory in the page: settings, keys and what a worker tells of the network that it trains.
function laboratory(root, start, makeNetwork, makeWorker, makeCharts) {
  "use strict";

  const names = Object.keys(start.controls);
  const settings = { ...start.start };
  let number = 0; // of the run: what an older one has still to say is not heard
  let state = null; // what the worker told last
  let kept = null; // a run to compare with

  // ---- what stands in the page ------------------------------------------------------------------------------------

  root.textContent = "";
  const offered = Object.entries(start.presets);
  if (offered.length) {
    const presets = add(root, "div", { class: "keys", role: "group", "aria-label": "Settings to look at" });
    for (const [name, preset] of offered) {
      add(presets, "button", { type: "button", "data-preset": name }, preset.title).addEventListener("click", () => choose(name));
    }
  }
  const controls = add(root, "div", { class: "controls", role: "group", "aria-label": "Settings" });
  const selects = {};
  for (const name of names) {
    const { label, choices, names: words } = start.controls[name];
    const box = add(controls, "label", {});
    add(box, "span", {}, label);
    const select = (selects[name] = add(box, "select", { "data-name": name }));
    choices.forEach((choice, i) => add(select, "option", { value: choice }, words[i]));
    select.addEventListener("change", () => {
      settings[name] = choices[select.selectedIndex];
      begin(isGoing());
      say("The run begins anew.");
    });
  }
  select({});
  const keys = add(root, "div", { class: "keys", role: "group", "aria-label": "Training" });
  const key = (words, action) => {
    const button = add(keys, "button", { type: "button" }, words);
    button.addEventListener("click", action);
    return button;
  };
  const go = key("Train", () => {
    if (isGoing()) return ask("pause");
    if (state && state.state === "over") begin(true);
    else ask("go");
    say("It trains.");
  });
  const onlyStep = key("Step", () => ask("step"));
  key("Reset", () => {
    begin(false);
    say("The weights are those of the beginning.");
  });
  key("Keep", keep);
  key("Share", share);
  const status = add(root, "p", { role: "status", "aria-live": "polite" }, "The digits are being unpacked.");
  const numbers = add(root, "p", { class: "numbers" });
  const legend = add(root, "p", { class: "legend", "aria-hidden": "true" });
  for (const kind of ["training", "validation", "kept"]) {
    add(legend, "span", { class: kind }, kind === "kept" ? "kept run" : kind);
  }
  const charts = add(root, "div", { class: "charts" });
  const chart = makeCharts(add);
  const loss = chart(charts, { title: "Loss", log: true, least: 1, most: 2.5 });
  const accuracy = chart(charts, { title: "Validation accuracy, %", log: false, least: 100, most: 100 });
  const ratio = start.details && chart(charts, { title: "Update-to-weight ratio", log: true, least: 1e-3, most: 1e-3 });
  const sheets = add(root, "div", { class: "charts" });
  const [drawing, keptDrawing] = ["", "Kept run: "].map((whose) => sheet(whose));
  const mistakes = add(root, "div", {});
  const heading = add(mistakes, "p", {});
  const wrong = add(mistakes, "ul", {});
  const comparison = add(root, "div", { class: "comparison" });

  function sheet(whose) {
    const box = add(sheets, "div", { hidden: "" });
    const caption = add(box, "p", {});
    const canvas = add(box, "canvas", { role: "img" });
    return ({ image, width, height }, units) => {
      box.hidden = false;
      Object.assign(canvas, { width, height });
      canvas.getContext("2d").putImageData(new ImageData(image, width, height), 0, 0);
      caption.textContent = `${whose}First layer's weights, one square a hidden unit (${units})`;
      canvas.setAttribute("aria-label", `${caption.textContent}: orange where ink speaks for it, blue where against`);
    };
  }

  const say = (words) => { status.textContent = words; };
  const isGoing = () => Boolean(state) && state.state === "going";

  // ---- the settings -------------------------------------------------------------------------------------------------

  function select(changes) {
    Object.assign(settings, start.start, changes);
    for (const name of names) selects[name].value = String(settings[name]);
  }

  function choose(name) {
    const { title, changes, look } = start.presets[name];
    select(changes);
    begin(true);
    say(`${title}. ${look}`);
  }

  // The address ends in #NAME-PRESET, or in #NAME?, and the settings that are not those of the beginning.
  function toAddress() {
    const changed = names.filter((name) => settings[name] !== start.start[name]);
    return `#${start.name}?${new URLSearchParams(changed.map((name) => [name, settings[name]]))}`;
  }

  function fromAddress() {
    const hash = decodeURIComponent(location.hash);
    const preset = offered.find(([name]) => hash === `#${start.name}-${name}`);
    if (preset) choose(preset[0]);
    if (preset || !hash.startsWith(`#${start.name}?`)) return Boolean(preset);
    const changes = {};
    for (const [name, value] of new URLSearchParams(hash.slice(start.name.length + 2))) {
      const known = names.includes(name) ? start.controls[name].choices.find((choice) => String(choice) === value) : undefined;
      if (known !== undefined) changes[name] = known;
    }
    select(changes);
    begin(true);
    say("The settings of this address.");
    root.scrollIntoView();
    return true;
  }

  function share() {
    const end = toAddress();
    if (window.parent !== window) { // a frame has no address that others could open
      say("The address of these settings: ");
      add(status, "a", { href: start.address + end }, start.address + end);
      return;
    }
    try {
      history.replaceState(null, "", end);
    } catch {
      location.hash = end;
    }
    say("The address of this page holds these settings now.");
    if (navigator.clipboard) {
      const copied = () => say("The address of this page holds these settings now, and so does the clipboard.");
      navigator.clipboard.writeText(location.href).then(copied, () => {});
    }
  }

  // ---- the worker ---------------------------------------------------------------------------------------------------

  let worker = null;
  try {
    const code = `(${makeWorker})((${makeNetwork})());`;
    const file = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    worker = new Worker(file);
    URL.revokeObjectURL(file);
    worker.onerror = (event) => sorry(event.message);
    worker.onmessage = ({ data }) => {
      if (data.kind === "ready") ready();
      else if (data.kind === "trouble") sorry(data.words);
      else if (data.number === number) show(data);
    };
    worker.postMessage({ kind: "load", digits: start.digits });
  } catch (error) {
    sorry(error.message);
  }

  function sorry(why) {
    root.textContent = "";
    const line = add(root, "p", { role: "status" }, "The laboratory does not run here");
    line.append(why ? ` (${why}). It does on ` : ". It does on ");
    add(line, "a", { href: start.address }, "the page of the report");
    line.append(".");
  }

  const ask = (kind) => worker.postMessage({ kind });

  let isReady = false;
  function ready() {
    isReady = true;
    if (!fromAddress()) {
      begin(false);
      say("Press Train.");
    }
  }

  function begin(goes) {
    if (!isReady) return;
    if (selects.momentum) selects.momentum.disabled = ["rmsprop", "adam"].includes(settings.optimizer);
    number++;
    state = null;
    go.textContent = goes ? "Pause" : "Train";
    worker.postMessage({ kind: "begin", settings: { ...settings }, training: start.training, number, go: goes });
  }

  addEventListener("hashchange", () => { if (isReady) fromAddress(); });
  document.addEventListener("click", (event) => { // a link to where the page is already
    const link = event.target.closest && event.target.closest("a[href]");
    if (link && link.href === location.href && isReady) fromAddress();
  });

  // ---- what is shown -------------------------------------------------------------------------------------------------

  const number3 = (value) => (value == null ? "\u2013" : value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(1) : String(Number(value.toPrecision(3))));
  const percent = (value) => (100 * value).toFixed(1) + "\u00a0%";

  function curves(run, end) {
    const points = [...run.points, run.now];
    const line = (name, factor) => points.map((point) => [point.epoch, point[name] == null ? NaN : factor * point[name]]);
    return {
      loss: [{ kind: "training" + end, points: line("loss", 1) }, { kind: "validation" + end, points: line("validationLoss", 1) }],
      accuracy: [{ kind: "validation" + end, points: line("accuracy", 100) }],
      ratio: [{ kind: "training" + end, points: line("ratio", 1) }],
    };
  }

  function show(told) {
    const before = state;
    state = told;
    const { now, step, total } = told;
    go.textContent = isGoing() ? "Pause" : told.state === "over" ? "Train again" : "Train";
    onlyStep.disabled = isGoing() || told.state === "over";
    const details =
      `Update-to-weight ratio ${number3(now.ratio)}. The slope of the hidden units is nearly 0 in ` +
      `${percent(now.flat)} of all cases; of ${now.silent} of ${settings.hidden} units, for every image.`;
    numbers.textContent =
      `Step ${step} of ${total}, epoch ${now.epoch.toFixed(2)}. Loss ${number3(now.loss)} in training, ` +
      `${number3(now.validationLoss)} in validation; accuracy ${percent(now.accuracy)}. ${start.details ? details : ""}`;
    numbers.dataset.value = JSON.stringify({ step, ...now, wrong: now.mistakes });
    drawCurves();
    drawing(told.weights, settings.hidden);
    showMistakes(now);
    if (kept) compare();
    if (told.state === "over" && !(before && before.state === "over")) {
      if (told.failed) say(`It diverged: the loss of step ${step} is no finite number.`);
      else say(`${status.textContent} Done: ${percent(now.accuracy)} of the validation images are read rightly.`);
    } else if (before && before.state === "going" && told.state === "still") {
      say(`Paused at step ${step}; accuracy ${percent(now.accuracy)}.`);
    }
  }

  function drawCurves() {
    const mine = curves(state, "");
    const theirs = kept && curves(kept, " kept");
    const lines = (name) => [...(theirs ? theirs[name] : []), ...mine[name]];
    const last = (run) => run.now.epoch;
    const across = Math.max(last(state), kept ? last(kept) : 0, 1);
    const also = (words) => (kept ? ` Kept run: ${words(kept.now)}.` : "");
    const words = {
      loss: (now) => `after ${now.epoch.toFixed(1)} epochs ${number3(now.loss)} in training, ${number3(now.validationLoss)} in validation`,
      accuracy: (now) => percent(now.accuracy),
      ratio: (now) => number3(now.ratio),
    };
    for (const [name, draw] of Object.entries({ loss, accuracy, ratio })) {
      if (draw) draw(lines(name), across, `Now ${words[name](state.now)}.${also(words[name])}`);
    }
  }

  function showMistakes({ mistakes: count, wrong: some }) {
    const which = count > some.length ? `, of which these are ${some.length}` : "";
    heading.textContent = count ? `Validation images still read wrongly: ${count}${which}` : "No validation image is read wrongly.";
    while (wrong.children.length > some.length) wrong.lastChild.remove();
    some.forEach(({ image, label, answer }, i) => {
      const item = wrong.children[i] || add(wrong, "li", {});
      if (!item.firstChild) {
        add(item, "canvas", { width: 28, height: 28, "aria-hidden": "true" });
        add(item, "span", {});
      }
      const words = `${label} as ${answer}`;
      item.firstChild.getContext("2d").putImageData(new ImageData(image, 28, 28), 0, 0);
      if (item.lastChild.textContent !== words) item.lastChild.textContent = words;
    });
  }

  // ---- two runs side by side ------------------------------------------------------------------------------------------

  function keep() {
    if (!state) return;
    kept = { settings: { ...settings }, points: state.points, now: state.now };
    keptDrawing({ ...state.weights, image: state.weights.image.slice() }, settings.hidden);
    root.classList.add("compares");
    drawCurves();
    compare();
    say("The run is kept: change a setting and train again.");
  }

  function compare() {
    comparison.textContent = "";
    const table = add(comparison, "table", {});
    add(table, "caption", {}, "Two runs");
    const head = add(add(table, "thead", {}), "tr", {});
    for (const words of ["", "this run", "kept run"]) add(head, words ? "th" : "td", words ? { scope: "col" } : {}, words);
    const body = add(table, "tbody", {});
    const row = (title, mine, theirs) => {
      const line = add(body, "tr", {});
      add(line, "th", { scope: "row" }, title);
      for (const value of [mine, theirs]) add(line, "td", {}, value);
    };
    const word = (name, value) => start.controls[name].names[start.controls[name].choices.indexOf(value)];
    for (const name of names) {
      const [mine, theirs] = [settings[name], kept.settings[name]];
      if (mine !== theirs) row(start.controls[name].label, word(name, mine), word(name, theirs));
    }
    row("epochs done", state.now.epoch.toFixed(1), kept.now.epoch.toFixed(1));
    row("training loss", number3(state.now.loss), number3(kept.now.loss));
    row("validation loss", number3(state.now.validationLoss), number3(kept.now.validationLoss));
    row("validation accuracy", percent(state.now.accuracy), percent(kept.now.accuracy));
  }
}
