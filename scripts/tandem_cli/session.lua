--- What the commands of the prompt work on: a pool, a task, the runs so far.
--
-- Fields: `pool`, also the global variable `pool`; `pool_kind`, "thread",
-- "process", "one_lock" or "serial"; `workers`, how many it may have; `task`,
-- `args`, `task_name`, `count`, the task in use; `runs`, a list; `servers`;
-- `width`, columns of the terminal; `colour`, `live`, booleans; `write(text)`;
-- `make_pool(kind, workers)`, for a pool beside the one in use.
--
-- @module tandem_cli.session
local core = require "tandem.core"

local choice = require "tandem_cli.choice"
local pools = require "tandem_cli.pools"
local servers = require "tandem_cli.servers"
local terminal = require "tandem_cli.terminal"

local M = {}

local Session = {}
Session.__index = Session

local FIRST_TASK = "primes"

--- Another pool in place of the one in use; what still runs there is stopped.
-- @tparam string kind "thread", "process", "one_lock" or "serial"
-- @tparam ?integer workers
-- @raise an argument error where there can be no such pool
function Session:use_pool(kind, workers)
  local pool = pools.new(kind, workers)
  if self.pool then
    self.pool:shutdown { kill = true, timeout = pools.PATIENCE }
  end
  self:adopt(pool)
  rawset(_G, "pool", pool)
end

--- Works with a pool that is there already.
-- @param pool
function Session:adopt(pool)
  self.pool, self.pool_kind = pool, pools.kind_of(pool)
  self.workers = pool:stats().max_workers
end

--- Another number of workers.
-- @tparam integer n
function Session:resize(n)
  self.pool:resize(n)
  self.workers = self.pool:stats().max_workers
end

--- Another task.
-- @tparam string text as after `:task`
-- @raise a message for the person who typed it
function Session:use_task(text)
  local chosen = choice.understand(text)
  self.args = chosen.args_of(self)
  self.task, self.task_name = chosen.task, chosen.name
  self.task_text = text
  self.task_about, self.count = chosen.about, chosen.n
end

--- Looks around: the window may have another width by now, and the variable
-- `pool` another pool.
function Session:look()
  self.width = terminal.width()
  local pool = rawget(_G, "pool")
  if core.is_pool(pool) and pool ~= self.pool then self:adopt(pool) end
end

--- Stops the servers, and the pool: at once, or when all is done.
-- @tparam boolean at_once
function Session:close(at_once)
  self:look()
  if at_once then
    self.pool:shutdown { wait = false, cancel_pending = true }
  else
    self.pool:shutdown()
  end
  self.servers:stop()
end

--- Starts with threads, and a task that shows what they can do.
-- @treturn table
function M.new()
  local session = setmetatable({
    runs = {}, servers = servers.new(), colour = terminal.has_colours(),
    live = terminal.has_escapes(), make_pool = pools.new,
    write = function(text) io.stdout:write(text) end,
  }, Session)
  session:use_pool("thread")
  session:look()
  session:use_task(FIRST_TASK)
  return session
end

return M
