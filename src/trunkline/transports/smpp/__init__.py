"""The SMPP 3.4 carrier: binds to an SMSC as an ESME, submits, hears receipts and messages."""
