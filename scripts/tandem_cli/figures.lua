--- Numbers as a person wants to read them: three digits and a unit.
--
-- @module tandem_cli.figures
local units = require "tandem_cli.lab.units"

local M = {}

-- 1.23, 12.3, 123: without an exponent, and without digits that mean nothing.
local function three_digits(x)
  if x >= 99.95 then return ("%.0f"):format(x) end
  return ("%." .. (x >= 9.995 and 1 or 2) .. "f"):format(x)
end

--- A span of time.
-- @tparam number s seconds
-- @treturn string "12.3 ms"
function M.seconds(s)
  if s < 99.95 then return units.seconds(s) end
  if s < 3600 then return ("%d:%02d min"):format(s // 60, s % 60 // 1) end
  return ("%d:%02d h"):format(s // 3600, s % 3600 // 60)
end

--- How many in a second.
-- @tparam number n
-- @treturn string "12.3 k/s"
function M.rate(n)
  if n >= 999.5e3 then return three_digits(n / 1e6) .. " M/s" end
  if n >= 999.5 then return three_digits(n / 1e3) .. " k/s" end
  return three_digits(n) .. "/s"
end

--- A share of a whole.
-- @tparam number part from 0 to 1
-- @treturn string "12 %"
function M.percent(part)
  return ("%.0f %%"):format(100 * part)
end

return M
