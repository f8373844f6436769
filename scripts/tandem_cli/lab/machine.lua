--- The facts of the machine without which figures say little.
--
-- @module tandem_cli.lab.machine
local tandem = require "tandem"

local M = {}

local function first_match(path, pattern)
  local file <close> = io.open(path, "r")
  return file and file:read("a"):match(pattern)
end

--- How long this thread has wanted a core while others had it.
-- @treturn ?number seconds since it began; nil where the system does not tell
function M.waited_for_core()
  local ns = first_match("/proc/thread-self/schedstat", "^%d+ (%d+)")
  return ns and tonumber(ns) * 1e-9
end

--- Asks for them.
-- @treturn table `date`, `cpus`, `cpu_model`, `kernel`, `load` (of the last
--   minute), `lua`, `tandem`; what the system does not tell is nil
function M.facts()
  return {
    date = os.date("!%Y-%m-%d %H:%M UTC"), cpus = tandem.cpu_count(),
    cpu_model = first_match("/proc/cpuinfo", "model name%s*:%s*([^\n]+)"),
    kernel = first_match("/proc/sys/kernel/osrelease", "[^\n]+"),
    load = tonumber(first_match("/proc/loadavg", "%S+") or ""),
    lua = _VERSION, tandem = tandem._VERSION,
  }
end

return M
