// The worker of a page: Pyodide from files that the page has fetched and checked, and from nowhere else.
let files, python, shell;

const nameOf = (url) => decodeURIComponent(String(url.url || url).split("/").pop());

self.fetch = async (url) => {
  const file = files[nameOf(url)];
  if (!file) throw new TypeError(`${url} is not among the files of this page`);
  return new Response(file, { headers: { "Content-Type": nameOf(url).endsWith(".wasm") ? "application/wasm" : file.type } });
};

const say = (kind, text) => self.postMessage({ kind, text });

async function start({ index, lock, packages, archives, modules, digits }) {
  for (const name of ["pyodide.js", "pyodide.asm.js"]) importScripts(URL.createObjectURL(files[name]));
  files["pyodide-lock.json"] = new Blob([JSON.stringify(lock)], { type: "application/json" });
  python = await self.loadPyodide({ indexURL: index, packages });
  for (const name of archives) python.unpackArchive(await files[name].arrayBuffer(), "wheel");
  for (const name of modules) python.FS.writeFile(name, await files[name].text());
  shell = python.pyimport("runner").Shell.instance(say);
  if (!digits) return;
  python.FS.writeFile(digits, new Uint8Array(await files[digits].arrayBuffer()));
  python.pyimport("runner").use_digits(digits);
}

self.onmessage = async ({ data }) => {
  let done = false;
  try {
    if (data.start) {
      files = { ...data.files };
      await start(data.start);
    }
    done = data.start ? true : shell.run(data.code, data.number);
  } catch (error) {
    say("error", String(error.message || error));
  }
  say("done", done);
};
