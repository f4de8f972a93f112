"""From method and path to an Operation: a trie over path segments. REST and realtime both enter here.

``{Sid}`` takes one segment; ``{Key+}``, at a path's end only, the whole remainder, slashes included.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trunkline.api.errors import ApiError, not_found
from trunkline.api.operation import Mount, Operation, Product

_PRIVATE_ORDER = ("GET", "HEAD", "POST", "DELETE")


class Route(msgspec.Struct, frozen=True):
    """An operation where it is mounted, with the names of its path variables and its name for policies, metrics
    and logs (such as ``sync/services``)."""

    product: str
    mount: Mount
    operation: Operation
    variables: tuple[str, ...]
    resource: str

    @property
    def name(self) -> str:
        """The operation's name, such as ``sync.services.create``."""
        return f"{self.resource.replace('/', '.')}.{self.operation.kind.name.lower()}"


class Match(msgspec.Struct, frozen=True):
    """A route that fits, with the values of its variables."""

    route: Route
    path: dict[str, str]


class _Node:
    """A place in the trie. ``products`` have operations at it or below it."""

    __slots__ = ("children", "products", "rest", "routes", "variable")

    def __init__(self) -> None:
        self.products: set[str] = set()
        self.children: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.rest: _Node | None = None
        self.routes: dict[str, Route] = {}


class Router:
    """All operations of all products."""

    def __init__(self, products: Iterable[Product]) -> None:
        self._roots: dict[tuple[str, str], tuple[Mount, _Node]] = {}
        self._tunnels: dict[tuple[str, str], tuple[Mount, _Node]] = {}
        self.routes: list[Route] = []
        for product in products:
            for mount in product.mounts:
                roots, name = (self._tunnels, product.name) if mount.tunnel else (self._roots, mount.host)
                root = roots.setdefault((name, mount.version), (mount, _Node()))[1]
                for operation in mount.operations:
                    self._add(root, product.name, mount, operation)

    @property
    def hosts(self) -> frozenset[str]:
        """The first host labels (or path prefixes) under which something is mounted."""
        return frozenset(host for host, _ in self._roots if host)

    def _add(self, root: _Node, product: str, mount: Mount, operation: Operation) -> None:
        node, variables, names = root, [], [product]
        node.products.add(product)
        for segment in filter(None, operation.path.strip("/").split("/")):
            if segment.endswith("+}"):
                variables.append(segment[1:-2])
                node.rest = node.rest or _Node()
                node = node.rest
            elif segment.startswith("{"):
                variables.append(segment[1:-1])
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                names.append(segment.lower())
                node = node.children.setdefault(segment, _Node())
            node.products.add(product)
        route = Route(product, mount, operation, tuple(variables), f"{product}/{names[-1]}")
        if operation.method in node.routes:
            raise ValueError(f"two operations serve {operation.method} {operation.path}")
        node.routes[operation.method] = route
        self.routes.append(route)

    def match(self, host: str, method: str, segments: tuple[str, ...], path: str) -> Match:
        """Return the operation for ``segments`` (the version first, if the mount has one). ``path`` is for the error
        text. Raise ApiError 20404 for an unknown path, 20004 for another method on a known one (doc)."""
        found = self._roots.get((host, segments[0])) if segments else None
        if found is None:
            return _match(self._roots.get((host, "")), method, segments, path)
        return _match(found, method, segments[1:], path)

    def product_of(self, host: str, segments: tuple[str, ...]) -> str:
        """Return the product that serves the surroundings of a path at which nothing is; an empty text if several do,
        or none. A private mount's surroundings are no product's."""
        found = self._roots.get((host, segments[0])) if segments else None
        if found is None:
            mounted = [at for (label, _), at in self._roots.items() if label == host]
            return _only(set().union(*(root.products for mount, root in mounted if not mount.private)))
        mount, node = found
        if mount.private:
            return ""
        for segment in segments[1:]:
            name = segment.removesuffix(".json") if mount.suffix else segment
            child = node.children.get(name) or node.variable
            if child is None:
                break
            node = child
        return _only({route.product for route in node.routes.values()}) or _only(node.products)

    def match_tunnel(self, product: str, method: str, segments: tuple[str, ...], path: str) -> Match:
        """Return the operation of a product's tunnel mounts for ``segments`` (the version first). Raise as
        ``match``."""
        found = self._tunnels.get((product, segments[0])) if segments else None
        return _match(found, method, segments[1:], path)


def _only(products: set[str]) -> str:
    return next(iter(products)) if len(products) == 1 else ""


def _match(found: tuple[Mount, _Node] | None, method: str, rest: tuple[str, ...], path: str) -> Match:
    if found is None:
        raise not_found(path)
    mount, root = found
    if mount.suffix and rest and rest[-1].endswith(".json"):
        rest = (*rest[:-1], rest[-1].removesuffix(".json"))
    located = _walk(root, rest, 0, ())
    if located is None:
        raise mount.missing(path)
    node, values, greedy = located
    if greedy and path.endswith("/"):
        values = (*values[:-1], values[-1] + "/")
    route = node.routes.get(method)
    if route is None:
        raise ApiError(20004, headers={"Allow": ", ".join(_allowed(mount, node))})
    return Match(route, dict(zip(route.variables, values, strict=True)))


def _allowed(mount: Mount, node: _Node) -> list[str]:
    """Return the methods of a path, for the Allow header."""
    methods = {*node.routes, *(("HEAD",) if "GET" in node.routes else ())}
    if mount.private:
        return sorted(methods, key=_PRIVATE_ORDER.index)
    return sorted({*methods, "OPTIONS"})


def _walk(
    node: _Node, segments: tuple[str, ...], depth: int, values: tuple[str, ...]
) -> tuple[_Node, tuple[str, ...], bool] | None:
    """Return the deepest matching node, the values on the way, and whether the last one is the remainder of the path; a
    literal segment is preferred to a variable, and a variable to the remainder."""
    if depth == len(segments):
        return (node, values, False) if node.routes else None
    segment = segments[depth]
    child = node.children.get(segment)
    if child is not None and (found := _walk(child, segments, depth + 1, values)):
        return found
    if node.variable is not None and segment:
        found = _walk(node.variable, segments, depth + 1, (*values, segment))
        if found:
            return found
    if node.rest is not None:
        # SDKs send a slash in a key as it is (client); what looks like further segments is the key.
        return node.rest, (*values, "/".join(segments[depth:])), True
    return None
