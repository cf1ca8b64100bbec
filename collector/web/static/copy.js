// Copy buttons: in the page beside a <pre>, and made by script.

import { element } from "./element.js";

export function copyButton(label, text) {
  return element("button", { type: "button", onclick: (event) => copy(event.currentTarget, text) }, label);
}

/** Every button with data-copy copies the <pre> beside it, also those that come later. */
export function watchCopyButtons() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button, button.parentElement.querySelector("pre").textContent);
  });
}

async function copy(button, text) {
  const label = button.textContent;
  let said = "copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    said = selectAndCopy(text) ? "copied" : "not allowed";
  }
  button.textContent = said;
  setTimeout(() => (button.textContent = label), 1200);
}

/** Where there is no clipboard API: plain HTTP to another machine. */
function selectAndCopy(text) {
  const field = element("textarea", { value: text, readOnly: true });
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}
