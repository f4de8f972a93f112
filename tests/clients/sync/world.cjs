// What scenarios stand on: clients and tokens, REST, a relay that can be cut, and waiting for what must come.

"use strict";

const assert = require("node:assert/strict");
const net = require("node:net");
const path = require("node:path");

const WAIT_SECONDS = 40;

class Events {
  // What an object or a client emitted, in order.
  constructor(source, names) {
    this.seen = [];
    this.waiting = new Set();
    for (const name of names) {
      source.on(name, (event) => {
        this.seen.push({ name, event });
        for (const look of [...this.waiting]) look();
      });
    }
  }

  of(name) {
    return this.seen.filter((one) => one.name === name).map((one) => one.event);
  }

  count(name) {
    return this.of(name).length;
  }

  // Wait until something that was seen is as wanted.
  until(done, what = done) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        reject(new Error(`never came: ${what}; seen ${shown(this.seen)}`));
      }, WAIT_SECONDS * 1000);
      const look = () => {
        const found = done(this);
        if (!found) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve(found);
      };
      this.waiting.add(look);
      look();
    });
  }

  async next(name, nth = 1) {
    await this.until(() => this.count(name) >= nth, `${name} number ${nth}`);
    return this.of(name)[nth - 1];
  }
}

function shown(seen) {
  return JSON.stringify(seen.map(({ name, event }) => [name, event?.item?.key ?? event?.item?.index ?? event?.message ?? ""]));
}

class Relay {
  // A port on loopback that leads to another, until it is cut.
  constructor(host, port) {
    this.sockets = new Set();
    this.open = true;
    this.budget = Infinity;
    this.target = port;
    this.server = net.createServer((near) => {
      if (!this.open) return near.destroy();
      const far = net.connect(this.target, host);
      for (const [one, other] of [[near, far], [far, near]]) {
        this.sockets.add(one);
        one.on("data", (piece) => this.pass(piece, other));
        one.on("error", () => {});
        one.on("close", () => {
          this.sockets.delete(one);
          other.destroy();
        });
      }
    });
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.port = this.server.address().port;
    return this;
  }

  pass(piece, other) {
    if (piece.length < this.budget) {
      this.budget -= piece.length;
      other.write(piece);
      return;
    }
    other.write(piece.subarray(0, this.budget), () => this.cut());
  }

  // Cut once this many more bytes have passed, in the middle of whatever they are part of.
  cutAfter(bytes) {
    this.budget = bytes;
  }

  // Break what stands; with ``hold``, refuse what comes until ``release``.
  cut(hold = false) {
    this.open = !hold;
    this.budget = Infinity;
    for (const socket of [...this.sockets]) socket.destroy();
  }

  // Let in again what comes, to another port if one is given.
  release(port = this.target) {
    this.target = port;
    this.open = true;
  }

  stop() {
    this.cut(true);
    this.server.close();
  }
}

class World {
  constructor(modules, packageName, told) {
    this.told = told;
    this.modules = modules;
    this.sync = require(path.join(modules, packageName));
    this.server = new URL(told.url);
    this.clients = [];
    this.relays = [];
    this.log = [];
  }

  get twilio() {
    return require(path.join(this.modules, "twilio"));
  }

  // A token as the SDK makes it.
  token(identity = "alice", { ttl = 3600, service = this.told.service_sid } = {}) {
    const { AccessToken } = this.twilio.jwt;
    const { account_sid, key_sid, key_secret } = this.told;
    const token = new AccessToken(account_sid, key_sid, key_secret, { ttl, identity });
    token.addGrant(new AccessToken.SyncGrant({ serviceSid: service }));
    return token.toJwt();
  }

  // The same with other claims, signed with another secret if one is given.
  forged(claims, secret = this.told.key_secret) {
    const jsonwebtoken = require(path.join(this.modules, "jsonwebtoken"));
    const { iat, ...payload } = jsonwebtoken.decode(this.token());
    const header = { cty: "twilio-fpa;v=1", typ: "JWT" };
    return jsonwebtoken.sign({ ...payload, ...claims }, secret, { algorithm: "HS256", noTimestamp: true, header });
  }

