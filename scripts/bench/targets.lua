--- What a figure is meant to reach: a bound on the figure itself, or on its
-- ratio to the serial loop of the same run.

local targets = {}

function targets.at_most(limit)
  return { sign = "<=", limit = limit }
end

function targets.at_least(limit)
  return { sign = ">=", limit = limit }
end

function targets.times_serial(limit)
  return { sign = "<=", limit = limit, of_serial = true }
end

function targets.met(target, value)
  if target.sign == "<=" then return value <= target.limit end
  return value >= target.limit
end

return targets
