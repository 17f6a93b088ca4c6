// Draws the town as the services report it: a snapshot comes every half second, and cars glide between two of them.
"use strict";

const GLIDE = 1100;
const canvas = document.getElementById("map");
const pen = canvas.getContext("2d");
const ground = document.createElement("canvas");
const cars = new Map();
let plan = null, town = { age_seconds: 0, drivers: [], rides: [] }, paint = {}, view = null;

const byId = (id) => document.getElementById(id);
const colours = () => {
  const style = getComputedStyle(document.documentElement);
  const names = ["land", "kerb", "street", "broad", "broad-kerb", "card", "free", "asked", "coming", "riding", "waits", "ink"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue("--" + name).trim()]));
};

// Fits the whole town to the canvas.
function fit() {
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const scale = Math.min(canvas.width / plan.width, canvas.height / plan.height);
  const left = (plan.width - canvas.width / scale) / 2;
  const top = (plan.height - canvas.height / scale) / 2;
  view = { scale, ratio, x: (x) => (x - left) * scale, y: (y) => (y - top) * scale };
  paint = colours();
  drawGround();
}

function trace(to, line) {
  to.beginPath();
  line.forEach((at, nth) => to[nth ? "lineTo" : "moveTo"](view.x(at.x), view.y(at.y)));
}

function drawGround() {
  ground.width = canvas.width;
  ground.height = canvas.height;
  const to = ground.getContext("2d");
  const meters = (count, least) => Math.max(count * view.scale, least * view.ratio);
  const stroke = (colour, width) => { to.strokeStyle = colour; to.lineWidth = width; to.stroke(); };
  to.lineCap = to.lineJoin = "round";
  to.fillStyle = paint.land;
  to.fillRect(0, 0, ground.width, ground.height);
  for (const broad of [false, true]) {
    const lines = plan.streets.filter((street) => street.is_broad === broad);
    for (const { line } of lines) {
      trace(to, line);
      stroke(broad ? paint["broad-kerb"] : paint.kerb, meters(broad ? 62 : 38, broad ? 3.6 : 2.2));
    }
    for (const { line } of lines) {
      trace(to, line);
      stroke(broad ? paint.broad : paint.street, meters(broad ? 48 : 26, broad ? 2.4 : 1.2));
    }
  }
}

function take(next) {
  town = next;
  const now = performance.now();
  const here = new Set();
  for (const { id, at, does } of next.drivers) {
    here.add(id);
    const car = cars.get(id) || { from: at, to: at, since: now };
    if (car.to.x !== at.x || car.to.y !== at.y) {
      const turn = Math.atan2(at.y - car.to.y, at.x - car.to.x);
      Object.assign(car, { from: place(car, now), to: at, since: now, turn });
    }
    cars.set(id, Object.assign(car, { does }));
  }
  for (const id of cars.keys()) if (!here.has(id)) cars.delete(id);
  tell();
}

const place = (car, now) => {
  const share = Math.min(1, (now - car.since) / GLIDE);
  return { x: car.from.x + (car.to.x - car.from.x) * share, y: car.from.y + (car.to.y - car.from.y) * share };
};

function line(one, other, colour, dashes, alpha) {
  pen.globalAlpha = alpha;
  pen.strokeStyle = colour;
  pen.lineWidth = 1.8 * view.ratio;
  pen.setLineDash(dashes.map((dash) => dash * view.ratio));
  pen.beginPath();
  pen.moveTo(view.x(one.x), view.y(one.y));
  pen.lineTo(view.x(other.x), view.y(other.y));
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}

function pin(at, colour) {
  const size = Math.max(58 * view.scale, 4.6 * view.ratio);
  pen.save();
  pen.translate(view.x(at.x), view.y(at.y));
  pen.beginPath();
  pen.moveTo(0, 0);
  pen.bezierCurveTo(-size * 1.5, -size * 1.6, -size, -size * 3, 0, -size * 3);
  pen.bezierCurveTo(size, -size * 3, size * 1.5, -size * 1.6, 0, 0);
  pen.fillStyle = colour;
  pen.fill();
  pen.strokeStyle = paint.card;
  pen.lineWidth = 1.2 * view.ratio;
  pen.stroke();
  pen.beginPath();
  pen.arc(0, -size * 1.9, size * 0.42, 0, 7);
  pen.fillStyle = paint.card;
  pen.fill();
  pen.restore();
}

