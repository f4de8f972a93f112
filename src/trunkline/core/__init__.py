"""The base of the products: storage, jobs, outgoing HTTP, the bus. Nothing here depends on a product."""
