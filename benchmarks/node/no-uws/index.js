// deepstream's optional HTTP server on uWebSockets.js comes from no package registry. Its default one does not need it.