function car(at, does, angle) {
  const size = Math.max((does === "free" ? 36 : 64) * view.scale, (does === "free" ? 2.2 : 3.6) * view.ratio);
  pen.save();
  pen.translate(view.x(at.x), view.y(at.y));
  pen.beginPath();
  if (angle === undefined) {
    pen.arc(0, 0, size * 0.85, 0, 7);
  } else {
    pen.rotate(angle);
    pen.moveTo(size * 1.5, 0);
    pen.lineTo(-size, size);
    pen.lineTo(-size * 0.5, 0);
    pen.lineTo(-size, -size);
    pen.closePath();
  }
  pen.fillStyle = paint[does];
  pen.strokeStyle = paint.card;
  pen.lineWidth = (does === "free" ? 0.8 : 1.3) * view.ratio;
  pen.lineJoin = "round";
  pen.stroke();
  pen.fill();
  pen.restore();
}

function draw() {
  const now = performance.now();
  pen.drawImage(ground, 0, 0);
  const at = new Map([...cars].map(([id, car]) => [id, place(car, now)]));
  for (const ride of town.rides) {
    const driver = at.get(ride.driver);
    if (!driver) continue;
    if (ride.status === "offered") line(driver, ride.from, paint.asked, [3, 4], 0.95);
    else if (ride.status === "accepted" || ride.status === "assigned") line(driver, ride.from, paint.coming, [], 0.55);
    else if (ride.status === "picked_up" || ride.status === "riding") line(driver, ride.to, paint.riding, [1, 5], 0.8);
  }
  for (const [id, one] of cars) if (one.does === "free") car(at.get(id), one.does, one.turn);
  for (const [id, one] of cars) if (one.does !== "free") car(at.get(id), one.does, one.turn);
  for (const ride of town.rides) {
    if (["requested", "searching", "offered"].includes(ride.status)) pin(ride.from, paint.waits);
    else if (ride.status === "accepted" || ride.status === "assigned") pin(ride.from, paint.coming);
  }
}

function tell() {
  const count = (all, is) => all.filter(is).length;
  const set = (id, value) => { byId(id).textContent = value; };
  const is = (...states) => (ride) => states.includes(ride.status);
  set("waits", count(town.rides, is("requested", "searching", "offered")));
  set("met", count(town.rides, is("accepted", "assigned")));
  set("driven", count(town.rides, is("picked_up", "riding")));
  for (const does of ["free", "asked", "coming", "riding"]) set(does, count(town.drivers, (driver) => driver.does === does));
}

// Says how old the picture is, unless it is of now and whole.
function tellAge(quiet) {
  const age = town.age_seconds + quiet;
  if (age >= 3) live("as of " + age + " s ago: no answer", false);
  else if (town.is_partial) live(cars.size + " drivers, only a part", false);
  else live(cars.size + " drivers, live", true);
}

function live(text, on) {
  byId("live").textContent = text;
  byId("live").className = on ? "on" : "";
}

async function begin() {
  plan = await (await fetch("plan.json")).json();
  byId("town").textContent = plan.name;
  document.title = "Rides in " + plan.name;
  fit();
  new ResizeObserver(() => { fit(); draw(); }).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { fit(); draw(); });
  const events = new EventSource("events");
  let came = Date.now();
  events.onmessage = (event) => { take(JSON.parse(event.data)); came = Date.now(); tellAge(0); };
  events.onerror = () => live("the demo has ended, or does not answer", false);
  setInterval(() => { if (events.readyState === EventSource.OPEN) tellAge(Math.floor((Date.now() - came) / 1000)); }, 1000);
  const frame = () => { draw(); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}

begin();
