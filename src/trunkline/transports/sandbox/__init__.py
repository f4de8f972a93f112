"""The sandbox: a carrier on this machine, where every recipient is a virtual phone."""
