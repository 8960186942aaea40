// Shows one image at a time: slices scrolled, windowed, zoomed, with outlines drawn on them.

const OUTLINE = "#f0e442";
const PENDING = "#56b4e9";

const number = (value) => value.toLocaleString("en-US", { maximumSignificantDigits: 4, useGrouping: false });

export class Viewer {
  constructor(canvas, tabs, load) {
    this.canvas = canvas;
    this.tabs = tabs;
    this.load = load; // (number) -> Promise of an ArrayBuffer
    this.images = [];
    this.current = 0;
    this.outlines = []; // {image, slice, points: [[column, row]…]} in pixels, centers at whole numbers
    this.pending = null;
    this.drawing = false;
    this.onoutlines = () => {};
    this.picture = document.createElement("canvas");
    this.listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  async show(images, outlines) {
    this.images = images.map((image) => ({ ...image, view: null, data: null }));
    this.outlines = outlines || [];
    this.pending = null;
    this.drawing = false;
    this.tabs.replaceChildren(...this.images.map((image, number) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.setAttribute("role", "tab");
      tab.textContent = `${number + 1} ${image.label}`;
      tab.addEventListener("click", () => this.choose(number));
      return tab;
    }));
    this.current = 0;
    await this.choose(0);
  }

  async choose(number) {
    if (!(number >= 0 && number < this.images.length)) { this.draw(); return; }
    if (this.pending) this.pending = null;
    this.current = number;
    [...this.tabs.children].forEach((tab, n) => tab.setAttribute("aria-selected", String(n === number)));
    const image = this.images[number];
    if (!image.view) this.reset(image);
    if (!image.data) {
      this.draw();
      const buffer = await this.load(number);
      image.data = new Uint16Array(buffer);
    }
    this.draw();
  }

  reset(image) {
    image.view = {
      slice: Math.floor(image.shape[0] / 2), low: image.window[0], high: image.window[1],
      inverted: image.inverted, zoom: 1, x: 0, y: 0,
    };
  }

  get image() { return this.images[this.current]; }

  // Canvas pixels of one image pixel, and where its first one lies.
  place(image) {
    const [, rows, columns] = image.shape;
    const [dy, dx] = image.spacing_mm;
    const { width, height } = this.canvas;
    const fit = Math.min(width / (columns * dx), height / (rows * dy)) * image.view.zoom;
    const sx = fit * dx, sy = fit * dy;
    return { sx, sy, x: (width - columns * sx) / 2 + image.view.x, y: (height - rows * sy) / 2 + image.view.y };
  }

