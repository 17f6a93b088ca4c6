// The pages work without this. It writes times in the reader's zone, and keeps pages up to date.
'use strict';

const inZone = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });

function zone(root) {
  for (const time of root.querySelectorAll('time[datetime]')) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) time.title = `${inZone.format(at)} (${time.dateTime})`;
  }
}

function update(element, html) {
  const focused = element.contains(document.activeElement) && document.activeElement.getAttribute('href');
  element.innerHTML = html;
  zone(element);
  if (focused) element.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

// The last entries stay, so that a person who reads one does not lose it.
function add(list, fresh) {
  for (const entry of [...fresh.children].reverse()) {
    if (document.getElementById(entry.id)) continue;
    zone(entry);
    list.prepend(entry);
  }
  while (list.children.length > 500) list.lastElementChild.remove();
}

// What goes on beyond its edge says so.
function edges() {
  for (const box of document.querySelectorAll('.scroll')) box.classList.toggle('cut', box.scrollWidth > box.clientWidth + 1);
}

zone(document);
edges();
addEventListener('resize', edges);
// A page whose parts change is asked for again, and what is new of them is shown.
const shown = new Map();
async function refresh() {
  const answer = await fetch(location.href);
  // The session has ended.
  if (answer.redirected) return location.reload();
  if (!answer.ok) throw new Error(answer.statusText);
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  for (const element of document.querySelectorAll('[data-live]')) {
    const fresh = page.getElementById(element.id);
    if (!fresh) continue;
    element.toggleAttribute('data-live', fresh.hasAttribute('data-live'));
    if (shown.get(element.id) !== fresh.innerHTML) update(element, fresh.innerHTML);
    shown.set(element.id, fresh.innerHTML);
  }
  for (const list of document.querySelectorAll('[data-live-adds]')) add(list, page.getElementById(list.id));
}

async function keep() {
  if (!document.querySelector('[data-live], [data-live-adds]')) return;
  const is = document.documentElement.classList;
  if (!document.hidden) await refresh().then(() => is.remove('stale'), () => is.add('stale'));
  setTimeout(keep, 1000);
}
setTimeout(keep, 1000);
