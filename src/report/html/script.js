
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Tables sort by a click on a column's head; numbers from large to small first.
  const value = (row, column) => {
    const cell = row.cells[column];
    if (!cell) return "";
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    const time = cell.querySelector("time");
    return time ? time.dateTime : cell.textContent.trim().toLowerCase();
  };
  const sort = (table, head, column) => {
    const numeric = table.tBodies[0].rows[0]?.cells[column]?.dataset.v !== undefined;
    const was = head.getAttribute("aria-sort");
    const descending = was ? was === "ascending" : numeric;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows].map((row, at) => ({ row, at, key: value(row, column) }));
    rows.sort((a, b) => {
      const order = a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
      return (descending ? -order : order) || a.at - b.at;
    });
    table.tBodies[0].append(...rows.map((entry) => entry.row));
  };
  const sortable = (table) => {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head, column));
      head.append(button);
    });
  };

  // Filters: a search field, severity switches and one kind, which hold together. What a row says is read once: reports can have a
  // thousand roles.
  const off = new Set();
  const kind = document.querySelector("select[data-kinds]");
  const said = new WeakMap();
  const marks = { amp: "&", lt: "<", gt: ">" };
  const text = (row) => {
    if (!said.has(row)) {
      // What is held back is still markup.
      const held = row.querySelector("noscript");
      const bare = held ? row.textContent.replace(/<[^>]*>/g, "").replace(/&(amp|lt|gt);/g, (_, name) => marks[name]) : row.textContent;
      said.set(row, `${row.dataset.key ?? ""} ${bare}`.toLowerCase());
    }
    return said.get(row);
  };
  const apply = (field) => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const id of field.dataset.filter.split(" ")) {
      const list = document.getElementById(id);
      const rows = all(":scope > [data-row]", list);
      let shown = 0;
      for (const row of rows) {
        const { severity, code } = row.dataset;
        const keep = !off.has(severity) && (!kind?.value || !code || code === kind.value) && words.every((word) => text(row).includes(word));
        row.classList.toggle("away", !keep);
        shown += keep ? 1 : 0;
      }
      for (const out of all(`[data-count="${id}"]`)) {
        out.textContent = shown === rows.length ? "" : `${shown} of ${rows.length}`;
      }
    }
  };
  const fields = all("input[data-filter]");
  for (const field of fields) field.addEventListener("input", () => apply(field));
  for (const button of all("button[data-toggle]")) {
    button.addEventListener("click", () => {
      const show = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(show));
      if (show) off.delete(button.dataset.toggle);
      else off.add(button.dataset.toggle);
      fields.forEach(apply);
    });
  }

  kind?.addEventListener("input", () => fields.forEach(apply));
  for (const link of all("a[data-kind]")) {
    link.addEventListener("click", () => {
      kind.value = link.dataset.kind;
      fields.forEach(apply);
    });
  }
  // What rows say is read while nothing else is to be done, so that the first letter typed does not wait for it.
  const unread = all("[data-row]");
  const read = (deadline) => {
    while (unread.length && deadline.timeRemaining() > 1) text(unread.pop());
    if (unread.length) requestIdleCallback(read);
  };
  globalThis.requestIdleCallback?.(read);

  // Documents can be copied as a whole.
  const copyable = (block) => {
    if (!navigator.clipboard) return;
    const frame = document.createElement("div");
    frame.className = "copy";
    block.replaceWith(frame);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(block.textContent);
        button.textContent = "Copied";
      } catch {
        // The browser forbids it, as some do for files: then the reader copies what is selected.
        getSelection().selectAllChildren(block);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    frame.append(block, button);
  };

  // A large report holds the parts under its folds back as text; each becomes elements when its fold is first opened.
  const enhance = (root) => {
    for (const table of all("table[data-sort]", root)) sortable(table);
    for (const block of all("pre[data-copy]", root)) copyable(block);
  };
  const fill = (fold) => {
    const held = fold.querySelector(":scope > noscript, :scope > .role-body > noscript");
    if (!held) return;
    const parts = new DOMParser().parseFromString(held.textContent, "text/html").body;
    const body = held.parentElement;
    held.replaceWith(...parts.childNodes);
    enhance(body);
  };
  const open = (fold, yes) => {
    if (yes) fill(fold);
    fold.open = yes;
  };
  // The event of an opened fold does not bubble.
  document.addEventListener("toggle", (event) => { if (event.target.open) fill(event.target); }, true);

  // Folds: all at once, by a link into one, and for paper.
  for (const button of all("button[data-open]")) {
    button.addEventListener("click", () => {
      const yes = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(yes));
      button.textContent = yes ? "Close all" : "Open all";
      for (const fold of all(":scope > details", document.getElementById(button.dataset.open))) open(fold, yes);
    });
  }
  const reveal = () => {
    // Ids are plain ASCII: a fragment that needs decoding is none of them.
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    const row = target.closest("[data-row]");
    if (row?.classList.contains("away")) {
      for (const field of fields) field.value = "";
      for (const button of all("button[data-toggle]")) button.setAttribute("aria-pressed", "true");
      off.clear();
      if (kind) kind.value = "";
      fields.forEach(apply);
    }
    for (let fold = target.closest("details"); fold; fold = fold.parentElement?.closest("details")) open(fold, true);
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  // A second click on the same link changes no fragment, but its target may have been closed or filtered since.
  addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (link && link.hash === location.hash) reveal();
  });
  enhance(document);
  reveal();
  let opened = [];
  addEventListener("beforeprint", () => {
    for (const held of all("noscript")) fill(held.closest("details"));
    opened = all("details:not([open])");
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
  });

  for (const tools of all("[data-tools]")) tools.hidden = false;
})();
