"""Link shortening: an account's domains, the links in messages that lead over them, and the clicks."""
