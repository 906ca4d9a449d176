// What mnistlab does with a drawing and with an image, in a page: from_drawing for black ink on white paper, and the
// forward pass of a network. Nothing here touches the page.
function digitReader(network) {
  "use strict";
  const { paper, field, box, faintest, full, finding, widest, usual, stretched, layers, parameters } = network;

  // ---- weights --------------------------------------------------------------------------------------------------

  function half(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
  }

  const bytes = atob(parameters);
  const values = new Float32Array(bytes.length / 2);
  for (let i = 0; i < values.length; i++) {
    values[i] = half(bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8));
  }

  // ---- the network ----------------------------------------------------------------------------------------------

  let position = 0;
  function take(size) {
    position += size;
    return values.subarray(position - size, position);
  }

  function dense(layer) {
    const W = take(layer.inputs * layer.outputs); // row by row
    const b = layer.bias ? take(layer.outputs) : new Float32Array(layer.outputs);
    return (x) => {
      const z = Float64Array.from(b);
      for (let i = 0; i < x.length; i++) {
        if (x[i] === 0) continue; // most of an image is paper
        const row = i * z.length;
        for (let k = 0; k < z.length; k++) z[k] += x[i] * W[row + k];
      }
      return z;
    };
  }

  function softmax(x) {
    const largest = x.reduce((a, b) => Math.max(a, b));
    const e = x.map((value) => Math.exp(value - largest));
    const sum = e.reduce((a, b) => a + b);
    return e.map((value) => value / sum);
  }

  const kinds = {
    Dense: dense,
    ReLU: () => (x) => x.map((value) => Math.max(value, 0)),
    Sigmoid: () => (x) => x.map((value) => 1 / (1 + Math.exp(-value))),
    Tanh: () => (x) => x.map(Math.tanh),
    Softmax: () => softmax,
    Dropout: () => (x) => x, // drops in training only
    ...network.kinds, // of layers that are not the library's
  };
  const passes = layers.map((layer) => [layer.type, kinds[layer.type](layer, take)]);

  // Grey values 0…255 of an image; returns the ten probabilities, and what each hidden activation gives.
  function read(image) {
    let x = new Float64Array(image.length);
    for (let i = 0; i < x.length; i++) x[i] = image[i] / 255;
    const hidden = [];
    for (const [type, pass] of passes) {
      x = pass(x);
      if (type === "ReLU" || type === "Sigmoid" || type === "Tanh") hidden.push(x);
    }
    return { probabilities: passes[passes.length - 1][0] === "Softmax" ? x : softmax(x), hidden: hidden };
  }

  // ---- the image ------------------------------------------------------------------------------------------------

  const clip = (value, low, high) => Math.min(Math.max(value, low), high);

  // To the even number where two are equally near, as Python rounds: 2.5 becomes 2.
  function round(value) {
    const below = Math.floor(value);
    const rest = value - below;
    return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
  }

  const boxFilter = (x) => (x > -0.5 && x <= 0.5 ? 1 : 0);
  function cubic(x) {
    const t = Math.abs(x);
    if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
    return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
  }

  // Weights with which numbers in a row are mixed when there shall be more or fewer, as Pillow mixes them: for each
  // new number the first old one, and weights from there on.
  function mixture(from, to) {
    const scale = from / to;
    const [filter, reach] = scale >= 1 ? [boxFilter, 0.5] : [cubic, 2];
    const wide = Math.max(scale, 1);
    return Array.from({ length: to }, (_, place) => {
      const centre = (place + 0.5) * scale;
      const first = Math.max(0, Math.trunc(centre - reach * wide + 0.5));
      const end = Math.min(from, Math.trunc(centre + reach * wide + 0.5));
      const weights = [];
      for (let i = first; i < end; i++) weights.push(filter((i - centre + 0.5) / wide));
      const sum = weights.reduce((a, b) => a + b);
      return [first, weights.map((weight) => weight / sum)];
    });
  }

  // Plain loops here and below: all of this happens at each movement of the pen.
  function resized(values, height, width, newHeight, newWidth) {
    const across = new Float32Array(height * newWidth);
    mixture(width, newWidth).forEach(([first, weights], x) => {
      for (let y = 0; y < height; y++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++) sum += weights[i] * values[y * width + first + i];
        across[y * newWidth + x] = sum;
      }
    });
    const result = new Float32Array(newHeight * newWidth);
    mixture(height, newHeight).forEach(([first, weights], y) => {
      for (let x = 0; x < newWidth; x++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++) sum += weights[i] * across[(first + i) * newWidth + x];
        result[y * newWidth + x] = sum;
      }
    });
    return result;
  }

  function centred(small, height, width) {
    let mass = 0;
    let down = 0;
    let right = 0;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const value = small[y * width + x];
        mass += value;
        down += value * y;
        right += value * x;
      }
    }
    const top = clip(round(field / 2 - down / mass), 0, field - height);
    const left = clip(round(field / 2 - right / mass), 0, field - width);
    const image = new Uint8Array(field * field);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) image[(top + y) * field + left + x] = round(255 * small[y * width + x]);
    }
    return image;
  }

  const inks = Float32Array.from({ length: 256 }, (_, grey) => {
    return clip(((255 - grey) / 255 - faintest) / (full - faintest), 0, 1);
  });

  // ---- the digit among what is drawn: mnistlab/images/finding.py for ink that is surely ink -----------------------

  // The connected pieces of what is inked: the number of each pixel's piece, and each piece's area and box.
  function piecesOf(inked) {
    const labels = new Int32Array(paper * paper).fill(-1);
    const pieces = [];
    const waiting = [];
    for (let start = 0; start < labels.length; start++) {
      if (!inked[start] || labels[start] >= 0) continue;
      const number = pieces.length;
      const piece = { area: 0, top: paper, bottom: 0, left: paper, right: 0 };
      labels[start] = number;
      waiting.push(start);
      while (waiting.length) {
        const place = waiting.pop();
        const [x, y] = [place % paper, Math.floor(place / paper)];
        piece.area += 1;
        piece.top = Math.min(piece.top, y);
        piece.bottom = Math.max(piece.bottom, y + 1);
        piece.left = Math.min(piece.left, x);
        piece.right = Math.max(piece.right, x + 1);
        for (let v = Math.max(0, y - 1); v <= Math.min(paper - 1, y + 1); v++) {
          for (let u = Math.max(0, x - 1); u <= Math.min(paper - 1, x + 1); u++) {
            const next = v * paper + u;
            if (!inked[next] || labels[next] >= 0) continue;
            labels[next] = number;
            waiting.push(next);
          }
        }
      }
      piece.height = piece.bottom - piece.top;
      piece.longer = Math.max(piece.height, piece.right - piece.left);
      piece.cut = piece.top === 0 || piece.left === 0 || piece.bottom === paper || piece.right === paper;
      pieces.push(piece);
    }
    return [labels, pieces];
  }

  // How much of the smallest rectangle around a piece, turned or not, it fills without its holes.
  function straightness(labels, piece, number) {
    const corners = [];
    let area = 0;
    for (let y = piece.top; y < piece.bottom; y++) {
      let [first, last] = [piece.left, piece.right];
      while (labels[y * paper + first] !== number) first++;
      while (labels[y * paper + last - 1] !== number) last--;
      area += last - first;
      corners.push([first, y], [last, y], [first, y + 1], [last, y + 1]);
    }
    const extent = (a, b) => {
      const along = corners.map(([x, y]) => a * x + b * y);
      return Math.max(...along) - Math.min(...along);
    };
    let least = Infinity;
    for (let degrees = 0; degrees < 90; degrees += 3) {
      const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
      least = Math.min(least, extent(c, s) * extent(-s, c));
    }
    return area / least;
  }

  function isFrame(labels, pieces, number) {
    const box = pieces[number];
    const inside = pieces.filter((piece) => {
      return piece.top > box.top && piece.bottom < box.bottom && piece.left > box.left && piece.right < box.right;
    });
    if (box.area > finding.sheet * box.height * (box.right - box.left)) return false;
    if (!inside.some((piece) => piece.longer >= finding.framed * box.longer)) return false;
    return straightness(labels, box, number) > finding.straight;
  }

  // Which pieces are the digit's. Throws if there are several digits.
  function chosenOf(labels, pieces) {
    const several = () => new Error("several things");
    const largest = (some) => some.reduce((a, b) => (b.area > a.area ? b : a));
    const noFrames = pieces.filter((_, number) => !isFrame(labels, pieces, number));
    let usable = noFrames.length ? noFrames : pieces;
    let main = largest(usable);
    const free = noFrames.filter((piece) => !piece.cut);
    if (free.length && main.area < finding.ground * paper * paper) {
      const inner = largest(free);
      const least = Math.max(finding.part * Math.min(main.longer, paper / 2), finding.small * paper);
      if (inner.longer >= least) [main, usable] = [inner, free];
    }
    const large = usable.filter((piece) => piece.area >= finding.speck * main.area);
    if (large.length > finding.most) throw several();
    const chosen = new Set([main]);
    const box = { top: main.top, bottom: main.bottom, left: main.left, right: main.right };
    for (;;) {
      const near = finding.near * Math.max(box.bottom - box.top, box.right - box.left);
      const more = large.filter((piece) => {
        const gap = Math.max(
          box.top - piece.bottom, piece.top - box.bottom, box.left - piece.right, piece.left - box.right,
        );
        return !chosen.has(piece) && gap <= near;
      });
      if (!more.length) break;
      for (const piece of more) {
        chosen.add(piece);
        box.top = Math.min(box.top, piece.top);
        box.bottom = Math.max(box.bottom, piece.bottom);
        box.left = Math.min(box.left, piece.left);
        box.right = Math.max(box.right, piece.right);
      }
    }
    if (large.some((piece) => !chosen.has(piece) && piece.longer >= finding.like * main.longer)) throw several();
    for (const one of chosen) {
      for (const other of chosen) {
        const most = Math.max(one.height, other.height);
        const alike = Math.min(one.height, other.height) >= finding.like * most;
        const white = other.left - one.right;
        if (alike && white >= finding.gap * most && other.area >= finding.ink * one.area) throw several();
      }
    }
    return chosen;
  }

  // The digit's ink alone: what is another piece's, with its fringe, is gone.
  function digitOf(ink) {
    const inked = ink.map((value) => (value > 0.5 ? 1 : 0));
    const [labels, pieces] = piecesOf(inked);
    if (!pieces.length) return null;
    const chosen = chosenOf(labels, pieces);
    const kept = pieces.map((piece) => chosen.has(piece));
    const clean = ink.slice();
    labels.forEach((number, place) => {
      if (number < 0 || kept[number]) return;
      const [x, y] = [place % paper, Math.floor(place / paper)];
      for (let v = Math.max(0, y - finding.fringe); v <= Math.min(paper - 1, y + finding.fringe); v++) {
        for (let u = Math.max(0, x - finding.fringe); u <= Math.min(paper - 1, x + finding.fringe); u++) {
          const at = v * paper + u;
          if (labels[at] < 0 || !kept[labels[at]]) clean[at] = 0;
        }
      }
    });
    return clean;
  }

  // The image of a sheet of paper × paper pixels, grey on white, each as red, green, blue, opacity: as MNIST would hold
  // it, or null if there is nothing on the paper. Throws if there are several digits.
  function see(rgba) {
    const ink = digitOf(Float32Array.from({ length: paper * paper }, (_, place) => inks[rgba[4 * place]]));
    if (!ink) return null;
    let [top, bottom, left, right] = [paper, -1, paper, -1];
    for (let y = 0; y < paper; y++) {
      for (let x = 0; x < paper; x++) {
        if (ink[y * paper + x] <= 0.5) continue;
        if (bottom < 0) top = y;
        bottom = y;
        if (x < left) left = x;
        if (x > right) right = x;
      }
    }
    const height = bottom - top + 1;
    let width = right - left + 1;
    let digit = new Float32Array(height * width);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) digit[y * width + x] = ink[(top + y) * paper + left + x];
    }
    if (width > widest * height && width <= stretched * height) {
      const narrow = Math.max(1, round(usual * height));
      digit = resized(digit, height, width, height, narrow);
      width = narrow;
    }
    const scale = box / Math.max(height, width);
    const [newHeight, newWidth] = [height, width].map((side) => Math.max(1, round(side * scale)));
    const small = resized(digit, height, width, newHeight, newWidth);
    const largest = small.reduce((a, b) => Math.max(a, b));
    return centred(small.map((value) => clip(value / largest, 0, 1)), newHeight, newWidth);
  }

  return { read: read, see: see };
}
