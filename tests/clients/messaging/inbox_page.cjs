// A program that looks at the inbox's page in Chromium. One JSON line in says where it is and who may see it; the JSON
// line out is "passed" or what went wrong. Pictures are taken into the folder that the third argument names, if any.
//
// The first two arguments are the folder of the installed packages and the browser.

"use strict";

const assert = require("node:assert/strict");
const path = require("node:path");
const { Pages, hear, launch, say } = require("../../chromium.cjs");

const [modules, executablePath, pictures] = process.argv.slice(2);
const HOSTILE = `<script>document.title = "taken"</script><img src=x onerror="document.title = 'taken'"> & "so" on`;
const MANY = 1000;

const bubbles = (page) => page.locator("#conversation .message p");
const field = (page, name) => page.getByRole("textbox", { name, exact: true });
const picture = (page, name) => pictures && page.screenshot({ path: path.join(pictures, `${name}.png`) });

async function says(page, ...texts) {
  await page.waitForFunction(
    (texts) => JSON.stringify([...document.querySelectorAll("#conversation .message p")].map((p) => p.textContent)) === texts,
    JSON.stringify(texts),
  );
}

const attempts = (told) => [
  ["/sync/v1/Services", { FriendlyName: "forged" }],
  ["/2010-04-01/Accounts.json", { FriendlyName: "forged" }],
  ["/_trunkline/opt-outs", { Scope: told.number, Recipient: told.phone }],
  ["/_trunkline/logout", { csrf: "x" }],
  ["/_trunkline/login", { username: told.account_sid, password: told.auth_token }],
];

// Somebody is led to the form, logs in, and is led back.
async function logIn(page, told, url = told.url) {
  await page.goto(url);
  await field(page, "Account SID, or the SID of a main key").fill(told.account_sid);
  await page.getByLabel("Auth token, or the key's secret").fill(told.auth_token);
  await picture(page, "login");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(`${url.split("#")[0]}*`);
}

// A page of another origin sends forms, with all that the browser holds: the session, and credentials in Basic.
async function attack(page, told) {
  const api = new URL(told.url).origin;
  await logIn(page, told);
  const seen = await page.goto(`${api}/2010-04-01/Accounts.json`);
  assert.equal(seen.status(), 200, "the browser holds credentials in Basic");
  const kinds = ["text/plain", "application/x-www-form-urlencoded"];
  for (const [foreign, enctype] of told.foreign.map((one, index) => [one, kinds[index]])) {
    for (const [path, fields] of attempts(told)) {
      await page.goto(foreign);
      const [response] = await Promise.all([
        page.waitForResponse((one) => one.url() === api + path && one.request().method() === "POST"),
        page.waitForURL(api + path),
        page.evaluate(
          ([action, enctype, fields]) => {
            const form = Object.assign(document.createElement("form"), { action, method: "post", enctype });
            for (const [name, value] of Object.entries(fields)) {
              form.append(Object.assign(document.createElement("input"), { name, value }));
            }
            document.body.append(form);
            form.submit();
          },
          [api + path, enctype, fields],
        ),
      ]);
      assert.equal(response.status(), 403, `${foreign} ${enctype} ${path}`);
    }
    await page.goto(foreign);
    const read = await page.evaluate(async (url) => {
      await fetch(url, { method: "POST", mode: "no-cors", credentials: "include", body: "FriendlyName=forged" });
      return fetch(url, { credentials: "include" }).then(() => "read", () => "closed");
    }, `${api}/sync/v1/Services`);
    assert.equal(read, "closed", "no page of another origin reads with the browser's credentials");
  }
  // The page of a listed origin may, with a preflight and with the response.
  await page.goto(told.listed);
  const made = await page.evaluate(async (url) => {
    const headers = { "If-None-Match": "x", "Content-Type": "application/x-www-form-urlencoded" };
    const body = "FriendlyName=listed";
    const response = await fetch(url, { method: "POST", credentials: "include", headers, body });
    return (await response.json()).friendly_name;
  }, `${api}/sync/v1/Services`);
  assert.equal(made, "listed");
  await page.goto(told.url);
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL("**/_trunkline/login");
  // A page whose session ends leads to the form, and the browser asks nobody for credentials in Basic.
  await logIn(page, told);
  await page.context().clearCookies();
  await page.waitForURL("**/_trunkline/login?Next=*");
}

