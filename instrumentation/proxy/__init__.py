"""The recording proxy between an agent and its model endpoint.

    with Proxy() as proxy:
        route = proxy.route(tracer, parent, Upstream("https://HOST/v1", "MODEL_KEY"))
        ...  # run an agent with route.url as its model endpoint
        traffic = route.close()

Each HTTP attempt to call a model becomes a span, each tool call that answers and requests tell of
another. Bytes are passed on unaltered; docs/proxy.md says what is not.
"""

from .errors import ProxyError, RecordingError
from .route import Budget, Traffic
from .server import Proxy, Route
from .upstream import Upstream

__all__ = [
    "Budget",
    "Proxy",
    "ProxyError",
    "RecordingError",
    "Route",
    "Traffic",
    "Upstream",
]
