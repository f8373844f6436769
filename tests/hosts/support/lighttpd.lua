--- lighttpd with mod_magnet.
local check = require "spec.support.check"
local host = require "hosts.support.host"
local http = require "hosts.support.http"

-- It ends with 1 where a connection was still open.
local lighttpd = { name = "lighttpd", other_status = 1 }

-- The port that was free may have been taken meanwhile.
local function try_start(server, config, env)
  env.PORT = tostring(http.free_port())
  server.port = math.tointeger(tonumber(env.PORT))
  server:start({ "lighttpd", "-D", "-f", config }, env)
  return check.eventually(function()
    if server:status() then return "ended" end
    return server:log():find("server started", 1, true)
      and http.get(server.port, "/nothing") and "started"
  end, "start of lighttpd") == "started"
end

--- `options.config`, `options.site`: another than the probe.
function lighttpd.start(server, options)
  local env = { SITE = options.site or host.probes, WORKERS = "0" }
  for name, value in pairs(options.env or {}) do env[name] = value end
  local config = options.config or host.probes .. "/lighttpd.conf"
  for _ = 1, 3 do
    if try_start(server, config, env) then return end
  end
  error("lighttpd does not start:\n" .. server:log())
end

function lighttpd.trigger(server, path)
  http.get(server.port, "/?" .. path)
end

local function starts(server)
  return select(2, server:log():gsub("server started", ""))
end

--- In the same process: everything is closed, and read again.
function lighttpd.reload(server)
  local before = starts(server)
  server:signal("USR1")
  server:wait_for("restart", function() return starts(server) > before end)
end

return lighttpd
