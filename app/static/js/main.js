// What every page can do better with script. Each behaviour hangs on a data attribute, and nothing
// here is needed: pages are whole without it. The further modules carry this one's digest.
import { settleZone, zonePicker } from './zone.js';
import { relativeTimes } from './relative.js';

const version = new URL(import.meta.url).search;
const dirty = new Set();

/** Asks before a page with changes is left; a form that is sent is no longer in the way. */
function guard(form) {
  const mark = () => dirty.add(form);
  form.addEventListener('input', mark);
  form.addEventListener('change', mark);
  form.addEventListener('convoca:changed', mark);
  form.addEventListener('submit', () => dirty.delete(form));
}

addEventListener('beforeunload', (event) => {
  for (const form of dirty) if (!form.isConnected) dirty.delete(form);
  if (dirty.size) event.preventDefault();
});

/** A form sent twice by an impatient finger is sent once. */
function once(form) {
  if (form.method !== 'post') return;
  form.addEventListener('submit', (event) => {
    // What opens beside the page only looks; the page itself is still to be sent.
    if (event.submitter?.formTarget === '_blank') return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = 'yes';
    if (event.submitter) event.submitter.setAttribute('aria-busy', 'true');
    // An answer that is a download leaves the page standing.
    setTimeout(() => rest(form), 8000);
  });
}

function rest(form) {
  delete form.dataset.sent;
  for (const busy of form.querySelectorAll('[aria-busy]')) busy.removeAttribute('aria-busy');
}

// Coming back with the browser's button shows the page as it was left: let it be sent again.
addEventListener('pageshow', () => {
  document.querySelectorAll('form[data-sent]').forEach(rest);
});

/** Puts the text of a field, or its own data-copy-text, on the clipboard. */
function copier(button) {
  const source = button.dataset.copy && document.querySelector(button.dataset.copy);
  const label = button.querySelector('span') || button;
  const words = label.textContent;
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copyText || source.value);
      label.textContent = button.dataset.copied || words;
      setTimeout(() => { label.textContent = words; }, 2000);
    } catch {
      source?.select();
    }
  });
}

/** Fields that belong to one of several choices: typing in them makes it; another one empties them,
    and coming back fills them as they were. */
function ofChoice(more) {
  const choice = document.querySelector(more.dataset.ofChoice);
  const fields = [...more.querySelectorAll('.form-row input')];
  let kept = null;
  const choose = (event) => { if (event.target.value) choice.checked = true; };
  for (const field of fields) field.addEventListener('input', choose);
  for (const radio of choice.form.elements[choice.name]) {
    radio.addEventListener('change', () => {
      if (!choice.checked) {
        kept ??= fields.map((field) => field.value);
        for (const field of fields) field.value = '';
      } else if (kept) {
        fields.forEach((field, i) => { field.value ||= kept[i]; });
        kept = null;
      }
    });
  }
}

const fold = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** Hides the rows that do not hold every word typed; case and accents are set aside. */
function filter(table) {
  const input = document.querySelector(table.dataset.filter);
  if (!input) return;
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
  const texts = rows.map((row) => fold(row.textContent));
  const count = input.form?.querySelector('output');
  const none = document.createElement('p');
  none.className = 'filter-none';
  none.setAttribute('role', 'status');
  table.after(none);
  const apply = () => {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, i) => {
      row.hidden = !words.every((word) => texts[i].includes(word));
      if (!row.hidden) shown += 1;
    });
    none.textContent = shown || !rows.length ? '' : table.dataset.filterNone || '';
    none.hidden = !none.textContent;
    if (count) count.textContent = `${shown} / ${rows.length}`;
  };
  input.addEventListener('input', apply);
  // A search that has an address goes on to ask the server; one that only filters has nowhere to go.
  if (!input.form?.hasAttribute('action')) {
    input.form?.addEventListener('submit', (event) => event.preventDefault());
  }
  apply();
}

/** Wakes what stands under `root`; called again for a <main> that was fetched anew. */
export async function enhance(root) {
  root.querySelectorAll('form[data-guard]').forEach(guard);
  root.querySelectorAll('form').forEach(once);
  root.querySelectorAll('[data-copy], [data-copy-text]').forEach(copier);
  root.querySelectorAll('table[data-filter]').forEach(filter);
  root.querySelectorAll('[data-zone-picker]').forEach(zonePicker);
  root.querySelectorAll('[data-of-choice]').forEach(ofChoice);
  relativeTimes(root);
  const editors = root.querySelectorAll('[data-agenda]');
  if (editors.length) {
    const { agenda } = await import(`./agenda.js${version}`);
    editors.forEach(agenda);
  }
}

await enhance(document);
await settleZone(dirty, enhance);
