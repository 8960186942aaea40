// Builds a form from its items and reads the answers back.

const STATES = [["present", "Present"], ["absent", "Absent"], ["undetermined", "Undetermined"],
  ["not_assessable", "Not assessable"]];

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function radios(item, options, chosen) {
  return element("div", { className: "options" }, ...options.map(([value, words]) => {
    const input = element("input", { type: "radio", name: item.name, value, checked: chosen === value });
    return element("label", {}, input, ` ${words}`);
  }));
}

const picked = (box, item) => box.querySelector(`input[name="${item.name}"]:checked`)?.value ?? null;

const KINDS = {
  state: {
    build(item, answer, box) {
      const options = radios(item, STATES, answer?.state);
      const slider = element("input", { type: "range", min: 0, max: 100, step: 5, value: answer?.confidence ?? 50 });
      slider.setAttribute("aria-label", `Confidence, ${item.label}`);
      slider.dataset.set = answer?.confidence == null ? "" : "yes";
      const shown = element("output");
      const tell = () => {
        slider.disabled = picked(box, item) === "not_assessable";
        shown.textContent = slider.disabled || !slider.dataset.set ? "–" : `${slider.value} %`;
      };
      slider.addEventListener("input", () => { slider.dataset.set = "yes"; tell(); });
      options.addEventListener("change", tell);
      box.append(options, element("div", { className: "confidence" }, "Confidence", slider, shown));
      tell();
      box.addEventListener("keydown", (event) => {
        const state = STATES.find(([value]) => value[0] === event.key.toLowerCase());
        if (!state || event.ctrlKey || event.metaKey || event.altKey) return;
        const input = box.querySelector(`input[value="${state[0]}"]`);
        input.checked = true;
        tell();
        if (!slider.disabled) slider.focus(); else input.focus();
        event.preventDefault();
        event.stopPropagation();
      });
    },
    read(item, box) {
      const state = picked(box, item);
      if (state === null) return null;
      const slider = box.querySelector('input[type="range"]');
      if (state === "not_assessable") return { state, confidence: null };
      return slider.dataset.set ? { state, confidence: Number(slider.value) } : null;
    },
  },
  ordinal: {
    build(item, answer, box) {
      const options = item.levels.map((words, level) => [String(level), `${level} ${words}`]);
      box.append(radios(item, options, answer == null ? null : String(answer)));
    },
    read(item, box) {
      const level = picked(box, item);
      return level === null ? null : Number(level);
    },
  },
  choice: {
    build(item, answer, box) { box.append(radios(item, item.options.map((o) => [o, o]), answer)); },
    read(item, box) { return picked(box, item); },
  },
  number: {
    build(item, answer, box) {
      const input = element("input", { type: "number", min: item.low, max: item.high, step: "any",
        value: answer ?? "" });
      input.setAttribute("aria-label", item.label);
      box.append(input, ` ${item.unit === "1" ? "" : item.unit} (${item.low} to ${item.high})`);
    },
    read(item, box) {
      const { value } = box.querySelector("input");
      return value === "" ? null : Number(value);
    },
  },
  grid: {
    build(item, answer, box) {
      const ticked = new Set((answer || []).map(String));
      const out = new Set(item.left_out.map(String));
      const total = element("output");
      const table = element("table");
      for (let slice = 0; slice < item.slices; slice += 1) {
        for (let row = 0; row < item.rows; row += 1) {
          const line = element("tr", {}, element("th", { scope: "row", textContent: row ? "" : `slice ${slice + 1}` }));
          for (let column = 0; column < item.columns; column += 1) {
            const cell = element("td");
            if (!out.has(String([row, column]))) {
              const input = element("input", { type: "checkbox", value: [slice, row, column].join(","),
                checked: ticked.has(String([slice, row, column])) });
              input.setAttribute("aria-label", `slice ${slice + 1}, row ${row + 1}, cell ${column + 1}`);
              cell.append(input);
            }
            line.append(cell);
          }
          table.append(line);
        }
      }
      const tell = () => { total.textContent = `sum ${table.querySelectorAll("input:checked").length}`; };
      table.addEventListener("change", tell);
      tell();
      box.append(table, total);
    },
    read(item, box) {
      return [...box.querySelectorAll("input:checked")].map((input) => input.value.split(",").map(Number));
    },
  },
  region: {
    build(item, answer, box) {
      const shown = element("output", { textContent: "no outline: press D to draw" });
      box.append(shown);
      box.outlines = answer || [];
      box.tell = (outlines) => {
        box.outlines = outlines;
        const slices = new Set(outlines.map((o) => `${o.image} ${o.slice}`)).size;
        const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
        shown.textContent = outlines.length
          ? `${count(outlines.length, "outline")} on ${count(slices, "slice")}` : "no outline";
      };
      if (box.outlines.length) box.tell(box.outlines);
    },
    read(item, box) { return box.outlines; },
  },
  text: {
    build(item, answer, box) {
      const input = element("textarea", { value: answer ?? "", maxLength: 4000 });
      input.setAttribute("aria-label", item.label);
      box.append(input);
    },
    read(item, box) { return box.querySelector("textarea").value.trim() || null; },
  },
};

export class Form {
  constructor(root) {
    this.root = root;
    this.items = [];
  }

  build(items, answers) {
    this.items = items;
    this.root.replaceChildren(...items.map((item) => {
      const box = element("fieldset", {}, element("legend", { textContent: item.label }));
      box.dataset.item = item.name;
      if (item.help) box.append(element("p", { className: "help", textContent: item.help }));
      KINDS[item.kind].build(item, answers?.[item.name], box);
      return box;
    }));
    this.root.querySelector("input, textarea")?.focus();
  }

  box(item) { return this.root.querySelector(`[data-item="${item.name}"]`); }

  get region() {
    const item = this.items.find((one) => one.kind === "region");
    return item ? this.box(item) : null;
  }

  // Returns the answers, or null where one is missing (which is then marked).
  read() {
    const values = {};
    let first = null;
    for (const item of this.items) {
      const box = this.box(item);
      const value = KINDS[item.kind].read(item, box);
      const lacks = value === null && !item.optional;
      box.classList.toggle("missing", lacks);
      if (lacks) first ??= box;
      if (value !== null) values[item.name] = value;
    }
    if (!first) return values;
    first.scrollIntoView({ block: "center" });
    first.querySelector("input, textarea")?.focus();
    return null;
  }
}
