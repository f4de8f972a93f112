// Asks the vendor's calculator: [{text, smart}] as JSON on standard input, what it says of each on standard output.
'use strict';

const path = require('node:path');
const { readFileSync } = require('node:fs');

const { SegmentedMessage } = require(path.join(process.argv[2], 'sms-segments-calculator'));

const answers = JSON.parse(readFileSync(0, 'utf8')).map(({ text, smart }) => {
  const message = new SegmentedMessage(text, 'auto', smart);
  return {
    encoding: message.encodingName,
    graphemes: message.graphemes,
    parts: message.segments.map((segment) => [...segment].map((one) => one.raw || '').join('')),
  };
});
process.stdout.write(JSON.stringify(answers));