  // A client, not yet connected. Its events are in ``events``.
  client(token = "alice", { relay, ...options } = {}) {
    const port = relay ? relay.port : this.server.port;
    const uri = `ws://127.0.0.1:${port}/v3/wsconnect`;
    const jwt = token.split(".").length === 3 || options.raw ? token : this.token(token);
    const client = new this.sync.SyncClient(jwt, { logLevel: "silent", twilsock: { uri }, ...options });
    client.events = new Events(client, ["connectionStateChanged", "connectionError", "tokenAboutToExpire", "tokenExpired"]);
    client.states = () => client.events.of("connectionStateChanged");
    this.clients.push(client);
    return client;
  }

  async connected(token, options) {
    const client = this.client(token, options);
    await this.state(client, "connected");
    return client;
  }

  state(client, wanted) {
    return client.events.until(() => client.connectionState === wanted, `state ${wanted}`);
  }

  async relay() {
    const relay = await new Relay("127.0.0.1", Number(this.server.port)).start();
    this.relays.push(relay);
    return relay;
  }

  // Cut a client off, until ``relay.release``.
  async away(client, relay) {
    relay.cut(true);
    await this.state(client, "connecting");
  }

  // Keep an object's events from now on; answers it.
  watch(entity) {
    const names = ["updated", "removed", "itemAdded", "itemUpdated", "itemRemoved", "messagePublished", "failure", "_subscriptionStateChanged"];
    entity.events ??= new Events(entity, names);
    return entity;
  }

  // What of an object the server's events go to.
  core(entity) {
    return [entity, ...Object.values(entity)].find((one) => one?.subscriptionState !== undefined);
  }

  // Wait until the server confirmed an object's subscription; answers its events.
  async live(entity) {
    this.watch(entity);
    const core = this.core(entity);
    await entity.events.until(() => core.subscriptionState === "established", "established");
    return entity.events;
  }

  // Have an object re-established after this moment.
  established(entity) {
    const before = entity.events.of("_subscriptionStateChanged").length;
    return entity.events.until(
      (events) => events.of("_subscriptionStateChanged").slice(before).includes("established"),
      "established again"
    );
  }

  // A REST request with the account's credentials; answers the body.
  async rest(method, place, fields) {
    const { url, account_sid, auth_token, service_sid } = this.told;
    const answer = await fetch(`${url}/sync/v1/Services/${service_sid}${place}`, {
      method,
      headers: { authorization: "Basic " + Buffer.from(`${account_sid}:${auth_token}`).toString("base64") },
      body: fields && new URLSearchParams(
        Object.entries(fields).map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)])
      ),
    });
    assert.ok(answer.ok, `${method} ${place}: ${answer.status}`);
    return answer.status === 204 ? null : answer.json();
  }

  // An operation must be refused; answers the error.
  async refused(operation, status, code) {
    let value;
    try {
      value = await operation;
    } catch (error) {
      assert.deepEqual([error.status, error.code], [status, code], error.stack);
      return error;
    }
    throw new Error(`${status}/${code} expected, not ${value}`);
  }

  // All items of a list or map, as the server has them.
  async items(entity, options = {}) {
    const items = [];
    let page = await entity.getItems({ pageSize: 100, ...options });
    items.push(...page.items);
    while (page.hasNextPage) {
      page = await page.nextPage();
      items.push(...page.items);
    }
    return items;
  }

  story() {
    return this.clients.map((one) => JSON.stringify([one.states(), one.events.of("connectionError").map((e) => e.message)])).join("\n");
  }

  async end() {
    await Promise.all(this.clients.map((client) => client.shutdown().catch(() => {})));
    for (const relay of this.relays) relay.stop();
  }
}

module.exports = { World };
