--- What the commands of the prompt work on: a pool, a task, the runs so far.
--
-- Fields: `pool`, also the global variable `pool`; `pool_kind`, "thread",
-- "process", "one_lock" or "serial"; `workers`, how many it may have; `task`,
-- `args`, `task_name`, `count`, the task in use; `runs`, a list; `servers`;
-- `width`, columns of the terminal; `colour`, `live`, booleans; `write(text)`.
--
-- @module tandem_cli.session
local tandem = require "tandem"

local choice = require "tandem_cli.choice"
local servers = require "tandem_cli.servers"
local terminal = require "tandem_cli.terminal"

local M = {}

local Session = {}
Session.__index = Session

-- Seconds that running tasks get to end when a pool is left.
local PATIENCE = 0.5

local FIRST_TASK = "primes"

local KINDS = {
  thread = tandem.thread_pool, process = tandem.process_pool,
  serial = tandem.serial_pool, one_lock = tandem.thread_pool,
}

local function new_pool(kind, workers)
  return KINDS[kind] {
    max_workers = workers, exit_timeout = PATIENCE,
    one_lock = kind == "one_lock" or nil,
  }
end

--- Another pool in place of the one in use; what still runs there is stopped.
-- @tparam string kind "thread", "process", "one_lock" or "serial"
-- @tparam ?integer workers
-- @raise an argument error where there can be no such pool
function Session:use_pool(kind, workers)
  local pool = new_pool(kind, workers)
  if self.pool then self.pool:shutdown { kill = true, timeout = PATIENCE } end
  self.pool, self.pool_kind = pool, kind
  self.workers = pool:stats().max_workers
  rawset(_G, "pool", pool)
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
  self.task_kind, self.task_about = chosen.kind, chosen.about
  self.count = chosen.n
end

--- Looks at the terminal again: its window may have changed.
function Session:look()
  self.width = terminal.width()
end

--- Stops the servers, and the pool: at once, or when all is done.
-- @tparam boolean at_once
function Session:close(at_once)
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
    live = terminal.has_escapes(),
    write = function(text) io.stdout:write(text) end,
  }, Session)
  session:look()
  session:use_pool("thread")
  session:use_task(FIRST_TASK)
  return session
end

return M
