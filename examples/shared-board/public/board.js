// The page: a text that all share (a Document), and who is here (a Map whose items live as long as they are renewed).

import { merge, moved } from "./merge.js";

const SAVE_AFTER = 250;
const RETRY_AFTER = 2000;
const HERE_EVERY = 2000;
const HERE_SECONDS = 6;

const find = (id) => document.getElementById(id);
const name = new URLSearchParams(location.search).get("name")?.trim();

// The connection

const AGAIN = "Logging in again…";
const STATES = { connected: "Connected", denied: AGAIN, disconnected: AGAIN };

function showConnection(state) {
  find("connection").dataset.state = state;
  find("connection").textContent = STATES[state] ?? "Connecting…";
}

// Tries until it works: there may be no network yet, or no server, or the token has ended on its way.
async function insist(attempt) {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      find("saving").textContent = `Not open yet: ${error.message}`;
      await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER));
    }
  }
}

async function logIn() {
  const response = await fetch(`/token?${new URLSearchParams({ identity: name })}`);
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

async function connect() {
  const { token, uri } = await logIn();
  const client = new Twilio.Sync.Client(token, { twilsock: { uri } });
  let renewing;
  const renew = async () => {
    renewing = undefined;
    try {
      await client.updateToken((await logIn()).token);
    } catch {
      renewSoon();
    }
  };
  const renewSoon = () => {
    renewing ??= setTimeout(renew, RETRY_AFTER);
  };
  client.on("tokenAboutToExpire", renew);
  client.on("connectionStateChanged", (state) => {
    showConnection(state);
    // In these two states the client waits for another token; one that comes before them would not be heard.
    if (state === "denied" || state === "disconnected") renewSoon();
  });
  showConnection(client.connectionState);
  return client;
}

// The text

async function shareText(client) {
  const editor = find("text");
  const board = await insist(() => client.document("shared board"));
  let known = ""; // what the editor and the server last agreed on
  let saving = false;
  let timer;

  const adopt = (base, theirs) => {
    const before = editor.value;
    const after = merge(base, before, theirs);
    known = theirs;
    if (after === before) return;
    const [start, end] = [editor.selectionStart, editor.selectionEnd].map((at) => moved(at, before, after));
    editor.value = after;
    editor.setSelectionRange(start, end);
  };

  const showSaved = () => {
    const { by } = board.data;
    const time = board.dateUpdated.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    find("saving").textContent = by ? `Saved. Last change by ${by === name ? "you" : by}, ${time}` : "";
  };

  const catchUp = () => {
    if (saving) return;
    adopt(known, board.data.text ?? "");
    if (editor.value === known) showSaved();
    else saveAfter(SAVE_AFTER);
  };

  const save = async () => {
    if (saving || editor.value === known) return;
    saving = true;
    const [base, sent] = [known, editor.value];
    let wait = SAVE_AFTER;
    try {
      // Somebody may have written meanwhile: then this is called again, with what they wrote.
      const saved = await board.mutate(({ text = "" }) => ({ text: merge(base, sent, text), by: name }));
      adopt(sent, saved.text);
    } catch (error) {
      find("saving").textContent = `Not saved yet: ${error.message}`;
      wait = RETRY_AFTER;
    }
    saving = false;
    if (wait === SAVE_AFTER) catchUp();
    else saveAfter(wait);
  };

  const saveAfter = (wait) => {
    timer ??= setTimeout(() => {
      timer = undefined;
      save();
    }, wait);
  };

  editor.addEventListener("input", () => {
    find("saving").textContent = "Saving…";
    saveAfter(SAVE_AFTER);
  });
  board.on("updated", catchUp);
  editor.disabled = false;
  catchUp();
}

// Who is here

function initials(who) {
  const words = who.split(/\s+/);
  return [words[0], ...words.slice(1).slice(-1)].map((word) => [...word][0]).join("").toUpperCase();
}

function hue(who) {
  return [...who].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 360, 7);
}

function person(who) {
  const row = document.createElement("li");
  const badge = document.createElement("span");
  const label = document.createElement("span");
  row.dataset.name = who;
  badge.className = "badge";
  badge.ariaHidden = "true";
  badge.textContent = initials(who);
  badge.style.setProperty("--hue", hue(who));
  label.textContent = who === name ? `${who} (you)` : who;
  row.append(badge, label);
  return row;
}

function showPeople(people) {
  const rows = new Map([...find("people").children].map((row) => [row.dataset.name, row]));
  for (const [who, row] of rows) if (!people.has(who)) row.remove();
  let next = null;
  for (const who of [...people].sort((one, other) => other.localeCompare(one))) {
    const row = rows.get(who) ?? person(who);
    if (!rows.has(who)) find("people").insertBefore(row, next);
    next = row;
  }
  find("count").textContent = people.size;
}

async function sharePresence(client) {
  const here = await insist(() => client.map("who is here"));
  const people = new Set();
  here.on("itemAdded", ({ item }) => showPeople(people.add(item.key)));
  here.on("itemUpdated", ({ item }) => people.has(item.key) || showPeople(people.add(item.key)));
  here.on("itemRemoved", ({ key }) => people.delete(key) && showPeople(people));

  // Whoever stops to say so, because the tab is closed or asleep, is gone when the item's time is over.
  const sayHere = () => here.set(name, {}, { ttl: HERE_SECONDS }).catch((error) => console.warn(error.message));
  await sayHere();
  setInterval(sayHere, HERE_EVERY);
  document.addEventListener("visibilitychange", () => document.hidden || sayHere());

  await insist(async () => {
    for (let page = await here.getItems({ pageSize: 100 }); page; page = page.hasNextPage && (await page.nextPage())) {
      for (const item of page.items) people.add(item.key);
    }
  });
  showPeople(people);
}

async function main() {
  find(name ? "board" : "join").hidden = false;
  if (!name) return find("name").focus();
  showConnection("connecting");
  const client = await insist(connect);
  await Promise.all([shareText(client), sharePresence(client)]);
}

main();
