// Trains beside the page, which it only tells what to show. Runs depend on their settings alone: not on pauses, and not
// on how fast the machine is.
function laboratoryWorker(kit) {
  "use strict";
  const { generator, permutation, Network, Optimizer, crossEntropy, trainStep } = kit;
  const PIXELS = 784;
  const SLICE = 40; // milliseconds of work, after which messages are read
  const SHOW = 200; // milliseconds between pictures, which are made here: the page only puts them up
  const WRONG = 16; // digits shown
  let data = null;
  let run = null;
  let going = false;
  let shown = 0;
  let timer = 0;

  // ---- the digits ------------------------------------------------------------------------------------------------

  // A PNG file of four bits a pixel, whose rows are an image and its label. A canvas would do, if browsers that guard
  // their readers did not blur what it returns.
  async function decode(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const [width, height] = [view.getUint32(16), view.getUint32(20)];
    const parts = [];
    for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at)) {
      const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
      if (kind === "IDAT") parts.push(bytes.subarray(at + 8, at + 8 + view.getUint32(at)));
    }
    const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
    const rows = new Uint8Array(await new Response(stream).arrayBuffer());
    const stride = 1 + Math.ceil(width / 2);
    const [x, labels] = [new Float32Array(height * PIXELS), new Uint8Array(height)];
    for (let n = 0; n < height; n++) {
      if (rows[n * stride]) throw new Error("a row of the picture is filtered");
      for (let i = 0; i < width; i++) {
        const level = (rows[n * stride + 1 + (i >> 1)] >> (i % 2 ? 0 : 4)) & 15;
        if (i < PIXELS) x[n * PIXELS + i] = level / 15;
        else labels[n] = level;
      }
    }
    return { x, labels };
  }

  // ---- a run -----------------------------------------------------------------------------------------------------

  function begin(settings, training) {
    const random = [1, 2, 3].map((stream) => generator(1000 * settings.seed + stream));
    const network = new Network({ inputs: PIXELS, outputs: 10, ...settings }, Float32Array);
    network.initialize(random[0], settings.initial);
    const perEpoch = Math.ceil(settings.images / settings.batch_size);
    const steps = perEpoch * settings.epochs;
    // Points of the curves. Each costs a reading of all validation images, a third of what it takes to train on as many.
    const looks = Math.min(steps, Math.max(8, Math.min(80, Math.floor((settings.images * settings.epochs) / 1000))));
    run = {
      settings, network, perEpoch, steps, looks,
      optimizer: new Optimizer(settings),
      orderRandom: random[1], dropoutRandom: random[2],
      validation: { x: data.x.subarray(training * PIXELS), labels: data.labels.subarray(training) },
      step: 0, sum: 0, count: 0, ratio: null, points: [], failed: false,
    };
    record(null);
  }

  function batch() {
    const { settings, perEpoch, orderRandom } = run;
    const place = run.step % perEpoch;
    if (!place) run.order = permutation(settings.images, orderRandom);
    const rows = run.order.subarray(place * settings.batch_size, (place + 1) * settings.batch_size);
    const [x, labels] = [new Float32Array(rows.length * PIXELS), new Uint8Array(rows.length)];
    rows.forEach((row, n) => {
      x.set(data.x.subarray(row * PIXELS, (row + 1) * PIXELS), n * PIXELS);
      labels[n] = data.labels[row];
    });
    return { x, labels };
  }

  const norm = (vector) => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));

  function step(look) {
    const { network, optimizer, dropoutRandom } = run;
    const { x, labels } = batch();
    const looked = (steps) => Math.floor((steps * run.looks) / run.steps);
    const due = looked(run.step + 1) > looked(run.step);
    const before = due || look ? network.parameters.slice() : null;
    run.loss = trainStep(network, optimizer, x, labels, dropoutRandom);
    run.step++;
    run.sum += run.loss * labels.length;
    run.count += labels.length;
    if (before) run.ratio = norm(before.map((value, i) => network.parameters[i] - value)) / norm(before);
    run.failed = !Number.isFinite(run.loss);
    if (due || run.failed) {
      record(run.sum / run.count);
      [run.sum, run.count] = [0, 0];
    }
  }

  // How the network stands: what it makes of the validation images, and what its hidden units do there.
  function look() {
    const { network, validation, settings } = run;
    const rows = validation.labels.length;
    const outputs = network.forward(validation.x, rows);
    const { loss } = crossEntropy(outputs, validation.labels, rows);
    const wrong = [];
    for (let n = 0; n < rows; n++) {
      const row = outputs.subarray(10 * n, 10 * n + 10);
      const answer = row.indexOf(Math.max(...row));
      if (answer !== validation.labels[n]) wrong.push({ n, answer, label: validation.labels[n] });
    }
    const { y, slope, steepest } = network.activation;
    const steep = new Uint16Array(settings.hidden);
    for (let i = 0; i < y.length; i++) steep[i % settings.hidden] += slope(y[i]) > 0.01 * steepest;
    const flat = 1 - steep.reduce((sum, count) => sum + count, 0) / y.length;
    return {
      epoch: run.step / run.perEpoch, ratio: run.ratio, validationLoss: loss, accuracy: 1 - wrong.length / rows,
      wrong, flat, silent: steep.reduce((sum, count) => sum + (count === 0), 0),
    };
  }

  function record(loss) {
    run.now = { ...look(), loss };
    const { epoch, ratio, validationLoss, accuracy } = run.now;
    run.points.push({ epoch, loss, ratio, validationLoss, accuracy });
  }

  // Each hidden unit's weights as 28 × 28 pixels, positive ones orange, negative ones blue, on a sheet of its own.
  function weights() {
    const { W, outputs: units } = run.network.first;
    const across = 2 ** Math.ceil(Math.log2(2 * units) / 2);
    const [width, height] = [29 * across + 1, 29 * Math.ceil(units / across) + 1];
    const image = new Uint8ClampedArray(4 * width * height);
    const largest = W.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
    for (let unit = 0; unit < units; unit++) {
      const corner = (29 * Math.floor(unit / across) + 1) * width + 29 * (unit % across) + 1;
      for (let pixel = 0; pixel < PIXELS; pixel++) {
        const part = Math.min(1, (2 * Math.abs(W[pixel * units + unit])) / largest);
        const full = W[pixel * units + unit] > 0 ? [230, 120, 0] : [0, 110, 200];
        const at = 4 * (corner + width * Math.floor(pixel / 28) + (pixel % 28));
        for (let i = 0; i < 3; i++) image[at + i] = 255 + part * (full[i] - 255);
        image[at + 3] = 255;
      }
    }
    return { image, width, height };
  }

  function tell(state) {
    const { now, points, step: steps, steps: total, failed } = run;
    const wrong = now.wrong.slice(0, WRONG).map(({ n, answer, label }) => {
      const image = new Uint8ClampedArray(4 * PIXELS).fill(255);
      for (let i = 0; i < PIXELS; i++) image.fill(255 * (1 - run.validation.x[n * PIXELS + i]), 4 * i, 4 * i + 3);
      return { answer, label, image };
    });
    const drawn = weights();
    shown = performance.now();
    run.told = points.length;
    const message = {
      kind: "state", number: run.number, state, step: steps, total, failed, points, weights: drawn,
      now: { ...now, wrong, mistakes: now.wrong.length },
    };
    postMessage(message, [drawn.image.buffer]);
  }

  function work() {
    clearTimeout(timer);
    if (!going) return;
    const until = performance.now() + SLICE;
    while (!over() && performance.now() < until) step(false);
    if (over()) {
      going = false;
      tell("over");
    } else {
      const news = run.points.length > run.told || performance.now() > shown + 5 * SHOW;
      if (news && performance.now() > shown + SHOW) tell("going");
      timer = setTimeout(work, 0);
    }
  }

  const over = () => run.failed || run.step >= run.steps;

  // ---- what the page asks for --------------------------------------------------------------------------------------

  const asked = {
    async load({ digits }) {
      data = await decode(digits);
      postMessage({ kind: "ready" });
    },
    begin({ settings, training, number, go }) {
      begin(settings, training);
      run.number = number;
      going = go;
      tell(go ? "going" : "still");
      work();
    },
    go() {
      if (going || over()) return;
      going = true;
      work();
    },
    pause() {
      if (!going) return;
      going = false;
      run.now = { ...look(), loss: run.loss };
      tell("still");
    },
    step() {
      if (going || over()) return;
      step(true);
      run.now = { ...look(), loss: run.loss };
      tell(over() ? "over" : "still");
    },
  };
  onmessage = (event) => asked[event.data.kind](event.data);
  addEventListener("unhandledrejection", (event) => postMessage({ kind: "trouble", words: String(event.reason) }));
}
