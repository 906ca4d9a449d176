// Adds an element with its attributes and its text to another one; what stands in a drawing is a part of the drawing.
function add(parent, name, attributes, content) {
  const SVG = "http://www.w3.org/2000/svg";
  const inside = name === "svg" || parent.namespaceURI === SVG;
  const element = inside ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (content !== undefined) element.textContent = content;
  return parent.appendChild(element);
}