// A message arrives, one answers as that phone, and the app's reply appears.
async function converse(page, told) {
  await logIn(page, told);
  await says(page, HOSTILE);
  assert.equal(await page.title(), `${told.phone} · Trunkline inbox`, "a message is text and nothing else");
  assert.equal(await field(page, "To your number").inputValue(), told.number);
  await field(page, "Text").fill("Are you\nopen?");
  await field(page, "Text").press("Enter");
  await says(page, HOSTILE, "Are you\nopen?", "You wrote: Are you\nopen?");
  assert.equal(await field(page, "Text").inputValue(), "");
  await picture(page, "light");

  await page.getByRole("button", { name: "Write as another phone" }).click();
  await field(page, "Phone").fill("(500) 555-0111");
  await field(page, "To your number").fill("+15005550199");
  await field(page, "Text").fill("It's <b>me</b>");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("alert").getByText("number of this account").waitFor();
  await field(page, "To your number").fill(told.number);
  await page.getByRole("button", { name: "Send" }).click();
  await says(page, "It's <b>me</b>", "You wrote: It's <b>me</b>");
  assert.equal(await page.locator("#problem").textContent(), "");
  assert.equal(await page.title(), "+15005550111 · Trunkline inbox");
  await page.getByRole("link", { name: told.phone }).click();
  await says(page, HOSTILE, "Are you\nopen?", "You wrote: Are you\nopen?");

  await page.getByRole("button", { name: "Special numbers" }).click();
  await page.getByRole("cell", { name: "receives and replies STOP" }).waitFor();
  await picture(page, "special");
  await page.getByRole("button", { name: "Close" }).click();
}

// The same in the dark, on a small screen.
async function small(page, told) {
  await logIn(page, told);
  await page.goto(`${told.url}/#${encodeURIComponent(told.phone)}`);
  await bubbles(page).nth(2).waitFor();
  const [wide, shown, paper] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    innerWidth,
    getComputedStyle(document.body).backgroundColor,
  ]);
  assert.ok(wide <= shown, `${wide} pixels wide on a screen of ${shown}`);
  assert.equal(paper, "rgb(14, 18, 23)");
  await picture(page, "small");
}

// With a thousand messages, half of them of one phone.
async function many(page, told) {
  const messages = Array.from({ length: MANY }, (_, n) => ({
    id: `id${n}`,
    message_sid: null,
    phone: n % 2 ? told.phone : `+1212555${String(n).padStart(4, "0")}`,
    number: told.number,
    direction: n % 4 === 1 ? "from-phone" : "to-phone",
    body: `${n}: ` + "word ".repeat(n % 60),
    segments: 1,
    encoding: "gsm7",
    media: [],
    tries: 1,
    behaviour: "receives at once",
    date: 1_800_000_000 - n,
  }));
  await logIn(page, told);
  await page.goto("about:blank");
  const asked = [];
  await page.route("**/messages?*", (route) => {
    asked.push(new URL(route.request().url()).searchParams.get("Since"));
    return route.fulfill({ json: { messages: asked.length > 1 ? messages.slice(0, 3) : messages } });
  });
  await page.goto(`${told.url}#${encodeURIComponent(told.phone)}`);
  await bubbles(page).nth(MANY / 2 - 1).waitFor();
  assert.equal(await page.locator("#phones a").count(), MANY / 2 + 1);
  const last = bubbles(page).last();
  assert.ok(await last.evaluate((element) => element.getBoundingClientRect().bottom <= innerHeight), "the newest is seen");
  const taken = await page.evaluate(() => {
    const began = performance.now();
    drawn.clear();
    draw();
    document.body.offsetHeight;
    return performance.now() - began;
  });
  assert.ok(taken < 2_000, `drawing takes ${taken} ms`);
  await picture(page, "many");
  // What is there already is not asked for again.
  while (asked.length < 2) await page.evaluate(() => refresh());
  assert.deepEqual(asked.slice(0, 2), [null, "1799999995.000000"]);
}

async function main() {
  const told = await hear();
  const browser = await launch(modules, executablePath);
  const pages = new Pages(browser);
  const httpCredentials = { username: told.account_sid, password: told.auth_token };
  try {
    await converse(await pages.open(), told);
    const phone = { viewport: { width: 360, height: 640 }, colorScheme: "dark" };
    await small(await pages.open(phone), told);
    await many(await pages.open(), told);
    await attack(await pages.open({ httpCredentials }), told);
    const expected = /status of (400|401|403)|blocked by CORS policy|net::ERR_FAILED/;
    assert.deepEqual(pages.complaints.filter((one) => !expected.test(one)), [], "the pages complained");
    say("passed");
  } catch (error) {
    say(`${error?.stack ?? error}\nThe pages said: ${pages.complaints.join("\n") || "nothing"}`);
  } finally {
    await browser.close();
  }
}

main();
