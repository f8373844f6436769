--- prosody, whose modules run inside its event loop.
local check = require "spec.support.check"
local files = require "spec.support.files"
local host = require "hosts.support.host"
local http = require "hosts.support.http"

local prosody = { name = "prosody" }

-- The example's configuration, with the probe beside or instead of its module.
local function write_config(server, options)
  local text = files.read(host.examples .. "/prosody/prosody.cfg.lua")
  text = text:gsub("{ ENV_SITE }", "{ ENV_SITE, ENV_PROBES }")
    :gsub('{ "primes" }', options.site and '{ "primes", "probe" }'
                          or '{ "probe" }')
    .. "probe_at_load = ENV_AT_LOAD\n"
  -- Before any host, to which what follows it belongs.
  local backend = ("network_backend = %q\n"):format(options.backend or "epoll")
  return files.write(server.folder .. "/prosody.cfg.lua", backend .. text)
end

-- Where its port is taken prosody goes on without it.
local function has_no_port(server)
  if not server:log():find("Failed to open server port", 1, true) then
    return false
  end
  server:kill()
  os.remove(server.folder .. "/prosody.log")
  return true
end

local function try_start(server, command, env)
  env.PORT = tostring(http.free_port())
  server.port = math.tointeger(tonumber(env.PORT))
  server:start(command, env)
  return check.eventually(function()
    if server:status() and command[2] == "-F" or has_no_port(server) then
      return "ended"
    end
    return server:log():find("Activated service 'http'", 1, true)
      and http.get(server.port, "/") and "started"
  end, "start of prosody; its log:\n" .. server:log()) == "started"
end

--- `options.site`: the example's folder, for its module beside the probe;
-- `options.daemon`: by -D; `options.backend`: of its event loop;
-- `options.at_load`: code that the probe runs as it is
-- loaded.
function prosody.start(server, options)
  local env = {
    SITE = options.site or host.probes, PROBES = host.probes,
    DATA = server.folder, AS_ROOT = "yes",
  }
  for name, value in pairs(options.env or {}) do env[name] = value end
  env.AT_LOAD = options.at_load
    and files.write(server.folder .. "/load.lua", options.at_load)
  local command = { "prosody", options.daemon and "-D" or "-F", "--config",
                    write_config(server, options) }
  for _ = 1, 3 do
    if try_start(server, command, env) then return end
  end
  error("prosody does not start:\n" .. server:log())
end

function prosody.trigger(server, path)
  http.get(server.port, "/probe?" .. path)
end

--- Have a module unloaded and loaded again, in the same state, by the loop.
function prosody.reload_module(instance, name)
  instance:ask(([[
    local manager = require "core.modulemanager"
    require "util.timer".add_task(0, function()
      manager.reload("localhost", %q)
    end)
  ]]):format(name))
end

function prosody.reload(_, instance)
  prosody.reload_module(instance, "probe")
  check.eventually(function()
    return instance:ask "return kept.pool == nil" == "true"
  end, "reload of the module")
  -- Whoever forgets to shut down leaves it to the collector.
  instance:ask "collectgarbage() collectgarbage()"
end

return prosody
