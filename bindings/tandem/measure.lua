--- What kind of work a task is.
-- @module tandem.measure
-- @local
local check = require "tandem.check"
local pools = require "tandem.pool"

local measure = {}

-- Between these shares of CPU time a task is called mixed.
local MOSTLY_IO, MOSTLY_CPU = 0.2, 0.8

local function kind_of(share)
  if share >= MOSTLY_CPU then return "cpu" end
  return share <= MOSTLY_IO and "io" or "mixed"
end

--- Runs the task once, here, and tells how it spent its time.
-- @param task as for `pool:submit`
-- @param ... its arguments
-- @treturn table `{ wall, cpu, cpu_share, kind = "cpu"|"io"|"mixed" }`,
--   seconds. What the task raises is raised.
function measure.classify(task, ...)
  check.task(1, "classify", task)
  local pool <close> = pools.serial_pool()
  local future = pool:submit(task, ...)
  future:result()
  local info = future:info()
  local wall = info.finished - info.started
  local share = wall > 0 and math.min(info.cpu / wall, 1) or 1
  return { wall = wall, cpu = info.cpu, cpu_share = share,
           kind = kind_of(share) }
end

return measure
