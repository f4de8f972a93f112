"""The HTTP carrier: a gateway that takes messages by a request and tells by requests what came of them."""
