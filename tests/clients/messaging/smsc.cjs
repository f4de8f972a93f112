// An SMSC on npm "smpp": node smsc.cjs NODE_MODULES OPTIONS. It tells what happens as lines of JSON, and does what
// lines of JSON on its standard input say. Options:
//   refuse       a command_status for every bind       throttle  so many submits are throttled first
//   status       a command_status for every submit     hold      so many submits are answered together
//   silent       no submit is answered                 resetAt   the connection is reset in the place of that answer
//   hex          ids are hexadecimal in answers        receipts  the states of the receipts of each submit, in order
//   early        receipts precede the answer           halfOf    every second part gets no receipt
//   garbage      texts of receipts that come first     echo      what is submitted comes back as a message
//   key, cert    for TLS                               quiet     submits are not told
const path = require("path");
const readline = require("readline");
const smpp = require(path.join(process.argv[2], "smpp"));
const o = JSON.parse(process.argv[3]);

const tell = (event, more) => process.stdout.write(JSON.stringify({ event, ...more }) + "\n");
const sessions = [];
const held = [];
let taken = 0;
let seen = 0;
let unanswered = 0;
let most = 0;

function stamp() {
  return "2611210700";
}

function receipt(session, submit, text, more) {
  session.deliver_sm(
    {
      source_addr: submit.destination_addr,
      source_addr_ton: 1,
      source_addr_npi: 1,
      destination_addr: submit.source_addr,
      esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT,
      short_message: text,
      ...more,
    },
    (answer) => tell("receipted", { status: answer.command_status }),
  );
}

function receipts(session, submit, id) {
  for (const text of o.garbage || []) receipt(session, submit, text);
  if (o.halfOf && id % 2) return;
  for (const state of o.receipts || [])
    receipt(
      session,
      submit,
      `id:${String(id).padStart(10, "0")} sub:001 dlvrd:001 submit date:${stamp()} done date:${stamp()} stat:${state} err:000 text:`,
    );
}

function answer(session, submit) {
  unanswered--;
  if (o.status) return session.send(submit.response({ command_status: o.status }));
  if (seen <= (o.throttle || 0)) return session.send(submit.response({ command_status: smpp.ESME_RTHROTTLED }));
  const id = ++taken;
  if (id === o.resetAt) return session.socket.resetAndDestroy();
  if (o.early) receipts(session, submit, id);
  session.send(submit.response({ message_id: o.hex ? id.toString(16) : String(id) }));
  if (!o.early) receipts(session, submit, id);
}

function onSubmit(session, submit) {
  seen++;
  most = Math.max(most, ++unanswered);
  const message = submit.short_message || {};
  if (!o.quiet) tell("submit", {
    source: [submit.source_addr_ton, submit.source_addr_npi, submit.source_addr],
    destination: [submit.dest_addr_ton, submit.dest_addr_npi, submit.destination_addr],
    coding: submit.data_coding,
    esm: submit.esm_class,
    registered: submit.registered_delivery,
    validity: submit.validity_period,
    text: message.message,
    udh: (message.udh || []).map((element) => element.toString("hex")),
    payload: submit.message_payload && submit.message_payload.message,
    sar: [submit.sar_msg_ref_num, submit.sar_total_segments, submit.sar_segment_seqnum],
    most,
  });
  if (o.silent) return;
  if (o.echo)
    session.deliver_sm({
      source_addr: submit.destination_addr,
      source_addr_ton: 1,
      source_addr_npi: 1,
      destination_addr: submit.source_addr,
      destination_addr_ton: 1,
      short_message: message.message,
    });
  if (!o.hold) return answer(session, submit);
  held.push(submit);
  if (held.length < o.hold) return;
  for (const each of held.splice(0)) answer(session, each);
}

function onSession(session) {
  sessions.push(session);
  session.on("error", () => {});
  session.on("close", () => {
    sessions.splice(sessions.indexOf(session), 1);
    tell("closed");
  });
  for (const command of ["bind_transceiver", "bind_transmitter", "bind_receiver"])
    session.on(command, (bind) => {
      const refused = bind.password !== "secret" ? smpp.ESME_RINVPASWD : (o.refuse || {})[command];
      tell("bind", { command, refused: refused || 0, version: bind.interface_version });
      session.send(bind.response(refused ? { command_status: refused } : { system_id: "SIM" }));
    });
  session.on("enquire_link", (asked) => {
    tell("enquire_link");
    session.send(asked.response());
  });
  session.on("unbind", (unbind) => {
    tell("unbind");
    session.send(unbind.response());
    session.close();
  });
  session.on("submit_sm", (submit) => onSubmit(session, submit));
}

const does = {
  deliver: ({ pdu }) =>
    sessions[0].deliver_sm(
      { ...pdu, short_message: pdu.udh ? { udh: Buffer.from(pdu.udh, "hex"), message: pdu.text } : pdu.text },
      (got) => tell("delivered", { status: got.command_status }),
    ),
  data: ({ pdu }) =>
    sessions[0].data_sm({ ...pdu, message_payload: pdu.text }, (got) => tell("delivered", { status: got.command_status })),
  raw: ({ hex }) => sessions[0].socket.write(Buffer.from(hex, "hex")),
  unbind: () => sessions[0].unbind(() => tell("unbound")),
};

const server = smpp.createServer(o.key ? { key: o.key, cert: o.cert } : {}, onSession);
server.listen(0, "127.0.0.1", () => tell("listening", { port: server.address().port }));
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const told = JSON.parse(line);
  does[told.do](told);
});
process.stdin.on("end", () => process.exit(0));
