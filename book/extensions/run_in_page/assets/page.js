// Runs the cells of this page in a worker beside it. Loaded when the button is pressed.
import { makeEditor } from "./editor.js";
import { bring, files, megabytes } from "./files.js";
import { makeOutput } from "./output.js";

const here = new URL(".", import.meta.url);

export async function runInPage(bar, name) {
  const [status] = bar.querySelectorAll("[role=status]");
  const say = (words) => { status.textContent = words; };
  const key = (parent, words, action) => {
    const button = parent.appendChild(document.createElement("button"));
    Object.assign(button, { type: "button", textContent: words });
    button.addEventListener("click", action);
    return button;
  };

  // ---- what is loaded ----------------------------------------------------------------------------------------------

  const json = async (file) => (await fetch(new URL(file, here))).json();
  const [site, page] = await Promise.all([json("site.json"), json(`${name}.json`)]);

  async function load(names) {
    const meter = bar.appendChild(document.createElement("p"));
    const wanted = names.map((file) => ({ name: file, ...(site.own[file] || site.files[file]), address: new URL(file, site.own[file] ? here : new URL(site.address, here)) }));
    say(`Loading ${megabytes(wanted.reduce((sum, { size }) => sum + size, 0))}, once.`);
    try {
      await bring(wanted, (file, there, all) => { meter.textContent = `${megabytes(there)} of ${megabytes(all)}: ${file}`; });
    } finally {
      meter.remove();
    }
  }

  // ---- Python ------------------------------------------------------------------------------------------------------

  let worker, answer, hear, ready;
  let digits = page.digits && site.part;
  const notice = () => (digits === site.part ? `It has ${site.part_is}: numbers differ from those of the text.` : "");

  const ask = (message, listener) => new Promise((resolve) => {
    [answer, hear] = [resolve, listener];
    worker.postMessage(message);
  });

  async function start(words) {
    say(`${words} Python starts.`);
    worker = new Worker(URL.createObjectURL(files["worker.js"])); // so that it starts again without the network
    worker.onmessage = ({ data }) => (data.kind === "done" ? answer(data.text) : hear(data.kind, data.text));
    worker.onerror = (event) => {
      hear("error", event.message || "the worker failed");
      answer(false);
    };
    let complaint;
    const settings = { index: here.href, lock: site.lock, packages: page.packages, archives: page.archives, modules: site.modules, digits };
    const fine = await ask({ files, start: settings }, (kind, text) => { complaint = text; });
    if (fine === false) throw new Error(`Python did not start: ${complaint}`);
    if (fine) say(`${words} Python is ready. ${notice()}`);
  }

  function restart(words) {
    const interrupted = answer;
    worker.terminate();
    queue.length = 0;
    for (const cell of cells) {
      cell.ran = false;
      cell.mark("");
    }
    ready = start(words).catch((error) => say(error.message));
    interrupted(null);
  }

  await load(["worker.js", ...site.modules, ...site.interpreter, ...page.packages.map((each) => site.lock.packages[each].file_name), ...page.archives, ...(digits ? [digits] : [])]);
  await (ready = start(""));

  // ---- cells -------------------------------------------------------------------------------------------------------

  const boxes = [...document.querySelectorAll(".bd-article div.cell")];
  const cells = page.cells.map(({ source, shown }, i) => {
    const number = i + 1;
    const cell = { number, code: () => source, mark() {} };
    if (!shown) return cell;
    const box = boxes.shift();
    const [input] = box.querySelectorAll(".cell_input");
    const old = [...box.querySelectorAll(".cell_output")];
    const keys = document.createElement("div");
    if (input) {
      const editor = makeEditor(input, source, `Code of cell ${number}`, () => run([cell]));
      cell.code = editor.code;
      const fold = !box.classList.contains("tag_hide-cell") && input.closest("details");
      (fold || input).after(keys);
      Object.assign(keys, { className: "run-keys" });
      keys.setAttribute("role", "group");
      keys.setAttribute("aria-label", `Cell ${number}`);
      const go = key(keys, "Run", () => (go.textContent === "Stop" ? restart(`Cell ${number} was stopped.`) : run([cell])));
      key(keys, "Run all above", () => run(cells.slice(0, i)));
      key(keys, "Reset", () => {
        editor.reset();
        cell.output.reset();
        cell.mark("");
      });
      const mark = keys.appendChild(document.createElement("span"));
      cell.mark = (words) => {
        mark.textContent = words;
        go.textContent = words === "runs" ? "Stop" : "Run";
      };
    }
    cell.output = makeOutput(old, old.at(-1) || (keys.isConnected ? keys : box.lastElementChild));
    cell.box = box;
    return cell;
  });

  const queue = [];
  let going = false;

  async function run(list) {
    for (const cell of list) cell.mark("waits");
    queue.push(...list);
    if (going) return;
    going = true;
    while (queue.length) {
      await ready;
      const cell = queue.shift();
      if (!cell) break; // stopped meanwhile
      const heard = [];
      cell.mark("runs");
      if (cell.output) cell.output.begin();
      const begun = performance.now();
      const fine = await ask({ code: cell.code(), number: cell.number }, (kind, words) => {
        heard.push({ kind, words });
        if (cell.output) cell.output.hear(kind, words);
      });
      if (fine === null) continue;
      cell.ran = true;
      const words = `${fine ? "ran" : "failed"} in ${((performance.now() - begun) / 1000).toFixed(1)} s`;
      cell.mark(words);
      if (!fine || !queue.length) say(`Cell ${cell.number} ${words}. ${notice()}`);
      if (!fine && !advise(cell, heard)) for (const each of queue.splice(0)) each.mark("");
      (cell.box || bar).dispatchEvent(new CustomEvent("ran", { bubbles: true, detail: { number: cell.number, fine, heard } }));
    }
    going = false;
  }

  // What the text says of all of MNIST may be untrue of a part: that stops no cell below, and all other errors do.
  function advise(cell, heard) {
    const error = heard.filter(({ kind }) => kind === "error").map(({ words }) => words).join("");
    const lacks = /^NameError/m.test(error) && cells.slice(0, cell.number - 1).some((each) => !each.ran);
    if (lacks && cell.output) cell.output.hear("note", "Cells above this one have not been run: “Run all above” runs them.");
    const part = digits === site.part;
    const claim = part && /^AssertionError/m.test(error);
    const of = claim ? "The text was checked with all of MNIST. This page" : "This page";
    if (part && cell.output) cell.output.hear("note", `${of} has ${site.part_is}: “All of MNIST” brings the others.`);
    return claim;
  }

  // ---- keys for all of it --------------------------------------------------------------------------------------------

  key(bar, "Run all", () => run(cells));
  key(bar, "Start Python anew", () => restart(""));
  if (!digits) return;
  const all = key(bar, `All of MNIST (${megabytes(site.own[site.whole].size)})`, async () => {
    all.disabled = true;
    try {
      await load([site.whole]);
      digits = site.whole;
      all.remove();
      restart("All of MNIST is there.");
    } catch (error) {
      say(error.message);
      all.disabled = false;
    }
  });
}
