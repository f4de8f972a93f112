// Serves the page, and gives everybody who asks an access token in the name that they tell.
//
// An app of yours would log people in first, and take the identity from their session.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

import twilio from "twilio";

const { PORT = "3000", TRUNKLINE_URL = "http://127.0.0.1:8080", TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN } = process.env;
const HOST = "127.0.0.1";
const TOKEN_SECONDS = 3600;
const LONGEST_NAME = 40;

const page = fileURLToPath(new URL("public/", import.meta.url));
const client = path.dirname(createRequire(import.meta.url).resolve("twilio-sync"));
const FILES = new Map([
  ["/", [path.join(page, "index.html"), "text/html"]],
  ["/style.css", [path.join(page, "style.css"), "text/css"]],
  ["/board.js", [path.join(page, "board.js"), "text/javascript"]],
  ["/merge.js", [path.join(page, "merge.js"), "text/javascript"]],
  ["/twilio-sync.min.js", [path.join(client, "twilio-sync.min.js"), "text/javascript"]],
]);

if (!TWILIO_ACCOUNT_SID || !TWILIO_AUTH_TOKEN) {
  console.error("Export TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN: Trunkline prints them when it starts.");
  process.exit(1);
}
const sdk = twilio(TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN);
sdk.api.baseUrl = new URL("/api", TRUNKLINE_URL).href;

const socket = new URL("/v3/wsconnect", TRUNKLINE_URL);
socket.protocol = socket.protocol === "https:" ? "wss:" : "ws:";

function tokenFor(key, identity) {
  const { AccessToken } = twilio.jwt;
  const token = new AccessToken(TWILIO_ACCOUNT_SID, key.sid, key.secret, { identity, ttl: TOKEN_SECONDS });
  token.addGrant(new AccessToken.SyncGrant({ serviceSid: "default" }));
  return token.toJwt();
}

async function respond(key, request, response) {
  const url = new URL(request.url, "http://page");
  const send = (status, type, body) => {
    response.writeHead(status, {
      "Cache-Control": "no-store",
      "Content-Security-Policy": `default-src 'self'; img-src data:; connect-src 'self' ${socket.origin}`,
      "Content-Type": `${type}; charset=utf-8`,
      "X-Content-Type-Options": "nosniff",
    });
    response.end(body);
  };
  if (url.pathname === "/token") {
    const identity = (url.searchParams.get("identity") ?? "").trim();
    if (!identity || identity.length > LONGEST_NAME) {
      return send(400, "text/plain", `identity must have 1 to ${LONGEST_NAME} characters\n`);
    }
    return send(200, "application/json", JSON.stringify({ token: tokenFor(key, identity), uri: socket.href }));
  }
  if (!FILES.has(url.pathname)) return send(404, "text/plain", "not found\n");
  const [file, type] = FILES.get(url.pathname);
  return send(200, type, await readFile(file));
}

// A key for as long as this program runs; an app of yours keeps one, and its secret.
const key = await sdk.newKeys.create({ friendlyName: "shared board" }).catch((error) => {
  console.error(`No key from ${TRUNKLINE_URL}: ${error.message || error.code}`);
  process.exit(1);
});

const server = createServer((request, response) => {
  respond(key, request, response).catch((error) => {
    console.error(error);
    response.destroy();
  });
});
server.listen(Number(PORT), HOST, () => console.log(`http://${HOST}:${server.address().port}/`));

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await sdk.keys(key.sid).remove().catch((error) => console.error(`The key ${key.sid} stays: ${error.message}`));
    process.exit(0);
  });
}
