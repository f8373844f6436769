-- mod_probe.lua -- GET /probe?FILE: run this file here, and now
local probe = require "hosts.probe.probe"

local kept = {}

module:depends "http"
module:provides("http", {
  route = {
    GET = function(event)
      probe.run(event.request.url.query, kept)
      return 204
    end,
  },
})

-- What is to be done at the load of the module, so before any fork.
local first = module:get_option_string("probe_at_load")
if first then probe.run(first, kept) end
