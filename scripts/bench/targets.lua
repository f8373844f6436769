--- What a figure is meant to reach, by kind of pool. nil: no target there.

local targets = {}

local function by_kind(sign, thread, process)
  return {
    thread = thread and { sign = sign, limit = thread },
    process = process and { sign = sign, limit = process },
  }
end

function targets.at_most(thread, process)
  return by_kind("<=", thread, process)
end

function targets.at_least(thread, process)
  return by_kind(">=", thread, process)
end

function targets.met(target, value)
  if target.sign == "<=" then return value <= target.limit end
  return value >= target.limit
end

return targets
