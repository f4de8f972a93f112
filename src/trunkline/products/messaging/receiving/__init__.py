"""Receiving: what phones send is stored, told to the number's owner, and answered as the owner says."""
