// The run-of-show editor: hours that follow as one types; rows added, removed and moved by button,
// by key and by dragging. The form underneath is plain: fields are named segment-0-minutes,
// segment-0-part-0-person; after every change the numbers are set anew, so the server reads the
// order from them.

/** "09:10" in a zone, for an instant in milliseconds. */
function clock(instant, zone) {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23',
  }).format(instant);
}

const whole = (text) => (/^\d{1,4}$/.test(text.trim()) ? Number(text) : null);

/**
 * Starts and ends in minutes after the session's start. A row with an offset begins there, one
 * without follows the row before. minutes or offset: null when nothing sensible is typed.
 */
export function lay(rows) {
  let at = 0;
  return rows.map(({ minutes, offset }) => {
    const start = offset ?? at;
    const end = minutes ? start + minutes : null;
    at = end ?? start;
    return { start, end };
  });
}

/** Wakes one editor: the element with data-agenda, data-start (instant), data-minutes, data-at. */
export function agenda(editor) {
  const list = editor.querySelector('.agenda-rows');
  const said = editor.querySelector('[data-agenda-said]');
  const sum = editor.querySelector('[data-agenda-sum]');
  const begin = Date.parse(editor.dataset.start);
  const rows = () => [...list.children];
  const part = (element, name) => element.querySelector(`[name$="-${name}"]`);
  const own = (row, name) =>
    [...row.querySelectorAll(`[name$="-${name}"]`)].find((f) => !f.name.includes('-part-'));
  const say = (words, n) => { if (said) said.textContent = (words || '').replace('{n}', n); };
  const changed = () => editor.dispatchEvent(new CustomEvent('convoca:changed', { bubbles: true }));

  function hours() {
    const every = rows();
    const laid = lay(every.map((row) => ({
      minutes: whole(own(row, 'minutes').value), offset: whole(own(row, 'offset').value),
    })));
    const total = Number(editor.dataset.minutes);
    let last = 0;
    every.forEach((row, i) => {
      const { start, end } = laid[i];
      const span = (zone) => clock(begin + start * 60_000, zone)
        + (end === null ? '' : `–${clock(begin + end * 60_000, zone)}`);
      row.querySelector('[data-hours]').textContent = span(editor.dataset.at);
      row.classList.toggle('agenda-over', (end ?? start) > total);
      last = Math.max(last, end ?? start);
      for (const item of row.querySelectorAll('[data-part]')) {
        const zone = part(item, 'person').selectedOptions[0]?.dataset.zone;
        const place = item.querySelector('[data-local]');
        const differs = zone && clock(begin, zone) !== clock(begin, editor.dataset.at);
        place.textContent = differs
          ? `${zone.split('/').pop().replaceAll('_', ' ')}: ${span(zone)}` : '';
      }
    });
    const words = last === total ? 'fits' : last < total ? 'left' : 'over';
    if (sum) sum.textContent = editor.dataset[words].replace('{n}', Math.abs(total - last));
  }

  // Sets every number anew, in the order of the page: names, ids, what labels and buttons point to.
  function renumber() {
    rows().forEach((row, s) => {
      const parts = [...row.querySelectorAll('[data-part]')];
      const rename = (element, p) => {
        for (const name of ['name', 'id', 'for', 'aria-describedby']) {
          const old = element.getAttribute(name);
          if (!old?.startsWith('segment-')) continue;
          element.setAttribute(name, old.replace(/^segment-[^-]+(-part-)?([^-]+)?/, (all, inner) =>
            inner ? `segment-${s}-part-${p}` : all.replace(/^segment-[^-]+/, `segment-${s}`)));
        }
        if (element.name === 'action') {
          element.value = element.value.startsWith('remove-part')
            ? `remove-part-${s}-${p}` : element.value.replace(/-[^-]+$/, `-${s}`);
        }
      };
      for (const element of row.querySelectorAll('[name], [id], [for]')) {
        rename(element, parts.indexOf(element.closest('[data-part]')));
      }
    });
    hours();
  }

  const fresh = (kind) =>
    editor.querySelector(`template[data-agenda-${kind}]`).content.firstElementChild.cloneNode(true);

  function move(row, to) {
    const every = rows();
    const place = Math.max(0, Math.min(every.length - 1, to));
    if (every[place] === row) return;
    list.insertBefore(row, place > every.indexOf(row) ? every[place].nextSibling : every[place]);
    renumber();
    changed();
    say(editor.dataset.moved, place + 1);
  }

  editor.addEventListener('click', (event) => {
    const button = event.target.closest('button[name="action"]');
    if (!button) return;
    event.preventDefault();
    const row = button.closest('[data-row]');
    const place = rows().indexOf(row);
    if (button.value === 'add-segment') {
      const added = list.appendChild(fresh('segment'));
      wake(added);
      renumber();
      own(added, 'title').focus();
    } else if (button.value.startsWith('add-part')) {
      const added = row.querySelector('[data-parts]').appendChild(fresh('part'));
      renumber();
      part(added, 'person').focus();
    } else if (button.value.startsWith('remove-part')) {
      button.closest('[data-part]').remove();
      renumber();
      row.querySelector('button[value^="add-part"]').focus();
      say(editor.dataset.removed);
    } else if (button.value.startsWith('remove-segment')) {
      row.remove();
      renumber();
      const near = rows()[Math.min(place, rows().length - 1)];
      (near ? own(near, 'title') : editor.querySelector('button[value="add-segment"]')).focus();
      say(editor.dataset.removed);
    } else {
      move(row, place + (button.value.startsWith('up') ? -1 : 1));
      button.focus();
      return;
    }
    changed();
  });

  editor.addEventListener('input', hours);
  editor.addEventListener('change', hours);
  editor.addEventListener('keydown', (event) => {
    const row = event.target.closest('[data-row]');
    if (!row || !event.altKey || !['ArrowUp', 'ArrowDown'].includes(event.key)) return;
    event.preventDefault();
    move(row, rows().indexOf(row) + (event.key === 'ArrowUp' ? -1 : 1));
    event.target.focus();
  });
  // Enter in a field saves the form; it must not press the first small button that stands above.
  editor.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.target.tagName !== 'INPUT') return;
    event.preventDefault();
    const form = editor.closest('form');
    const save = [...(form?.elements ?? [])].find((e) => e.type === 'submit' && e.name !== 'action');
    form?.requestSubmit(save);
  });

  // Dragging by the grip, with a pointer of any kind: the row goes where the pointer is.
  function wake(row) {
    const grip = row.querySelector('[data-grip]');
    if (!grip) return;
    grip.hidden = false;
    grip.addEventListener('pointerdown', (event) => {
      if (event.button) return;
      event.preventDefault();
      grip.setPointerCapture(event.pointerId);
      row.dataset.dragging = '';
      const follow = (e) => {
        const under = rows().findIndex((other) => {
          const box = other.getBoundingClientRect();
          return other !== row && e.clientY >= box.top && e.clientY <= box.bottom;
        });
        if (under >= 0) {
          const box = rows()[under].getBoundingClientRect();
          const down = under > rows().indexOf(row);
          if (down ? e.clientY > box.top + box.height / 2 : e.clientY < box.top + box.height / 2) {
            move(row, under);
            grip.setPointerCapture(e.pointerId);
          }
        }
      };
      const drop = () => {
        delete row.dataset.dragging;
        grip.removeEventListener('pointermove', follow);
        grip.removeEventListener('pointerup', drop);
        grip.removeEventListener('pointercancel', drop);
      };
      grip.addEventListener('pointermove', follow);
      grip.addEventListener('pointerup', drop);
      grip.addEventListener('pointercancel', drop);
    });
  }

  rows().forEach(wake);
  hours();
}
