"""The browser SDKs: the scripts that pages load from the vendor's hosts, served here from the operator's folder."""
