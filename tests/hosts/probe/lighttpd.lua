-- lighttpd.lua -- GET /?FILE: run this file here.
local path = lighty.r.req_attr["uri.query"]
_G.kept = _G.kept or {}
if path then require("hosts.probe.probe").run(path, _G.kept) end
return 204
