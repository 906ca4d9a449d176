// What a cell puts out, in place of what stands in the page; a figure keeps its number, its caption and its words.
const element = (parent, name, attributes) => parent.appendChild(Object.assign(document.createElement(name), attributes));

export function makeOutput(old, after) {
  const figures = old.flatMap((each) => [...each.querySelectorAll("figure")]);
  const copies = figures.map((figure) => figure.cloneNode(true));
  const place = document.createElement("div");
  place.className = "cell_output docutils container run-output";
  after.after(place);
  let drawn = 0, stream = null;

  function text(kind, words) {
    const pre = element(element(element(place, "div", { className: `output ${kind}` }), "div", { className: "highlight" }), "pre", { tabIndex: 0 });
    pre.append(words);
    return pre;
  }

  function picture(src) {
    const figure = figures[drawn++];
    const image = (figure && figure.querySelector("img")) || element(place, "img", { alt: "The figure that the code above draws" });
    image.src = src;
    if (figure && !figure.contains(image)) figure.firstElementChild.replaceWith(image); // the page was built without pictures
  }

  function html(source) {
    const made = element(place, "div", { className: "output text_html", innerHTML: source });
    for (const script of made.querySelectorAll("script")) { // one that came as text does not run
      script.replaceWith(Object.assign(document.createElement("script"), { textContent: script.textContent }));
    }
  }

  function formula(tex) {
    const bare = tex.trim().replace(/^\$+|\$+$/g, "");
    const made = element(place, "div", { className: "output text_latex math notranslate nohighlight", textContent: `\\[${bare}\\]` });
    MathJax.typesetPromise([made]);
  }

  const forms = {
    "text/html": html,
    "image/svg+xml": (svg) => picture(URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }))),
    "image/png": (data) => picture(`data:image/png;base64,${data}`),
    "text/latex": formula,
    "text/plain": (words) => text("text_plain", words),
  };

  function empty() {
    place.textContent = "";
    [drawn, stream] = [0, null];
  }

  return {
    begin() {
      empty();
      for (const each of old) each.hidden = !each.querySelector("figure");
    },
    hear(kind, words) {
      if (kind === "stream") return (stream ||= text("stream", "")).append(words);
      stream = null;
      if (kind !== "display") return text(kind, words);
      const data = JSON.parse(words);
      const form = Object.keys(forms).find((each) => each in data && (each !== "text/latex" || window.MathJax));
      forms[form](data[form]);
    },
    reset() {
      empty();
      figures.forEach((figure, i) => figure.replaceChildren(...copies[i].cloneNode(true).childNodes));
      for (const each of old) each.hidden = false;
    },
  };
}
