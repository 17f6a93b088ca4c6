// The pages work without this. It writes times in the reader's zone, and keeps the page Now up to date.
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
function add(list, html) {
  const made = document.createElement('template');
  made.innerHTML = html;
  zone(made.content);
  list.prepend(made.content);
  while (list.children.length > 500) list.lastElementChild.remove();
}

// What goes on beyond its edge says so.
function edges() {
  for (const box of document.querySelectorAll('.scroll')) box.classList.toggle('cut', box.scrollWidth > box.clientWidth + 1);
}

zone(document);
edges();
addEventListener('resize', edges);
// A page has at most one source of updates.
const source = document.querySelector('[data-live-from]');
if (source) {
  const live = new EventSource(source.dataset.liveFrom);
  live.onopen = () => document.documentElement.classList.remove('stale');
  live.onerror = () => document.documentElement.classList.add('stale');
  const news = (message) => {
    for (const [id, html] of Object.entries(JSON.parse(message.data))) {
      const element = document.getElementById(id);
      if (element && source.hasAttribute('data-live-adds')) add(element, html);
      else if (element?.matches('[data-live], [data-live-from]')) update(element, html);
    }
  };
  live.onmessage = news;
  live.addEventListener('end', (message) => {
    live.close();
    news(message);
  });
}
