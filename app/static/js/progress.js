// While mails go out, the page says by itself how far they have got; the list below stays as it is.

const every = 5000;

async function look() {
  const shown = document.querySelector("[data-progress]");
  if (!shown || document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-progress]");
    if (fresh) shown.replaceWith(fresh);
    if (fresh?.querySelector("progress") === null) clearInterval(timer);
  } catch {
    // No connection: what stands there is what was known last.
  }
}

const timer = setInterval(look, every);
