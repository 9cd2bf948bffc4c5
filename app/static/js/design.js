// While a design is being typed, the picture beside it shows it, a moment after the last key.

const form = document.querySelector("[data-design]");
const image = document.querySelector("[data-preview]");
const after = 600;
let timer = 0;
let newest = 0;

async function show() {
  const query = new URLSearchParams({ language: image.dataset.language });
  for (const [name, value] of new FormData(form)) {
    if (/^(template|accent|title-..|statement-..)$/.test(name)) query.set(name, value);
  }
  const turn = ++newest;
  image.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${image.dataset.preview}?${query}`);
    // What cannot be used is said when it is saved; until then the last picture stays.
    if (!answer.ok || turn !== newest) return;
    const reader = new FileReader();
    reader.onload = () => {
      image.src = reader.result;
      image.previousElementSibling.textContent = image.dataset.said;
    };
    reader.readAsDataURL(await answer.blob());
  } catch {
    // No connection: the same.
  } finally {
    if (turn === newest) image.removeAttribute("aria-busy");
  }
}

if (form && image) {
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, after);
  });
}