  draw() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    const context = canvas.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    const image = this.image;
    if (!image || !image.view) return;
    context.font = `${13 * ratio}px system-ui, "DejaVu Sans", sans-serif`;
    if (!image.data) {
      context.fillStyle = "#ccc";
      context.fillText("loading…", 20 * ratio, 30 * ratio);
      return;
    }
    this.paint(image);
    const { sx, sy, x, y } = this.place(image);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.picture, x, y, image.shape[2] * sx, image.shape[1] * sy);
    this.trace(context, image, ratio);
    this.write(context, image, ratio);
    canvas.dataset.slice = String(image.view.slice + 1);
    canvas.dataset.ready = "yes";
  }

  paint(image) {
    const [, rows, columns] = image.shape;
    const { slice, low, high, inverted } = image.view;
    if (this.picture.width !== columns || this.picture.height !== rows) {
      this.picture.width = columns;
      this.picture.height = rows;
    }
    const context = this.picture.getContext("2d");
    const pixels = context.createImageData(columns, rows);
    const unit = 65535 / ((image.high - image.low) || 1);
    const from = (low - image.low) * unit, span = Math.max((high - low) * unit, 1e-9);
    const start = slice * rows * columns;
    for (let n = 0; n < rows * columns; n += 1) {
      let gray = ((image.data[start + n] - from) / span) * 255;
      gray = gray < 0 ? 0 : gray > 255 ? 255 : gray;
      if (inverted) gray = 255 - gray;
      pixels.data[4 * n] = gray;
      pixels.data[4 * n + 1] = gray;
      pixels.data[4 * n + 2] = gray;
      pixels.data[4 * n + 3] = 255;
    }
    context.putImageData(pixels, 0, 0);
  }

  trace(context, image, ratio) {
    const { sx, sy, x, y } = this.place(image);
    const line = (points, color, closed) => {
      context.beginPath();
      points.forEach(([c, r], n) => {
        const at = [x + (c + 0.5) * sx, y + (r + 0.5) * sy];
        if (n) context.lineTo(...at); else context.moveTo(...at);
      });
      if (closed) context.closePath();
      context.strokeStyle = color;
      context.lineWidth = 1.6 * ratio;
      context.stroke();
    };
    for (const outline of this.outlines) {
      if (outline.image === this.current && outline.slice === image.view.slice) line(outline.points, OUTLINE, true);
    }
    if (this.pending) {
      line(this.pending, PENDING, false);
      const [c, r] = this.pending[this.pending.length - 1];
      context.fillStyle = PENDING;
      context.fillRect(x + (c + 0.5) * sx - 3 * ratio, y + (r + 0.5) * sy - 3 * ratio, 6 * ratio, 6 * ratio);
    }
  }

  write(context, image, ratio) {
    const { width, height } = this.canvas;
    const [left, right, top, bottom] = image.marks;
    const text = (words, x, y, align) => {
      context.textAlign = align;
      context.lineWidth = 3 * ratio;
      context.strokeStyle = "#000";
      context.strokeText(words, x, y);
      context.fillStyle = "#fff";
      context.fillText(words, x, y);
    };
    text(left, 10 * ratio, height / 2, "left");
    text(right, width - 10 * ratio, height / 2, "right");
    text(top, width / 2, 18 * ratio, "center");
    text(bottom, width / 2, height - 10 * ratio, "center");
    const { slice, low, high } = image.view;
    const slices = image.shape[0] > 1 ? `${slice + 1} of ${image.shape[0]}   ` : "";
    text(`${slices}window ${number(low)} to ${number(high)}`, 10 * ratio, height - 10 * ratio, "left");
    if (this.drawing) text("drawing", 10 * ratio, 18 * ratio, "left");
    if (!left && !right) text("left and right unknown", width - 10 * ratio, height - 10 * ratio, "right");
  }

  scroll(steps) {
    const image = this.image;
    if (!image || !image.view || this.pending) return;
    image.view.slice = Math.min(Math.max(image.view.slice + steps, 0), image.shape[0] - 1);
    this.draw();
  }

  // Shares of the window's present width: brighter moves it, more contrast narrows it.
  windowBy(brighter, contrast) {
    const view = this.image && this.image.view;
    if (!view) return;
    const width = (view.high - view.low) * Math.exp(-contrast);
    const middle = (view.low + view.high) / 2 - brighter * (view.high - view.low) * (view.inverted ? -1 : 1);
    const least = (this.image.high - this.image.low) / 65535 || 1e-9;
    view.low = middle - Math.max(width, least) / 2;
    view.high = middle + Math.max(width, least) / 2;
    this.draw();
  }

  zoomBy(factor, at) {
    const view = this.image && this.image.view;
    if (!view) return;
    const zoom = Math.min(Math.max(view.zoom * factor, 0.5), 20);
    const by = zoom / view.zoom;
    const [px, py] = at || [this.canvas.width / 2, this.canvas.height / 2];
    const cx = px - this.canvas.width / 2, cy = py - this.canvas.height / 2;
    view.x = cx - (cx - view.x) * by;
    view.y = cy - (cy - view.y) * by;
    view.zoom = zoom;
    this.draw();
  }

  point(event) {
    const ratio = window.devicePixelRatio || 1;
    const box = this.canvas.getBoundingClientRect();
    const { sx, sy, x, y } = this.place(this.image);
    const at = [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
    return [(at[0] - x) / sx - 0.5, (at[1] - y) / sy - 0.5].map((n) => Math.round(n * 100) / 100);
  }

  closeOutline() {
    if (this.pending && this.pending.length >= 3) {
      this.outlines.push({ image: this.current, slice: this.image.view.slice, points: this.pending });
      this.onoutlines(this.outlines);
    }
    this.pending = null;
    this.draw();
  }

  takeBack() {
    if (this.pending) {
      this.pending.pop();
      if (!this.pending.length) this.pending = null;
    } else {
      const here = (o) => o.image === this.current && o.slice === this.image.view.slice;
      const last = this.outlines.findLastIndex(here);
      if (last >= 0) this.outlines.splice(last, 1);
      this.onoutlines(this.outlines);
    }
    this.draw();
  }

  listen() {
    const { canvas } = this;
    let drag = null;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      const ratio = window.devicePixelRatio || 1;
      const at = [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
      if (event.ctrlKey) this.zoomBy(Math.exp(-event.deltaY / 300), at);
      else this.scroll(Math.sign(event.deltaY));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.focus();
      if (!this.image || !this.image.data) return;
      if (this.drawing && !event.shiftKey && event.button === 0) {
        this.pending = [...(this.pending || []), this.point(event)];
        this.draw();
        return;
      }
      drag = { x: event.clientX, y: event.clientY, move: event.shiftKey || event.button !== 0 };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
      drag.x = event.clientX;
      drag.y = event.clientY;
      if (drag.move) {
        const ratio = window.devicePixelRatio || 1;
        this.image.view.x += dx * ratio;
        this.image.view.y += dy * ratio;
        this.draw();
      } else this.windowBy(-dy / 300, dx / 300);
    });
    canvas.addEventListener("pointerup", () => { drag = null; });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("dblclick", () => { if (this.drawing) this.closeOutline(); });
  }

  // Returns whether the key was meant for the image.
  key(event, canDraw) {
    const acts = {
      ArrowUp: () => this.scroll(-1), ArrowDown: () => this.scroll(1),
      PageUp: () => this.scroll(-5), PageDown: () => this.scroll(5),
      Home: () => this.scroll(-1e6), End: () => this.scroll(1e6),
      w: () => this.windowBy(0.05, 0), s: () => this.windowBy(-0.05, 0),
      e: () => this.windowBy(0, 0.1), c: () => this.windowBy(0, -0.1),
      "+": () => this.zoomBy(1.2), "=": () => this.zoomBy(1.2), "-": () => this.zoomBy(1 / 1.2),
      i: () => { this.image.view.inverted = !this.image.view.inverted; this.draw(); },
      0: () => { this.reset(this.image); this.draw(); },
    };
    if (canDraw) {
      acts.d = () => { this.drawing = !this.drawing; this.pending = null; this.draw(); };
      acts.Enter = () => this.closeOutline();
      acts.Backspace = () => this.takeBack();
    }
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (/^[1-9]$/.test(name)) { this.choose(Number(name) - 1); return true; }
    if (!acts[name] || !this.image) return false;
    acts[name]();
    return true;
  }
}
