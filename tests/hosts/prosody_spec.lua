local host = require "hosts.support.host"
local laws = require "hosts.support.laws"
local kind = require "hosts.support.prosody"
local server = require "hosts.support.server"

describe("prosody", function()
  after_each(server.end_all)

  laws(function(options) return host.start(kind, options) end)
end)
