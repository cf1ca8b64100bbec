// Tables that go on: the link to further rows becomes the rows, when it is clicked or comes in sight.

export function watchMoreLinks(root) {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      fetchMore(entry.target, seen);
    }
  }, { rootMargin: "300px" });
  root.addEventListener("click", (event) => {
    const link = event.target.closest("[data-more]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    fetchMore(link, seen);
  });
  return () => {
    for (const link of root.querySelectorAll('[data-more="visible"]')) seen.observe(link);
  };
}

async function fetchMore(link, seen) {
  const row = link.closest("tr");
  if (row.dataset.loading) return;
  row.dataset.loading = "yes";
  link.textContent = "loading…";
  try {
    const response = await fetch(link.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const rows = page.querySelectorAll("#rows > tr");
    if (!response.ok || !rows.length) throw new Error(page.querySelector("h1")?.textContent ?? "Nothing came.");
    row.replaceWith(...rows);
  } catch (error) {
    delete row.dataset.loading;
    link.textContent = `${error.message} Try again.`;
  }
}
