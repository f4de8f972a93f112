// An app as the vendor's guides write it: it checks the signature of what it is asked and answers TwiML, both with the
// SDK. It prints its port, then a line for each request.
//
// The arguments are the folder of the installed packages and the account's auth token.

"use strict";

const http = require("node:http");
const path = require("node:path");

const [modules, token] = process.argv.slice(2);
const twilio = require(path.join(modules, "twilio"));

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const body = Buffer.concat(pieces).toString();
    const parameters = Object.fromEntries(new URLSearchParams(body));
    const url = `http://${request.headers.host}${request.url}`;
    const valid = twilio.validateRequest(token, request.headers["x-twilio-signature"], url, parameters);
    const { MessageStatus, Body } = parameters;
    console.log(JSON.stringify({ method: request.method, path: request.url, valid, status: MessageStatus, body: Body }));
    const twiml = new twilio.twiml.MessagingResponse();
    if (request.url.startsWith("/sms")) {
      twiml.message({ action: "/action", method: "POST" }, `You said <${parameters.Body}> & more`);
      const second = twiml.message();
      second.body("Second");
      second.media(`http://${request.headers.host}/picture`);
      twiml.redirect({ method: "GET" }, "/next?a=b");
    } else if (request.url.startsWith("/next")) {
      twiml.message("Third");
    } else if (request.url === "/picture") {
      response.writeHead(200, { "Content-Type": "image/png" });
      return response.end("png");
    } else {
      response.writeHead(204);
      return response.end();
    }
    response.writeHead(200, { "Content-Type": "text/xml" });
    response.end(twiml.toString());
  });
});

server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
