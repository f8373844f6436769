--- The kinds of pools that the prompt knows.
--
-- @module tandem_cli.pools
local tandem = require "tandem"

local M = {}

-- Seconds that running tasks get to end when a pool is left.
M.PATIENCE = 0.5

local MAKERS = {
  thread = tandem.thread_pool, process = tandem.process_pool,
  serial = tandem.serial_pool, one_lock = tandem.thread_pool,
}

--- Makes a pool.
-- @tparam string kind "thread", "process", "one_lock" or "serial"
-- @tparam ?integer workers
-- @raise an argument error where there can be no such pool
function M.new(kind, workers)
  return MAKERS[kind] {
    max_workers = workers, exit_timeout = M.PATIENCE,
    one_lock = kind == "one_lock" or nil,
  }
end

--- Tells the kind of a pool, whoever made it.
-- @param pool
-- @treturn string
function M.kind_of(pool)
  if pool:stats().one_lock then return "one_lock" end
  return tostring(pool):match("^tandem%.Pool: (%a+)")
end

return M
