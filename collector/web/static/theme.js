// Light or dark: as the system says, until the reader chooses. A classic script in the head, so that
// the page is never drawn in the other one first.
(function () {
  const root = document.documentElement;
  const kept = (value) => {
    try {
      if (value) localStorage.setItem("theme", value);
      return localStorage.getItem("theme");
    } catch {
      return null; // storage may be forbidden
    }
  };
  const chosen = kept();
  if (chosen) root.dataset.theme = chosen;
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    button.addEventListener("click", () => {
      const dark = getComputedStyle(root).colorScheme === "dark"
        || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
      root.dataset.theme = dark ? "light" : "dark";
      kept(root.dataset.theme);
      document.dispatchEvent(new Event("themechange"));
    });
  });
})();
