--- Waiting, and nothing else: the purest IO-bound work there is.
--
-- @module tasks.sleep
local tandem = require "tandem"

local M = {}

--- Sleeps, and returns the time it was asked for.
-- Wakes early when the task is cancelled.
-- @tparam number seconds
-- @treturn number
function M.sleep(seconds)
  tandem.sleep(seconds)
  return seconds
end

--- Sleeps between half and one and a half times the mean.
-- The time depends on the seed alone, so that a run can be repeated.
-- @tparam number mean seconds
-- @tparam integer seed
-- @treturn number the seconds slept
function M.uneven(mean, seed)
  -- One step of a linear congruence scatters neighbouring seeds; its high
  -- bits make the fraction.
  local scattered = (seed * 6364136223846793005 + 1442695040888963407) >> 11
  local seconds = mean * (0.5 + scattered / (1 << 53))
  tandem.sleep(seconds)
  return seconds
end

--- Sleeps as a step behind another task.
-- @param value what that task returned
-- @tparam number seconds
-- @return the value
function M.after(value, seconds)
  tandem.sleep(seconds)
  return value
end

M._tasks = {
  sleep = {
    kind = "io", about = "sleeps for some seconds",
    args = { "seconds" }, example = { 0.05 },
  },
  uneven = {
    kind = "io", about = "sleeps for 0.5 to 1.5 times the mean, by a seed",
    args = { "mean", "seed" }, example = { 0.05, 7 },
  },
}

return M
