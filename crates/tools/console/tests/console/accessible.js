// Checks a page's accessibility by the rules of WCAG 2.2 A and AA, as far as a machine can. Returns the faults.
const wrong = [];
const say = (what, element) => wrong.push(`${what}: ${element?.outerHTML?.slice(0, 160) ?? ''}`);
const all = (selector) => [...document.querySelectorAll(selector)];
const seen = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && element.getClientRects().length > 0;
if (!document.documentElement.lang) say('the page has no language', document.documentElement);
if (!document.title.trim()) say('the page has no title');
if (all('main').length !== 1) say('the page has not one main');
if (all('h1').length !== 1) say('the page has not one h1');
let level = 1;
for (const heading of all('h1, h2, h3, h4')) {
  const own = Number(heading.tagName[1]);
  if (own > level + 1) say('a heading leaves out a level', heading);
  level = own;
}
const ids = new Map();
for (const element of all('[id]')) {
  if (ids.has(element.id)) say('an id is there twice', element);
  ids.set(element.id, element);
}
const name = (element) => (element.getAttribute('aria-label') ?? '') + [...(element.labels ?? [])].map((label) => label.innerText).join('')
  + (element.title ?? '') + (element.innerText ?? element.textContent) + [...element.querySelectorAll('img[alt], title')].map((one) => one.alt ?? one.textContent).join('');
for (const control of all('input:not([type=hidden]), select, textarea, button, a[href], summary')) {
  if (!control.hidden && seen(control) && !name(control).trim()) say('a control has no name', control);
}
for (const image of all('img:not([alt]), svg:not([aria-hidden]):not([role])')) say('a picture has no text', image);
for (const role of all('[role=region]:not([aria-label])')) say('a region has no name', role);
for (const list of all('ul, ol')) for (const child of list.children) if (!['LI', 'TEMPLATE'].includes(child.tagName)) say('a list has more than items', child);
for (const box of all('*')) {
  const style = getComputedStyle(box);
  const scrolls = /(auto|scroll)/.test(style.overflowX + style.overflowY) && (box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1);
  if (scrolls && seen(box) && box !== document.documentElement && box.tabIndex < 0 && !box.querySelector('a[href], button, input')) say('what scrolls cannot be reached by keyboard', box);
}
if (document.documentElement.scrollWidth > document.documentElement.clientWidth) say('the page scrolls sideways', document.body);
const numbers = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
const over = ([r, g, b, a = 1], under) => [r, g, b].map((one, at) => one * a + under[at] * (1 - a));
const ground = (element) => {
  if (!element) return [255, 255, 255];
  const colour = numbers(getComputedStyle(element).backgroundColor);
  return colour[3] === 0 ? ground(element.parentElement) : over(colour, colour.length < 4 || colour[3] === 1 ? [0, 0, 0] : ground(element.parentElement));
};
const light = (colour) => {
  const [r, g, b] = colour.map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const faint = (element) => (element ? Number(getComputedStyle(element).opacity) * faint(element.parentElement) : 1);
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !seen(element) || element.closest('svg, select, option, .skip, .hidden')) continue;
  const style = getComputedStyle(element);
  const under = ground(element);
  const colour = numbers(style.color);
  const [a, b] = [light(over([...colour.slice(0, 3), (colour[3] ?? 1) * faint(element)], under)), light(under)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const size = parseFloat(style.fontSize);
  const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
  if (ratio < needed) say(`a text has the contrast ${ratio.toFixed(2)} of ${needed}`, element);
}
return [...new Set(wrong)];
