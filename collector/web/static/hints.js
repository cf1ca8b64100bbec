// How a figure was derived: a click or tap opens it by itself (popover); hovering does so too.

const AFTER_MS = 350;

export function watchHints(root) {
  let timer = 0, hovered = null;
  root.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const button = event.target.closest(".axis[popovertarget]");
    const hint = event.target.closest(".why");
    if (hint && hint === hovered) clearTimeout(timer);
    if (!button) return;
    clearTimeout(timer);
    const target = document.getElementById(button.getAttribute("popovertarget"));
    timer = setTimeout(() => {
      if (target.matches(":popover-open")) return;
      hovered = target;
      target.showPopover({ source: button });
    }, AFTER_MS);
  });
  root.addEventListener("pointerout", (event) => {
    if (event.pointerType !== "mouse" || !event.target.closest(".axis, .why")) return;
    clearTimeout(timer);
    timer = setTimeout(() => hovered?.matches(":popover-open") && hovered.hidePopover(), AFTER_MS);
  });
  // A click that closes what hovering has opened would be a surprise.
  root.addEventListener("click", (event) => {
    const button = event.target.closest(".axis[popovertarget]");
    if (button && hovered?.id === button.getAttribute("popovertarget") && hovered.matches(":popover-open")) {
      event.preventDefault();
      hovered = null;
    }
  });
}
