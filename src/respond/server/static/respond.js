/* Follow what somebody looks at, without taking it out of their hands.
   The server says only that something changed; the page is then fetched whole and its main part put
   in the place of the old one. A form that somebody has begun stays, and so does the focus. Without
   this script the page does everything but follow. */
"use strict";

(function () {
  const news = document.getElementById("news");
  let source = null;
  let fetching = false;
  let again = false;

  function live(text) {
    const place = document.getElementById("live");
    if (place) {
      place.textContent = text;
    }
  }

  function isBegun(form) {
    for (const field of form.elements) {
      if (field.type === "radio" || field.type === "checkbox") {
        if (field.checked !== field.defaultChecked) {
          return true;
        }
      } else if (field.options) {
        const options = Array.from(field.options);
        const first = Math.max(0, options.findIndex((option) => option.defaultSelected));
        if (field.selectedIndex !== first) {
          return true;
        }
      } else if (field.type !== "hidden" && "defaultValue" in field) {
        if (field.value !== field.defaultValue) {
          return true;
        }
      }
    }
    return false;
  }

  /* A begun form goes on only where the same thing is still asked. */
  function keep(oldMain, newMain) {
    let lost = "";
    for (const form of oldMain.querySelectorAll("form[data-key]")) {
      if (!isBegun(form)) {
        continue;
      }
      const next = form.id ? newMain.querySelector("#" + CSS.escape(form.id)) : null;
      if (next && next.dataset.key === form.dataset.key) {
        next.replaceWith(form);
      } else {
        lost = "What is asked has changed while you typed. Nothing was sent.";
      }
    }
    for (const old of oldMain.querySelectorAll("details[id]")) {
      const next = newMain.querySelector("#" + CSS.escape(old.id));
      if (next) {
        next.open = old.open;
      }
    }
    return lost;
  }

  function place(element) {
    if (!element || !element.id) {
      return null;
    }
    let from = null;
    let to = null;
    try {
      from = element.selectionStart;
      to = element.selectionEnd;
    } catch (error) {
      from = null; /* A kind of field that has no selection. */
    }
    return { id: element.id, from: from, to: to };
  }

  function focus(where, form) {
    if (!where) {
      return;
    }
    const found = document.getElementById(where.id);
    const target = found || form;
    if (!target) {
      return;
    }
    target.focus({ preventScroll: true });
    if (found && where.from !== null && found.setSelectionRange) {
      try {
        found.setSelectionRange(where.from, where.to);
      } catch (error) {
        return; /* The same. */
      }
    }
  }

  /* What somebody reads stays where it is on their screen, whatever grows or shrinks above it. */
  function reading(main) {
    if (!window.scrollY) {
      return null;
    }
    let found = null;
    for (const each of main.querySelectorAll("[id]")) {
      const at = each.getBoundingClientRect();
      if (at.height && at.top < window.innerHeight / 2 && (!found || at.top >= found.top)) {
        found = { id: each.id, top: at.top };
      }
    }
    return found;
  }

  function readOn(where) {
    const found = where && document.getElementById(where.id);
    if (found) {
      window.scrollBy(0, found.getBoundingClientRect().top - where.top);
    }
  }

  function swap(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const oldMain = document.getElementById("main");
    const newMain = page.getElementById("main");
    if (!newMain) {
      return;
    }
    const spot = reading(oldMain);
    const active = document.activeElement;
    const within = active && oldMain.contains(active) ? active : null;
    const where = place(within);
    const inForm = within && within.form && within.form.id ? within.form.id : "";
    const says = newMain.dataset.says || "";
    const isNews = says !== (oldMain.dataset.says || "");
    const lost = keep(oldMain, newMain);
    oldMain.replaceWith(newMain);
    document.title = page.title;
    if (within) {
      focus(where, inForm ? document.querySelector("#" + CSS.escape(inForm) + " button") : null);
      if (document.activeElement === document.body) {
        newMain.focus({ preventScroll: true });
      }
    }
    if (lost) {
      const note = document.createElement("p");
      note.className = "stale";
      note.setAttribute("role", "alert");
      note.textContent = lost;
      newMain.prepend(note);
    }
    readOn(spot);
    if (isNews && news) {
      news.textContent = says;
    }
    if (!newMain.dataset.live && source) {
      source.close();
      source = null;
      live("It is over: nothing changes any more.");
    }
  }

  async function refresh() {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    try {
      const answer = await fetch(location.pathname + location.search, {
        credentials: "same-origin",
        headers: { Accept: "text/html" },
      });
      if (answer.ok && !answer.redirected) {
        swap(await answer.text());
      } else {
        live("You are signed off, or this is gone. Load the page anew.");
      }
    } catch (error) {
      live("The server does not answer. What you see may be old.");
    } finally {
      fetching = false;
      if (again) {
        again = false;
        refresh();
      }
    }
  }

  function follow() {
    const main = document.getElementById("main");
    if (!main || !main.dataset.live || !window.EventSource) {
      return;
    }
    source = new EventSource(main.dataset.live);
    source.addEventListener("open", function () {
      live("This page follows by itself.");
    });
    source.addEventListener("changed", refresh);
    source.addEventListener("error", function () {
      live("Not connected: what you see may be old.");
    });
  }

  /* A second press on a button sends nothing more. */
  document.addEventListener("submit", function (event) {
    const form = event.target;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", function () {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
    }
  });

  follow();
  const trouble = document.getElementById("trouble");
  if (trouble) {
    trouble.focus();
  }
})();
