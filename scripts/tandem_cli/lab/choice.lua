--- Which width to take after a sweep, and why, in words.
--
-- @module tandem_cli.lab.choice
local knee = require "tandem_cli.lab.knee"
local units = require "tandem_cli.lab.units"

local M = {}

-- As tandem.classify draws the lines between io, mixed and cpu.
local MOSTLY_IO, MOSTLY_CPU = 0.2, 0.8

-- The share that is the task's own, not that of the wait for a core: the
-- greatest that any width showed, or a sample of items that were alone.
local function own_share(points)
  local share = 0
  for _, point in ipairs(points) do
    share = math.max(share, point.figures.cpu_share,
                     point.run.cpu_share or 0)
  end
  return share
end

local REASONS = {
  cpu = "the tasks compute (%s of their time), so they need a core each, and "
    .. "there are %d",
  mixed = "the tasks compute for %s of their time, so that more of them than "
    .. "cores (%d) keep the cores busy: cores divided by that share is about "
    .. "%.0f",
  io = "the tasks wait (they compute for %s of their time), so that workers "
    .. "overlap waits, far beyond the %d cores",
}

local function kind_of(share)
  if share >= MOSTLY_CPU then return "cpu" end
  return share <= MOSTLY_IO and "io" or "mixed"
end

local function reason(points, kind, cores)
  if kind == "one_lock" then
    return "the workers share a lock, so one computes at a time, and only "
      .. "waits overlap"
  end
  local share = own_share(points)
  return REASONS[kind_of(share)]:format(units.percent(share), cores,
                                        cores / math.max(share, 1e-3))
end

-- What the widths beyond the knee cost or bring.
local function beyond(points, at)
  local here, last = points[at], points[#points]
  local gain = last.throughput / here.throughput - 1
  local change = ("%d do %.0f %% %s"):format(last.workers,
    math.abs(gain) * 100, gain < 0 and "less" or "more")
  local took, takes = here.figures.run, last.figures.run
  if not took or takes.p50 < 1.5 * took.p50 then return change end
  return ("%s, and a task takes %s there instead of %s, since the tasks get "
    .. "into each other's way"):format(change, units.seconds(takes.p50),
                                       units.seconds(took.p50))
end

-- More than a core each, tasks that compute cannot use.
local function too_wide(points, point, cores)
  return point.run.kind ~= "one_lock" and point.workers > cores
    and kind_of(own_share(points)) == "cpu"
end

local TOO_WIDE = "The knee is at %s here, the smallest width with %.0f %% of "
  .. "the best throughput. But the tasks compute (%s of their time), so that "
  .. "more workers than the cores (%d) cannot make them faster: other "
  .. "programs use this machine, or the run is too short. Take %s, or sweep "
  .. "again."

local ONE_WIDTH = "One width shows no knee: sweep a few, such as :sweep 1 2 4."

-- The curve still rises at its end. Tasks in the queue show that a wider pool
-- had something to do.
local function rising(points)
  local last = points[#points]
  return ("The curve still rises at its end, where half of the tasks wait "
    .. "longer than %s in the queue: the knee lies beyond, so try %d as well.")
    :format(units.seconds(last.figures.wait and last.figures.wait.p50),
            2 * last.workers)
end

--- Says it.
-- @tparam {table,...} points of the sweep
-- @tparam integer at the knee's place
-- @tparam boolean reached does the knee lie within the sweep?
-- @tparam integer cores
-- @treturn string
function M.sentence(points, at, reached, cores)
  local point = points[at]
  local kind = point.run.kind
  if #points == 1 then return ONE_WIDTH end
  if too_wide(points, point, cores) then
    return TOO_WIDE:format(units.workers(kind, point.workers),
      knee.SHARE * 100, units.percent(own_share(points)), cores,
      units.workers(kind, cores))
  end
  local take = ("Take %s: %s."):format(units.workers(kind, point.workers),
    reason(points, kind, cores))
  if not reached then return take .. " " .. rising(points) end
  return ("%s This is the knee, the smallest width with %.0f %% of the best "
    .. "throughput; %s."):format(take, knee.SHARE * 100, beyond(points, at))
end

return M
