// The reader's time zone: found, kept in the cookie `zone`, and changed by hand.

const root = document.documentElement;

/** The device's IANA zone, or '' where the browser does not tell. */
export function deviceZone() {
  try {
    return Intl.DateTimeFormat().resolvedOptions().timeZone || '';
  } catch {
    return '';
  }
}

/** Keeps the zone for a year. The server takes names it knows and ignores the rest. */
export function keepZone(name) {
  const secure = location.protocol === 'https:' ? '; Secure' : '';
  document.cookie =
    `zone=${name}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

const kept = () => /(?:^|;\s*)zone=/.test(document.cookie);

/** Whether a control holds something else than the page came with: typed, chosen, or a file. */
function changed(control) {
  if (control.type === 'file') return control.files.length > 0;
  if (control.type === 'checkbox' || control.type === 'radio') {
    return control.checked !== control.defaultChecked;
  }
  if (control.matches('select')) {
    const options = [...control.options];
    const marked = control.multiple || options.some((option) => option.defaultSelected);
    // Where the page chooses none, the first one is.
    return options.some((option, place) =>
      option.selected !== (marked ? option.defaultSelected : place === 0));
  }
  return control.value !== control.defaultValue;
}

/**
 * On the first visit from a device in another zone than the page speaks in: keeps the device's zone
 * and fetches the page anew, so that times are the reader's. Nothing typed is ever swapped away.
 */
export async function settleZone(dirty, enhance) {
  const mine = deviceZone();
  if (!mine || kept() || mine === root.dataset.zone) return;
  keepZone(mine);
  // Where cookies are refused the answer would be the same; and a page that answers a POST has no
  // address to be fetched from.
  if (!kept() || document.querySelector('[aria-invalid="true"]')) return;
  const touched = () => dirty.size > 0
    || document.activeElement?.matches('input, textarea, select')
    || [...document.querySelectorAll('main :is(input, textarea, select)')].some(changed);
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
    if (!answer.ok || touched()) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = page.querySelector('main');
    const stale = document.querySelector('main');
    if (!fresh || !stale || touched()) return;
    // What was said once (a flash) is not in the second answer: carry it over.
    const said = stale.querySelector(':scope > .flashes');
    if (said && !fresh.querySelector(':scope > .flashes')) fresh.prepend(said);
    stale.replaceWith(fresh);
    const pickers = [document, page].map((d) => d.querySelector('[data-zone-picker]'));
    if (pickers[0] && pickers[1]) pickers[0].replaceWith(pickers[1]);
    root.dataset.zone = page.documentElement.dataset.zone || mine;
    await enhance(fresh);
    if (pickers[1]) zonePicker(pickers[1]);
    document.dispatchEvent(new CustomEvent('convoca:fresh')); // for modules that hold on to <main>
  } catch {
    // A weak line: the page stays right as it is, in the zone it names.
  }
}

/** Lets the reader choose another zone, the device's own first. */
export function zonePicker(element) {
  const open = element.querySelector('[data-zone-open]');
  const form = element.querySelector('form');
  const list = element.querySelector('select');
  if (!open || !form || !list || !Intl.supportedValuesOf) return;
  open.hidden = false;
  open.setAttribute('aria-expanded', 'false');
  open.addEventListener('click', () => {
    if (!list.options.length) {
      const names = new Set([deviceZone(), element.dataset.current, 'UTC',
        ...Intl.supportedValuesOf('timeZone')]);
      for (const name of names) {
        if (!name) continue;
        const words = name.replaceAll('_', ' ').split('/').reverse().join(', ');
        list.add(new Option(words, name, false, name === element.dataset.current));
      }
    }
    form.hidden = !form.hidden;
    open.setAttribute('aria-expanded', String(!form.hidden));
    if (!form.hidden) list.focus();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    keepZone(list.value);
    location.reload();
  });
}
