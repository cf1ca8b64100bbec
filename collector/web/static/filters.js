// Filters act when they are chosen, and what is empty stays out of the URL.

for (const form of document.querySelectorAll(".filters-form")) {
  const go = () => {
    const chosen = [...new FormData(form)].filter(([, value]) => value !== "");
    location.search = new URLSearchParams(chosen).toString();
  };
  form.addEventListener("change", go);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go();
  });
}
