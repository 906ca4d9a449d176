// mnistlab in another language: layers, the loss, optimizers and a source of random numbers, on Float32Array or
// Float64Array. It knows nothing of a page. Matrices lie row by row; a layer's forward remembers what backward needs.
function laboratoryNetwork() {
  "use strict";

  // ---- random numbers -------------------------------------------------------------------------------------------

  // sfc32 of the PractRand suite: the same numbers for the same seed, in every browser.
  function generator(seed) {
    let a = seed | 0, b = 0x9e3779b9, c = 0x243f6a88, count = 1;
    const random = () => {
      const sum = (a + b + count++) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + sum) | 0;
      return (sum >>> 0) / 4294967296;
    };
    for (let i = 0; i < 15; i++) random(); // until the seed is everywhere
    return random;
  }

  // Box and Muller's transform.
  const normal = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

  function permutation(count, random) {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const k = Math.floor((i + 1) * random());
      [order[i], order[k]] = [order[k], order[i]];
    }
    return order;
  }

  // ---- layers ---------------------------------------------------------------------------------------------------

  // The three products of a dense layer, in functions of their own, which a browser's compiler handles best.
  // Most pixels are 0, and add nothing.

  // z = x W + b
  function affine(x, W, b, z, rows, D, K) {
    for (let n = 0; n < rows; n++) {
      const to = n * K;
      for (let k = 0; k < K; k++) z[to + k] = b[k];
      for (let d = 0; d < D; d++) {
        const value = x[n * D + d];
        if (value === 0) continue;
        for (let k = 0, w = d * K; k < K; k++, w++) z[to + k] += value * W[w];
      }
    }
    return z;
  }

  // dW = xᵀ dz, db = Σ dz
  function gradients(x, dz, dW, db, rows, D, K) {
    dW.fill(0);
    db.fill(0);
    for (let n = 0; n < rows; n++) {
      const from = n * K;
      for (let k = 0; k < K; k++) db[k] += dz[from + k];
      for (let d = 0; d < D; d++) {
        const value = x[n * D + d];
        if (value === 0) continue;
        for (let k = 0, w = d * K; k < K; k++, w++) dW[w] += value * dz[from + k];
      }
    }
  }

  // dx = dz Wᵀ
  function back(dz, W, dx, rows, D, K) {
    for (let n = 0; n < rows; n++) {
      for (let d = 0; d < D; d++) {
        let sum = 0;
        for (let k = 0, w = d * K; k < K; k++, w++) sum += dz[n * K + k] * W[w];
        dx[n * D + d] = sum;
      }
    }
    return dx;
  }

  class Dense {
    constructor(inputs, outputs) {
      this.inputs = inputs;
      this.outputs = outputs;
      this.size = inputs * outputs + outputs;
    }

    bind(parameters, gradients) {
      const weights = this.inputs * this.outputs;
      [this.W, this.b] = [parameters.subarray(0, weights), parameters.subarray(weights)];
      [this.dW, this.db] = [gradients.subarray(0, weights), gradients.subarray(weights)];
    }

    // Normal with variance 2 / D (He), times the square of a scale; b = 0.
    initialize(random, scale) {
      const deviation = scale * Math.sqrt(2 / this.inputs);
      for (let i = 0; i < this.W.length; i++) this.W[i] = deviation * normal(random);
      this.b.fill(0);
    }

    forward(x, rows) {
      this.x = x;
      return affine(x, this.W, this.b, new x.constructor(rows * this.outputs), rows, this.inputs, this.outputs);
    }

    backward(dz, rows, needDx) {
      gradients(this.x, dz, this.dW, this.db, rows, this.inputs, this.outputs);
      return needDx ? back(dz, this.W, new dz.constructor(rows * this.inputs), rows, this.inputs, this.outputs) : null;
    }
  }

  // An activation y = f(x), and its slope as a function of y.
  class Activation {
    constructor(f, slope, steepest) {
      this.f = f;
      this.slope = slope;
      this.steepest = steepest; // the largest slope there is
      this.size = 0;
    }

    forward(x) {
      const { f } = this;
      return (this.y = x.map((value) => f(value)));
    }

    backward(dy) {
      const { y, slope } = this;
      return dy.map((value, i) => value * slope(y[i]));
    }
  }

  const activations = {
    relu: () => new Activation((x) => (x > 0 ? x : x === x ? 0 : x), (y) => (y > 0 ? 1 : 0), 1), // NaN stays NaN
    sigmoid: () => new Activation((x) => (x > 0 ? 1 / (1 + Math.exp(-x)) : 1 - 1 / (1 + Math.exp(x))), (y) => y * (1 - y), 0.25),
    tanh: () => new Activation(Math.tanh, (y) => 1 - y * y, 1),
  };

  // Inverted dropout: in a training pass, 0 with probability `rate`, else divided by 1 - rate.
  class Dropout {
    constructor(rate) {
      this.rate = rate;
      this.size = 0;
    }

    forward(x, rows, random) {
      this.mask = random && this.rate ? x.map(() => (random() < 1 - this.rate ? 1 / (1 - this.rate) : 0)) : null;
      return this.mask ? x.map((value, i) => value * this.mask[i]) : x;
    }

    backward(dy) {
      return this.mask ? dy.map((value, i) => value * this.mask[i]) : dy;
    }
  }

  // ---- the network, over one vector of parameters and one of gradients -------------------------------------------

  class Network {
    constructor({ inputs, hidden, outputs, activation, dropout }, Floats) {
      this.activation = activations[activation]();
      this.first = new Dense(inputs, hidden);
      this.second = new Dense(hidden, outputs);
      this.layers = [this.first, this.activation, new Dropout(dropout), this.second];
      const size = this.layers.reduce((sum, layer) => sum + layer.size, 0);
      [this.parameters, this.gradients] = [new Floats(size), new Floats(size)];
      let at = 0;
      for (const layer of this.layers) {
        const end = at + layer.size;
        if (layer.size) layer.bind(this.parameters.subarray(at, end), this.gradients.subarray(at, end));
        at = end;
      }
    }

    initialize(random, scale) {
      for (const layer of this.layers) if (layer.size) layer.initialize(random, scale);
    }

    forward(x, rows, random) {
      return this.layers.reduce((value, layer) => layer.forward(value, rows, random), x);
    }

    backward(dy, rows) {
      [...this.layers].reverse().reduce((value, layer) => layer.backward(value, rows, layer !== this.first), dy);
    }
  }

  // ---- the loss: softmax and cross-entropy in one, L = (1/N) Σ log Σ exp(z - m) - (z - m), dz = (p - t) / N ---------

  function crossEntropy(logits, labels, rows) {
    const K = logits.length / rows;
    const dz = new logits.constructor(logits.length);
    let loss = 0;
    for (let n = 0; n < rows; n++) {
      const row = logits.subarray(n * K, n * K + K);
      const most = row.reduce((a, b) => Math.max(a, b)); // NaN stays NaN
      let total = 0;
      for (const z of row) total += Math.exp(z - most);
      loss += Math.log(total) - (row[labels[n]] - most);
      for (let k = 0; k < K; k++) dz[n * K + k] = (Math.exp(row[k] - most) / total - (k === labels[n] ? 1 : 0)) / rows;
    }
    return { loss: loss / rows, dz };
  }

  // ---- optimizers: w follows g, in place -------------------------------------------------------------------------

  const updates = {
    // v ← μ v - η g, w ← w + v
    sgd(w, g, { learning_rate: rate, momentum }, state) {
      const { v } = state;
      for (let i = 0; i < w.length; i++) {
        v[i] = momentum * v[i] - rate * g[i];
        w[i] += v[i];
      }
    },
    // v ← μ v - η g, w ← w + μ v - η g
    nesterov(w, g, { learning_rate: rate, momentum }, state) {
      const { v } = state;
      for (let i = 0; i < w.length; i++) {
        v[i] = momentum * v[i] - rate * g[i];
        w[i] += momentum * v[i] - rate * g[i];
      }
    },
    // v ← ρ v + (1 - ρ) g², w ← w - η g / √(v + ε)
    rmsprop(w, g, { learning_rate: rate }, state) {
      const s = state.square;
      for (let i = 0; i < w.length; i++) {
        s[i] = 0.9 * s[i] + 0.1 * g[i] * g[i];
        w[i] -= (rate * g[i]) / Math.sqrt(s[i] + 1e-7);
      }
    },
    // m and v are kept as sums, to which each gradient comes with weight 1; w ← w - η m̂ / (√v̂ + ε)
    adam(w, g, { learning_rate: rate }, state) {
      const { v, square: s, steps } = state;
      const first = (1 - 0.9 ** steps) / (1 - 0.9);
      const root = Math.sqrt((1 - 0.999 ** steps) / (1 - 0.999));
      const [length, small] = [(rate * root) / first, 1e-8 * root];
      for (let i = 0; i < w.length; i++) {
        const gradient = g[i];
        const sum = 0.9 * v[i] + gradient;
        const square = 0.999 * s[i] + gradient * gradient;
        v[i] = sum;
        s[i] = square;
        w[i] -= (length * sum) / (Math.sqrt(square) + small);
      }
    },
  };

  class Optimizer {
    constructor(settings) {
      this.settings = settings;
      this.state = { steps: 0 };
    }

    step(w, g) {
      const { settings, state } = this;
      if (!state.v) [state.v, state.square] = [new w.constructor(w.length), new w.constructor(w.length)];
      state.steps++;
      // Decoupled weight decay: w ← (1 - ηλ) w before the step.
      const keep = 1 - settings.learning_rate * settings.weight_decay;
      if (keep !== 1) for (let i = 0; i < w.length; i++) w[i] *= keep;
      updates[settings.optimizer](w, g, settings, state);
      // Numbers close to the smallest that there are slow processors down, as in the library.
      const { v } = state;
      if (state.steps % 20 === 0) for (let i = 0; i < v.length; i++) if (Math.abs(v[i]) < 1e-30) v[i] = 0;
    }
  }

  // Forward, loss, backward, update; returns the loss of the batch before the update.
  function trainStep(network, optimizer, x, labels, random) {
    const { loss, dz } = crossEntropy(network.forward(x, labels.length, random), labels, labels.length);
    network.backward(dz, labels.length);
    optimizer.step(network.parameters, network.gradients);
    return loss;
  }

  return { generator, permutation, Network, Optimizer, crossEntropy, trainStep };
}
