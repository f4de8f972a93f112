"""Receiving: messages from phones are stored, sent to the webhook of the number's owner, and replied to by its
TwiML.
"""
