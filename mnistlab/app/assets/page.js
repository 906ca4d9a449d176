"use strict";
(() => {
  const input = document.getElementById("file");
  const zone = input.closest("label");
  const show = (over) => (event) => {
    event.preventDefault();
    zone.classList.toggle("over", over);
  };
  for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, show(true));
  zone.addEventListener("dragleave", show(false));
  zone.addEventListener("drop", (event) => {
    show(false)(event);
    if (event.dataTransfer.files.length === 0) return;
    input.files = event.dataTransfer.files;
    input.form.requestSubmit();
  });
  const outcome = document.getElementById("outcome");
  if (outcome) outcome.focus();
})();
