"""A check of the server's responses against the vendor's OpenAPI documents and the seed pages."""

from contract.checks import check_response
from contract.client import CheckedClient, check_http_response, product_of
from contract.documents import Document, documents
from contract.node_project import InstallFailed, NodeMissing, install, node_modules, require_node

__all__ = [
    "CheckedClient",
    "Document",
    "InstallFailed",
    "NodeMissing",
    "check_http_response",
    "check_response",
    "documents",
    "install",
    "node_modules",
    "product_of",
    "require_node",
]
