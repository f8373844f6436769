--- What a comparison of the kinds of pool teaches, in words.
--
-- @module tandem_cli.lab.lesson
local units = require "tandem_cli.lab.units"

local M = {}

local MOSTLY_IO = 0.2

-- A gain that is none of chance.
local GAIN = 1.25

local ISOLATION = "Processes are there for isolation (a crash, os.exit, a "
  .. "kill hurts one task), not for speed"

-- With one core, or where other programs have the others, nothing can show
-- that threads compute at once.
local function no_gain(speed_ups, cores)
  return ("These tasks compute, and threads were only %s as fast as serial. "
    .. "tandem's threads have no GIL, so it is the machine: it has %d core%s, "
    .. "%s. %s.")
    :format(units.times(speed_ups.thread), cores, cores == 1 and "" or "s",
            cores == 1 and "so one task computes at a time"
            or "but other programs use them now, or the run is too short",
            ISOLATION)
end

local function computing(speed_ups, cores)
  if speed_ups.thread < GAIN * math.max(1, speed_ups.one_lock) then
    return no_gain(speed_ups, cores)
  end
  return ("These tasks compute, and threads were %s as fast as serial on %d "
    .. "cores: tandem's threads have no GIL. Under one lock, as CPython has, "
    .. "they reach %s. %s: they reach %s here.")
    :format(units.times(speed_ups.thread), cores,
            units.times(speed_ups.one_lock), ISOLATION,
            units.times(speed_ups.process))
end

local function waiting(speed_ups)
  return ("These tasks wait, so threads overlap the waits (%s as fast as "
    .. "serial), and do so even under one lock (%s), which is free while a "
    .. "task waits; it is tasks that compute that a GIL would hold up. %s: "
    .. "they reach %s here.")
    :format(units.times(speed_ups.thread), units.times(speed_ups.one_lock),
            ISOLATION, units.times(speed_ups.process))
end

--- Says it.
-- @tparam table speed_ups kind -> times as fast as the serial run
-- @tparam number share of CPU time in the serial run
-- @tparam integer cores
-- @treturn string
function M.sentence(speed_ups, share, cores)
  if share <= MOSTLY_IO then return waiting(speed_ups) end
  return computing(speed_ups, cores)
end

return M
