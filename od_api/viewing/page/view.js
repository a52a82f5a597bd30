"use strict";
// What is chosen is in the address, so that it can be kept and sent.
const FILTERS = ["class", "size", "error", "name"];
const SVG = "http://www.w3.org/2000/svg";
const at = (id) => document.getElementById(id);
const form = at("filters");
let shown = [], opened = -1, page = 0, asked = 0;

function made(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function svg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => made("option", { value, textContent: text })));
}

function isOn(box) {
  return form.elements[box.of].checked;
}

function looks(box) {
  const kind = ["right", "missed", "crowd"].includes(box.error) ? box.error : "wrong";
  return `${box.of} ${kind}`;
}

function said(box) {
  const score = box.score === undefined ? "" : ` ${box.score.toFixed(2)}`;
  const error = box.error === "right" ? "" : ` (${box.error})`;
  return `${box.name}${score}${error}`;
}

function picture(entry, side) {
  const image = made("img", { src: `/picture/${entry.number}?side=${side}`, alt: entry.name, loading: "lazy" });
  image.width = entry.width;
  image.height = entry.height;
  const over = svg("svg", { viewBox: `0 0 ${entry.width} ${entry.height}` });
  entry.boxes.forEach((box, index) => {
    if (!isOn(box)) return;
    const [top, left, bottom, right] = box.box;
    const width = Math.max(right - left, 0), height = Math.max(bottom - top, 0);
    const rect = svg("rect", { x: left, y: top, width, height, class: looks(box) + (box.wanted ? "" : " other") });
    rect.dataset.index = index;
    const title = svg("title", {});
    title.textContent = said(box);
    rect.append(title);
    over.append(rect);
  });
  return made("div", { className: "picture" }, image, over);
}

function card(entry, place) {
  const objects = entry.boxes.filter((box) => box.of === "truth").length;
  const caption = made("figcaption", { textContent: `${entry.name} · ${entry.width}×${entry.height} · objects: ${objects}` });
  caption.title = entry.name;
  const figure = made("figure", { tabIndex: 0, onclick: () => open(place) }, picture(entry, 640), caption);
  figure.onkeydown = (event) => { if (event.key === "Enter") open(place); };
  return figure;
}

function open(place) {
  const entry = shown[place];
  if (!entry) return;
  opened = place;
  at("name").textContent = `${entry.name} · ${entry.width}×${entry.height}`;
  const large = picture(entry, 2048);
  const fits = Math.min(innerWidth * 0.9 / entry.width, innerHeight * 0.72 / entry.height);
  large.style.setProperty("--width", `${Math.round(entry.width * Math.min(fits, 4))}px`);
  at("one").replaceChildren(large);
  const head = made("tr", {}, ...["class", "score", "is", "size", "top, left, bottom, right"].map((t) => made("th", { textContent: t })));
  const rows = entry.boxes.map((box, index) => {
    const score = box.score === undefined ? "" : box.score.toFixed(3);
    const is = box.of === "found" ? box.error : box.error === "right" ? "object" : `object, ${box.error}`;
    const cells = [box.name, score, is, box.size, box.box.join(", ")].map((t) => made("td", { textContent: t }));
    const row = made("tr", { className: looks(box) }, ...cells);
    const rect = large.querySelector(`rect[data-index="${index}"]`);
    for (const hot of [row, rect]) {
      if (!hot) continue;
      hot.onmouseenter = () => [row, rect].forEach((e) => e?.classList.add("hot"));
      hot.onmouseleave = () => [row, rect].forEach((e) => e?.classList.remove("hot"));
    }
    return isOn(box) ? row : null;
  });
  at("boxes").replaceChildren(head, ...rows.filter(Boolean));
  if (!at("large").open) at("large").showModal();
}

async function asJson(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.json();
}

function draw() {
  at("pictures").replaceChildren(...shown.map(card));
}

async function show() {
  const chosen = new URLSearchParams();
  for (const name of FILTERS) if (form.elements[name].value) chosen.set(name, form.elements[name].value);
  if (page) chosen.set("page", page);
  history.replaceState(null, "", `#${chosen}`);
  const mine = ++asked;
  const found = await asJson(`/pictures?${chosen}`);
  if (mine !== asked) return;
  shown = found.pictures;
  draw();
  at("count").textContent = `${found.total} ${found.total === 1 ? "picture" : "pictures"}`;
  at("page").textContent = found.pages > 1 ? `page ${page + 1} of ${found.pages}` : "";
  at("back").disabled = page < 1;
  at("on").disabled = page + 1 >= found.pages;
  at("pages").hidden = found.pages < 2;
  document.body.dataset.shown = mine;
}

function turn(by) {
  page += by;
  scrollTo(0, 0);
  show();
}

function restore() {
  const chosen = new URLSearchParams(location.hash.slice(1));
  for (const name of FILTERS) form.elements[name].value = chosen.get(name) ?? "";
  page = Number(chosen.get("page")) || 0;
}

async function start() {
  const all = await asJson("/summary");
  document.title = `${all.title} - od-api view`;
  at("title").textContent = all.title;
  const classes = all.classes.map((c) => [c.id, `${c.name} (${c.objects})`]);
  fill(form.elements.class, [["", "any"], ...classes]);
  fill(form.elements.size, [["", "any"], ...all.sizes.map((s) => [s, s])]);
  fill(form.elements.error, [["", "any"], ...all.errors.map((e) => [e, e])]);
  document.querySelector(".of-found").hidden = !all.found;
  const legend = [["truth", "object"], ["crowd", "crowd"]];
  if (all.found) legend.push(["truth missed", "missed object"], ["found right dashed", "right detection"], ["found dashed", "wrong detection"]);
  at("legend").replaceChildren(...legend.map(([className, textContent]) => made("span", { className, textContent })));
  at("unread").hidden = !all.unread.length;
  at("unread").querySelector("summary").textContent = `${all.unread.length} records without a picture`;
  at("unread").querySelector("ul").replaceChildren(...all.unread.map((u) => made("li", { textContent: `${u.name}: ${u.reason}` })));
  restore();
  await show();
}

form.oninput = (event) => {
  if (!FILTERS.includes(event.target.name)) return draw();
  page = 0;
  show();
};
form.onsubmit = (event) => event.preventDefault();
at("back").onclick = () => turn(-1);
at("on").onclick = () => turn(1);
addEventListener("hashchange", () => { restore(); show(); });
addEventListener("keydown", (event) => {
  if (!at("large").open) return;
  if (event.key === "ArrowRight") open(opened + 1);
  if (event.key === "ArrowLeft") open(opened - 1);
});
start();
