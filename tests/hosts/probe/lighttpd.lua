-- lighttpd.lua -- GET /?FILE: run this file here.
_G.kept = _G.kept or {}
require("hosts.probe.probe").run(lighty.r.req_attr["uri.query"], _G.kept)
return 204
