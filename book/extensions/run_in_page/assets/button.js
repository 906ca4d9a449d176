(() => {
  const bar = document.querySelector(".run-in-page");
  const { name, folder, offer, file } = bar.dataset;
  const status = bar.appendChild(document.createElement("p"));
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "btn btn-sm", textContent: "Run in this page" });
  Object.assign(button.style, { color: "inherit", border: "1px solid" }); // as dark or light as the text, in both themes
  status.className = "mt-2 small";
  status.setAttribute("role", "status");
  status.textContent = offer;
  bar.prepend(button);
  button.addEventListener("click", async () => {
    if (location.protocol === "file:") return void (status.textContent = file);
    button.disabled = true;
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: `${folder}/run.css` }));
    try {
      await (await import(new URL(`${folder}/page.js`, location))).runInPage(bar, name);
      button.remove();
    } catch (error) {
      status.textContent = error.message;
      button.disabled = false;
    }
  });
})();
