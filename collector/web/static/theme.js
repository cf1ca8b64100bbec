// Light or dark: as the system says, until the reader chooses. The choice is a cookie, by which the
// server writes the page: no script has to run before it is drawn. A saved page, which has no server,
// begins as the system says.
(function () {
  const root = document.documentElement;
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    button.addEventListener("click", () => {
      const dark = getComputedStyle(root).colorScheme === "dark"
        || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
      root.dataset.theme = dark ? "light" : "dark";
      document.dispatchEvent(new Event("themechange"));
      document.cookie = `spanscore-theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=strict`;
    });
  });
})();
