// The editor of a cell: a text field, so that keys, telephones and screen readers work as everywhere, with colours behind.
const WORDS = "and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is"
  + "|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield";
const STRING = String.raw`[rbfu]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)`;
const TOKENS = new RegExp(`(?<c1>#.*)|(?<s2>${STRING})|(?<kc>\\b(?:True|False|None)\\b)|(?<k>\\b(?:${WORDS})\\b)|(?<mi>\\b\\d[\\w.]*)|\\w+`, "g");

function colour(code, target) {
  let end = 0;
  target.textContent = "";
  for (const match of code.matchAll(TOKENS)) {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    if (!kind) continue;
    const span = document.createElement("span"); // with the classes of the page's own colours
    Object.assign(span, { className: kind, textContent: match[0] });
    target.append(code.slice(end, match.index), span);
    end = match.index + match[0].length;
  }
  target.append(code.slice(end), "\n");
}

export function makeEditor(input, source, label, run) {
  const frame = document.createElement("div");
  frame.className = "highlight run-editor";
  const [drawn, area] = ["pre", "textarea"].map((name) => frame.appendChild(document.createElement(name)));
  drawn.setAttribute("aria-hidden", "true");
  for (const [name, value] of [["aria-label", label], ["spellcheck", "false"], ["autocapitalize", "off"], ["autocomplete", "off"]]) {
    area.setAttribute(name, value);
  }
  const draw = () => colour(area.value, drawn);
  area.addEventListener("input", draw);
  area.addEventListener("scroll", () => { drawn.scrollLeft = area.scrollLeft; });
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (event.shiftKey || event.ctrlKey || event.metaKey) return run();
    const line = area.value.slice(0, area.selectionStart).split("\n").at(-1);
    const indent = line.match(/^ */)[0] + (line.trimEnd().endsWith(":") ? "    " : "");
    document.execCommand("insertText", false, `\n${indent}`); // unlike a new value, it can be undone
  });
  const reset = () => {
    area.value = source;
    draw();
  };
  reset();
  for (const child of input.children) child.hidden = true;
  input.append(frame);
  return { code: () => area.value, reset };
}
