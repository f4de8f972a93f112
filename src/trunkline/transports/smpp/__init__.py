"""The SMPP 3.4 carrier: binds to an SMSC as an ESME, submits, and receives receipts and messages."""
