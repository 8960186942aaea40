// The reading page: shows the next case, sends its answer, goes on only when the server says that it is kept.

import { Form } from "./form.js";
import { Viewer } from "./viewer.js";

const find = (id) => document.getElementById(id);
// The token stands after #, which a browser never sends: it reaches the server as a header only.
const token = location.hash.slice(1);
const RETRY_MS = 2000;

async function call(path, body) {
  const options = { headers: { Authorization: `Bearer ${token}` } };
  if (body !== undefined) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  if (!response.ok) {
    const told = await response.json().catch(() => ({}));
    const error = new Error(typeof told.detail === "string" ? told.detail : `error ${response.status}`);
    error.refused = true;
    throw error;
  }
  return response;
}

const say = (text) => { find("message").textContent = text; };
const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });

const form = new Form(find("form"));
let task = null;
let began = 0;
let busy = false;
let edits = false;
let leave = null; // what to do on the next Save, after feedback was shown

const viewer = new Viewer(find("canvas"), find("tabs"), async (number) => {
  const response = await call(`api/cases/${task.code}/images/${number}`);
  return response.arrayBuffer();
});
viewer.onoutlines = (outlines) => form.region?.tell(outlines);

function over(reason) {
  document.body.classList.add("over");
  document.querySelector("main").textContent = reason;
  find("case").textContent = "";
}

function table(rows) {
  const made = document.createElement("table");
  for (const cells of rows) {
    const row = made.insertRow();
    for (const cell of cells) row.insertCell().textContent = cell;
  }
  return made;
}

function told(title, rows) {
  const box = document.createElement("div");
  box.className = "told";
  box.append(Object.assign(document.createElement("strong"), { textContent: title }), table(rows));
  return box;
}

const words = (value) => {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "object") return String(value).replaceAll("_", " ");
  return `${value.state.replaceAll("_", " ")}${value.confidence === null ? "" : `, ${value.confidence} %`}`;
};

async function open(given) {
  task = given;
  leave = null;
  began = performance.now();
  find("canvas").dataset.ready = "";
  find("case").textContent = `Case ${task.code}, ${task.side} ${task.joint}${task.version ? " (change)" : ""}`;
  find("save").firstChild.textContent = task.version ? "Save the change " : "Save and next ";
  const before = [];
  if (task.kind === "training") {
    before.push(told("Training: the answer is shown after yours", []));
  }
  if (task.elsewhere) before.push(told(`The images are shown elsewhere, as ${task.elsewhere}`, []));
  if (task.measurements.length) {
    before.push(told("Measured by marrowmap", task.measurements.map((row) => [
      row.quantity.replaceAll("_", " "), row.region.replaceAll("_", " "),
      row.value === null ? "–" : `${Number(row.value).toPrecision(3)} ${row.unit === "1" ? "" : row.unit}`,
    ])));
  }
  (task.reads || []).forEach((read, number) => {
    before.push(told(`Read ${number + 1}`, Object.entries(read).map(([name, value]) => [
      name.replaceAll("_", " "), words(value),
    ])));
  });
  find("before").replaceChildren(...before);
  form.build(task.items, task.answer);
  find("drawkeys").hidden = !form.region;
  say("");
  await viewer.show(task.images, form.region?.outlines);
}

async function next() {
  const turn = await (await call("api/turn")).json();
  document.title = turn.study;
  find("study").textContent = turn.study;
  find("progress").textContent = `${turn.done} of ${turn.total} read`;
  edits = turn.edits;
  find("back").hidden = !(turn.edits && turn.done);
  if (turn.task) await open(turn.task);
  else over(turn.reason);
}

async function save() {
  if (busy) return;
  if (leave) { await leave(); return; }
  const values = form.read();
  if (values === null) { say("an item has no answer yet"); return; }
  busy = true;
  const body = { values, seconds: (performance.now() - began) / 1000, edits_version: task.version || null };
  try {
    for (;;) {
      try {
        const kept = await (await call(`api/cases/${task.code}/answer`, body)).json();
        say("");
        if (kept.feedback) {
          const rows = Object.entries(kept.feedback).map(([name, value]) => [name.replaceAll("_", " "), words(value)]);
          find("before").replaceChildren(told("Kept. The answer is:", rows));
          find("answers").scrollTop = 0;
          find("save").firstChild.textContent = "Next case ";
          leave = next;
        } else await next();
        return;
      } catch (error) {
        if (error.refused) { say(error.message); return; }
        // The same answer sent twice is kept once: it is safe to try until a receipt comes.
        say("not kept yet, the server does not answer: trying again, leave this page open");
        await wait(RETRY_MS);
      }
    }
  } finally {
    busy = false;
  }
}

async function earlier() {
  const rows = await (await call("api/cases")).json();
  const dialog = find("earlier");
  dialog.querySelector("ol").replaceChildren(...rows.map((row) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: `Case ${row.code}` });
    button.addEventListener("click", async () => {
      dialog.close();
      await open(await (await call(`api/cases/${row.code}`)).json());
    });
    const line = document.createElement("li");
    line.value = row.position;
    line.append(button);
    return line;
  }));
  dialog.showModal();
}

find("save").addEventListener("click", () => run(save()));
find("back").addEventListener("click", () => run(earlier()));
find("close").addEventListener("click", () => find("earlier").close());
find("form").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(save()); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || !task || find("earlier").open) return;
  const writes = event.target.matches("textarea, input[type=number]");
  const inForm = event.target.closest("#form");
  const slides = inForm && !/^(PageUp|PageDown)$/.test(event.key);
  if (writes || slides || event.target.matches("button")) return;
  if (viewer.key(event, Boolean(form.region))) event.preventDefault();
});

const run = (promise) => promise.catch((error) => say(error.refused ? error.message : "the server does not answer"));
window.addEventListener("beforeunload", (event) => { if (busy) event.preventDefault(); });

next().catch((error) => over(error.refused ? error.message : "the server does not answer: is it running?"));
