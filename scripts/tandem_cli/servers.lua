--- The local servers that some tasks of the catalogue ask.
--
-- Each starts when it is first needed, in a thread of its own, so that it
-- takes no worker from the pool that is looked at.
--
-- @module tandem_cli.servers
local tandem = require "tandem"

local M = {}

-- How late they answer, in seconds.
local DELAYS = { http_server = 0.005, store_server = 0.002 }

local Servers = {}
Servers.__index = Servers

--- None of them runs yet.
-- @treturn table with the methods `get` and `stop`
function M.new()
  return setmetatable({ running = {} }, Servers)
end

--- A server, started unless it runs.
-- @tparam string name its module in tasks/: "http_server", "store_server"
-- @treturn table the server, with `port`
-- @raise what kept it from starting
function Servers:get(name)
  local server = self.running[name]
  if server then return server end
  local loaded, module = pcall(require, "tasks." .. name)
  if not loaded then
    error("this task needs luasocket (Debian: lua-socket):\n"
          .. tostring(module):match("^[^\n]*"), 0)
  end
  local pool = tandem.thread_pool { max_workers = 1, name = name,
                                    exit_timeout = 0.5 }
  server = module.start(pool, DELAYS[name])
  server.pool = pool
  self.running[name] = server
  return server
end

--- Stops those that run.
function Servers:stop()
  for name, server in pairs(self.running) do
    self.running[name] = nil
    server:stop()
    server.pool:shutdown { kill = true, timeout = 1 }
  end
end

return M
