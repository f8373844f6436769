--- Rows of numbers that are never written out.
-- @module tandem.range
-- @local
local check = require "tandem.check"

local range = {}
range.__index = range
range.__name = "tandem.Range"

local mtype = math.type

local function count(first, last, step)
  if step > 0 and first > last or step < 0 and first < last then return 0 end
  if mtype(first) == "integer" and mtype(step) == "integer" then
    -- Unsigned: the distance may be more than the largest integer.
    local distance = step > 0 and last - first or first - last
    local size = step > 0 and step or -step
    return math.ult(distance, 0) and 0
      or (distance >= 0 and distance // size or math.maxinteger - 1) + 1
  end
  return (last - first) / step // 1 + 1
end

--- The numbers first, first + step, … up to last, for `pool:map`.
-- @tparam number first
-- @tparam number last
-- @tparam[opt=1] number step not zero
-- @treturn table with `n`, and the numbers by `r:at(i)`
function range.new(first, last, step)
  local number = check.kinds.number
  first = check.value(1, "range", "first", number, first)
  last = check.value(2, "range", "last", number, last)
  step = check.value(3, "range", "step", number, step == nil and 1 or step)
  if step == 0 then check.argument(3, "range", "the step is zero") end
  local n = count(first, last, step)
  return setmetatable({
    first = first,
    step = step,
    n = math.tointeger(n) or math.maxinteger,
    is_integer = mtype(first) == "integer" and mtype(step) == "integer",
  }, range)
end

--- The i-th number, from 1.
function range:at(i)
  return self.first + (i - 1) * self.step
end

function range:__len()
  return self.n
end

--- Is this a range?
function range.is(v)
  return getmetatable(v) == range
end

return range
