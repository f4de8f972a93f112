"""The products: siblings of one shape, and the account API that they share."""
